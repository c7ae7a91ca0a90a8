package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"paycow/models"
)

const testChainID = 1337

var testToken = common.HexToAddress("0x00000000000000000000000000000000070CE400")

// fakeChain is a chain in memory, for tests that make thousands of blocks or need a node that misbehaves.
type fakeChain struct {
	mu        sync.Mutex
	blocks    []fakeBlock            // index = number
	made      uint64                 // so that no two blocks have one hash
	lag       uint64                 // how many blocks the node pretends not to have yet
	finalized int64                  // -1: the node knows of none
	minedIn   map[common.Hash]Header // where a transaction was mined last, in this branch or another
	calls     map[string]int

	rangeLimit   uint64 // longest range answered, 0 = any
	logLimit     int    // most logs answered for a range, 0 = any
	emptyAnswers int    // how many answers about logs are empty although there are some
	noReceipts   bool
	failNext     error // returned by the next call
}

type fakeBlock struct {
	header Header
	logs   []types.Log
	noise  []types.Log // of other contracts
}

func newFakeChain() *fakeChain {
	c := &fakeChain{finalized: -1, minedIn: map[common.Hash]Header{}, calls: map[string]int{}}
	c.mine()
	return c
}

// fakeTx is a transaction's token logs.
type fakeTx struct {
	hash      common.Hash
	transfers []payment
}

// payment is one Transfer log.
type payment struct {
	from, to common.Address
	value    *big.Int
}

func pay(to common.Address, units int64) payment {
	return payment{from: common.Address{0xaa}, to: to, value: big.NewInt(units)}
}

func transferLog(p payment) types.Log {
	return types.Log{
		Address: testToken, Topics: []common.Hash{transferTopic, common.BytesToHash(p.from[:]), common.BytesToHash(p.to[:])},
		Data: common.BigToHash(p.value).Bytes(),
	}
}

// mine adds a block with these transactions.
func (c *fakeChain) mine(transactions ...fakeTx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], c.made)
	block := fakeBlock{header: Header{Number: uint64(len(c.blocks)), Hash: crypto.Keccak256Hash(seed[:])}}
	block.header.Time = time.Unix(1_700_000_000+12*int64(len(c.blocks)), 0).UTC()
	if len(c.blocks) > 0 {
		block.header.ParentHash = c.blocks[len(c.blocks)-1].header.Hash
	}
	for _, transaction := range transactions {
		if at, ok := c.minedIn[transaction.hash]; ok && at.Number < uint64(len(c.blocks)) && c.blocks[at.Number].header.Hash == at.Hash {
			continue // a transaction is in a chain at most once
		}
		c.minedIn[transaction.hash] = block.header
		for _, p := range transaction.transfers {
			log := transferLog(p)
			log.BlockHash, log.BlockNumber, log.TxHash, log.Index = block.header.Hash, block.header.Number, transaction.hash, uint(len(block.logs))
			block.logs = append(block.logs, log)
			block.header.Bloom.Add(log.Address.Bytes())
			for _, topic := range log.Topics {
				block.header.Bloom.Add(topic.Bytes())
			}
		}
	}
	block.header.ReceiptsRoot = receiptsRoot(block.receipts())
	c.blocks = append(c.blocks, block)
}

// receipts returns the block's only receipt.
func (b fakeBlock) receipts() []*types.Receipt {
	receipt := &types.Receipt{Status: types.ReceiptStatusSuccessful, BlockHash: b.header.Hash}
	for _, log := range slices.Concat(b.logs, b.noise) {
		receipt.Logs = append(receipt.Logs, &log)
	}
	return []*types.Receipt{receipt}
}

// fillBloom puts so many logs of other contracts into a block that its bloom filter says yes to everything.
func (c *fakeChain) fillBloom(number int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	block := &c.blocks[number]
	for i := range 10_000 {
		log := types.Log{Address: common.Address{0xee}, Topics: []common.Hash{txHash(-i)}, BlockHash: block.header.Hash, BlockNumber: block.header.Number, Index: uint(i)}
		block.noise = append(block.noise, log)
		block.header.Bloom.Add(log.Address.Bytes())
		block.header.Bloom.Add(log.Topics[0].Bytes())
	}
}

// cut takes the newest blocks away.
func (c *fakeChain) cut(depth int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = c.blocks[:len(c.blocks)-depth]
}

func (c *fakeChain) height() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.blocks) - 1
}

func (c *fakeChain) ref(number int) models.BlockRef {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[number].header.Ref()
}

// truth returns the transfers to the given addresses above a block, straight from what was put into the blocks.
func (c *fakeChain) truth(ours map[string]bool, above uint64) []models.TokenTransfer {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []models.TokenTransfer{}
	for _, block := range c.blocks[above+1:] {
		ordinals := map[common.Hash]int{}
		for _, log := range block.logs {
			ordinal := ordinals[log.TxHash]
			ordinals[log.TxHash]++
			to := common.BytesToAddress(log.Topics[2][:]).Hex()
			value := new(big.Int).SetBytes(log.Data)
			if !ours[to] || value.Sign() == 0 || !value.IsInt64() {
				continue
			}
			found = append(found, models.TokenTransfer{
				TransferKey: models.TransferKey{ChainID: testChainID, TxHash: log.TxHash.Hex(), Ordinal: ordinal},
				From:        common.BytesToAddress(log.Topics[1][:]).Hex(), To: to, Amount: models.Amount(value.Int64()),
				LogIndex: log.Index, Block: block.header.Ref(),
			})
		}
	}
	return found
}

