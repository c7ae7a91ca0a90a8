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
// only be paid above it. Every later block descends from this one, and what was paid below it is never read, so a
// quorum says which blocks there are and when they were made.
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

// firstStep is how many blocks below the highest one the search for a block's time begins.
const firstStep = 64

// lastBlockBefore returns the last block whose time is not after the given one, at or below a known block. It is block
// 0 when the chain began later. It searches down in steps that double, because nodes need not keep old blocks
// (EIP-4444). Returns models.ErrBlockNotFound when the block that is looked for is not kept.
func lastBlockBefore(ctx context.Context, at headerAt, moment time.Time, highest Header) (Header, error) {
	if !highest.Time.After(moment) || highest.Number == 0 {
		return highest, nil
	}
	var best *Header
	above := highest  // the block that is looked for is below it
	var below uint64  // and not below this one
	var isAbsent bool // which is not kept
	for step := uint64(firstStep); ; step *= 2 {
		number := above.Number - min(step, above.Number)
		header, found, err := keptBlock(ctx, at, number)
		if err != nil {
			return Header{}, err
		}
		if below, isAbsent = number, !found; isAbsent {
			break
		}
		if !header.Time.After(moment) || number == 0 {
			best = &header
			break
		}
		above = header
	}
	for above.Number > below+1 {
		middle, found, err := keptBlock(ctx, at, below+(above.Number-below)/2)
		switch {
		case err != nil:
			return Header{}, err
		case !found:
			below, isAbsent = below+(above.Number-below)/2, true
		case middle.Time.After(moment):
			above = middle
		default:
			below, isAbsent, best = middle.Number, false, &middle
		}
	}
	if isAbsent || best == nil {
		return Header{}, fmt.Errorf("%w: the oldest block that a node keeps is %d, from %s, and reading must begin at %s; "+
			"add a node that keeps older blocks", models.ErrBlockNotFound, above.Number,
			above.Time.UTC().Format(time.RFC3339), moment.UTC().Format(time.RFC3339))
	}
	return *best, nil
}

// keptBlock returns the header of a block that is known to exist. found is false when no node keeps it.
func keptBlock(ctx context.Context, at headerAt, number uint64) (header Header, found bool, err error) {
	header, err = at(ctx, number)
	switch MeaningOf(err) {
	case MeansAnswer:
		return header, true, nil
	case MeansNotYet, MeansTooOld:
		return Header{}, false, nil
	default:
		return Header{}, false, err
	}
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
