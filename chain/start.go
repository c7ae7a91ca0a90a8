package chain

import (
	"context"
	"fmt"
	"time"

	"paycow/models"
)

// startMargin is how far before the oldest payment reading begins: clocks differ, and block times are the proposers'.
const startMargin = 10 * time.Minute

// initCursor chooses the block after which reading begins. The head is read first: a payment made after that can only be
// paid above it.
func (f *Follower) initCursor(ctx context.Context) error {
	head, err := f.source.HeadHeader(ctx)
	if err != nil {
		return err
	}
	oldest, ok, err := f.store.OldestPaymentAt(ctx, f.config.Network)
	if err != nil {
		return fmt.Errorf("read the oldest payment: %w", err)
	}
	start := head
	switch {
	case f.config.StartBlock != nil:
		number := max(*f.config.StartBlock, 1) - 1
		if number > head.Number {
			return fmt.Errorf("the configured start block %d is above the node's head %d", *f.config.StartBlock, head.Number)
		}
		start, err = f.source.HeaderByNumber(ctx, number)
	case ok:
		start, err = f.lastBlockBefore(ctx, oldest.Add(-startMargin), head)
	}
	if err != nil {
		return err
	}
	// Whatever is read later hangs on this block, so one node's word is not enough for it.
	if start, err = f.source.AgreedHeader(ctx, start.Number); err != nil {
		return err
	}
	f.logger.Info("reading the chain begins", "block", start.Number, "head", head.Number)
	if err := f.store.InitCursor(ctx, f.config.Network, start.Ref(), head.Number); err != nil {
		return fmt.Errorf("set the first cursor: %w", err)
	}
	return nil
}

// lastBlockBefore searches the last block with a time not after the given one, at or below a known block. Before the
// chain's beginning that is block 0.
func (f *Follower) lastBlockBefore(ctx context.Context, at time.Time, highest Header) (Header, error) {
	if !highest.Time.After(at) {
		return highest, nil
	}
	best, err := f.source.HeaderByNumber(ctx, 0)
	if err != nil {
		return Header{}, err
	}
	for above := highest.Number; above > best.Number+1; {
		middle, err := f.source.HeaderByNumber(ctx, best.Number+(above-best.Number)/2)
		if err != nil {
			return Header{}, err
		}
		if middle.Time.After(at) {
			above = middle.Number
		} else {
			best = middle
		}
	}
	return best, nil
}

// startAgain finds where to read again when the very first block we ever kept was itself taken away by a reorg. Nothing
// below it was ever stored, so any canonical block below it will do that no transfer to us can lie under.
// Returns ErrReorgTooDeep when there is more history than that.
func (f *Follower) startAgain(ctx context.Context, head Header, lowest models.BlockRef) (Header, error) {
	tooDeep := fmt.Errorf("%w: lowest block kept %s, cursor %s, head %d", models.ErrReorgTooDeep, lowest, f.cursor.Block(), head.Number)
	if lowest.Number == 0 {
		return Header{}, tooDeep // even the genesis block differs
	}
	oldest, ok, err := f.store.OldestPaymentAt(ctx, f.config.Network)
	if err != nil {
		return Header{}, fmt.Errorf("read the oldest payment: %w", err)
	}
	if ok && lowest.Time.After(oldest.Add(startMargin)) {
		return Header{}, tooDeep
	}
	below, err := f.source.HeaderByNumber(ctx, min(head.Number, lowest.Number-1))
	if err != nil || !ok {
		return below, err
	}
	return f.lastBlockBefore(ctx, oldest.Add(-startMargin), below)
}
