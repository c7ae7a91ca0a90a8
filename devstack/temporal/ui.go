package temporal

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// webUI is Temporal's web UI. Its files are embedded in its module.
type webUI struct {
	url    string
	server *uiserver.Server
	ended  chan struct{}
}

// startUI starts the UI and returns when it answers. reader is how it reaches a frontend that speaks TLS.
func startUI(
	ctx context.Context, address, frontend, namespace string, reader uiconfig.TLS,
) (*webUI, error) {
	bindIP, port, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("read the address of Temporal's UI: %w", err)
	}
	// The UI ends the whole process if it cannot listen, so try that first.
	probe, err := net.Listen("tcp", net.JoinHostPort(bindIP, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listen on the address of Temporal's UI: %w", err)
	}
	port = probe.Addr().(*net.TCPAddr).Port
	_ = probe.Close()
	if namespace == "" {
		namespace = "default"
	}
	cfg := &uiconfig.Config{
		Host:                bracketed(bindIP),
		Port:                port,
		TemporalGRPCAddress: frontend,
		TLS:                 reader,
		EnableUI:            true,
		DefaultNamespace:    namespace,
		HideLogs:            true,
		// The UI sends no requests for news or new versions.
		DisableNewsFetch:   true,
		NotifyOnNewVersion: false,
		// Browsers accept a Secure cookie over https only, and the UI speaks plain http.
		CORS: uiconfig.CORS{CookieInsecure: true},
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check the configuration of Temporal's UI: %w", err)
	}
	ui := &webUI{
		url:    "http://" + net.JoinHostPort(dialHost(bindIP), strconv.Itoa(port)),
		server: uiserver.NewServer(server_options.WithConfigProvider(cfg)),
		ended:  make(chan struct{}),
	}
	go func() {
		defer close(ui.ended)
		_ = ui.server.Start()
	}()
	if err := ui.waitReady(ctx); err != nil {
		ui.stop()
		return nil, err
	}
	return ui, nil
}

// bracketed puts an IPv6 address into brackets.
func bracketed(ip string) string {
	if parsed := net.ParseIP(ip); parsed != nil && parsed.To4() == nil {
		return "[" + ip + "]"
	}
	return ip
}

func (u *webUI) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client := http.Client{Timeout: time.Second}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+"/healthz", nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %s", answer.Status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for Temporal's UI at %s: %w", u.url, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (u *webUI) stop() {
	u.server.Stop()
	<-u.ended
}
