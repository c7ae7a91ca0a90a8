package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// StartStandby starts a second server for this test that follows a durable one by streaming replication and takes no
// writes until Promote. It is stopped at the end of the test.
func (s *Server) StartStandby(t testing.TB) *Server {
	t.Helper()
	program, err := s.install.find("pg_basebackup")
	if err != nil {
		t.Skip(err)
	}
	standby, err := s.newStandby(program)
	if err != nil {
		t.Fatalf("start a standby: %v", err)
	}
	t.Cleanup(standby.close)
	return standby
}

func (s *Server) newStandby(program string) (*Server, error) {
	dir, err := newDirectory(s.opts.durable)
	if err != nil {
		return nil, err
	}
	standby := &Server{install: s.install, owner: s.owner, dir: dir, opts: s.opts, templates: map[string]string{}}
	err = standby.copyOf(s, program)
	if err == nil {
		err = standby.firstStart()
	}
	if err != nil {
		dir.remove()
		return nil, err
	}
	return standby, nil
}

// copyOf fills the data directory with a copy of the running primary that is set up to follow it.
func (s *Server) copyOf(primary *Server, program string) error {
	if err := s.owner.give(s.dir.path); err != nil {
		return err
	}
	cmd := exec.Command(program,
		"--dbname", primary.URL("postgres"), "--pgdata", s.dataDir(), "--write-recovery-conf", "--checkpoint", "fast")
	cmd.Dir, cmd.Env = s.dir.path, s.environment()
	cmd.SysProcAttr = s.owner.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Promote makes a standby take writes, and returns when it does.
func (s *Server) Promote() error { return s.exec(`SELECT pg_promote()`) }

// Exec runs statements as the superuser, each in a transaction of its own.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := s.exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// OrAt returns a database's URL with a second host to go to, as PostgreSQL's own clients read it.
func (s *Server) OrAt(databaseURL string, second *Server) string {
	first := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	return strings.Replace(databaseURL, first, first+","+net.JoinHostPort("127.0.0.1", strconv.Itoa(second.port)), 1)
}

// Value returns the text that a query returns as the superuser, in the database postgres.
func (s *Server) Value(t testing.TB, query string) (value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}
