package chaintest

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/event"

	"paycow/chain"
	"paycow/models"
)

// Behaviour is what a node does besides answering. The zero Behaviour is an honest node that is up to date.
type Behaviour struct {
	// Down makes every call fail.
	Down bool
	// FailNext is returned by the next call only.
	FailNext error
	// Lag is how many blocks the node is behind.
	Lag uint64
	// RangeLimit is the longest range in blocks that the node answers; 0 = any.
	RangeLimit uint64
	// LogLimit is how many logs of a range the node answers at most; 0 = any number.
	LogLimit int
	// EmptyAnswers is how many more answers about logs are empty.
	EmptyAnswers int
	// ForgetsTransactions makes the node answer that it has no receipt of any transaction.
	ForgetsTransactions bool
	// NumbersPerTransaction makes the node number the logs of each transaction anew.
	NumbersPerTransaction bool
	// NoReceipts makes the node refuse to return receipts of a block.
	NoReceipts bool
	// NoState makes the node refuse to call contracts, as one does that has dropped the block's state.
	NoState bool
	// LieAboutPause makes the node say the opposite of whether the token is paused.
	LieAboutPause bool
	// Lie is what the node does to each list of logs.
	Lie Lie
	// Trouble is how many of 1000 calls go wrong by chance: connections break, calls are refused (429) or late, lists
	// are empty. By chance, too, a Liar makes up, leaves out or replaces things.
	Trouble uint64
	Liar    bool
	// Mempool makes the node offer its pending transactions.
	Mempool bool
	// Blank makes the node leave out the bloom filters, and the logs of every third block.
	Blank bool
	// TimeShift is added to the time of every block.
	TimeShift time.Duration
}

// Node is a chain.Endpoint over a model chain. It is safe for concurrent use.
type Node struct {
	chain *Chain
	name  string
	seed  uint64

	pending   event.FeedOf[chain.PendingTransaction]
	mu        sync.Mutex
	behaviour Behaviour
	view      []*Block // the chain as the node sees it; nil = as it is now
	finalized int64    // number of the finalized block; -1 = none
	finalLag  int      // blocks between the head and the finalized block; 0 = as finalized says
	victims   []common.Address
	calls     map[string]int // by method
	draws     map[string]int // by method and arguments
}

var _ chain.Endpoint = (*Node)(nil)

// NewNode returns an honest node that is up to date and knows no finalized block. The seed decides what happens by
// chance.
func NewNode(c *Chain, name string, seed uint64) *Node {
	return &Node{chain: c, name: name, seed: seed, finalized: -1, calls: map[string]int{}, draws: map[string]int{}}
}

// Set changes what the node does wrong.
func (n *Node) Set(change func(b *Behaviour)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.behaviour)
}

// IsLiar reports whether the node lies by chance.
func (n *Node) IsLiar() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.behaviour.Liar
}

// See makes the node see these blocks from now on, instead of the chain as it is at each call.
func (n *Node) See(blocks []*Block) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.view = blocks
}

// Follow makes the node follow a chain from now on, as it is at each call.
func (n *Node) Follow(c *Chain) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.chain, n.view = c, nil
}

// View returns the chain as the node sees it.
func (n *Node) View() []*Block {
	n.mu.Lock()
	view, lag, chain := n.view, n.behaviour.Lag, n.chain
	n.mu.Unlock()
	if view == nil {
		view = chain.Blocks()
	}
	return view[:max(1, len(view)-int(lag))]
}

// Finalize makes the node call a block final; -1 means none.
func (n *Node) Finalize(number int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.finalized = int64(number)
}

// FinalizeBehind makes the node call the block final that is so many blocks below its head.
func (n *Node) FinalizeBehind(blocks int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.finalLag = blocks
}

// Pretend sets the addresses that a Liar makes up transfers to.
func (n *Node) Pretend(victims ...common.Address) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.victims = victims
}

// Calls returns how often a method was called: chainId, syncing, head, header, finalized, logs, range, receipts or
// receipt. An empty method counts all of them.
func (n *Node) Calls(method string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if method != "" {
		return n.calls[method]
	}
	all := 0
	for _, calls := range n.calls {
		all += calls
	}
	return all
}

