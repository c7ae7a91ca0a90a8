package chain

import (
	"context"
	"errors"
	"time"

	"paycow/models"
)

// Run follows the chain until the context ends, and returns the context's error. Errors of the node, of the store and of
// onProgress are logged and tried again with growing pauses.
// onProgress is called from one goroutine: after each unit of work at the head of the chain, every CatchUpReport while
// catching up, and every IdleReport while nothing happens or a slow node is waited for. The blocks that a Progress speaks of
// are committed; after an error of onProgress the next call speaks of them again. It is called while the node cannot be
// reached too, with a zero Progress when nothing was ever read.
func (f *Follower) Run(ctx context.Context, onProgress func(context.Context, Progress) error) error {
	ctx, cancel := context.WithCancel(ctx)
	watch := watchHeads(ctx, f.source, f.config.ResubscribeDelay, f.logger)
	defer func() {
		cancel()
		watch.done.Wait()
	}()
	r := &runner{follower: f, watch: watch, onProgress: onProgress, idle: time.NewTicker(f.config.IdleReport)}
	defer r.idle.Stop()
	if cursor, err := f.store.Cursor(ctx, f.config.Network); err == nil {
		r.last = Progress{Cursor: cursor.Block(), Head: cursor.HeadNumber}
	}
	for ctx.Err() == nil {
		r.round(ctx)
	}
	return ctx.Err()
}

// runner is the state of one Run.
type runner struct {
	follower   *Follower
	watch      *headWatch
	onProgress func(context.Context, Progress) error
	idle       *time.Ticker

	last       Progress // newest known; zero before the very first block was chosen
	reportedAt time.Time
	failures   int // of steps, in a row
}

// round makes one step, reports, and waits if there is nothing more to do.
func (r *runner) round(ctx context.Context) {
	config := r.follower.config
	progress, err := r.step(ctx)
	if progress.Cursor.Hash != "" {
		r.last = progress
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		delay := retryDelay(config.RetryDelayMin, config.RetryDelayMax, r.failures)
		r.failures++
		if errors.Is(err, models.ErrCursorMoved) {
			r.follower.logger.Info("another follower moved the cursor; going on from there")
		} else {
			r.follower.logger.Error("following the chain failed; trying again", "attempt", r.failures, "error", err)
		}
		r.pause(ctx, delay)
		return
	}
	r.failures = 0
	atHead := progress.CaughtUp && (progress.Advanced > 0 || progress.Rewound > 0)
	// A rewind alone is not reported: the branch that replaces the old one usually brings the transfers back.
	if atHead || time.Since(r.reportedAt) >= config.CatchUpReport && !progress.CaughtUp {
		r.report(ctx)
	}
	if progress.CaughtUp {
		r.awaitHead(ctx)
	}
}

// step makes a step and keeps reporting while a slow node lets it wait.
func (r *runner) step(ctx context.Context) (Progress, error) {
	type result struct {
		progress Progress
		err      error
	}
	done := make(chan result, 1)
	go func() {
		progress, err := r.follower.Step(ctx)
		done <- result{progress, err}
	}()
	for {
		select {
		case result := <-done:
			return result.progress, result.err
		case <-r.idle.C:
			r.report(ctx)
		}
	}
}

// report tells the caller where we stand.
func (r *runner) report(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	r.reportedAt = time.Now()
	if err := r.onProgress(ctx, r.last); err != nil && ctx.Err() == nil {
		r.follower.logger.Error("what was read could not be passed on; trying again", "block", r.last.Cursor.Number, "error", err)
	}
}

// awaitHead waits until the node may have a new head: it says so, or it is time to ask.
func (r *runner) awaitHead(ctx context.Context) {
	interval := r.follower.config.PollInterval
	if r.watch.live.Load() {
		interval = r.follower.config.SafetyPollInterval
	}
	poll := time.NewTimer(interval)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case head := <-r.watch.heads:
			if r.follower.offerHead(head) {
				return
			}
		case <-r.watch.changed:
			return // ask at once for what came in between, and choose the interval anew
		case <-poll.C:
			return
		case <-r.idle.C:
			r.report(ctx)
		}
	}
}

// pause waits after a failure.
func (r *runner) pause(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-r.idle.C:
			r.report(ctx)
		}
	}
}

// retryDelay doubles from the shortest to the longest pause.
func retryDelay(shortest, longest time.Duration, failures int) time.Duration {
	delay := shortest
	for range failures {
		if delay *= 2; delay >= longest {
			return longest
		}
	}
	return min(delay, longest)
}
