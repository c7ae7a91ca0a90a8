package chain

import (
	"context"
	"errors"
	"fmt"

	"paycow/models"
)

// walkBack moves the cursor back to the newest stored block that is in the node's chain.
func (f *Follower) walkBack(ctx context.Context, head Header) (Progress, error) {
	cursor := f.cursor.Block()
	ancestor, err := f.commonAncestor(ctx, head)
	if err != nil {
		return Progress{}, fmt.Errorf("find the common ancestor of a reorg at block %d: %w", cursor.Number, err)
	}
	if ancestor.Number >= cursor.Number {
		return Progress{}, fmt.Errorf("%w: block %d is canonical and the block after it is not its child",
			models.ErrDoubtful, cursor.Number)
	}
	if err := f.checkFloor(ctx, ancestor); err != nil {
		return Progress{}, err
	}
	if err := f.store.Rewind(ctx, f.config.Network, cursor, ancestor); err != nil {
		return Progress{}, fmt.Errorf("rewind the cursor to block %d: %w", ancestor.Number, err)
	}
	depth := cursor.Number - ancestor.Number
	f.log.WarnContext(ctx, "a reorg removed blocks", "block", ancestor.Number, "depth", depth, "head", head.Number)
	f.moveCursor(ancestor)
	f.finalized = finality{} // the answer was about a chain that is gone
	f.storeHead(ctx)
	progress := f.progress()
	progress.Rewound = depth
	return progress, nil
}

// commonAncestor returns the newest stored block that is in the node's chain. It searches down in steps that double,
// then between the last two steps: two chains that share a block share all blocks below it, so few headers find even a
// deep reorg.
func (f *Follower) commonAncestor(ctx context.Context, head Header) (models.BlockRef, error) {
	lowest, err := f.lowestKnown(ctx)
	if err != nil {
		return models.BlockRef{}, err
	}
	differs := min(head.Number, f.cursor.BlockNumber) + 1 // blocks from this number on are not common
	var match *models.BlockRef
	for distance := uint64(1); match == nil; distance *= 2 {
		if differs <= lowest.Number {
			start, err := f.startAgain(ctx, head, lowest)
			return start.Ref(), err
		}
		number := lowest.Number
		if differs-lowest.Number > distance {
			number = differs - distance
		}
		known, err := f.knownAtOrBelow(ctx, number, lowest.Number)
		if err != nil {
			return models.BlockRef{}, err
		}
		canonical, err := f.isCanonical(ctx, known)
		if err != nil {
			return models.BlockRef{}, err
		}
		if canonical {
			match = &known
		} else {
			differs = known.Number
		}
	}
	for decided := match.Number; differs-decided > 1; { // every known block up to decided is common
		middle := decided + (differs-decided)/2
		known, err := f.knownAtOrBelow(ctx, middle, decided+1)
		if errors.Is(err, models.ErrNotFound) {
			decided = middle
			continue
		}
		if err != nil {
			return models.BlockRef{}, err
		}
		canonical, err := f.isCanonical(ctx, known)
		if err != nil {
			return models.BlockRef{}, err
		}
		if canonical {
			match, decided = &known, middle
		} else {
			differs = known.Number
		}
	}
	return *match, nil
}

// isCanonical reports whether a stored block is in the node's chain.
func (f *Follower) isCanonical(ctx context.Context, block models.BlockRef) (bool, error) {
	header, err := f.source.HeaderByNumber(ctx, block.Number)
	if err != nil {
		return false, err
	}
	return header.Hash.Hex() == block.Hash, nil
}

// knownAtOrBelow returns the highest stored block at or below a number and not below the floor. Blocks that were read
// in ranges leave gaps. Returns models.ErrNotFound.
func (f *Follower) knownAtOrBelow(ctx context.Context, number, floor uint64) (models.BlockRef, error) {
	if number >= f.cursor.BlockNumber {
		return f.cursor.Block(), nil
	}
	lowest, err := f.lowestKnown(ctx)
	if err != nil {
		return models.BlockRef{}, err
	}
	floor = max(floor, lowest.Number)
	for ; number >= floor; number-- {
		block, err := f.store.RecentBlock(ctx, f.config.Network, number)
		if err == nil || !errors.Is(err, models.ErrNotFound) {
			return block, err
		}
		if number == 0 {
			break
		}
	}
	return models.BlockRef{}, fmt.Errorf("find a stored block at or below block %d: %w", number, models.ErrNotFound)
}

// lowestKnown returns the lowest stored block, which is the cursor's when no other is kept.
func (f *Follower) lowestKnown(ctx context.Context) (models.BlockRef, error) {
	lowest, err := f.store.LowestRecentBlock(ctx, f.config.Network)
	if errors.Is(err, models.ErrNotFound) || (err == nil && lowest.Number > f.cursor.BlockNumber) {
		return f.cursor.Block(), nil
	}
	if err != nil {
		return models.BlockRef{}, fmt.Errorf("read the lowest stored block: %w", err)
	}
	return lowest, nil
}