// ResetCalls begins to count calls anew.
func (n *Node) ResetCalls() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.calls)
}

// Name returns the node's name.
func (n *Node) Name() string { return n.name }

// Close does nothing.
func (n *Node) Close() {}

// ChainID returns ChainID.
func (n *Node) ChainID(ctx context.Context) (uint64, error) {
	_, err := n.begin(ctx, "chainId")
	return ChainID, err
}

// Syncing returns false.
func (n *Node) Syncing(ctx context.Context) (bool, error) {
	_, err := n.begin(ctx, "syncing")
	return false, err
}

// HeadHeader returns the newest header that the node sees.
func (n *Node) HeadHeader(ctx context.Context) (chain.Header, error) {
	if _, err := n.begin(ctx, "head"); err != nil {
		return chain.Header{}, err
	}
	view := n.View()
	return n.shown(view[len(view)-1].Header), nil
}

// HeaderByNumber returns the header with that number that the node sees.
func (n *Node) HeaderByNumber(ctx context.Context, number uint64) (chain.Header, error) {
	fate, err := n.begin(ctx, "header", number)
	if err != nil {
		return chain.Header{}, err
	}
	view := n.View()
	if number >= uint64(len(view)) {
		return chain.Header{}, models.ErrBlockNotFound
	}
	header := n.shown(view[number].Header)
	if n.lies(fate) {
		header.Hash[0] ^= 0xff
	}
	return header, nil
}

// shown returns a header as the node states it.
func (n *Node) shown(header chain.Header) chain.Header {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.behaviour.Blank {
		header.Bloom = types.Bloom{}
	}
	header.Time = header.Time.Add(n.behaviour.TimeShift)
	return header
}

// FinalizedNumber returns the number of the finalized block.
func (n *Node) FinalizedNumber(ctx context.Context) (uint64, bool, error) {
	_, err := n.begin(ctx, "finalized")
	height := int64(len(n.View())) - 1
	n.mu.Lock()
	defer n.mu.Unlock()
	finalized := n.finalized
	if lag := int64(n.finalLag); lag > 0 {
		finalized = -1
		if height > lag {
			finalized = height - lag
		}
	}
	return uint64(max(finalized, 0)), finalized >= 0, err
}

// TokenLogsByBlockHash returns the token's logs in a block that the node sees, or that was abandoned.
func (n *Node) TokenLogsByBlockHash(
	ctx context.Context, contracts chain.Contracts, hash common.Hash,
) ([]types.Log, error) {
	fate, err := n.begin(ctx, "logs", hash)
	if err != nil {
		return nil, err
	}
	block, err := n.find(hash)
	if err != nil {
		return nil, err
	}
	if n.answersEmpty() {
		return nil, nil
	}
	return n.logsOf(fate, block, contracts), nil
}

// TokenLogsInRange returns the token's logs in the blocks that the node sees.
func (n *Node) TokenLogsInRange(
	ctx context.Context, contracts chain.Contracts, from, to uint64,
) ([]types.Log, error) {
	fate, err := n.begin(ctx, "range", from, to)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	rangeLimit, logLimit, lie := n.behaviour.RangeLimit, n.behaviour.LogLimit, n.behaviour.Lie
	n.mu.Unlock()
	if rangeLimit > 0 && to-from+1 > rangeLimit {
		return nil, RefusalError("block range is too long")
	}
	if n.answersEmpty() || fate == fateEmpty {
		return nil, nil
	}
	var logs []types.Log
	view := n.View()
	for number := from; number <= to && number < uint64(len(view)); number++ {
		logs = append(logs, n.byChance(fate, view[number], contracts)...)
	}
	n.number(logs)
	if logLimit > 0 && len(logs) > logLimit {
		return nil, RefusalError("query returned more than 10000 results")
	}
	return lie.apply(logs), nil
}

// number numbers the logs of each transaction anew, if the node does so.
func (n *Node) number(logs []types.Log) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.behaviour.NumbersPerTransaction {
		return
	}
	next := map[common.Hash]uint{}
	for i := range logs {
		logs[i].Index = next[logs[i].TxHash]
		next[logs[i].TxHash]++
	}
}

