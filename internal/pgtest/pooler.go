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
	"strings"
	"syscall"
	"testing"
	"time"
)

// PoolMode is how long PgBouncer leaves a client with one server process.
type PoolMode string

const (
	// PoolSession is for as long as the client stays.
	PoolSession PoolMode = "session"
	// PoolTransaction is until the end of a transaction.
	PoolTransaction PoolMode = "transaction"
)

// StartPooler starts a PgBouncer with its default settings in front of the server, for this test alone. It returns the
// URL at which the database of the given URL is reached through it. It skips the test on a machine without PgBouncer.
func (s *Server) StartPooler(t testing.TB, databaseURL string, mode PoolMode) string {
	t.Helper()
	program, err := findPooler()
	if err != nil {
		t.Skip(err)
	}
	folder := t.TempDir()
	for dir := folder; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // for the unprivileged user
			break
		}
	}
	for range 5 {
		var port int
		if port, err = freePort(); err != nil {
			break
		}
		if err = s.runPooler(t, program, folder, port, mode); err == nil {
			return strings.Replace(databaseURL, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
				net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 1)
		}
	}
	t.Fatalf("PgBouncer does not start: %v", err)
	return ""
}

// findPooler also looks where Debian puts it, which is not in everybody's PATH.
func findPooler() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errors.New("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
}

func (s *Server) runPooler(t testing.TB, program, folder string, port int, mode PoolMode) error {
	users, config := filepath.Join(folder, "users.txt"), filepath.Join(folder, "pgbouncer.ini")
	settings := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = %s
`, s.port, port, users, mode)
	err := errors.Join(os.WriteFile(users, []byte(`"`+superuser+`" ""`+"\n"), 0o644),
		os.WriteFile(config, []byte(settings), 0o644))
	if err != nil {
		return err
	}
	var log bytes.Buffer
	cmd := exec.Command(program, config)
	cmd.Dir, cmd.Env = folder, s.environment()
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = s.owner.attributes()
	exited := make(chan struct{})
	if err := startTied(cmd, exited); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); ; {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close()
			break
		}
		select {
		case <-exited:
			return fmt.Errorf("it exited: %s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Signal(syscall.SIGQUIT)
			<-exited
			return err
		}
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT) // PgBouncer ends at once
		<-exited
	})
	return nil
}
