package chaintest

import (
	"encoding/binary"
	"maps"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"

	"paycow/chain"
	"paycow/models"
)

const (
	// ChainID is the id of every model chain.
	ChainID = 1337
	// BlockTime is the time between two blocks that Chain.Mine adds.
	BlockTime = 12 * time.Second
)

// Addresses of the model.
var (
	Token        = common.HexToAddress("0x00000000000000000000000000000000070CE400")
	ForeignToken = common.HexToAddress("0x00000000000000000000000000000000F04E16A4")
	// Vacant is an address without a contract.
	Vacant = common.HexToAddress("0x000000000000000000000000000000000000dEaD")
	Sender = common.HexToAddress("0xaa00000000000000000000000000000000000000")
)

// TransferTopic is the first topic of every Transfer log.
var TransferTopic = EventTopic("Transfer(address,address,uint256)")

// genesisTime is the time of the first block of NewChain.
var genesisTime = time.Unix(1_700_000_000, 0).UTC()

// Block is a block whose hash follows from everything in it.
type Block struct {
	Header       chain.Header
	Transactions []Transaction
	Receipts     []*types.Receipt
}

// Logs returns the block's logs of the contracts.
func (b *Block) Logs(contracts ...common.Address) []types.Log {
	var logs []types.Log
	for _, receipt := range b.Receipts {
		for _, log := range receipt.Logs {
			if slices.Contains(contracts, log.Address) {
				logs = append(logs, *log)
			}
		}
	}
	return logs
}

// Transaction makes its outputs. A contract call that is mined again after a fork may make others.
type Transaction struct {
	Hash    common.Hash
	Outputs []Output
	Again   []Output // nil means the same as before
	Type    uint8    // of the transaction (EIP-2718)
}

// Chain is the honest chain and every block that there ever was. It is safe for concurrent use.
type Chain struct {
	mu     sync.Mutex
	blocks []*Block // index = number
	byHash map[common.Hash]*Block
	times  map[common.Hash]int // how often a transaction was mined
	states map[common.Hash]map[common.Address]tokenState
	last   map[common.Hash]*Block // where a transaction was mined last
	minted uint64                 // makes blocks differ that would have the same hash
}

// NewChain returns a chain that consists of a first block.
func NewChain() *Chain {
	c := newChain()
	c.mineAt(genesisTime, nil)
	return c
}

// NewChainBefore returns a chain whose newest block was mined one block time before a moment, on top of others.
func NewChainBefore(at time.Time, blocks int) *Chain {
	c := newChain()
	for i := range blocks {
		c.mineAt(at.Add(time.Duration(i-blocks)*BlockTime), nil)
	}
	return c
}

func newChain() *Chain {
	return &Chain{
		byHash: map[common.Hash]*Block{}, times: map[common.Hash]int{}, last: map[common.Hash]*Block{},
		states: map[common.Hash]map[common.Address]tokenState{},
	}
}

// Mine adds a block with these transactions, one block time after the newest.
func (c *Chain) Mine(transactions ...Transaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mineAt(genesisTime.Add(time.Duration(len(c.blocks))*BlockTime), transactions)
}

// MineAt adds a block with these transactions and that time.
func (c *Chain) MineAt(at time.Time, transactions []Transaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mineAt(at, transactions)
}

func (c *Chain) mineAt(at time.Time, transactions []Transaction) {
	block := &Block{}
	for _, transaction := range transactions {
		if old := c.last[transaction.Hash]; old != nil && c.isCanonical(old) {
			continue // a transaction is in a chain at most once
		}
		block.Transactions = append(block.Transactions, transaction)
		block.Receipts = append(block.Receipts, c.execute(block, transaction))
	}
	header := &types.Header{
		Number:      big.NewInt(int64(len(c.blocks))),
		Time:        uint64(at.Unix()),
		Difficulty:  new(big.Int),
		Bloom:       types.MergeBloom(block.Receipts),
		ReceiptHash: types.DeriveSha(types.Receipts(block.Receipts), trie.NewStackTrie(nil)),
	}
	for _, receipt := range block.Receipts {
		if receipt.Type > types.SetCodeTxType { // go-ethereum does not encode it; the real root is another one
			header.ReceiptHash = crypto.Keccak256Hash(header.ReceiptHash[:], []byte{receipt.Type})
		}
	}
	if len(c.blocks) > 0 {
		header.ParentHash = c.blocks[len(c.blocks)-1].Header.Hash
	}
	content := []byte{}
	for _, transaction := range block.Transactions {
		content = append(content, transaction.Hash[:]...)
	}
	header.TxHash = crypto.Keccak256Hash(content)
	hash := header.Hash()
	for c.byHash[hash] != nil { // the same block again after a cut
		c.minted++
		header.Extra = binary.BigEndian.AppendUint64(nil, c.minted)
		hash = header.Hash()
	}
	for _, receipt := range block.Receipts {
		receipt.BlockHash, receipt.BlockNumber = hash, header.Number
		for _, log := range receipt.Logs {
			log.BlockHash, log.BlockNumber = hash, header.Number.Uint64()
		}
	}
	block.Header = chain.Header{
		Number: header.Number.Uint64(), Hash: hash, ParentHash: header.ParentHash, Time: at.UTC().Truncate(time.Second),
		Bloom: header.Bloom, ReceiptsRoot: header.ReceiptHash,
	}
	for _, transaction := range block.Transactions {
		c.times[transaction.Hash]++
		c.last[transaction.Hash] = block
	}
	c.blocks = append(c.blocks, block)
	c.byHash[hash] = block
}

