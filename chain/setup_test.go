package chain

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

var (
	ourAddress1 = common.HexToAddress("0x1111111111111111111111111111111111111aBc")
	ourAddress2 = common.HexToAddress("0x2222222222222222222222222222222222222DeF")
	stranger    = common.HexToAddress("0x9999999999999999999999999999999999999999")
)

func timeOf(header *types.Header) time.Time { return time.Unix(int64(header.Time), 0).UTC() }

func ourStore() *memoryStore { return newMemoryStore(ourAddress1.Hex(), ourAddress2.Hex()) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// testConfig is a network with blocks mined on demand and a quorum of one.
func testConfig() Config {
	return Config{Network: models.NetworkERC20, ChainID: testChainID, Token: testToken, Quorum: 1}
}

// start says how a test's follower reads.
type start struct {
	at         uint64 // the first block to read; 0 = as the payments decide
	quorum     int
	rangesFrom uint64
	rangeMax   uint64
}

func startAt(block uint64) start {
	return start{at: block, quorum: 1, rangesFrom: rangesFrom, rangeMax: rangeMax}
}

// follower returns a follower. It sets the store's first cursor unless there is one.
func (s start) follower(source BlockSource, store *memoryStore, alarms Alarms) *Follower {
	if _, err := store.Cursor(context.Background(), ""); err != nil && s.at > 0 {
		below, err := source.HeaderByNumber(context.Background(), s.at-1)
		if err != nil {
			panic(err)
		}
		_ = store.InitCursor(context.Background(), models.NetworkERC20, below.Ref(), below.Number)
	}
	config := testConfig()
	config.Quorum = s.quorum
	f := NewFollower(config, source, store, alarms, quiet())
	f.rangesFrom, f.rangeMax, f.rangeNow = s.rangesFrom, s.rangeMax, min(rangeFirst, s.rangeMax)
	return f
}

// dial connects to an endpoint for the length of the test.
func dial(t *testing.T, url string) *Node {
	t.Helper()
	n, err := Dial(t.Context(), url, quiet())
	require.NoError(t, err)
	t.Cleanup(n.Close)
	return n
}

// pooled makes a pool of one node.
func pooled(t *testing.T, node Endpoint) *Pool {
	t.Helper()
	pool := NewPool([]Endpoint{node}, Config{ChainID: testChainID, Token: testToken, Quorum: 1}, &memoryAlarms{}, quiet())
	t.Cleanup(pool.Close)
	return pool
}

// catchUp steps until there is nothing to read and returns the steps' progress.
func catchUp(t interface {
	require.TestingT
	Helper()
}, f *Follower,
) []Progress {
	t.Helper()
	var all []Progress
	for range 20_000 {
		progress, err := f.Step(context.Background())
		require.NoError(t, err)
		all = append(all, progress)
		if progress.CaughtUp && progress.Advanced == 0 {
			return all
		}
	}
	require.Fail(t, "the follower does not catch up")
	return nil
}

// countingProxy passes RPC calls on to an endpoint and counts them by method.
type countingProxy struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

func newCountingProxy(t *testing.T, target string) *countingProxy {
	t.Helper()
	address, err := url.Parse(target)
	require.NoError(t, err)
	p := &countingProxy{calls: map[string]int{}}
	forward := httputil.NewSingleHostReverseProxy(address)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, rest, _ := strings.Cut(string(body), `"method":"`)
		method, _, _ := strings.Cut(rest, `"`)
		p.mu.Lock()
		p.calls[method]++
		p.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// take returns the counts since the last time.
func (p *countingProxy) take() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = map[string]int{}
	return calls
}

// cuttableProxy passes TCP connections on to an address. It can break those that are open and refuse new ones.
type cuttableProxy struct {
	listener net.Listener
	target   string
	refuse   atomic.Bool
	dialled  atomic.Int64

	mu   sync.Mutex
	open map[net.Conn]bool
}

func newCuttableProxy(t *testing.T, targetURL string) *cuttableProxy {
	t.Helper()
	target, err := url.Parse(targetURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &cuttableProxy{listener: listener, target: target.Host, open: map[net.Conn]bool{}}
	go p.accept()
	t.Cleanup(func() {
		listener.Close()
		p.cut()
	})
	return p
}

func (p *cuttableProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.refuse.Load() {
			client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.dialled.Add(1)
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
			go func() {
				_, _ = io.Copy(pair[0], pair[1])
				pair[0].Close()
			}()
		}
	}
}

// cut breaks every open connection.
func (p *cuttableProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.Close()
		delete(p.open, conn)
	}
}

// countingSource counts the questions about headers.
type countingSource struct {
	BlockSource
	headers    atomic.Int64
	subscribed atomic.Bool
}

func (s *countingSource) HeadHeader(ctx context.Context) (Header, error) {
	s.headers.Add(1)
	return s.BlockSource.HeadHeader(ctx)
}

func (s *countingSource) HeaderByNumber(ctx context.Context, number uint64) (Header, error) {
	s.headers.Add(1)
	return s.BlockSource.HeaderByNumber(ctx, number)
}

func (s *countingSource) SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error) {
	subscription, err := s.BlockSource.SubscribeHeads(ctx, heads)
	s.subscribed.Store(err == nil)
	return subscription, err
}
