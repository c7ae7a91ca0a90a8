package chain

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// FuzzRPCAnswers lets a node answer anything at all. Whatever it says, there is an error or an answer that keeps what
// the Endpoint promises, and never a panic or a hang.
func FuzzRPCAnswers(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `"0x1"`, `"0x"`, `"0xffffffffffffffffff"`, `[null]`, `[{}]`, `{"startingBlock":"0x1","currentBlock":"0x2","highestBlock":"0x3"}`,
		`{"number":"0x7","hash":"0x0000000000000000000000000000000000000000000000000000000000000001","parentHash":"0x0000000000000000000000000000000000000000000000000000000000000002","timestamp":"0x5","logsBloom":"0x","receiptsRoot":"0x0000000000000000000000000000000000000000000000000000000000000003"}`,
		`[{"address":"0xdac17f958d2ee523a2206206994597c13d831ec7","topics":[],"data":"0x","blockNumber":"0x7","transactionHash":"0x0000000000000000000000000000000000000000000000000000000000000001","transactionIndex":"0x0","blockHash":"0x0000000000000000000000000000000000000000000000000000000000000001","logIndex":"0x0","removed":true}]`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit"}}`), false)
	f.Add([]byte(`[{"jsonrpc":"2.0","id":1,"result":"0x01"},{"jsonrpc":"2.0","id":1,"result":"0x02"}]`), false)
	var mu sync.Mutex
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, answer []byte, isResult bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		node, err := Dial(ctx, server.URL, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer node.Close()
		node.callTimeout = time.Second
		id := 1 // the client counts its calls; the first was the chain id
		say := func() {
			id++
			mu.Lock()
			defer mu.Unlock()
			body = answer
			if isResult {
				body = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"result":%s}`, id, answer)
			}
		}
		say()
		if header, err := node.HeaderByNumber(ctx, 7); err == nil &&
			(header.Number != 7 || header.Hash == common.Hash{}) {
			t.Errorf("asked for block 7, got %+v", header)
		}
		say()
		if header, err := node.HeadHeader(ctx); err == nil && header.Hash == (common.Hash{}) {
			t.Errorf("a head without a hash: %+v", header)
		}
		say()
		_, _ = node.ChainID(ctx)
		say()
		_, _ = node.Syncing(ctx)
		say()
		_, _, _ = node.FinalizedNumber(ctx)
		say()
		if receipts, err := node.ReceiptsByBlockHash(ctx, common.Hash{1}); err == nil {
			_, _ = logsOfReceipts(receipts, Contracts{{1}}, Header{Number: 7, Hash: common.Hash{1}})
		}
		say()
		if receipt, ok, err := node.Receipt(ctx, common.Hash{1}); err == nil && ok && receipt == nil {
			t.Error("a receipt is said to be there and is not")
		}
		say()
		if logs, err := node.TokenLogsByBlockHash(ctx, Contracts{{1}}, common.Hash{1}); err == nil {
			DecodeLogs(1, Contracts{{1}}, Header{Number: 7, Hash: common.Hash{1}}.Ref(), logs)
		}
		say()
		if logs, err := node.TokenLogsInRange(ctx, Contracts{{1}}, 1, 7); err == nil {
			DecodeLogs(1, Contracts{{1}}, Header{Number: 7, Hash: common.Hash{1}}.Ref(), logs)
		}
		say()
		balances, err := node.Balances(ctx, common.Address{1}, []common.Address{{1}, {2}}, common.Hash{1})
		if err == nil && len(balances) != 2 {
			t.Errorf("%d balances of 2 addresses", len(balances))
		}
	})
}
