// Package temporal runs a Temporal server and its web UI inside this process: for `paycow dev`, for a shop with one
// machine, and for tests. It keeps its state in one directory, or in two PostgreSQL databases.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"
)

// Config says where the engine keeps its state and where it listens.
type Config struct {
	// DataDir is the directory of the SQLite files. Start creates it if it does not exist.
	DataDir string
	// FrontendAddr is the host:port of the gRPC frontend. An empty host means 127.0.0.1, and port 0 picks a free port.
	FrontendAddr string
	// CertificatesDir is the directory of the certificates. If it is set, the frontend speaks TLS, and only clients with a
	// certificate from there may call it; Start makes them if they do not exist. If it is empty, everybody who reaches the
	// frontend may call everything, so Start refuses addresses other than loopback.
	CertificatesDir string
	// UIAddr is the host:port of the web UI; the same rules apply. Empty means no UI.
	UIAddr string
	// UINamespace is the namespace that the UI opens first. Empty means "default".
	UINamespace string
	// UIWrites lets the UI signal, cancel, terminate and start workflows, without asking who does it. Otherwise it only
	// reads.
	UIWrites bool
	// UIHosts are the host names under which browsers reach the UI, besides localhost and IP addresses. Others are
	// refused, so that no page of another site can read the UI through a name that leads here.
	UIHosts []string
	// PostgresURL, if set, keeps state and visibility in PostgreSQL: in the databases <name>_temporal and
	// <name>_temporal_visibility on the server of the database <name> in the URL. Start creates them if they do not
	// exist.
	PostgresURL string
	// FairQueues are the task queues in which workflows with different fairness keys take turns.
	FairQueues []string
	// Log receives the engine's warnings and errors. Nil means slog.Default().
	Log *slog.Logger
}

// Server is a running Temporal server.
type Server struct {
	address string
	inner   addresses
	certs   *certificates // nil without TLS
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

// ErrUnprotected means that other machines could reach a frontend without authentication.
var ErrUnprotected = errors.New("without certificates Temporal may listen on loopback only")

// Start runs the engine and returns when its frontend answers, and the UI if one is configured. After Stop, an engine
// can be started on the same directory and ports, even in the same process. Start returns ErrInUse if another engine
// runs on this data, and ErrUnprotected.
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
	certs, err := certificatesFor(cfg, addresses)
	if err != nil {
		return nil, err
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
	e := &Server{address: addresses.frontend, inner: addresses, certs: certs, log: adapter, release: release}
	if err := e.start(ctx, cfg, addresses, persistence); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

func (e *Server) start(ctx context.Context, cfg Config, addresses addresses, persistence config.Persistence) error {
	server, err := newServer(addresses, persistence, e.certs, cfg.FairQueues, e.log)
	if err != nil {
		return fmt.Errorf("start Temporal: %w", err)
	}
	e.server = server
	if err := waitServing(ctx, e.address, e.certs); err != nil {
		return err
	}
	e.log.phase.serve(time.Now())
	if cfg.UIAddr == "" {
		return nil
	}
	var reader uiconfig.TLS
	if e.certs != nil {
		if reader, err = e.certs.uiTLS(cfg.UIWrites); err != nil {
			return err
		}
	}
	e.ui, err = startUI(ctx, uiSettings{
		address: cfg.UIAddr, frontend: e.address, namespace: cfg.UINamespace, reader: reader, writes: cfg.UIWrites,
		hosts: cfg.UIHosts,
	})
	return err
}

// certificatesFor prepares the certificates, or checks that none are needed.
func certificatesFor(cfg Config, addresses addresses) (*certificates, error) {
	if cfg.CertificatesDir == "" {
		if !net.ParseIP(addresses.bindIP).IsLoopback() {
			return nil, fmt.Errorf("%w: %s", ErrUnprotected, addresses.bindIP)
		}
		return nil, nil //nolint:nilnil // no TLS
	}
	hosts := []string{"localhost", loopback, "::1", addresses.bindIP}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	certs, err := prepareCertificates(cfg.CertificatesDir, hosts)
	if err != nil {
		return nil, fmt.Errorf("prepare the certificates of Temporal: %w", err)
	}
	return certs, nil
}

// Files returns the certificate files with which a client may call everything. They are empty without TLS.
func (e *Server) Files() ClientFiles {
	if e.certs == nil {
		return ClientFiles{}
	}
	return e.certs.files
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
