// Package temporal runs a Temporal server and its web UI inside this process: for `paycow dev`, for a shop with one
// machine, and for tests. It keeps its state in one directory, or in two PostgreSQL databases.
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
	// DataDir is the directory of the SQLite files. Start creates it if it does not exist.
	DataDir string
	// FrontendAddr is the host:port of the gRPC frontend, which has no authentication. An empty host means 127.0.0.1,
	// and port 0 picks a free port.
	FrontendAddr string
	// UIAddr is the host:port of the web UI; the same rules apply. Empty means no UI.
	UIAddr string
	// UINamespace is the namespace that the UI opens first. Empty means "default".
	UINamespace string
	// PostgresURL, if set, keeps state and visibility in PostgreSQL: in the databases <name>_temporal and
	// <name>_temporal_visibility on the server of the database <name> in the URL. Start creates them if they do not
	// exist.
	PostgresURL string
	// Log receives the engine's warnings and errors. Nil means slog.Default().
	Log *slog.Logger
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

// ErrInUse means that another engine runs on the same directory or on the same databases.
var ErrInUse = errors.New("another engine is running on this data")

// Start runs the engine and returns when its frontend answers, and the UI if one is configured. After Stop, an engine
// can be started on the same directory and ports, even in the same process. Start returns ErrInUse if another engine
// runs on this data.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	adapter := newLogAdapter(log)

	addresses, err := pickAddresses(cfg.FrontendAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on Temporal's frontend address: %w", err)
	}
	var persistence config.Persistence
	var release func()
	if cfg.PostgresURL != "" {
		persistence, release, err = preparePostgres(ctx, cfg.PostgresURL, adapter)
	} else {
		persistence, release, err = prepareSQLite(cfg.DataDir, adapter)
	}
	if err != nil {
		return nil, err
	}
	e := &Server{address: addresses.frontend, log: adapter, release: release}
	if err := e.start(ctx, cfg, addresses, persistence); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

func (e *Server) start(ctx context.Context, cfg Config, addresses addresses, persistence config.Persistence) error {
	server, err := newServer(addresses, persistence, e.log)
	if err != nil {
		return fmt.Errorf("start Temporal: %w", err)
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

// Address returns the host:port at which clients reach the frontend.
func (e *Server) Address() string { return e.address }

// UIURL returns the URL of the web UI, or "" if no UI is configured.
func (e *Server) UIURL() string {
	if e.ui == nil {
		return ""
	}
	return e.ui.url
}

// Stop ends the UI and the server, and releases the ports and the data. Further calls return the result of the first.
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
		return fmt.Errorf("stop Temporal: still running after %s", stopTimeout)
	}
}

// makeDataDir creates the directory and returns its absolute path. The directory is private because workflow histories
// contain addresses and amounts.
func makeDataDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no data directory is set for Temporal")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}
