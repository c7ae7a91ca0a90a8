package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paycow/internal/retry"
	"paycow/models"
)

// RescanReport says what reading a range again found.
type RescanReport struct {
	Blocks    uint64 // that were read
	Found     int    // transfers to and from our addresses in them
	Added     int    // of these, transfers to us that were missing
	Disproved int    // stored transfers that are not in the chain
}

func (r *RescanReport) add(other RescanReport) {
	r.Blocks += other.Blocks
	r.Found += other.Found
	r.Added += other.Added
	r.Disproved += other.Disproved
}

// rescanCalls is how often a range is read at most when reorgs interrupt it.
const rescanCalls = 6

// Rescan reads the blocks from one number to another again, both included and no further than the cursor, and repairs
// the store where it differs. It is safe to repeat and to run while the chain is followed. If progress is not nil,
// Rescan calls it with the number of blocks done.
func (c *CrossCheck) Rescan(ctx context.Context, from, to uint64, progress func(done uint64)) (RescanReport, error) {
	var report RescanReport
	cursor, err := c.store.Cursor(ctx, c.config.Network)
	if err != nil {
		return report, fmt.Errorf("read the chain cursor: %w", err)
	}
	c.contracts = c.config.contractsAt(cursor)
	policy := retry.Policy{Pause: checkInterval, Calls: rescanCalls}
	to = min(to, cursor.BlockNumber)
	for start := from; start <= to; {
		until := min(to, start+c.rangeNow-1)
		var read RescanReport
		err := retry.Until(ctx, policy, func() (err error) {
			read, err = c.checkRange(ctx, start, until, c.readers(), progressFrom(progress, start-from))
			if err != nil && !errors.Is(err, models.ErrCursorMoved) && !errors.Is(err, errNotAgreed) {
				return retry.Permanent(err)
			}
			return err
		})
		if err != nil {
			return report, fmt.Errorf("read blocks %d to %d again: %w", start, until, err)
		}
		report.add(read)
		start = until + 1
	}
	return report, nil
}

const (
	// rescanAtOnce is how many blocks are read again in one step for a reconciliation. Agreeing on new blocks comes
	// between, so that credits do not wait.
	rescanAtOnce = 200
	// rescanDelay is how long a failure puts that off.
	rescanDelay = time.Minute
	// rescanFailuresMax is how often one step may fail before it is passed over: old blocks that cannot be read must not
	// keep newer ones from being read. A later try reads them.
	rescanFailuresMax = 10
)

// rescanAsked reads the next blocks again that a reconciliation asked for. Blocks that no node keeps are skipped. Other
// failures put it off, and hold up nothing else.
func (c *CrossCheck) rescanAsked(ctx context.Context, cursor models.ChainCursor) (worked bool, err error) {
	if cursor.RescanTo == 0 || time.Now().Before(c.rescanAfter) {
		return false, nil
	}
	// Blocks that a reorg removed meanwhile need not be read again: what replaces them is read for the first time.
	from, until := cursor.RescanFrom, cursor.RescanTo
	if from <= cursor.AgreedNumber {
		until = min(until, from+rescanAtOnce-1, cursor.AgreedNumber)
		if done, err := c.rescanStep(ctx, from, until); err != nil || !done {
			return false, err
		}
	}
	if err := c.store.NoteRescanned(ctx, c.config.Network, from, until); err != nil {
		return false, fmt.Errorf("note that blocks %d to %d were read again: %w", from, until, err)
	}
	return true, nil
}

// rescanStep reads blocks again. done is false when that is to be tried later.
func (c *CrossCheck) rescanStep(ctx context.Context, from, until uint64) (done bool, err error) {
	report, err := c.checkRange(ctx, from, until, c.readers(), nil)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil && MeaningOf(err) != MeansTooOld {
		if c.rescanFailures++; c.rescanFailures < rescanFailuresMax {
			c.rescanAfter = time.Now().Add(rescanDelay)
			c.log.WarnContext(ctx, "cannot read blocks again; trying later", "block", from, "error", err)
			return false, nil
		}
		c.log.WarnContext(ctx, "cannot read blocks again; passing over them", "from", from, "to", until, "error", err)
	}
	c.rescanFailures = 0
	if report.Added+report.Disproved > 0 {
		c.log.WarnContext(ctx, "reading blocks again changed what is known", "block", from, "blocks", report.Blocks,
			"added", report.Added, "disproved", report.Disproved)
	}
	return true, nil
}

func progressFrom(progress func(uint64), done uint64) func(uint64) {
	if progress == nil {
		return nil
	}
	return func(more uint64) { progress(done + more) }
}
