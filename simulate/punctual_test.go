package simulate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/chain"
	"paycow/chain/chaintest"
)

// punctual is a node whose answers take a time of their own, which follows from the seed. Without it several nodes answer at one
// instant of virtual time, and the scheduler decides which of them counts as the first.
type punctual struct {
	*chaintest.Node
	seed  uint64
	mu    *sync.Mutex
	count map[string]int
}

func newPunctual(n *chaintest.Node, seed uint64) punctual {
	return punctual{Node: n, seed: seed, mu: &sync.Mutex{}, count: map[string]int{}}
}

// begin begins a call. The function it returns ends it, also when it was given up. The time it takes follows from how many calls
// began before, because one that is given up ends at the instant at which another one begins.
func (p punctual) begin(method string, args ...any) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := method + fmt.Sprint(args...)
	p.count[key]++
	delay := chaintest.Draw(p.seed, p.Name(), "delay", key, fmt.Sprint(p.count[key])) % uint64(time.Millisecond)
	return func() { time.Sleep(time.Duration(delay)) }
}

func (p punctual) ChainID(ctx context.Context) (uint64, error) {
	defer p.begin("chainId")()
	return p.Node.ChainID(ctx)
}

func (p punctual) Syncing(ctx context.Context) (bool, error) {
	defer p.begin("syncing")()
	return p.Node.Syncing(ctx)
}

func (p punctual) HeadHeader(ctx context.Context) (chain.Header, error) {
	defer p.begin("head")()
	return p.Node.HeadHeader(ctx)
}

func (p punctual) HeaderByNumber(ctx context.Context, number uint64) (chain.Header, error) {
	defer p.begin("header", number)()
	return p.Node.HeaderByNumber(ctx, number)
}

func (p punctual) FinalizedNumber(ctx context.Context) (uint64, bool, error) {
	defer p.begin("finalized")()
	return p.Node.FinalizedNumber(ctx)
}

func (p punctual) TokenLogsByBlockHash(ctx context.Context, contracts chain.Contracts, hash common.Hash) ([]types.Log, error) {
	defer p.begin("logs", hash)()
	return p.Node.TokenLogsByBlockHash(ctx, contracts, hash)
}

func (p punctual) TokenLogsInRange(ctx context.Context, contracts chain.Contracts, from, to uint64) ([]types.Log, error) {
	defer p.begin("range", from, to)()
	return p.Node.TokenLogsInRange(ctx, contracts, from, to)
}

func (p punctual) CallToken(
	ctx context.Context, contract common.Address, block common.Hash, functions ...string,
) ([]hexutil.Bytes, error) {
	defer p.begin("call", contract, block, functions)()
	return p.Node.CallToken(ctx, contract, block, functions...)
}

func (p punctual) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	defer p.begin("receipts", hash)()
	return p.Node.ReceiptsByBlockHash(ctx, hash)
}

func (p punctual) Receipt(ctx context.Context, txHash common.Hash) (*types.Receipt, bool, error) {
	defer p.begin("receipt", txHash)()
	return p.Node.Receipt(ctx, txHash)
}
