package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"paycow/chain"
	"paycow/models"
)

// fakeNode is a node that sees the honest chain late, and fails and lies by the seed.
type fakeNode struct {
	seed uint64
	name string
	liar bool

	mu       sync.Mutex
	view     []*modelBlock // the chain as the node sees it; its lies are told on top of it
	byHash   map[common.Hash]*modelBlock
	calls    map[string]int
	trouble  uint64 // of 1000 calls, how many go wrong
	gone     bool
	victims  []common.Address // whom a liar pretends to be paid
	told     int              // lies so far
	blanking bool             // mutant: blooms are empty and so is every list
}

var errGone = errors.New("connection refused")

// begin draws what happens to a call. The draw depends on how often the same was asked, not on what runs beside it.
func (n *fakeNode) begin(ctx context.Context, method string, args ...any) (fate uint64, err error) {
	n.mu.Lock()
	key := method + fmt.Sprint(args...)
	n.calls[key]++
	fate = draw(n.seed, n.name, key, fmt.Sprint(n.calls[key]))
	trouble, gone := n.trouble, n.gone
	n.mu.Unlock()
	if gone {
		return fate, errGone
	}
	if fate%1000 >= trouble {
		return 0, nil
	}
	fate = fate/1000%8 + 1
	switch fate {
	case 1:
		return fate, errors.New("connection reset by peer")
	case 2:
		return fate, rpc.HTTPError{StatusCode: http.StatusTooManyRequests, Status: "429 Too Many Requests"}
	case 3, 4:
		select {
		case <-time.After(time.Duration(fate) * 700 * time.Millisecond):
		case <-ctx.Done():
			return fate, ctx.Err()
		}
	}
	return fate, nil
}

func (n *fakeNode) lies(fate uint64) bool { return n.liar && fate >= 6 }

func (n *fakeNode) Name() string { return n.name }
func (n *fakeNode) Close()       {}

func (n *fakeNode) ChainID(ctx context.Context) (uint64, error) {
	_, err := n.begin(ctx, "chainId")
	return chainID, err
}

func (n *fakeNode) Syncing(ctx context.Context) (bool, error) {
	_, err := n.begin(ctx, "syncing")
	return false, err
}

func (n *fakeNode) chain() []*modelBlock {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.view
}

func (n *fakeNode) shown(header chain.Header) chain.Header {
	if n.blanking {
		header.Bloom = types.Bloom{}
	}
	return header
}

func (n *fakeNode) HeadHeader(ctx context.Context) (chain.Header, error) {
	if _, err := n.begin(ctx, "head"); err != nil {
		return chain.Header{}, err
	}
	view := n.chain()
	return n.shown(view[len(view)-1].header), nil
}

func (n *fakeNode) HeaderByNumber(ctx context.Context, number uint64) (chain.Header, error) {
	fate, err := n.begin(ctx, "header", number)
	if err != nil {
		return chain.Header{}, err
	}
	view := n.chain()
	if number >= uint64(len(view)) {
		return chain.Header{}, models.ErrBlockNotFound
	}
	header := n.shown(view[number].header)
	if n.lies(fate) {
		header.Hash[0] ^= 0xff
		n.noteLie()
	}
	return header, nil
}

func (n *fakeNode) FinalizedNumber(ctx context.Context) (uint64, bool, error) {
	_, err := n.begin(ctx, "finalized")
	height := len(n.chain()) - 1
	return uint64(max(height-finalLag, 0)), height > finalLag, err
}

func (n *fakeNode) noteLie() {
	n.mu.Lock()
	n.told++
	n.mu.Unlock()
}

// answer makes a list of logs of what the block holds and what the call's fate is.
func (n *fakeNode) answer(fate uint64, block *modelBlock) []types.Log {
	logs := block.logs(tokenAddress)
	switch {
	case n.blanking && block.header.Number%3 == 0, fate == 5:
		return nil
	case n.lies(fate) && len(logs) > 1 && fate%2 == 0:
		n.noteLie()
		return slices.Delete(logs, 0, 1)
	case n.lies(fate):
		n.noteLie()
		return append(logs, n.invented(block, uint(len(logs)+20)))
	}
	return logs
}

// invented is a log that pays one of our addresses and never was.
func (n *fakeNode) invented(block *modelBlock, index uint) types.Log {
	victim := otherRecipient
	if len(n.victims) > 0 {
		victim = n.victims[block.header.Number%uint64(len(n.victims))]
	}
	log := *output{tokenAddress, victim, big.NewInt(50_000_000), transferTopic}.log()
	log.BlockHash, log.BlockNumber, log.Index = block.header.Hash, block.header.Number, index
	log.TxHash = common.BigToHash(new(big.Int).SetUint64(draw(n.seed, "invented", block.header.Hash.Hex())))
	return log
}

func (n *fakeNode) block(hash common.Hash) (*modelBlock, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	block, ok := n.byHash[hash]
	return block, ok && block.header.Number < uint64(len(n.view))
}

func (n *fakeNode) TokenLogsByBlockHash(ctx context.Context, _ common.Address, hash common.Hash) ([]types.Log, error) {
	fate, err := n.begin(ctx, "logs", hash)
	if err != nil {
		return nil, err
	}
	block, ok := n.block(hash)
	if !ok {
		return nil, refusal("unknown block")
	}
	return n.answer(fate, block), nil
}

func (n *fakeNode) TokenLogsInRange(ctx context.Context, _ common.Address, from, to uint64) ([]types.Log, error) {
	fate, err := n.begin(ctx, "range", from, to)
	if err != nil || fate == 5 {
		return nil, err
	}
	var logs []types.Log
	view := n.chain()
	for number := from; number <= to && number < uint64(len(view)); number++ {
		logs = append(logs, n.answer(fate, view[number])...)
	}
	return logs, nil
}

func (n *fakeNode) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	if _, err := n.begin(ctx, "receipts", hash); err != nil {
		return nil, err
	}
	block, ok := n.block(hash)
	if !ok {
		return nil, refusal("unknown block")
	}
	return block.receipts, nil
}

func (n *fakeNode) Receipt(ctx context.Context, txHash common.Hash) (*types.Receipt, bool, error) {
	if _, err := n.begin(ctx, "receipt", txHash); err != nil {
		return nil, false, err
	}
	for _, block := range slices.Backward(n.chain()) {
		for _, receipt := range block.receipts {
			if receipt.TxHash == txHash {
				return receipt, true, nil
			}
		}
		if n.liar && draw(n.seed, "invented", block.header.Hash.Hex()) == txHash.Big().Uint64() {
			log := n.invented(block, 20)
			return &types.Receipt{Status: types.ReceiptStatusSuccessful, TxHash: txHash, BlockHash: block.header.Hash, BlockNumber: new(big.Int).SetUint64(block.header.Number), Logs: []*types.Log{&log}}, true, nil
		}
	}
	return nil, false, nil
}

func (n *fakeNode) Balances(_ context.Context, _ common.Address, addresses []common.Address, _ common.Hash) ([]*big.Int, error) {
	return make([]*big.Int, len(addresses)), refusal("not offered")
}

func (n *fakeNode) SubscribeHeads(context.Context, chan<- chain.Header) (ethereum.Subscription, error) {
	return nil, models.ErrNoSubscriptions
}

func (n *fakeNode) SubscribePending(context.Context, chan<- chain.PendingTransaction) (ethereum.Subscription, error) {
	return nil, models.ErrNoSubscriptions
}

// refusal is an error that a node answers with.
type refusal string

func (e refusal) Error() string  { return string(e) }
func (e refusal) ErrorCode() int { return -32000 }