// execute makes a transaction's receipt. The hash and number of its block come later.
func (c *Chain) execute(block *Block, transaction Transaction) *types.Receipt {
	outputs := transaction.Outputs
	if c.times[transaction.Hash] > 0 && transaction.Again != nil {
		outputs = transaction.Again
	}
	position := uint(len(block.Receipts))
	receipt := &types.Receipt{
		Type: transaction.Type, Status: types.ReceiptStatusSuccessful, TxHash: transaction.Hash, TransactionIndex: position,
		CumulativeGasUsed: uint64(position+1) * 60_000,
	}
	index := uint(0)
	for _, earlier := range block.Receipts {
		index += uint(len(earlier.Logs))
	}
	for _, output := range outputs {
		log := output.Log()
		log.TxHash, log.TxIndex, log.Index = transaction.Hash, position, index
		index++
		receipt.Logs = append(receipt.Logs, log)
	}
	receipt.Bloom = types.CreateBloom(receipt)
	return receipt
}

func (c *Chain) isCanonical(block *Block) bool {
	number := block.Header.Number
	return number < uint64(len(c.blocks)) && c.blocks[number] == block
}

// Cut removes the newest blocks.
func (c *Chain) Cut(depth int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = c.blocks[: len(c.blocks)-depth : len(c.blocks)-depth]
}

// Fork replaces the newest blocks by as many others and one more, the last of them mined now. Each of their
// transactions is mined again, in the same order: in the new block with the number that place returns, counted from 0;
// below 0 it is lost.
func (c *Chain) Fork(depth int, now time.Time, place func(txHash common.Hash) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	depth = min(depth, len(c.blocks)-3)
	abandoned := c.blocks[len(c.blocks)-depth:]
	c.blocks = append([]*Block{}, c.blocks[:len(c.blocks)-depth]...)
	branch := make([][]Transaction, depth+1)
	for _, block := range abandoned {
		for _, transaction := range block.Transactions {
			if at := place(transaction.Hash); at >= 0 {
				branch[at%len(branch)] = append(branch[at%len(branch)], transaction)
			}
		}
	}
	for i, transactions := range branch {
		at := now
		if i < depth {
			at = abandoned[i].Header.Time.Add(time.Second)
		}
		c.mineAt(at, transactions)
	}
}

// Branch returns a chain of its own that shares all but the newest blocks with this one.
func (c *Chain) Branch(depth int) *Chain {
	c.mu.Lock()
	defer c.mu.Unlock()
	branch := &Chain{
		byHash: maps.Clone(c.byHash), times: maps.Clone(c.times), last: maps.Clone(c.last), minted: c.minted,
		states: maps.Clone(c.states),
	}
	branch.blocks = slices.Clone(c.blocks[:max(len(c.blocks)-depth, 1)])
	return branch
}

// FillBloom adds so many logs of other contracts to a block that its bloom filter matches everything. The block's hash
// and receipts root stay as they were.
func (c *Chain) FillBloom(number int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	block := c.blocks[number]
	receipt := &types.Receipt{Status: types.ReceiptStatusSuccessful, BlockHash: block.Header.Hash}
	for i := range 10_000 {
		log := &types.Log{
			Address: ForeignToken, Topics: []common.Hash{TxHash(-i)}, Index: uint(i),
			BlockHash: block.Header.Hash, BlockNumber: block.Header.Number,
		}
		receipt.Logs = append(receipt.Logs, log)
		block.Header.Bloom.Add(log.Address.Bytes())
		block.Header.Bloom.Add(log.Topics[0].Bytes())
	}
	block.Receipts = append(block.Receipts, receipt)
}

// DropReceipts removes the receipts of a block, as an incomplete node does. Its bloom filter stays.
func (c *Chain) DropReceipts(number int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks[number].Receipts = nil
}

// Blocks returns the honest chain as it is now. The index is the number.
func (c *Chain) Blocks() []*Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.blocks)
}

// Height returns the number of the newest block.
func (c *Chain) Height() int { return len(c.Blocks()) - 1 }

// Ref returns the reference to a block.
func (c *Chain) Ref(number int) models.BlockRef { return c.Blocks()[number].Header.Ref() }

func (c *Chain) block(hash common.Hash) *Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byHash[hash]
}

// Truth returns the transfers to the given addresses (EIP-55 form) above a block, straight from what was put into the
// blocks.
func (c *Chain) Truth(ours map[string]bool, above uint64) []models.TokenTransfer {
	found := []models.TokenTransfer{}
	for _, transfer := range Transfers(c.Blocks()[above+1:]) {
		if ours[transfer.To] {
			found = append(found, transfer)
		}
	}
	return found
}

// Transfers returns the transfers of the token in the blocks, in order, straight from what was put into them.
func Transfers(blocks []*Block) []models.TokenTransfer {
	var all []models.TokenTransfer
	for _, block := range blocks {
		ordinals := map[common.Hash]int{}
		for _, log := range block.Logs(Token) {
			if log.Topics[0] != TransferTopic {
				continue
			}
			ordinal := ordinals[log.TxHash]
			ordinals[log.TxHash]++
			value := new(big.Int).SetBytes(log.Data)
			if value.Sign() == 0 || !value.IsInt64() {
				continue
			}
			all = append(all, models.TokenTransfer{
				TransferKey: models.TransferKey{ChainID: ChainID, TxHash: log.TxHash.Hex(), Ordinal: ordinal},
				From: common.BytesToAddress(log.Topics[1][:]).
					Hex(),
				To:       common.BytesToAddress(log.Topics[2][:]).Hex(),
				Amount:   models.Amount(value.Int64()),
				LogIndex: log.Index,
				Block:    block.Header.Ref(),
			})
		}
	}
	return all
}
