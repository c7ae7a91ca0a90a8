//go:build !slim

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"paycow/models"
)

// countingProxy stands between the program and the chain's WebSocket and counts the calls by method.
type countingProxy struct {
	mu    sync.Mutex
	calls map[string]int
}

func (p *countingProxy) take() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = map[string]int{}
	return calls
}

// rangeCall is how a call for the logs of several blocks is counted.
const rangeCall = "eth_getLogs range"

// start returns the proxy's URL.
func (p *countingProxy) start(t testing.TB, target string) string {
	p.calls = map[string]int{}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		program, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer program.Close()
		node, _, err := websocket.DefaultDialer.DialContext(r.Context(), target, nil)
		if err != nil {
			return
		}
		defer node.Close()
		go func() {
			defer program.Close()
			for {
				kind, message, err := node.ReadMessage()
				if err != nil || program.WriteMessage(kind, message) != nil {
					return
				}
			}
		}()
		for {
			kind, message, err := program.ReadMessage()
			if err != nil {
				return
			}
			p.count(message)
			if node.WriteMessage(kind, message) != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + server.URL[len("http"):]
}

func (p *countingProxy) count(message []byte) {
	type call struct {
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	var batch []call
	if json.Unmarshal(message, &batch) != nil {
		batch = make([]call, 1)
		_ = json.Unmarshal(message, &batch[0])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range batch {
		name := c.Method
		if name == "eth_getBlockByNumber" && len(c.Params) > 0 && string(c.Params[0]) == `"latest"` {
			name += " latest" // the safety poll of an idle subscription, which follows the clock and not the blocks
		}
		if name == "eth_getLogs" && len(c.Params) > 0 && bytes.Contains(c.Params[0], []byte(`"fromBlock"`)) {
			name = rangeCall
		}
		p.calls[name]++
	}
}

// TestCallsPerBlockDoNotGrowWithPayments counts what a block costs the node with no payment open and with a thousand.
func TestCallsPerBlockDoNotGrowWithPayments(t *testing.T) {
	const blocks, payments = 30, 1000
	proxy := &countingProxy{}
	in := setupInstallation(t, func(chainURL string) string { return proxy.start(t, chainURL) })
	in.env = append(in.env, fmt.Sprintf("PAYCOW_MAX_UNPAID=%d", 2*payments))
	in.serve("serve")
	in.awaitReady()
	measure := func() map[string]int {
		proxy.take()
		for range blocks {
			require.NoError(t, in.chain.Mine(1))
			in.awaitRead()
		}
		calls := proxy.take()
		delete(calls, "eth_getBlockByNumber latest")
		// The state of the token is read at every other block at most, and follows the clock, too.
		require.LessOrEqual(t, calls["eth_call"], 4*blocks)
		delete(calls, "eth_call")
		// The second reading of finalized blocks asks for a range of 32 blocks at least, whenever so many have gathered.
		require.LessOrEqual(t, calls[rangeCall], blocks/32+1)
		delete(calls, rangeCall)
		return calls
	}
	require.NoError(t, in.chain.Mine(1))
	in.awaitRead()
	without := measure()

	group := errgroup.Group{}
	group.SetLimit(8)
	for range payments {
		group.Go(func() error {
			code, answer, err := in.call(http.MethodPost, "/api/payment/create", `{"amount":1,"userId":"many","network":"ERC20"}`, nil)
			if err == nil && code != http.StatusOK {
				err = fmt.Errorf("%d %s", code, answer)
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	with := measure()
	t.Logf("calls for %d blocks with 0 payments: %v, with %d: %v", blocks, without, payments, with)
	require.Equal(t, without, with)
	total := 0
	for _, n := range with {
		total += n
	}
	require.NotZero(t, total)
	require.LessOrEqual(t, total, 2*blocks)
}

// awaitRead waits until the watcher has read the chain's newest block.
func (in *installation) awaitRead() {
	in.t.Helper()
	node, err := ethclient.Dial(in.chain.HTTPURL())
	require.NoError(in.t, err)
	defer node.Close()
	head, err := node.BlockNumber(in.t.Context())
	require.NoError(in.t, err)
	eventually(in.t, "the newest block is read", func() error {
		cursor, err := in.db.Cursor(in.t.Context(), models.NetworkERC20)
		if err == nil && cursor.BlockNumber < head {
			err = fmt.Errorf("read up to %d of %d", cursor.BlockNumber, head)
		}
		return err
	})
}
