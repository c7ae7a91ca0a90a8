package temporal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/csrf"
	"github.com/temporalio/ui-server/v2/server/route"
	uifiles "github.com/temporalio/ui-server/v2/ui"
)

// webUI is Temporal's web UI. Its files are embedded in its module.
type webUI struct {
	url    string
	server *http.Server
	config *uiconfig.ConfigProviderWithRefresh
	ended  chan struct{}
}

// uiSettings say what the UI shows, where, and to whom.
type uiSettings struct {
	address   string       // host:port to listen on
	frontend  string       // host:port of the frontend
	namespace string       // that opens first; "" means "default"
	reader    uiconfig.TLS // how it reaches a frontend that speaks TLS
	// writes lets the UI signal, cancel, terminate and start workflows. Without it the UI's server refuses everything that
	// does not only read.
	writes bool
	hosts  []string // names under which browsers reach it, besides those of this machine
}

// startUI starts the UI and returns when it serves.
func startUI(ctx context.Context, settings uiSettings) (*webUI, error) {
	bindIP, port, err := parseAddress(settings.address)
	if err != nil {
		return nil, fmt.Errorf("read the address of Temporal's UI: %w", err)
	}
	handler, provider, err := uiHandler(settings, bindIP, port)
	if err != nil {
		return nil, fmt.Errorf("prepare Temporal's UI: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(bindIP, strconv.Itoa(port)))
	if err != nil {
		provider.Close()
		return nil, fmt.Errorf("listen on the address of Temporal's UI: %w", err)
	}
	port = listener.Addr().(*net.TCPAddr).Port
	ui := &webUI{
		url: "http://" + net.JoinHostPort(dialHost(bindIP), strconv.Itoa(port)),
		server: &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
			WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, // the UI waits for new events of a history
		},
		config: provider,
		ended:  make(chan struct{}),
	}
	go func() {
		defer close(ui.ended)
		_ = ui.server.Serve(listener) // until stop
	}()
	return ui, nil
}

// uiHandler puts the parts of Temporal's UI server together behind checks of our own: its own server offers no place
// for them.
func uiHandler(
	settings uiSettings, bindIP string, port int,
) (http.Handler, *uiconfig.ConfigProviderWithRefresh, error) {
	namespace := settings.namespace
	if namespace == "" {
		namespace = "default"
	}
	cfg := &uiconfig.Config{
		Host: bindIP, Port: port, TemporalGRPCAddress: settings.frontend, TLS: settings.reader,
		EnableUI: true, DefaultNamespace: namespace, HideLogs: true, DisableWriteActions: !settings.writes,
		// The UI sends no requests for news or new versions.
		DisableNewsFetch: true, NotifyOnNewVersion: false,
		// Browsers accept a Secure cookie over https only, and the UI speaks plain http.
		CORS: uiconfig.CORS{CookieInsecure: true},
	}
	if err := cfg.Validate(); err != nil {
		return nil, nil, err
	}
	provider, err := uiconfig.NewConfigProviderWithRefresh(cfg)
	if err != nil {
		return nil, nil, err
	}
	files, err := uifiles.Assets()
	if err == nil {
		files, err = fs.Sub(files, "local")
	}
	if err != nil {
		return nil, nil, errors.Join(err, errors.New("the UI's files are missing"))
	}
	e := echo.New()
	e.Use(
		middleware.Recover(), middleware.Gzip(), middleware.Secure(), csrf.EnsureTokenCookie(false),
		middleware.CSRFWithConfig(csrf.MiddlewareConfig(provider, false)),
	)
	route.SetHealthRoute(e)
	if err := route.SetAPIRoutes(e, provider, nil); err != nil {
		return nil, nil, err
	}
	if err := route.SetUIRoutes(e, cfg.PublicPath, files, provider); err != nil {
		return nil, nil, err
	}
	route.SetRenderRoute(e, "/")
	return ownHostsOnly(settings.hosts, http.NewCrossOriginProtection().Handler(e)), provider, nil
}

// ownHostsOnly refuses requests for host names that are not ours, and requests that another site's page sent. A page of
// another site can make a browser resolve that site's name to this machine (DNS rebinding); then the browser lets the
// page read every answer, but it still sends the name. Nothing can be rebound to an IP address.
func ownHostsOnly(names []string, next http.Handler) http.Handler {
	hostOf := func(hostPort string) string {
		if name, _, err := net.SplitHostPort(hostPort); err == nil {
			hostPort = name
		}
		return strings.ToLower(strings.Trim(hostPort, "[]"))
	}
	isNamed := func(host string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(host, name) })
	}
	isOurs := func(host string) bool {
		_, err := netip.ParseAddr(host)
		return err == nil || host == "localhost" || isNamed(host)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOurs(hostOf(r.Host)) {
			http.Error(w, "Temporal's UI is not served under this name; PAYCOW_TEMPORAL_UI_URL adds one.",
				http.StatusMisdirectedRequest)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			// A proxy in front of the UI may change the host.
			u, err := url.Parse(origin)
			if err != nil || u.Host != r.Host && !isNamed(hostOf(u.Host)) {
				http.Error(w, "This request came from another site.", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (u *webUI) stop() {
	_ = u.server.Close()
	<-u.ended
	u.config.Close()
}