// called counts a call and holds the lock until the returned function is called.
func (c *fakeChain) called(method string) (unlock func(), err error) {
	c.mu.Lock()
	c.calls[method]++
	err, c.failNext = c.failNext, nil
	return c.mu.Unlock, err
}

func (c *fakeChain) ChainID(context.Context) (uint64, error) {
	unlock, err := c.called("chainId")
	defer unlock()
	return testChainID, err
}

func (c *fakeChain) HeadHeader(context.Context) (Header, error) {
	unlock, err := c.called("head")
	defer unlock()
	return c.visible()[len(c.visible())-1].header, err
}

func (c *fakeChain) visible() []fakeBlock {
	return c.blocks[:max(1, len(c.blocks)-int(c.lag))]
}

func (c *fakeChain) HeaderByNumber(_ context.Context, number uint64) (Header, error) {
	unlock, err := c.called("header")
	defer unlock()
	if err != nil {
		return Header{}, err
	}
	if number >= uint64(len(c.visible())) {
		return Header{}, models.ErrBlockNotFound
	}
	return c.blocks[number].header, nil
}

func (c *fakeChain) FinalizedNumber(context.Context) (uint64, bool, error) {
	unlock, err := c.called("finalized")
	defer unlock()
	return uint64(max(c.finalized, 0)), c.finalized >= 0, err
}

func (c *fakeChain) TokenLogsByBlockHash(_ context.Context, _ common.Address, hash common.Hash) ([]types.Log, error) {
	unlock, err := c.called("logs")
	defer unlock()
	if err != nil {
		return nil, err
	}
	for _, block := range c.visible() {
		if block.header.Hash != hash {
			continue
		}
		if c.emptyAnswers > 0 {
			c.emptyAnswers--
			return nil, nil
		}
		return block.logs, nil
	}
	return nil, errors.New("unknown block")
}

// refusal is an error that a node answers with.
type refusal struct{ text string }

func (e refusal) Error() string  { return e.text }
func (e refusal) ErrorCode() int { return -32005 }

func (c *fakeChain) TokenLogsInRange(_ context.Context, _ common.Address, from, to uint64) ([]types.Log, error) {
	unlock, err := c.called("range")
	defer unlock()
	if err != nil {
		return nil, err
	}
	if c.rangeLimit > 0 && to-from+1 > c.rangeLimit {
		return nil, refusal{fmt.Sprintf("block range is limited to %d", c.rangeLimit)}
	}
	if c.emptyAnswers > 0 {
		c.emptyAnswers--
		return nil, nil
	}
	var logs []types.Log
	for number := from; number <= to && number < uint64(len(c.visible())); number++ {
		logs = append(logs, c.blocks[number].logs...)
	}
	if c.logLimit > 0 && len(logs) > c.logLimit {
		return nil, refusal{"query returned more than 10000 results"}
	}
	return logs, nil
}

func (c *fakeChain) ReceiptsByBlockHash(_ context.Context, hash common.Hash) ([]*types.Receipt, error) {
	unlock, err := c.called("receipts")
	defer unlock()
	if err != nil {
		return nil, err
	}
	if c.noReceipts {
		return nil, refusal{"method not found"}
	}
	for _, block := range c.visible() {
		if block.header.Hash != hash {
			continue
		}
		return block.receipts(), nil
	}
	return nil, errors.New("unknown block")
}

func (c *fakeChain) SubscribeHeads(context.Context, chan<- Header) (ethereum.Subscription, error) {
	return nil, models.ErrNoSubscriptions
}

func (c *fakeChain) SubscribePending(context.Context, chan<- PendingTransaction) (ethereum.Subscription, error) {
	return nil, models.ErrNoSubscriptions
}

func (c *fakeChain) Name() string { return "fake" }

func (c *fakeChain) Close() {}

func (c *fakeChain) Syncing(context.Context) (bool, error) { return false, nil }

func (c *fakeChain) Receipt(context.Context, common.Hash) (*types.Receipt, bool, error) {
	return nil, false, nil
}

func (c *fakeChain) Balances(context.Context, common.Address, []common.Address, common.Hash) ([]*big.Int, error) {
	return nil, errors.New("not kept")
}

// BlockLogs makes the fake chain a source of its own.
func (c *fakeChain) BlockLogs(ctx context.Context, header Header) ([]types.Log, error) {
	return believableLogs(ctx, c, testToken, header, quiet())
}

func (c *fakeChain) RangeLogs(ctx context.Context, from, to uint64) ([]types.Log, error) {
	return c.TokenLogsInRange(ctx, testToken, from, to)
}

// AgreedHeader is the same as HeaderByNumber: one node is its own quorum.
func (c *fakeChain) AgreedHeader(ctx context.Context, number uint64) (Header, error) {
	return c.HeaderByNumber(ctx, number)
}
