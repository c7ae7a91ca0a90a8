package engine_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/engine"
)

// TestDialNamesTheWrongTLSSetting: an administrator reads these errors when the program starts.
func TestDialNamesTheWrongTLSSetting(t *testing.T) {
	t.Parallel()
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("no certificate"), 0o600))
	for _, test := range []struct {
		settings engine.Settings
		want     string
	}{
		{engine.Settings{TLSCA: "/nowhere/ca.pem"}, "PAYCOW_TEMPORAL_TLS_CA: open /nowhere/ca.pem: no such file or directory"},
		{engine.Settings{TLSCA: notPEM}, "PAYCOW_TEMPORAL_TLS_CA: " + notPEM + " contains no certificate"},
		{engine.Settings{TLSCert: "c.pem"}, "PAYCOW_TEMPORAL_TLS_CERT and PAYCOW_TEMPORAL_TLS_KEY must be set together"},
		{engine.Settings{TLSKey: "k.pem"}, "PAYCOW_TEMPORAL_TLS_CERT and PAYCOW_TEMPORAL_TLS_KEY must be set together"},
		{
			engine.Settings{TLSCert: notPEM, TLSKey: notPEM},
			"PAYCOW_TEMPORAL_TLS_CERT and PAYCOW_TEMPORAL_TLS_KEY: tls: failed to find any PEM data in certificate input",
		},
	} {
		test.settings.Address = "127.0.0.1:7233"
		_, err := engine.Dial(test.settings, slog.New(slog.DiscardHandler))
		require.EqualError(t, err, test.want)
	}
}

// TestDialNeedsNoServer: a process starts while Temporal is down.
func TestDialNeedsNoServer(t *testing.T) {
	t.Parallel()
	c, err := engine.Dial(engine.Settings{Address: "127.0.0.1:1", Namespace: "paycow"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	c.Close()
}
