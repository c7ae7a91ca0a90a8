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
	// finalizedDepth and safeDepth are what mainnet's two and one epochs usually amount to.
	finalizedDepth = 64
	safeDepth      = 32

	// maxBlocksAtOnce keeps a slip of the finger from occupying the chain for minutes.
	maxBlocksAtOnce = 10_000
)

// Errors of mining and reorganising. They are wrapped with the numbers concerned.
var (
	ErrTooManyBlocks = errors.New("that number of blocks cannot be mined at once")
	ErrReorgDepth    = errors.New("that depth cannot be reorganised")
)

// producer takes the place of a consensus client: it decides which block comes next and which branch is the canonical
// one. geth's own SimulatedBeacon is not used because it cannot give a block a chosen time or content, marks blocks as
// final at every 32nd block (which a deep reorg would contradict) and is not safe for concurrent use.
type producer struct {
	// mu lets one change of the chain happen at a time: the ticker, dev_mine and dev_reorg wait for each other.
	mu      sync.Mutex
	backend *eth.Ethereum
}

// content says what goes into a block.
type content struct {
	fromPool     bool
	transactions []*types.Transaction // used unless fromPool
}

func (p *producer) head() *types.Header { return p.backend.BlockChain().CurrentBlock() }

// mine adds blocks to the head and returns the new head. The first of them holds what was waiting in the pool, as much
// of it as fits; the rest of it goes into the following ones.
func (p *producer) mine(blocks int) (*types.Header, error) {
	if blocks < 1 || blocks > maxBlocksAtOnce {
		return nil, fmt.Errorf("%w: %d, allowed are 1 to %d", ErrTooManyBlocks, blocks, maxBlocksAtOnce)
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

// mineTransactions adds one block that holds exactly these transactions, which must be valid in this order.
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

// nextTime is the wall clock's time, or the earliest time the protocol allows after the parent if that is later.
func nextTime(parent *types.Header) uint64 {
	return max(parent.Time+1, uint64(time.Now().Unix()))
}

// insertOn builds a block, executes it and stores it with its state, without making it the head.
func (p *producer) insertOn(parent *types.Header, timestampSeconds uint64, what content) (*types.Block, error) {
	// The random value alone makes two blocks of equal content and time differ in their hash.
	var random common.Hash
	_, _ = rand.Read(random[:]) // it never fails

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

// setHead makes a stored block the head, with a reorganisation if it is on another branch, and moves finality along.
func (p *producer) setHead(block *types.Block) error {
	chain := p.backend.BlockChain()
	if _, err := chain.SetCanonical(block); err != nil {
		return fmt.Errorf("make block %d the head: %w", block.NumberU64(), err)
	}
	p.moveFinality(block.NumberU64())
	return nil
}

// moveFinality marks the finalized and the safe block. On a young chain both are the genesis block, never unknown.
func (p *producer) moveFinality(headNumber uint64) {
	chain := p.backend.BlockChain()
	chain.SetFinalized(chain.GetHeaderByNumber(headNumber - min(headNumber, finalizedDepth)))
	chain.SetSafe(chain.GetHeaderByNumber(headNumber - min(headNumber, safeDepth)))
}

// flush writes the database's log to disk, so that a kill right after an answer loses nothing of what was answered.
func (p *producer) flush() error {
	if err := p.backend.ChainDb().SyncKeyValue(); err != nil {
		return fmt.Errorf("flush the chain's database: %w", err)
	}
	return nil
}

// settlePool waits until the pool has caught up with the head and with what was sent to it. The first wait may still be
// answered for the previous head, because the pool learns of the new one on another channel; the second one is not.
func (p *producer) settlePool() error {
	for range 2 {
		if err := p.backend.TxPool().Sync(); err != nil {
			return fmt.Errorf("wait for the transaction pool: %w", err)
		}
	}
	return nil
}

func oneWei() *big.Int { return big.NewInt(1) }
