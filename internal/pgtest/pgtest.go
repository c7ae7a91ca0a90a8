// Package pgtest gives tests a real PostgreSQL. It starts the server from the binaries on the machine, in a throw-away
// directory and on a free loopback port, once for each test process.
package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// requireEnv turns "no PostgreSQL here" from a skip into a failure, so that CI cannot pass by skipping.
	requireEnv = "PAYCOW_REQUIRE_POSTGRES"

	superuser = "postgres"

	startTimeout = 30 * time.Second
)

var (
	sharedMu  sync.Mutex
	shared    *Server
	errShared error
	tried     bool
)

// Start returns the server that all tests of the process share, and starts it at the first call. It skips the test when
// the machine has no PostgreSQL, or fails it when PAYCOW_REQUIRE_POSTGRES=1. The server ends with the test process;
// Main stops it in an orderly way and removes its files.
func Start(t testing.TB) *Server {
	t.Helper()
	sharedMu.Lock()
	defer sharedMu.Unlock()
	if !tried {
		tried = true
		shared, errShared = newServer(options{})
	}
	if errShared != nil {
		giveUp(t, errShared)
	}
	return shared
}

// StartDurable starts a server for this test alone, with fsync and synchronous commits left on, and stops it at the end
// of the test. It is for tests that stop, restart or kill the database.
func StartDurable(t testing.TB) *Server {
	t.Helper()
	s, err := newServer(options{durable: true})
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(s.close)
	return s
}

func giveUp(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(requireEnv) == "1" {
		t.Fatalf("%s=1 and PostgreSQL does not start: %v", requireEnv, err)
	}
	t.Skipf("no PostgreSQL for this test: %v", err)
}

// Main runs a package's tests, then stops the shared server and removes its files. Use it as
// `func TestMain(m *testing.M) { pgtest.Main(m) }`.
func Main(m *testing.M) {
	code := m.Run()
	Close()
	os.Exit(code)
}

// Close stops the shared server, if there is one, and removes its files. Main calls it; a TestMain of another form
// calls it itself.
func Close() {
	sharedMu.Lock()
	defer sharedMu.Unlock()
	if shared != nil {
		shared.close()
	}
	shared, errShared, tried = nil, nil, false
}

var databaseCount atomic.Int64

// NewDatabase creates an empty database and returns its postgres:// URL. The database is dropped at the end of the test
// if the server still runs then.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	return s.createDatabase(t, "template1")
}

// NewDatabaseFrom creates a database like NewDatabase, as a copy of a template that prepare fills once for each server
// and name. prepare gets the URL of an empty database and must close its connections before it returns.
func (s *Server) NewDatabaseFrom(t testing.TB, name string, prepare func(url string) error) string {
	t.Helper()
	s.templatesMu.Lock()
	template, known := s.templates[name]
	if !known {
		template = databaseName()
		err := s.exec(`CREATE DATABASE ` + template)
		if err == nil {
			err = prepare(s.URL(template))
		}
		if err != nil {
			s.templatesMu.Unlock()
			t.Fatalf("preparing the template %s: %v", name, err)
		}
		s.templates[name] = template
	}
	s.templatesMu.Unlock()
	return s.createDatabase(t, template)
}

func databaseName() string {
	return "test_" + strconv.Itoa(os.Getpid()) + "_" + strconv.FormatInt(databaseCount.Add(1), 10)
}

func (s *Server) createDatabase(t testing.TB, template string) string {
	t.Helper()
	name := databaseName()
	if err := s.exec(`CREATE DATABASE ` + name + ` TEMPLATE ` + template); err != nil {
		t.Fatalf("creating the database %s: %v", name, err)
	}
	t.Cleanup(func() {
		// FORCE ends connections that a test left open. An error does not fail the test: the whole directory goes away with
		// the server.
		_ = s.exec(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`)
	})
	return s.URL(name)
}

// URL returns the postgres:// URL of a database on this server.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (s *Server) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}
