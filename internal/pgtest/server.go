package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type options struct {
	// durable keeps fsync and synchronous commits on.
	durable bool
}

// Server is one running PostgreSQL.
type Server struct {
	install installation
	owner   *owner
	dir     *directory
	port    int
	opts    options

	templatesMu sync.Mutex
	templates   map[string]string // the databases that prepare filled, by name

	mu     sync.Mutex
	exited chan struct{}
	proc   *os.Process
}

// newServer makes a cluster in a fresh directory and starts it. The error says what is missing when this machine cannot
// run PostgreSQL.
func newServer(opts options) (*Server, error) {
	install, err := findInstallation()
	if err != nil {
		return nil, err
	}
	own, err := findOwner()
	if err != nil {
		return nil, err
	}
	dir, err := newDirectory(opts.durable)
	if err != nil {
		return nil, err
	}
	s := &Server{install: install, owner: own, dir: dir, opts: opts, templates: map[string]string{}}
	err = s.init()
	if err == nil {
		err = s.firstStart()
	}
	if err != nil {
		dir.remove()
		return nil, err
	}
	return s, nil
}

func (s *Server) dataDir() string { return filepath.Join(s.dir.path, "data") }
func (s *Server) logFile() string { return filepath.Join(s.dir.path, "postgres.log") }

func (s *Server) init() error {
	if err := s.owner.give(s.dir.path); err != nil {
		return fmt.Errorf("give %s to an unprivileged user: %w", s.dir.path, err)
	}
	args := []string{
		"--pgdata", s.dataDir(), "--username", superuser, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-instructions",
	}
	if !s.opts.durable {
		args = append(args, "--no-sync")
	}
	cmd := exec.Command(s.install.initdb, args...)
	cmd.Dir = s.dir.path
	cmd.SysProcAttr = s.owner.attributes()
	cmd.Env = s.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// environment leaves out every PG* variable: they belong to the person who runs the tests and would point the server at
// another cluster.
func (s *Server) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir.path, "LC_ALL=C", "TZ=UTC"}
}

// firstStart picks a free port. Another process may take the port before the server binds it, so it tries a few times.
func (s *Server) firstStart() error {
	var err error
	for range 5 {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.run(); err == nil {
			return nil
		}
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) arguments() []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(s.port),
		// No socket file: its default directory may not exist or may belong to somebody else.
		"unix_socket_directories=",
		"max_connections=300",
		"shared_buffers=64MB",
		"timezone=UTC",
	}
	if !s.opts.durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"wal_level=minimal", "max_wal_senders=0", "max_wal_size=128MB")
	}
	args := append(make([]string, 0, 2+2*len(settings)), "-D", s.dataDir())
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// run starts the server and waits until it answers.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		return nil
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(s.install.postgres, s.arguments()...)
	cmd.Dir = s.dir.path
	cmd.Env = s.environment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = s.owner.attributes()
	exited := make(chan struct{})
	if err := startTied(cmd, exited); err != nil {
		return fmt.Errorf("start %s: %w", s.install.postgres, err)
	}
	if err := s.waitReady(exited); err != nil {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		<-exited
		return fmt.Errorf("%w; its log: %s", err, s.logTail())
	}
	s.proc, s.exited = cmd.Process, exited
	return nil
}

func (s *Server) waitReady(exited <-chan struct{}) error {
	deadline := time.Now().Add(startTimeout)
	var err error
	for time.Now().Before(deadline) {
		select {
		case <-exited:
			return errors.New("PostgreSQL exited while starting")
		case <-time.After(20 * time.Millisecond):
		}
		if err = s.exec(`SELECT 1`); err == nil {
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL does not answer after %s: %w", startTimeout, err)
}

func (s *Server) logTail() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	const tailBytes = 2000
	if len(text) > tailBytes {
		text = text[len(text)-tailBytes:]
	}
	return string(bytes.TrimSpace(text))
}

// Stop stops the server as an administrator in a hurry would: open connections are cut, committed work stays. A second
// Stop does nothing.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Kill stops the server without a checkpoint, as a crash would: it recovers at the next start.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

func (s *Server) end(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	if err := s.proc.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(startTimeout):
		return fmt.Errorf("PostgreSQL (pid %d) does not exit", s.proc.Pid)
	}
	s.proc, s.exited = nil, nil
	return nil
}

// Restart starts the server again with the same port and directory, after stopping it if it runs.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.run()
}

// close stops the server and removes its files.
func (s *Server) close() {
	_ = s.end(syscall.SIGQUIT)
	s.dir.remove()
}
