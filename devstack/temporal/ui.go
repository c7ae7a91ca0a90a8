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

// webUI is Temporal's web UI, served from files embedded in its module.
type webUI struct {
	url    string
	server *uiserver.Server
	ended  chan struct{}
}

func startUI(ctx context.Context, address, frontend, namespace string) (*webUI, error) {
	bindIP, port, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("temporal ui address: %w", err)
	}
	// The UI ends the whole process when it cannot listen, so find out before it.
	probe, err := net.Listen("tcp", net.JoinHostPort(bindIP, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("temporal ui address: %w", err)
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
		EnableUI:            true,
		DefaultNamespace:    namespace,
		HideLogs:            true,
		// No request leaves the machine for news or versions.
		DisableNewsFetch:   true,
		NotifyOnNewVersion: false,
		// Browsers keep a Secure cookie only from https, and this is plain http.
		CORS: uiconfig.CORS{CookieInsecure: true},
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
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
			return fmt.Errorf("temporal ui at %s does not answer: %w", u.url, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (u *webUI) stop() {
	u.server.Stop()
	<-u.ended
}