// numbered returns a receipt whose logs are numbered as the node does it.
func (n *Node) numbered(receipt *types.Receipt) *types.Receipt {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.behaviour.NumbersPerTransaction {
		return receipt
	}
	own := *receipt
	own.Logs = nil
	for i, log := range receipt.Logs {
		numbered := *log
		numbered.Index = uint(i)
		own.Logs = append(own.Logs, &numbered)
	}
	return &own
}

// find returns a block that the node sees or that was abandoned below its head.
func (n *Node) find(hash common.Hash) (*Block, error) {
	n.mu.Lock()
	chain := n.chain
	n.mu.Unlock()
	block := chain.block(hash)
	if block == nil || block.Header.Number >= uint64(len(n.View())) {
		return nil, RefusalError("unknown block")
	}
	return block, nil
}

// ReceiptsByBlockHash returns the receipts of a block that the node sees, or that was abandoned.
func (n *Node) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	if _, err := n.begin(ctx, "receipts", hash); err != nil {
		return nil, err
	}
	n.mu.Lock()
	refuses := n.behaviour.NoReceipts
	n.mu.Unlock()
	if refuses {
		return nil, RefusalError("method not found")
	}
	block, err := n.find(hash)
	if err != nil {
		return nil, err
	}
	receipts := make([]*types.Receipt, len(block.Receipts))
	for i, receipt := range block.Receipts {
		receipts[i] = n.numbered(receipt)
	}
	return receipts, nil
}

// Receipt returns a transaction's receipt in the chain that the node sees.
func (n *Node) Receipt(ctx context.Context, txHash common.Hash) (*types.Receipt, bool, error) {
	if _, err := n.begin(ctx, "receipt", txHash); err != nil {
		return nil, false, err
	}
	n.mu.Lock()
	forgets := n.behaviour.ForgetsTransactions
	n.mu.Unlock()
	if forgets {
		return nil, false, nil
	}
	for _, block := range slices.Backward(n.View()) {
		for _, receipt := range block.Receipts {
			if receipt.TxHash == txHash {
				return n.numbered(receipt), true, nil
			}
		}
		if receipt := n.madeUpReceipt(block, txHash); receipt != nil {
			return receipt, true, nil
		}
	}
	return nil, false, nil
}

// Balances is refused.
func (n *Node) Balances(context.Context, common.Address, []common.Address, common.Hash) ([]*big.Int, error) {
	return nil, RefusalError("not offered")
}

// CallToken returns what follows from the logs of the block and those below it.
func (n *Node) CallToken(
	ctx context.Context, contract common.Address, hash common.Hash, functions ...string,
) ([]hexutil.Bytes, error) {
	if _, err := n.begin(ctx, "call", contract, hash, functions); err != nil {
		return nil, err
	}
	if _, err := n.find(hash); err != nil {
		return nil, err
	}
	n.mu.Lock()
	lies, refuses, chain := n.behaviour.LieAboutPause, n.behaviour.NoState, n.chain
	n.mu.Unlock()
	if refuses {
		return nil, RefusalError("missing trie node")
	}
	return chain.callToken(contract, hash, lies, functions), nil
}

// SubscribeHeads returns models.ErrNoSubscriptions.
func (n *Node) SubscribeHeads(context.Context, chan<- chain.Header) (ethereum.Subscription, error) {
	return nil, models.ErrNoSubscriptions
}

// SubscribePending sends what is announced. Returns models.ErrNoSubscriptions unless the node offers its mempool.
func (n *Node) SubscribePending(
	_ context.Context, pending chan<- chain.PendingTransaction,
) (ethereum.Subscription, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.behaviour.Mempool {
		return nil, models.ErrNoSubscriptions
	}
	return n.pending.Subscribe(pending), nil
}

// Announce sends a pending transaction to everyone who has subscribed.
func (n *Node) Announce(transaction chain.PendingTransaction) { n.pending.Send(transaction) }

// ErrDown is what every call of a node returns that is down.
var ErrDown = errors.New("connection refused")

// RefusalError is an error that a node answers with.
type RefusalError string

func (e RefusalError) Error() string { return string(e) }

// ErrorCode makes it an rpc.Error.
func (e RefusalError) ErrorCode() int { return -32000 }
