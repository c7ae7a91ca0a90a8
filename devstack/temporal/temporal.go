// Package temporal runs a Temporal server and its web UI inside this process, for
// `paycow dev`, for a shop with one machine, and for tests. Everything it needs
// is one directory, or two databases on a PostgreSQL.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"
)

// Config says where the engine keeps its state and where it listens.
type Config struct {
	// DataDir is where the SQLite files live. It is made when missing.
	DataDir string
	// FrontendAddr is the host:port of the gRPC frontend, which has no
	// authentication. An empty host means 127.0.0.1 and port 0 picks a free port.
	FrontendAddr string
	// UIAddr is the host:port of the web UI, with the same rules. Empty means no UI.
	UIAddr string
	// UINamespace is the namespace the UI opens on. Empty means "default".
	UINamespace string
	// PostgresURL, when set, keeps state and visibility in PostgreSQL: in the
	// databases <name>_temporal and <name>_temporal_visibility beside the
	// database <name> that the URL points to. They are created when missing.
	PostgresURL string
	// Logger receives the engine's warnings and errors. Nil means slog.Default().
	Logger *slog.Logger
}

// Server is a running Temporal server.
type Server struct {
	address string
	server  temporal.Server
	log     *logAdapter
	ui      *webUI
	release func()

	stopOnce sync.Once
	stopErr  error
}

const (
	readyTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// ErrInUse is returned by Start when another engine runs on the same directory
// or on the same databases.
var ErrInUse = errors.New("another engine is running on this data")

// Start runs the engine and returns when its frontend, and the UI if one is
// configured, answer. A stopped engine's directory and ports can be used again,
// in the same process too.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	quiet := newLogAdapter(logger)

	addresses, err := pickAddresses(cfg.FrontendAddr)
	if err != nil {
		return nil, fmt.Errorf("temporal frontend address: %w", err)
	}
	var persistence config.Persistence
	var release func()
	if cfg.PostgresURL != "" {
		persistence, release, err = preparePostgres(ctx, cfg.PostgresURL, quiet)
	} else {
		persistence, release, err = prepareSQLite(cfg.DataDir, quiet)
	}
	if err != nil {
		return nil, err
	}
	e := &Server{address: addresses.frontend, log: quiet, release: release}
	if err := e.start(ctx, cfg, addresses, persistence); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

func (e *Server) start(ctx context.Context, cfg Config, addresses addresses, persistence config.Persistence) error {
	server, err := newServer(addresses, persistence, e.log)
	if err != nil {
		return fmt.Errorf("starting temporal: %w", err)
	}
	e.server = server
	if err := waitServing(ctx, e.address); err != nil {
		return err
	}
	e.log.phase.serving.Store(true)
	if cfg.UIAddr == "" {
		return nil
	}
	e.ui, err = startUI(ctx, cfg.UIAddr, e.address, cfg.UINamespace)
	return err
}

// Address is the host:port at which clients reach the frontend.
func (e *Server) Address() string { return e.address }

// UIURL is the address of the web UI, or "" when there is none.
func (e *Server) UIURL() string {
	if e.ui == nil {
		return ""
	}
	return e.ui.url
}

// Stop ends the UI and the server and gives the ports and the data free. It
// returns the first call's result when called again.
func (e *Server) Stop() error {
	e.stopOnce.Do(func() {
		e.log.phase.ended.Store(true)
		if e.ui != nil {
			e.ui.stop()
		}
		e.stopErr = e.stopServer()
		e.release()
	})
	return e.stopErr
}

func (e *Server) stopServer() error {
	if e.server == nil {
		return nil
	}
	stopped := make(chan error, 1)
	go func() { stopped <- e.server.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(stopTimeout):
		return fmt.Errorf("temporal did not stop within %s", stopTimeout)
	}
}

// makeDataDir keeps the directory private: workflow histories hold addresses
// and amounts.
func makeDataDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("the engine needs a data directory")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}
