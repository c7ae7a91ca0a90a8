//go:build !slim

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"paycow/models"
)

// faultyProxy stands before a real node and passes everything on, but for what its fault does.
type faultyProxy struct {
	*httptest.Server
	node string

	mu     sync.Mutex
	fault  string         // "", "down", "hang", "extra log", "missing log", "other block hash"
	victim common.Address // whom a lie is about
	from   uint64         // the first block that a lie is about
	lies   int
}

func startProxy(t testing.TB, node string) *faultyProxy {
	p := &faultyProxy{node: node}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() { p.set("", common.Address{}, 0); p.CloseClientConnections(); p.Close() })
	return p
}

func (p *faultyProxy) set(fault string, victim common.Address, from uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.victim, p.from = fault, victim, from
}

type rpcMessage struct {
	Version string            `json:"jsonrpc"`
	ID      json.RawMessage   `json:"id"`
	Method  string            `json:"method,omitempty"`
	Params  []json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage   `json:"result,omitempty"`
	Error   json.RawMessage   `json:"error,omitempty"`
}

func (p *faultyProxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	fault := p.fault
	p.mu.Unlock()
	asked, err := io.ReadAll(r.Body) // first: until then nobody notices that the caller has gone
	if err != nil {
		return
	}
	switch fault {
	case "down":
		panic(http.ErrAbortHandler) // the connection breaks
	case "hang":
		<-r.Context().Done()
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, p.node, bytes.NewReader(asked))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		http.Error(w, "", http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	answered, err := io.ReadAll(response.Body)
	if err != nil {
		return
	}
	var call, answer rpcMessage
	if json.Unmarshal(asked, &call) == nil && json.Unmarshal(answered, &answer) == nil { // batches pass as they are
		if lie := p.lie(fault, call, answer.Result); lie != nil {
			answer.Result, answer.Error = lie, nil
			if answered, err = json.Marshal(answer); err != nil {
				return
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answered)
}

// lie returns what is answered instead, or nil.
func (p *faultyProxy) lie(fault string, call rpcMessage, result json.RawMessage) json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	var told any
	switch {
	case fault == "missing log" && call.Method == "eth_getLogs":
		var logs, kept []map[string]any
		if json.Unmarshal(result, &logs) != nil {
			return nil
		}
		for _, log := range logs {
			if topics := fmt.Sprint(log["topics"]); !strings.Contains(topics, strings.ToLower(p.victim.Hex()[2:])) {
				kept = append(kept, log)
			}
		}
		if len(kept) == len(logs) {
			return nil
		}
		told = append([]map[string]any{}, kept...)
	case fault == "extra log" && call.Method == "eth_getLogs" && bytes.Contains(call.Params[0], []byte("blockHash")):
		var logs []map[string]any
		var filter struct{ BlockHash common.Hash }
		if json.Unmarshal(result, &logs) != nil || json.Unmarshal(call.Params[0], &filter) != nil || len(logs) == 0 {
			return nil // the number of the block is taken from a real log of it
		}
		number, _ := logs[0]["blockNumber"].(string)
		logs = append(logs, p.invented(logs[0]["address"], filter.BlockHash, number))
		told = logs
	case fault == "extra log" && call.Method == "eth_getTransactionReceipt" && string(result) == "null":
		return nil // the invented transaction has no receipt anywhere
	case fault == "other block hash" && call.Method == "eth_getBlockByNumber":
		var block map[string]any
		if json.Unmarshal(result, &block) != nil || block == nil {
			return nil
		}
		number, err := hexutil.DecodeUint64(fmt.Sprint(block["number"]))
		if err != nil || number < p.from {
			return nil
		}
		flip := func(field string) {
			hash := common.HexToHash(fmt.Sprint(block[field]))
			hash[0] ^= 0xff
			block[field] = hash.Hex()
		}
		flip("hash")
		if number > p.from {
			flip("parentHash")
		}
		told = block
	default:
		return nil
	}
	p.lies++
	lie, err := json.Marshal(told)
	if err != nil {
		return nil
	}
	return lie
}

// invented is a log of 50 USDT to the victim that never was.
func (p *faultyProxy) invented(token any, block common.Hash, number string) map[string]any {
	return map[string]any{
		"address": token, "blockHash": block, "blockNumber": number, "removed": false, "logIndex": "0x63", "transactionIndex": "0x9",
		"transactionHash": crypto.Keccak256Hash(block[:], p.victim[:]),
		"topics": []common.Hash{
			crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)")), common.BytesToHash([]byte{7}), common.BytesToHash(p.victim[:]),
		},
		"data": hexutil.Bytes(common.BigToHash(big.NewInt(50_000_000)).Bytes()),
	}
}

// TestThreeNodesBehindFaultyProxies runs the program on three real nodes, two of which must agree, each behind a proxy. The
// preferred one lies in every way; two are down; all are down for longer than a payment's window. Nothing is credited that
// was not paid, nothing is lost, nothing expires that was paid.
func TestThreeNodesBehindFaultyProxies(t *testing.T) {
	// The window of the two payments that outlive it while no node answers. It leaves time to pay one of them on a slow machine.
	const window = 10 * time.Second
	var proxies [3]*faultyProxy
	in := setupInstallation(t, nil)
	chains := startThreeNodes(t, in.chain)
	urls := make([]string, len(proxies))
	for i := range proxies {
		proxies[i] = startProxy(t, chains.nodes[i].HTTPURL())
		urls[i] = proxies[i].URL
	}
	in.env = append(in.env, "PAYCOW_ETH_RPC_URLS="+strings.Join(urls, ","))
	serve := func(window time.Duration) *exec.Cmd {
		in.env = append(in.env, "PAYCOW_PAYMENT_WINDOW="+window.String())
		return in.serveKillable("serve")
	}
	serving := serve(window)
	in.awaitReady()
	restart := func() {
		require.NoError(t, serving.Process.Kill())
		_ = serving.Wait()
		serving = serve(24 * time.Hour)
		in.awaitReady()
	}
	temporal, err := client.Dial(client.Options{
		HostPort: in.engine.Address(), Namespace: "paycow", Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	defer temporal.Close()
	awaitDetails := func(p created, want string) {
		eventually(t, fmt.Sprintf("the workflow of payment %s says %q", p.SessionID, want), func() error {
			details, err := currentDetails(t, temporal, models.PaymentWorkflowID(p.SessionID))
			if err == nil && !strings.Contains(details, want) {
				err = fmt.Errorf("it says %s", details)
			}
			return err
		})
	}
	owed := models.Amount(0)
	payments, transfers, lies := 0, 0, 0
	make50 := func() created { payments++; return in.create("50.00") }
	pay := func(p created) {
		in.pay(p.DepositAddress, 50*models.USDT)
		owed += 50 * models.USDT
		transfers++
	}
	mine := func(blocks int) {
		for range blocks {
			chains.mine(1, 0, 1, 2)
			in.awaitRead()
		}
	}
	balance := func() {
		require.Equal(t, owed, in.available(), "credited against paid")
	}

	// All are down for longer than the window of a payment that is paid in time, and of one that is not. This comes first,
	// because the chain's clock runs ahead of ours once many blocks were mined.
	late, never := make50(), make50()
	for _, p := range proxies {
		p.set("down", common.Address{}, 0)
	}
	pay(late)
	chains.mine(1, 0, 1, 2)
	for _, p := range []created{late, never} {
		awaitDetails(p, "which is before the end of the window") // the expiry was asked for, and refused
		require.Equal(t, "PENDING", in.status(p.SessionID).Status, "blindness expires nobody")
	}
	for range 16 {
		chains.mine(1, 0, 1, 2)
	}
	for _, p := range proxies {
		p.set("", common.Address{}, 0)
	}
	in.await(late.SessionID, "PAID")
	in.await(never.SessionID, "EXPIRED")
	balance()
	restart() // with a window that no payment outlives

	for _, fault := range []string{"extra log", "missing log", "other block hash"} {
		paid, unpaid := make50(), make50()
		head, err := in.db.Cursor(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		victim := common.HexToAddress(unpaid.DepositAddress)
		if fault == "missing log" {
			victim = common.HexToAddress(paid.DepositAddress)
		}
		proxies[0].set(fault, victim, head.BlockNumber+1)
		pay(paid)
		// Another transfer in the same block, so that the bloom filter alone tells nothing.
		in.pay(common.Address{9}.Hex(), 1*models.USDT)
		for range 16 {
			chains.mine(1, 0, 1, 2)
			time.Sleep(200 * time.Millisecond)
		}
		in.await(paid.SessionID, "PAID")
		balance()
		require.NotEqual(t, "PAID", in.status(unpaid.SessionID).Status, fault)
		proxies[0].mu.Lock()
		lies += proxies[0].lies
		require.NotZero(t, proxies[0].lies, fault)
		proxies[0].lies = 0
		proxies[0].mu.Unlock()
		proxies[0].set("", common.Address{}, 0)
		// A contradicted node is left out for an hour. After a kill it is believed again, so the next lie is heard too.
		restart()
	}

	// The first node falls silent: how much longer until a new block is read?
	readWithin := func() time.Duration {
		started := time.Now()
		chains.mine(1, 0, 1, 2)
		in.awaitRead()
		return time.Since(started)
	}
	mine(2) // reading goes on after the kill only once the engine has noticed that the old follower is gone
	usual := max(readWithin(), readWithin(), readWithin())
	proxies[0].set("hang", common.Address{}, 0)
	silent := readWithin()
	proxies[0].set("", common.Address{}, 0)

	// Two are down, so nobody confirms what the third says: nothing is credited, and everybody is told why.
	waiting := make50()
	proxies[1].set("down", common.Address{}, 0)
	proxies[2].set("down", common.Address{}, 0)
	before := owed
	pay(waiting)
	mine(14)
	in.await(waiting.SessionID, "CONFIRMING")
	eventually(t, "readiness tells of the missing quorum", func() error {
		if code, answer := in.readiness(); code != http.StatusServiceUnavailable || !strings.Contains(answer, "agree") {
			return fmt.Errorf("%d %s", code, answer)
		}
		return nil
	})
	awaitDetails(waiting, "too few nodes agree")
	require.Equal(t, before, in.available(), "nothing is credited without the quorum")
	require.Equal(t, "CONFIRMING", in.status(waiting.SessionID).Status)

	for _, p := range proxies {
		p.set("", common.Address{}, 0)
	}
	in.await(waiting.SessionID, "PAID")
	balance()
	t.Logf("%d payments, %d transfers to them, %d lies told: credited %s of %s paid, 0 wrong, 0 lost, 0 wrongly expired; a new block was read within %s, and within %s when the preferred node had just fallen silent",
		payments, transfers, lies, in.available(), owed, usual.Round(time.Millisecond), silent.Round(time.Millisecond))
}
