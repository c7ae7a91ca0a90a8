package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// Settings say how Temporal is reached.
type Settings struct {
	Address       string // host:port of the frontend
	Namespace     string
	TLSCA         string // PEM file of the authority that signed the frontend's certificate, "" = the system's
	TLSCert       string // PEM file of a client certificate, "" = none
	TLSKey        string // PEM file of the client certificate's key
	TLSServerName string // name expected in the frontend's certificate, "" = the host of Address
}

// usesTLS reports whether any TLS setting is present, which turns TLS on.
func (s Settings) usesTLS() bool {
	return s.TLSCA != "" || s.TLSCert != "" || s.TLSKey != "" || s.TLSServerName != ""
}

// Dial returns a client that connects with its first call, so that a process can start while Temporal is down. The
// SDK's warnings and errors go to log. Dial returns an error if a TLS file cannot be used.
func Dial(s Settings, log *slog.Logger) (client.Client, error) {
	options := client.Options{
		HostPort: s.Address, Namespace: s.Namespace,
		Logger: sdklog.NewStructuredLogger(slog.New(warningsHandler{log.Handler()})),
	}
	if s.usesTLS() {
		config, err := s.tlsConfig()
		if err != nil {
			return nil, err
		}
		options.ConnectionOptions.TLS = config
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("create the Temporal client: %w", err)
	}
	return c, nil
}

// tlsConfig reads the TLS files. Its errors name the settings of the program, because a person must fix one of them.
func (s Settings) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.TLSServerName}
	if s.TLSCA != "" {
		pem, err := os.ReadFile(s.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("PAYCOW_TEMPORAL_TLS_CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("PAYCOW_TEMPORAL_TLS_CA: %s contains no certificate", s.TLSCA)
		}
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return nil, errors.New("PAYCOW_TEMPORAL_TLS_CERT and PAYCOW_TEMPORAL_TLS_KEY must be set together")
	}
	if s.TLSCert != "" {
		certificate, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("PAYCOW_TEMPORAL_TLS_CERT and PAYCOW_TEMPORAL_TLS_KEY: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// warningsHandler drops what the SDK logs below a warning.
type warningsHandler struct{ slog.Handler }

func (h warningsHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h warningsHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warningsHandler{h.Handler.WithAttrs(attrs)}
}

func (h warningsHandler) WithGroup(name string) slog.Handler {
	return warningsHandler{h.Handler.WithGroup(name)}
}
