package pgtest

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// childEnv makes the test binary start a server, print its pid and directory, and wait to be killed.
const childEnv = "PAYCOW_PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "1" {
		s, err := newServer(options{})
		if err != nil {
			_, _ = os.Stdout.WriteString("error " + err.Error() + "\n")
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString(strconv.Itoa(s.proc.Pid) + " " + s.dir.path + "\n")
		select {}
	}
	Main(m)
}

func query(t *testing.T, dsn, sql string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	var value string
	err = conn.QueryRow(ctx, sql).Scan(&value)
	return value, err
}

func mustQuery(t *testing.T, dsn, sql string) string {
	t.Helper()
	value, err := query(t, dsn, sql)
	require.NoError(t, err)
	return value
}

func TestDatabasesAreFreshAndApart(t *testing.T) {
	server := Start(t)
	first, second := server.NewDatabase(t), server.NewDatabase(t)
	require.NotEqual(t, first, second)
	require.Equal(t, "made", mustQuery(t, first, `WITH made AS (SELECT 1) SELECT 'made' FROM made`))
	require.Equal(t, "0", mustQuery(t, second, `SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'`))
	require.Same(t, server, Start(t), "one server for each test process")
	require.Equal(t, "off", mustQuery(t, first, `SHOW fsync`))
}

func TestTemplateIsPreparedOnce(t *testing.T) {
	server := Start(t)
	prepared := 0
	prepare := func(url string) error {
		prepared++
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT 'yes' AS answer`)
		return errors.Join(err, conn.Close(t.Context()))
	}
	var urls []string
	for range 2 {
		url := server.NewDatabaseFrom(t, "with a table", prepare)
		urls = append(urls, url)
		require.Equal(t, "yes", mustQuery(t, url, `SELECT answer FROM kept`))
	}
	require.NotEqual(t, urls[0], urls[1])
	require.Equal(t, 1, prepared)
}

func TestDurableServerSurvivesStopAndKill(t *testing.T) {
	t.Parallel()
	server := StartDurable(t)
	dsn := server.NewDatabase(t)
	require.Equal(t, "on", mustQuery(t, dsn, `SHOW fsync`))

	require.NoError(t, server.exec(`CREATE TABLE kept AS SELECT 'yes' AS answer`))
	admin := server.URL("postgres")
	require.NoError(t, server.Stop())
	require.NoError(t, server.Stop(), "stopping twice is fine")
	_, err := query(t, admin, `SELECT answer FROM kept`)
	require.Error(t, err, "a stopped server does not answer")

	require.NoError(t, server.Restart())
	require.Equal(t, "yes", mustQuery(t, admin, `SELECT answer FROM kept`))
	require.NoError(t, server.Kill())
	require.NoError(t, server.Restart())
	require.Equal(t, "yes", mustQuery(t, admin, `SELECT answer FROM kept`))
}

func TestServerDiesWithAKilledTestProcess(t *testing.T) {
	t.Parallel()
	Start(t) // skips where there is no PostgreSQL
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"=1")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	fields := strings.Fields(line)
	require.Len(t, fields, 2)
	pid, err := strconv.Atoi(fields[0])
	require.NoError(t, err, line)
	require.NoError(t, syscall.Kill(pid, 0), "the server runs")
	removeAbandoned(filepath.Dir(fields[1]))
	require.DirExists(t, fields[1], "its directory is in use")

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	require.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, 20*time.Millisecond,
		"the server must not outlive the test process")
	removeAbandoned(filepath.Dir(fields[1]))
	require.NoDirExists(t, fields[1], "the next process removes what a killed one left behind")
}

// gone also counts a zombie as gone: in a container nobody may reap orphans.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}
