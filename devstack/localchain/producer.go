package localchain

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/miner"
)

const (
	// finalizedDepth and safeDepth are distances from the head, in blocks. On mainnet they are usually two epochs and
	// one epoch.
	finalizedDepth = 64
	safeDepth      = 32

	// maxBlocksAtOnce keeps a typing error from occupying the chain for minutes.
	maxBlocksAtOnce = 10_000
)

// ErrTooManyBlocks and ErrReorgDepth are wrapped with the numbers concerned.
var (
	ErrTooManyBlocks = errors.New("cannot mine that many blocks at once")
	ErrReorgDepth    = errors.New("cannot reorganize at that depth")
)

// producer replaces a consensus client: it decides which block comes next and which branch is canonical. geth's own
// SimulatedBeacon is not used, because it cannot give a block a chosen time or content, finalizes at every 32nd block
// (which a deep reorg would contradict) and is not safe for concurrent use.
type producer struct {
	// mu serializes changes of the chain: the ticker, dev_mine and dev_reorg wait for each other.
	mu      sync.Mutex
	backend *eth.Ethereum
}

// content says which transactions go into a block.
type content struct {
	fromPool     bool
	transactions []*types.Transaction // used unless fromPool
}

func (p *producer) head() *types.Header { return p.backend.BlockChain().CurrentBlock() }

// mine adds blocks and returns the new head. The first block contains the transactions that waited in the pool, as many
// as fit; the rest goes into the following blocks.
func (p *producer) mine(blocks int) (*types.Header, error) {
	if blocks < 1 || blocks > maxBlocksAtOnce {
		return nil, fmt.Errorf("%w: %d is not between 1 and %d", ErrTooManyBlocks, blocks, maxBlocksAtOnce)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for range blocks {
		if err := p.settlePool(); err != nil {
			return nil, err
		}
		parent := p.head()
		block, err := p.insertOn(parent, nextTime(parent), content{fromPool: true})
		if err != nil {
			return nil, err
		}
		if err := p.setHead(block); err != nil {
			return nil, err
		}
	}
	return p.head(), p.flush()
}

// mineTransactions adds one block that contains exactly these transactions, which must be valid in this order.
func (p *producer) mineTransactions(transactions []*types.Transaction) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	parent := p.head()
	block, err := p.insertOn(parent, nextTime(parent), content{transactions: transactions})
	if err != nil {
		return err
	}
	if err := p.setHead(block); err != nil {
		return err
	}
	return p.flush()
}

// nextTime returns the wall clock's time, or the earliest time that the protocol allows after the parent if that is
// later, in Unix seconds.
func nextTime(parent *types.Header) uint64 {
	return max(parent.Time+1, uint64(time.Now().Unix()))
}

// insertOn builds a block, executes it and stores it with its state, without making it the head.
func (p *producer) insertOn(parent *types.Header, timestampSeconds uint64, what content) (*types.Block, error) {
	// The random value gives two blocks with the same content and time different hashes.
	var random common.Hash
	_, _ = rand.Read(random[:]) // never fails

	arguments := &miner.BuildPayloadArgs{
		Parent:      parent.Hash(),
		Timestamp:   timestampSeconds,
		Random:      random,
		Withdrawals: types.Withdrawals{},
		BeaconRoot:  &common.Hash{},
	}
	isEmpty := !what.fromPool && len(what.transactions) == 0
	block, _, err := p.backend.Miner().
		BuildTestingPayload(arguments, what.transactions, isEmpty, []byte("paycow local chain"))
	if err != nil {
		return nil, fmt.Errorf("build a block on %d: %w", parent.Number, err)
	}
	if _, err := p.backend.BlockChain().InsertBlockWithoutSetHead(context.Background(), block, false); err != nil {
		return nil, fmt.Errorf("insert block %d: %w", block.NumberU64(), err)
	}
	return block, nil
}

// setHead makes a stored block the head, which is a reorg if the block is on another branch, and moves finality along.
func (p *producer) setHead(block *types.Block) error {
	chain := p.backend.BlockChain()
	if _, err := chain.SetCanonical(block); err != nil {
		return fmt.Errorf("make block %d the head: %w", block.NumberU64(), err)
	}
	p.moveFinality(block.NumberU64())
	return nil
}

// moveFinality marks the finalized and the safe block. On a young chain both are the genesis block.
func (p *producer) moveFinality(headNumber uint64) {
	chain := p.backend.BlockChain()
	chain.SetFinalized(chain.GetHeaderByNumber(headNumber - min(headNumber, finalizedDepth)))
	chain.SetSafe(chain.GetHeaderByNumber(headNumber - min(headNumber, safeDepth)))
}

// flush writes the database's log to disk, so that a kill loses nothing that a call has returned.
func (p *producer) flush() error {
	if err := p.backend.ChainDb().SyncKeyValue(); err != nil {
		return fmt.Errorf("flush the chain's database: %w", err)
	}
	return nil
}

// settlePool waits until the pool has caught up with the head and with the transactions sent to it. The pool hears of a
// new head on another channel, so the first wait may end while it is still at the previous head; the second does not.
func (p *producer) settlePool() error {
	for range 2 {
		if err := p.backend.TxPool().Sync(); err != nil {
			return fmt.Errorf("wait for the transaction pool: %w", err)
		}
	}
	return nil
}

func oneWei() *big.Int { return big.NewInt(1) }
