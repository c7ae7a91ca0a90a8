package chain

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"
)

// blocksAtOnce is how many blocks are verified at once.
const blocksAtOnce = 4

// VerifyTransfers verifies many transfers as VerifyTransfer does, with the calls of one transfer for each block: once
// the quorum has confirmed one transfer of a block and the block's receipts match the root that the quorum states, the
// receipts show the others. It returns one error, or nil, for each, in the order of the argument.
func (v *Verifier) VerifyTransfers(ctx context.Context, wanted []Verification) []error {
	results := make([]error, len(wanted))
	blocks := map[provedBlock][]int{}
	var order []provedBlock
	for i, w := range wanted {
		block := blockOf(w)
		if len(blocks[block]) == 0 {
			order = append(order, block)
		}
		blocks[block] = append(blocks[block], i)
	}
	var group errgroup.Group
	group.SetLimit(blocksAtOnce)
	for _, block := range order {
		group.Go(func() error {
			proved := false
			for _, i := range blocks[block] {
				if ctx.Err() != nil {
					results[i] = ctx.Err()
					continue
				}
				// A block counts only from when one of its transfers was confirmed now: it may have been proved before a reorg.
				if known, err := v.inProvedBlock(wanted[i]); proved && known {
					results[i] = err
					continue
				}
				results[i] = v.VerifyTransfer(ctx, wanted[i])
				proved = proved || results[i] == nil
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in results
	return results
}

// blockOf returns the block that a transfer is proved with.
func blockOf(wanted Verification) provedBlock {
	return provedBlock{common.HexToHash(wanted.Notice.Block.Hash), wanted.Notice.Token}
}

// inProvedBlock returns models.ErrTransferDiffers unless the proved receipts of the transfer's block contain it. known
// is false when the block is not among those that are remembered as proved.
func (v *Verifier) inProvedBlock(wanted Verification) (known bool, err error) {
	v.mu.Lock()
	transfers, known := v.proved[blockOf(wanted)]
	v.mu.Unlock()
	if !known {
		return false, nil
	}
	if err := holds(transfers, wanted); err != nil {
		return true, fmt.Errorf("verify transfer %s: %w", wanted.Notice.TransferKey, err)
	}
	return true, nil
}
