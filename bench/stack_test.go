package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/devstack/localchain"
	"paycow/internal/pgtest"
)

// startWithin bounds how long a process may need until it answers.
const startWithin = 2 * time.Minute

// bench is what all figures share: one Postgres with fsync and the program, built from this tree; and the chain of a group.
type bench struct {
	t        *testing.T
	postgres *pgtest.Server
	chain    *localchain.Chain
	program  string
	http     *http.Client
	settle   time.Duration // see size
	// operators are those of the databases that were filled, by the names of their templates.
	operators map[string]operator
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, program: filepath.Join(t.TempDir(), "paycow"), operators: map[string]operator{}}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", b.program, "../cmd/paycow")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	b.postgres = pgtest.StartDurable(t)
	b.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return b
}

func (b *bench) startChain() {
	b.t.Helper()
	local, err := localchain.Start(b.t.Context(), localchain.Config{Log: slog.New(slog.DiscardHandler)})
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, local.Close()) })
	b.chain = local
}

// process is a program that runs.
type process struct {
	pid     int
	metrics string // URL
	stop    func() // and wait for its end; more than once does no harm
}

// run starts a program, which ends with the test. What it prints is shown if the test fails.
func (b *bench) run(what, program string, args []string, env ...string) process {
	b.t.Helper()
	log, err := os.Create(filepath.Join(b.t.TempDir(), "log"))
	require.NoError(b.t, err)
	cmd := exec.CommandContext(context.WithoutCancel(b.t.Context()), program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it does not outlive a killed bench
	require.NoError(b.t, cmd.Start())
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
		_ = log.Close()
		if content, err := os.ReadFile(log.Name()); err == nil && b.t.Failed() {
			b.t.Logf("%s said:\n%s", what, content)
		}
	})
	b.t.Cleanup(stop)
	return process{pid: cmd.Process.Pid, stop: stop}
}

// processorTime returns the processor time of a process so far. Linux counts it in hundredths of seconds.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(content), ") ") // the name before it may contain spaces
	fields := strings.Fields(after)
	require.Greater(t, len(fields), 12)
	total := time.Duration(0)
	for _, field := range fields[11:13] { // of the program, of the kernel for it
		ticks, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		total += time.Duration(ticks) * 10 * time.Millisecond
	}
	return total
}

func (b *bench) awaitHTTP(url string) {
	b.t.Helper()
	for deadline := time.Now().Add(startWithin); ; time.Sleep(50 * time.Millisecond) {
		_, err := b.get(url)
		if err == nil {
			return
		}
		require.True(b.t, time.Now().Before(deadline), "%s does not answer: %v", url, err)
	}
}

// get reads a page. Anything but success is an error.
func (b *bench) get(url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return b.do(request)
}

func (b *bench) post(url, body, key, secret string) ([]byte, error) {
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("X-Api-Key", key)
		request.Header.Set("X-Api-Secret", secret)
	}
	return b.do(request)
}

func (b *bench) do(request *http.Request) ([]byte, error) {
	response, err := b.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %d %s", request.URL.Path, response.StatusCode, content)
	}
	return content, err
}

// installation is a PayCow with an operator in it.
type installation struct {
	*bench
	operator
	url      string
	metrics  string // URL, of the process that was started last
	engine   string // where its processes expect Temporal
	database string
	settings []string
	db       *pgxpool.Pool // to look at
	pid      int           // of the process that was started last
	idle     float64       // cores that the program used before it had payments to carry
}

// operator holds the credentials of an operator.
type operator struct{ key, secret string }

// install runs a command of the program on a database of its own.
func (b *bench) install(args ...string) *installation {
	b.t.Helper()
	in := b.prepare(b.postgres.NewDatabase(b.t))
	in.migrate()
	in.start(args...)
	return in
}

// prepare returns an installation without limits on this database. None of its processes runs.
func (b *bench) prepare(database string) *installation {
	b.t.Helper()
	xpub, err := chain.NewDevXPub([]byte("a seed of the bench, 32 bytes ok"))
	require.NoError(b.t, err)
	address := freeAddress(b.t)
	in := &installation{bench: b, url: "http://" + address, engine: freeAddress(b.t), database: database}
	in.settings = []string{
		"PAYCOW_DATABASE_URL=" + database, "PAYCOW_TEMPORAL_ADDRESS=" + in.engine,
		"PAYCOW_ETH_RPC_URLS=" + b.chain.WSURL(), fmt.Sprintf("PAYCOW_CHAIN_ID=%d", b.chain.ChainID()),
		"PAYCOW_TOKEN_ADDRESS=" + b.chain.TokenAddress().Hex(), "PAYCOW_XPUB=" + xpub,
		"PAYCOW_HTTP_ADDR=" + address, "PAYCOW_PUBLIC_URL=" + in.url,
		"PAYCOW_MASTER_KEY=" + strings.Repeat("5a", 32), "PAYCOW_BLOCK_TIME=1s", "PAYCOW_LOG_LEVEL=error",
		"PAYCOW_PAYMENT_WINDOW=6h", "PAYCOW_MAX_OPEN=0", "PAYCOW_MAX_UNPAID=0",
		"PAYCOW_RATE_PER_CREDENTIAL=0", "PAYCOW_RATE_PER_NETWORK=0", "PAYCOW_RATE_OF_STATUS=0",
	}
	in.db, err = pgxpool.New(b.t.Context(), database)
	require.NoError(b.t, err)
	b.t.Cleanup(in.db.Close)
	return in
}

// once runs a command of the program to its end and returns what it printed.
func (in *installation) once(input string, args ...string) string {
	in.t.Helper()
	cmd := exec.CommandContext(in.t.Context(), in.program, args...)
	cmd.Env = append(os.Environ(), in.settings...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	require.NoError(in.t, err, "%v: %s", args, out)
	return string(out)
}

const operatorEmail = "shop@example.com"

// migrate makes the tables and an operator.
func (in *installation) migrate() {
	in.t.Helper()
	in.once("", "migrate")
	out := in.once("", "operator", "create", "--email", operatorEmail)
	_, err := fmt.Sscanf(out, "x-api-key: %s\nx-api-secret: %s\n", &in.key, &in.secret)
	require.NoError(in.t, err, out)
}

// start runs a command of the program, and waits until it answers if it serves the API.
func (in *installation) start(args ...string) process {
	in.t.Helper()
	metrics := freeAddress(in.t)
	settings := append(slices.Clone(in.settings), "PAYCOW_METRICS_ADDR="+metrics)
	running := in.run(strings.Join(args, " "), in.program, args, settings...)
	running.metrics = "http://" + metrics + "/metrics"
	in.pid, in.metrics = running.pid, running.metrics
	if args[0] != "worker" {
		in.awaitHTTP(in.url + "/healthz")
	}
	return running
}

// payment is a payment that was created.
type payment struct {
	ID      string `json:"sessionId"`
	Address string `json:"depositAddress"`
}

func (in *installation) create() (p payment, err error) {
	content, err := in.post(in.url+"/api/payment/create", `{"amount":5,"userId":"user_123456","network":"ERC20"}`,
		in.key, in.secret)
	if err == nil {
		err = json.Unmarshal(content, &p)
	}
	return p, err
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
