package localchain

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// reorg replaces the last depth blocks with depth+1 others and returns the new head.
//
// The new branch begins with an empty block. The transactions of the replaced blocks follow, each one block later than
// before, so that a re-mined transaction has another block hash and another block number. With dropTransactions all
// blocks of the new branch are empty.
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

// replace replaces the last depth blocks with blocks that have other transactions, and returns the new head. The new
// branch is complete before it becomes canonical, so no client sees a shorter chain in between. Replaced transactions
// that are not in the branch are removed from the pool too, because geth puts them back there.
func (p *producer) replace(depth int, by func(replaced []*types.Block) [][]*types.Transaction) (*types.Header, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	oldHead := p.head().Number.Uint64()
	// The block that deploys the token is never replaced, because settings name the token's address.
	maxDepth := min(int(oldHead)-setupBlockNumber, finalizedDepth)
	if depth < 1 || depth > maxDepth {
		return nil, fmt.Errorf("%w: %d is not between 1 and %d, while the head is block %d",
			ErrReorgDepth, depth, maxDepth, oldHead)
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
		return nil, fmt.Errorf("%w: %d blocks cannot replace %d; the new branch must be longer",
			ErrReorgDepth, len(branch), depth)
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

// lostTransactions returns the transactions of the replaced blocks that are not in the new branch.
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

// insertBranch builds the branch that replaces the blocks and returns its last block.
func (p *producer) insertBranch(replaced []*types.Block, branch [][]*types.Transaction) (*types.Block, error) {
	parent := p.backend.BlockChain().GetHeaderByHash(replaced[0].ParentHash())
	var block *types.Block
	for i, transactions := range branch {
		timestampSeconds := nextTime(parent)
		if i < len(replaced) {
			// Reusing the replaced block's time keeps the chain's clock from running ahead.
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

// forget removes lost transactions from the pool and keeps the others that wait there. A waiting transaction whose
// sender lost an earlier one stays there until that nonce is used again, as on any node.
func (p *producer) forget(lost map[common.Hash]bool) error {
	// geth puts the lost transactions back when it processes the new head; clearing the pool before that has no effect.
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
	// A transaction that is no longer valid, because it spends what a lost one had paid, is lost too.
	_ = p.backend.TxPool().Add(kept, true)
	return nil
}

// poolContent returns all transactions in the pool.
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
