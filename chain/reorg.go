package chain

import (
	"context"
	"errors"
	"fmt"

	"paycow/models"
)

// walkBack moves the cursor back to the newest stored block that is in the chain. Above the agreed block one node's
// branch is followed; what the quorum has agreed on is taken back only for a branch that a quorum has.
func (f *Follower) walkBack(ctx context.Context, head Header) (Progress, error) {
	cursor := f.cursor.Block()
	ancestor, err := f.commonAncestor(ctx, f.source.HeaderByNumber, min(head.Number, cursor.Number)+1, head.Number)
	if err != nil {
		return Progress{}, fmt.Errorf("find the common ancestor of a reorg at block %d: %w", cursor.Number, err)
	}
	if ancestor.Number >= cursor.Number {
		return Progress{}, fmt.Errorf("%w: block %d is canonical and the block after it is not its child",
			models.ErrDoubtful, cursor.Number)
	}
	marks, err := f.store.Cursor(ctx, f.config.Network)
	if err != nil {
		return Progress{}, fmt.Errorf("read the chain cursor: %w", err)
	}
	if f.config.quorum() > 1 && ancestor.Number >= marks.AgreedNumber {
		err = f.store.Rewind(ctx, f.config.Network, cursor, ancestor)
	} else {
		ancestor, err = f.walkBackAgreed(ctx, marks, ancestor)
	}
	if err != nil {
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

// errOtherBranch means that the node that was read is on another branch than the quorum.
var errOtherBranch = errors.New("a node is on another branch than the quorum; reading goes on from the others")

// walkBackAgreed moves the cursor back below the agreed block, to the newest stored block that a quorum of nodes has. A
// node whose branch the quorum does not have is left out. ancestor is where that node's branch begins. With a quorum of
// one it is the common ancestor.
func (f *Follower) walkBackAgreed(
	ctx context.Context, marks models.ChainCursor, ancestor models.BlockRef,
) (models.BlockRef, error) {
	if f.config.quorum() > 1 {
		there, err := f.source.CheckBranch(ctx, marks)
		if err != nil {
			return ancestor, fmt.Errorf("%w: a node has another branch above block %d, and block %d was agreed on: %w",
				models.ErrDoubtful, ancestor.Number, marks.AgreedNumber, err)
		}
		if there.Hash.Hex() == marks.AgreedHash {
			return ancestor, fmt.Errorf("%w: it differs above block %d, and block %d was agreed on", errOtherBranch,
				ancestor.Number, marks.AgreedNumber)
		}
		ancestor, err = f.commonAncestor(ctx, f.source.AgreedHeader, marks.AgreedNumber, marks.AgreedNumber)
		if err != nil {
			return ancestor, fmt.Errorf("find the common ancestor of the quorum's branch: %w", err)
		}
	}
	branch, err := f.checkFloor(ctx, marks, ancestor)
	if err != nil {
		return ancestor, err
	}
	return ancestor, f.store.RewindAgreed(ctx, f.config.Network, f.cursor.Block(), ancestor, branch)
}

// headerAt returns the header of the block with that number: one node's, or the quorum's.
type headerAt func(ctx context.Context, number uint64) (Header, error)

// commonAncestor returns the newest stored block that is in the chain of which at returns the headers, up to the given
// head. Blocks from the number differs on are known not to be. It searches down in steps that double, then between the
// last two steps: two chains that share a block share all blocks below it, so few headers find even a deep reorg.
func (f *Follower) commonAncestor(
	ctx context.Context, at headerAt, differs, head uint64,
) (models.BlockRef, error) {
	lowest, err := f.lowestKnown(ctx)
	if err != nil {
		return models.BlockRef{}, err
	}
	var match *models.BlockRef
	for distance := uint64(1); match == nil; distance *= 2 {
		if differs <= lowest.Number {
			start, err := f.startAgain(ctx, at, head, lowest)
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
		canonical, err := isCanonical(ctx, at, known)
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
		canonical, err := isCanonical(ctx, at, known)
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

// isCanonical reports whether a stored block is in the chain of which at returns the headers.
func isCanonical(ctx context.Context, at headerAt, block models.BlockRef) (bool, error) {
	header, err := at(ctx, block.Number)
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
