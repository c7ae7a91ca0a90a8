package chain

import (
	"context"
	"errors"
	"sync"
	"time"

	"paycow/internal/retry"
	"paycow/models"
)

const (
	// catchUpReport is how often progress is reported while catching up.
	catchUpReport = time.Second
	// idleReport is how often progress is reported while nothing happens.
	idleReport = 3 * time.Second
	// retryDelayMin is the pause after a step failed first. It doubles with each further failure, up to retryDelayMax.
	retryDelayMin = 250 * time.Millisecond
	retryDelayMax = 10 * time.Second
)

// Run follows the chain until ctx ends and returns its error. Errors of the nodes, of the store and of onProgress are
// logged, and what failed is repeated after a pause that grows.
//
// Run calls onProgress from one goroutine: after each unit of work at the head of the chain, every second while
// catching up, and every three seconds while nothing happens, a slow node is waited for, or no node can be reached.
// Everything up to the reported cursor is committed. After an error of onProgress the next call reports the same blocks
// again. Progress is zero until the first block has been chosen.
func (f *Follower) Run(ctx context.Context, onProgress func(context.Context, Progress) error) error {
	ctx, cancel := context.WithCancel(ctx)
	subscription := subscribeHeads(ctx, f.source, f.log)
	defer func() {
		cancel()
		subscription.done.Wait()
	}()
	l := &loop{follower: f, subscription: subscription, onProgress: onProgress, idle: time.NewTicker(idleReport)}
	defer l.idle.Stop()
	if cursor, err := f.store.Cursor(ctx, f.config.Network); err == nil {
		l.last = Progress{Cursor: cursor.Block(), Head: cursor.HeadNumber}
	}
	for ctx.Err() == nil {
		l.round(ctx)
	}
	return ctx.Err()
}

// loop is the state of one Run.
type loop struct {
	follower     *Follower
	subscription *headSubscription
	onProgress   func(context.Context, Progress) error
	idle         *time.Ticker
	reportedAt   time.Time

	mu   sync.Mutex
	last Progress // the newest one; zero until the first block has been chosen
}

// round makes one step, reports, and waits if there is nothing more to do.
func (l *loop) round(ctx context.Context) {
	progress, err := l.step(ctx)
	if err != nil {
		return // ctx has ended
	}
	atHead := progress.CaughtUp && (progress.Advanced > 0 || progress.Rewound > 0)
	// A rewind alone is not reported: the new branch usually contains the same transfers.
	if atHead || time.Since(l.reportedAt) >= catchUpReport && !progress.CaughtUp {
		l.report(ctx)
	}
	if progress.CaughtUp {
		l.awaitHead(ctx)
	}
}

// step makes a step and repeats it until it succeeds. Meanwhile it keeps reporting. It fails only when ctx ends.
func (l *loop) step(ctx context.Context) (Progress, error) {
	type result struct {
		progress Progress
		err      error
	}
	done := make(chan result, 1)
	go func() {
		var progress Progress
		err := retry.Until(ctx, l.policy(ctx), func() (err error) {
			progress, err = l.follower.Step(ctx)
			l.setLast(progress)
			return err
		})
		done <- result{progress, err}
	}()
	for {
		select {
		case result := <-done:
			return result.progress, result.err
		case <-l.idle.C:
			l.report(ctx)
		}
	}
}

// policy repeats a step that failed.
func (l *loop) policy(ctx context.Context) retry.Policy {
	log, attempt := l.follower.log, 0
	return retry.Policy{Pause: retryDelayMin, MaxPause: retryDelayMax, OnRetry: func(err error, _ time.Duration) {
		if attempt++; errors.Is(err, models.ErrCursorMoved) {
			log.InfoContext(ctx, "another follower moved the cursor; continuing from there")
		} else {
			log.ErrorContext(ctx, "cannot follow the chain; trying again", "attempt", attempt, "error", err)
		}
	}}
}

func (l *loop) setLast(progress Progress) {
	if progress.Cursor.Hash == "" {
		return // unknown
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = progress
}

// report calls onProgress with the newest progress.
func (l *loop) report(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	l.reportedAt = time.Now()
	l.mu.Lock()
	last := l.last
	l.mu.Unlock()
	if err := l.onProgress(ctx, last); err != nil && ctx.Err() == nil {
		l.follower.log.ErrorContext(ctx, "cannot report the progress; trying again", "block", last.Cursor.Number,
			"error", err)
	}
}

// awaitHead waits until a node may have a new head: because a subscription says so, or because it is time to ask.
func (l *loop) awaitHead(ctx context.Context) {
	interval := l.follower.config.pollInterval()
	if l.subscription.live.Load() {
		interval = l.follower.config.silencePoll()
	}
	poll := time.NewTimer(interval)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case head := <-l.subscription.heads:
			if l.follower.offerHead(head) {
				return
			}
		case <-l.subscription.changed:
			return // ask at once for heads that were missed, and choose the interval again
		case <-poll.C:
			return
		case <-l.idle.C:
			l.report(ctx)
		}
	}
}
