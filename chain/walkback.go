package chain

import (
	"context"
	"errors"
	"fmt"

	"paycow/models"
)

// walkBack takes the cursor back to the newest block that we and the node's chain have in common.
func (f *Follower) walkBack(ctx context.Context, head Header) (Progress, error) {
	cursor := f.cursor.Block()
	ancestor, err := f.commonAncestor(ctx, head)
	if err != nil {
		return Progress{}, fmt.Errorf("find the common ancestor of a reorg at block %d: %w", cursor.Number, err)
	}
	if ancestor.Number >= cursor.Number {
		return Progress{}, fmt.Errorf("%w: block %d is canonical and the block after it is not its child", models.ErrDoubtful, cursor.Number)
	}
	if err := f.checkFloor(ctx, ancestor); err != nil {
		return Progress{}, err
	}
	if err := f.store.Rewind(ctx, f.config.Network, cursor, ancestor); err != nil {
		return Progress{}, fmt.Errorf("rewind the cursor to block %d: %w", ancestor.Number, err)
	}
	depth := cursor.Number - ancestor.Number
	f.logger.Warn("the chain was reorganised", "block", ancestor.Number, "depth", depth, "head", head.Number)
	f.moveCursor(ancestor)
	f.finalized = finality{} // what was final for a chain that is gone says nothing
	f.noteHead(ctx)
	progress := f.progress()
	progress.Rewound = depth
	return progress, nil
}

// checkFloor refuses to walk back below the block that was final. Crediting stands still then, until an admin has cleared
// the alarm, which also gives the floor up.
func (f *Follower) checkFloor(ctx context.Context, ancestor models.BlockRef) error {
	cursor, err := f.store.Cursor(ctx, f.config.Network)
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	f.cursor.FinalizedNumber, f.cursor.FinalizedHash = cursor.FinalizedNumber, cursor.FinalizedHash
	if ancestor.Number >= cursor.FinalizedNumber {
		return nil
	}
	err = fmt.Errorf("%w: block %d was final, the chain differs above block %d", models.ErrReorgBelowFinality, cursor.FinalizedNumber, ancestor.Number)
	f.raise(ctx, models.AlarmReorgBelowFinality, "",
		fmt.Sprintf("The chain that the node shows differs from ours above block %d, although block %d was final; nothing is credited until this is cleared.", ancestor.Number, cursor.FinalizedNumber))
	return err
}

// commonAncestor searches downwards in steps that double, then between the last two steps. Two chains that have a block in
// common have all the blocks below it in common, so few headers decide even a deep reorg.
func (f *Follower) commonAncestor(ctx context.Context, head Header) (models.BlockRef, error) {
	lowest, err := f.lowestKnown(ctx)
	if err != nil {
		return models.BlockRef{}, err
	}
	differs := min(head.Number, f.cursor.BlockNumber) + 1 // this number and those above are not common
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

// isCanonical asks the node whether a block of ours is in its chain.
func (f *Follower) isCanonical(ctx context.Context, block models.BlockRef) (bool, error) {
	header, err := f.source.HeaderByNumber(ctx, block.Number)
	if err != nil {
		return false, err
	}
	return header.Hash.Hex() == block.Hash, nil
}

// knownAtOrBelow returns the highest block we remember at or below a number and not below the floor. Blocks read in
// ranges leave gaps. Returns models.ErrNotFound.
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
	return models.BlockRef{}, fmt.Errorf("a block read before: %w", models.ErrNotFound)
}

// lowestKnown returns the lowest block we remember, which is the cursor's when nothing else is kept.
func (f *Follower) lowestKnown(ctx context.Context) (models.BlockRef, error) {
	lowest, err := f.store.LowestRecentBlock(ctx, f.config.Network)
	if errors.Is(err, models.ErrNotFound) || (err == nil && lowest.Number > f.cursor.BlockNumber) {
		return f.cursor.Block(), nil
	}
	if err != nil {
		return models.BlockRef{}, fmt.Errorf("read the lowest block kept: %w", err)
	}
	return lowest, nil
}
