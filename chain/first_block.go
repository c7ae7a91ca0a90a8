package chain

import (
	"context"
	"fmt"
	"time"

	"paycow/models"
)

// startMargin is how long before the oldest payment reading begins: clocks differ, and proposers choose the block
// times.
const startMargin = 10 * time.Minute

// suspectMargin is how long before the head reading begins when the oldest payment is one of the future.
const suspectMargin = 24 * time.Hour

// initCursor chooses the block after which reading begins. The head is read first: a payment created after that can
// only be paid above it. Every later block descends from this one, and what was paid below it is never read, so a quorum
// says which blocks there are and when they were made.
func (f *Follower) initCursor(ctx context.Context) error {
	head, err := f.source.AgreedHead(ctx)
	if err != nil {
		return err
	}
	oldest, ok, err := f.store.OldestPaymentAt(ctx, f.config.Network)
	if err != nil {
		return fmt.Errorf("read the oldest payment: %w", err)
	}
	start := head
	if ok {
		if start, err = lastBlockBefore(ctx, f.source.AgreedHeader, f.startBefore(oldest, head), head); err != nil {
			return err
		}
	}
	f.log.InfoContext(ctx, "starting to read the chain", "block", start.Number, "head", head.Number)
	if err := f.store.InitCursor(ctx, f.config.Network, start.Ref(), head.Number); err != nil {
		return fmt.Errorf("set the first cursor: %w", err)
	}
	return nil
}

// startBefore returns the time before which reading begins, given when the oldest payment was created. That time is of
// a clock of ours, which may be wrong, and blocks have the chain's time. How long ago it was is right even then, so the
// same time before the head counts if it is earlier. A payment of the future shows that the clock which wrote it was
// wrong by an unknown amount.
func (f *Follower) startBefore(oldest time.Time, head Header) time.Time {
	before := oldest.Add(-startMargin)
	if f.config.BlockTime <= 0 { // the head's age says nothing
		return before
	}
	age := time.Since(oldest)
	if age < 0 {
		return earliest(before, head.Time.Add(-suspectMargin))
	}
	return earliest(before, head.Time.Add(-age-startMargin))
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// lastBlockBefore returns the last block whose time is not after the given one, at or below a known block. It is block
// 0 when the chain began later.
func lastBlockBefore(ctx context.Context, at headerAt, moment time.Time, highest Header) (Header, error) {
	if !highest.Time.After(moment) {
		return highest, nil
	}
	best, err := at(ctx, 0)
	if err != nil {
		return Header{}, err
	}
	for above := highest.Number; above > best.Number+1; {
		middle, err := at(ctx, best.Number+(above-best.Number)/2)
		if err != nil {
			return Header{}, err
		}
		if middle.Time.After(moment) {
			above = middle.Number
		} else {
			best = middle
		}
	}
	return best, nil
}

// startAgain returns the block after which to read when a reorg removed even the lowest stored block. Nothing below it
// was ever stored, so any canonical block works that is below every possible transfer to us. Returns
// models.ErrReorgTooDeep when older blocks were read and are no longer stored.
func (f *Follower) startAgain(
	ctx context.Context, at headerAt, head uint64, lowest models.BlockRef,
) (Header, error) {
	tooDeep := fmt.Errorf("%w: lowest stored block %s, cursor %s, head %d", models.ErrReorgTooDeep, lowest,
		f.cursor.Block(), head)
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
	below, err := at(ctx, min(head, lowest.Number-1))
	if err != nil || !ok {
		return below, err
	}
	return lastBlockBefore(ctx, at, f.startBefore(oldest, below), below)
}
