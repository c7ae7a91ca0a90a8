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
	if canonical, err := isCanonical(ctx, f.source.AgreedHeader, block); err != nil || !canonical {
		return err
	}
	if err := f.store.SetFinalized(ctx, f.config.Network, block); err != nil {
		return fmt.Errorf("store the finalized block: %w", err)
	}
	f.cursor.FinalizedNumber, f.cursor.FinalizedHash = block.Number, block.Hash
	return nil
}

// checkFloor refuses to walk back below the finalized block, unless an admin has accepted the branch that a quorum of
// nodes has there now. It returns that branch's block in place of the finalized one, the zero block if the walk back
// ends above. Crediting is halted until an admin has resolved the alarm, which accepts the branch that the alarm names
// and no other. Returns models.ErrReorgBelowFinality.
func (f *Follower) checkFloor(
	ctx context.Context, marks models.ChainCursor, ancestor models.BlockRef,
) (branch models.BlockRef, err error) {
	if ancestor.Number >= marks.FinalizedNumber {
		return models.BlockRef{}, nil
	}
	header, err := f.source.AgreedHeader(ctx, marks.FinalizedNumber)
	if err != nil {
		return branch, fmt.Errorf("read the block in place of the finalized one: %w", err)
	}
	if branch = header.Ref(); marks.HasAccepted(branch) {
		return branch, nil
	}
	err = f.alarms.Raise(ctx, models.Alarm{
		Network: f.config.Network, Kind: models.AlarmReorgBelowFinality, Subject: models.BranchSubject(branch),
		Message: fmt.Sprintf(
			"The chain that %d nodes have differs from the stored one above block %d, although block %d was final: "+
				"block %d is %s for them and was %s. Nothing is credited until this alarm is resolved. "+
				"Resolving it accepts their branch.",
			f.config.quorum(), ancestor.Number, marks.FinalizedNumber, branch.Number, branch.Hash, marks.FinalizedHash,
		),
	})
	if err != nil {
		f.log.ErrorContext(ctx, "cannot raise an alarm", "alarm", string(models.AlarmReorgBelowFinality), "error", err)
	}
	return branch, fmt.Errorf("%w: block %d was final, the chain differs above block %d",
		models.ErrReorgBelowFinality, marks.FinalizedNumber, ancestor.Number)
}
