package localchain

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/core/types"
)

// Adopt makes the other chain's head this chain's head, as a node does that hears from its peers and its consensus
// client. The blocks that this node lacks are executed and checked by it. If this node was on another branch, that is a
// reorg, of any depth: unlike Reorg, Adopt may replace finalized blocks, as on a node that had followed a minority
// fork. Transactions that only the old branch had go back to this node's pool.
//
// Chains that Start created are peers of each other once they have adopted a common chain: they have the same genesis
// block, but each deploys the token in a block of its own.
func (c *Chain) Adopt(other *Chain) error {
	c.blocks.mu.Lock()
	defer c.blocks.mu.Unlock()
	own, peer := c.blocks.backend.BlockChain(), other.blocks.backend.BlockChain()
	head := peer.GetBlockByHash(other.blocks.head().Hash())
	var missing []*types.Block
	for block := head; !own.HasBlockAndState(block.Hash(), block.NumberU64()); {
		missing = append(missing, block)
		parent := peer.GetBlockByHash(block.ParentHash())
		if parent == nil {
			return fmt.Errorf("adopt block %d: the chains have different genesis blocks", head.NumberU64())
		}
		block = parent
	}
	for _, block := range slices.Backward(missing) {
		if _, err := own.InsertBlockWithoutSetHead(context.Background(), block, false); err != nil {
			return fmt.Errorf("adopt block %d: %w", block.NumberU64(), err)
		}
	}
	if own.CurrentBlock().Hash() == head.Hash() {
		return nil
	}
	if err := c.blocks.setHead(head); err != nil {
		return err
	}
	return c.blocks.flush()
}
