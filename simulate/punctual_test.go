package simulate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/chain"
)

// punctual is a node whose answers take a time of their own, which follows from the seed. Without it several nodes answer at one
// instant of virtual time, and the scheduler decides which of them counts as the first.
type punctual struct {
	*fakeNode
	mu    *sync.Mutex
	count map[string]int
}

func newPunctual(n *fakeNode) punctual {
	return punctual{fakeNode: n, mu: &sync.Mutex{}, count: map[string]int{}}
}

// end ends a call, also one that was given up.
func (p punctual) end(method string, args ...any) {
	p.mu.Lock()
	key := method + fmt.Sprint(args...)
	p.count[key]++
	delay := draw(p.seed, p.name, "delay", key, fmt.Sprint(p.count[key])) % uint64(time.Millisecond)
	p.mu.Unlock()
	time.Sleep(time.Duration(delay))
}

func (p punctual) ChainID(ctx context.Context) (uint64, error) {
	defer p.end("chainId")
	return p.fakeNode.ChainID(ctx)
}

func (p punctual) Syncing(ctx context.Context) (bool, error) {
	defer p.end("syncing")
	return p.fakeNode.Syncing(ctx)
}

func (p punctual) HeadHeader(ctx context.Context) (chain.Header, error) {
	defer p.end("head")
	return p.fakeNode.HeadHeader(ctx)
}

func (p punctual) HeaderByNumber(ctx context.Context, number uint64) (chain.Header, error) {
	defer p.end("header", number)
	return p.fakeNode.HeaderByNumber(ctx, number)
}

func (p punctual) FinalizedNumber(ctx context.Context) (uint64, bool, error) {
	defer p.end("finalized")
	return p.fakeNode.FinalizedNumber(ctx)
}

func (p punctual) TokenLogsByBlockHash(ctx context.Context, token common.Address, hash common.Hash) ([]types.Log, error) {
	defer p.end("logs", hash)
	return p.fakeNode.TokenLogsByBlockHash(ctx, token, hash)
}

func (p punctual) TokenLogsInRange(ctx context.Context, token common.Address, from, to uint64) ([]types.Log, error) {
	defer p.end("range", from, to)
	return p.fakeNode.TokenLogsInRange(ctx, token, from, to)
}

func (p punctual) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	defer p.end("receipts", hash)
	return p.fakeNode.ReceiptsByBlockHash(ctx, hash)
}

func (p punctual) Receipt(ctx context.Context, txHash common.Hash) (*types.Receipt, bool, error) {
	defer p.end("receipt", txHash)
	return p.fakeNode.Receipt(ctx, txHash)
}
