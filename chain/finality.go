package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paycow/models"
)

const (
	// finalityInterval is how often the finalized block is asked for at the head of the chain.
	finalityInterval = time.Minute
	// finalityMaxAge is how long the number of the finalized block is used while catching up.
	finalityMaxAge = 10 * time.Second
)

// finality is the last answer about the finalized block.
type finality struct {
	known   bool
	number  uint64
	askedAt time.Time
}

// updateFinality stores the finalized block now and then. Nothing is walked back below it. Only a block that the nodes
// agree on counts: a branch that one node made up must not become final.
func (f *Follower) updateFinality(ctx context.Context) {
	if time.Since(f.finalized.askedAt) < finalityInterval {
		return
	}
	number, known, err := f.source.FinalizedNumber(ctx)
	f.finalized = finality{known: known && err == nil, number: number, askedAt: time.Now()}
	if err != nil || !known {
		return
	}
	if err := f.storeFinality(ctx, number); err != nil {
		f.log.WarnContext(ctx, "cannot store the finalized block", "block", number, "error", err)
	}
}

// storeFinality stores the newest known block that is final.
func (f *Follower) storeFinality(ctx context.Context, number uint64) error {
	cursor, err := f.store.Cursor(ctx, f.config.Network)
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	number = min(number, cursor.AgreedNumber)
	if number <= cursor.FinalizedNumber {
		return nil
	}
	block, err := f.knownAtOrBelow(ctx, number, 0)
	if errors.Is(err, models.ErrNotFound) || err == nil && block.Number <= cursor.FinalizedNumber {
		return nil
	}
	if err != nil {
		return err
	}
	if canonical, err := f.isCanonical(ctx, block); err != nil || !canonical {
		return err
	}
	if err := f.store.SetFinalized(ctx, f.config.Network, block); err != nil {
		return fmt.Errorf("store the finalized block: %w", err)
	}
	f.cursor.FinalizedNumber, f.cursor.FinalizedHash = block.Number, block.Hash
	return nil
}

// checkFloor refuses to walk back below the finalized block. Crediting is halted then, until an admin has resolved the
// alarm, which also removes the floor. Returns models.ErrReorgBelowFinality.
func (f *Follower) checkFloor(ctx context.Context, ancestor models.BlockRef) error {
	cursor, err := f.store.Cursor(ctx, f.config.Network)
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	f.cursor.FinalizedNumber, f.cursor.FinalizedHash = cursor.FinalizedNumber, cursor.FinalizedHash
	if ancestor.Number >= cursor.FinalizedNumber {
		return nil
	}
	f.raise(ctx, models.AlarmReorgBelowFinality, fmt.Sprintf(
		"The node's chain differs from the stored one above block %d, although block %d was final. "+
			"Nothing is credited until this alarm is resolved.",
		ancestor.Number, cursor.FinalizedNumber,
	))
	return fmt.Errorf("%w: block %d was final, the chain differs above block %d",
		models.ErrReorgBelowFinality, cursor.FinalizedNumber, ancestor.Number)
}
