package localchain

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// reorg replaces the last depth blocks by depth+1 others and returns the new head.
//
// The new branch begins with an empty block; the replaced blocks' transactions follow, each one block later than
// before, so that a re-mined transaction has another block hash and another block number. If they are to be dropped,
// the new branch is empty.
func (p *producer) reorg(depth int, dropTransactions bool) (*types.Header, error) {
	return p.replace(depth, func(replaced []*types.Block) [][]*types.Transaction {
		branch := make([][]*types.Transaction, len(replaced)+1)
		for i, block := range replaced {
			if !dropTransactions {
				branch[i+1] = block.Transactions()
			}
		}
		return branch
	})
}

// replace puts blocks with other content in the place of the last depth blocks and returns the new head. The new branch
// is complete before it becomes canonical, so nobody sees a shorter chain in between. Replaced transactions that are
// not in it are removed from the pool as well, where geth puts them back.
func (p *producer) replace(depth int, by func(replaced []*types.Block) [][]*types.Transaction) (*types.Header, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	oldHead := p.head().Number.Uint64()
	// The block that deploys the token is never replaced: every setting that names the token would be wrong without it.
	maxDepth := min(int(oldHead)-setupBlockNumber, finalizedDepth)
	if depth < 1 || depth > maxDepth {
		return nil, fmt.Errorf(
			"%w: %d, allowed are 1 to %d while the head is block %d",
			ErrReorgDepth,
			depth,
			maxDepth,
			oldHead,
		)
	}
	if err := p.settlePool(); err != nil {
		return nil, err
	}
	replaced := make([]*types.Block, 0, depth)
	for number := oldHead - uint64(depth) + 1; number <= oldHead; number++ {
		replaced = append(replaced, p.backend.BlockChain().GetBlockByNumber(number))
	}
	branch := by(replaced)
	if len(branch) <= depth {
		return nil, fmt.Errorf(
			"%w: %d blocks cannot take the place of %d, the new branch must be longer",
			ErrReorgDepth,
			len(branch),
			depth,
		)
	}
	newHead, err := p.insertBranch(replaced, branch)
	if err != nil {
		return nil, err
	}
	if err := p.setHead(newHead); err != nil {
		return nil, err
	}
	if lost := lostTransactions(replaced, branch); len(lost) > 0 {
		if err := p.forget(lost); err != nil {
			return nil, err
		}
	}
	return newHead.Header(), p.flush()
}

// lostTransactions are those of the replaced blocks that the new branch does not hold.
func lostTransactions(replaced []*types.Block, branch [][]*types.Transaction) map[common.Hash]bool {
	lost := make(map[common.Hash]bool)
	for _, block := range replaced {
		for _, transaction := range block.Transactions() {
			lost[transaction.Hash()] = true
		}
	}
	for _, transactions := range branch {
		for _, transaction := range transactions {
			delete(lost, transaction.Hash())
		}
	}
	return lost
}

// insertBranch builds the branch that takes the place of the replaced blocks and returns its last block.
func (p *producer) insertBranch(replaced []*types.Block, branch [][]*types.Transaction) (*types.Block, error) {
	parent := p.backend.BlockChain().GetHeaderByHash(replaced[0].ParentHash())
	var block *types.Block
	for i, transactions := range branch {
		timestampSeconds := nextTime(parent)
		if i < len(replaced) {
			// The replaced block's time is free again. Taking it keeps the chain's clock from running ahead.
			timestampSeconds = replaced[i].Time()
		}
		var err error
		if block, err = p.insertOn(parent, timestampSeconds, content{transactions: transactions}); err != nil {
			return nil, err
		}
		parent = block.Header()
	}
	return block, nil
}

// forget empties the pool of lost transactions and leaves in it what was waiting there besides. A waiting transaction
// whose sender lost an earlier one waits on until somebody fills the gap in the sender's nonces, as on any node.
func (p *producer) forget(lost map[common.Hash]bool) error {
	// geth puts the lost transactions back when it has seen the new head, and clearing before that would be in vain.
	if err := p.settlePool(); err != nil {
		return err
	}
	var kept []*types.Transaction
	for _, transaction := range p.poolContent() {
		if !lost[transaction.Hash()] {
			kept = append(kept, transaction)
		}
	}
	p.backend.TxPool().Clear()
	// One that is not valid any more, because it spent what a dropped transaction had brought, is lost with it.
	_ = p.backend.TxPool().Add(kept, true)
	return nil
}

func (p *producer) poolContent() []*types.Transaction {
	pending, queued := p.backend.TxPool().Content()
	var all []*types.Transaction
	for _, transactions := range pending {
		all = append(all, transactions...)
	}
	for _, transactions := range queued {
		all = append(all, transactions...)
	}
	return all
}
