package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// starters is how many workflows are started at once. More would only queue inside Temporal.
	starters = 8
	// sweepInterval is the time between two sweeps.
	sweepInterval = time.Second
	sweepBatch    = 256
	// probeBatch is what a sweep takes after Temporal failed: enough to tell whether the cause is one row.
	probeBatch = 2
	// awayPause is the time until the next sweep after Temporal failed.
	awayPause = time.Second
	// notedTogether is how many started rows are noted in one transaction.
	notedTogether = 32
	// noteTimeout bounds how long started rows are noted after the process was told to end.
	noteTimeout = 5 * time.Second
)

// outboxRows are the rows of one kind whose workflow is not known to have started.
type outboxRows[T any] interface {
	// kind names the rows in the log, such as "payments".
	kind() string
	id(row T) string
	// take returns rows that no process is starting, at most limit, and keeps other processes from taking them for a
	// while. more is true if there are further ones.
	take(ctx context.Context, limit int) (rows []T, more bool, err error)
	// start starts the workflow of a row. It returns nil if the workflow was started before.
	start(ctx context.Context, row T) error
	// note notes in the database that the workflows of these rows have started.
	note(ctx context.Context, rows []T) error
}

// patience is how long the starters wait for those who write rows.
type patience struct {
	// calm is the time without news of written rows after which the outbox is swept for them. By then they are committed,
	// or the next regular sweep finds them.
	calm time.Duration
	// most is the time from the first news to the sweep, if news keep coming. The outbox is then worked off, whatever
	// news come.
	most time.Duration
}

// Outbox starts the workflows of committed rows. The rows whose workflow is not known to have started are a
// transactional outbox in the database, and processes share its work: each takes rows, starts their workflows, and
// notes that. What a process took and did not note before it died, others start after a while. Starting the workflow of
// a row twice does no harm.
type Outbox[T any] struct {
	rows outboxRows[T]
	// news is ready when this process has written rows lately.
	news     <-chan struct{}
	patience patience
	log      *slog.Logger
}

// Run starts workflows until ctx ends.
func (o *Outbox[T]) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	news, limit := o.news, sweepBatch
	var latest time.Time // when the written rows are started at the latest; zero without news
	for {
		select {
		case <-ctx.Done():
			return
		case <-news:
			if latest.IsZero() {
				latest = time.Now().Add(o.patience.most)
			}
			left := time.Until(latest)
			if left <= o.patience.calm {
				news = nil
			}
			timer.Reset(min(left, o.patience.calm))
			continue
		case <-timer.C:
		}
		switch more, err := o.sweep(ctx, limit); {
		case err != nil && ctx.Err() == nil:
			o.log.WarnContext(ctx, "committed rows are waiting for Temporal", "kind", o.rows.kind(), "error", err)
			news, limit, latest = nil, probeBatch, time.Time{}
			timer.Reset(awayPause)
		case more:
			limit = sweepBatch
			timer.Reset(0)
		default:
			news, limit, latest = o.news, sweepBatch, time.Time{}
			timer.Reset(sweepInterval)
		}
	}
}

// sweep starts the workflows of rows that wait, and reports whether there are more. It starts the first one alone, so
// that a sweep costs two failing calls, and not a batch of them, while Temporal is down. What has started is noted in
// parts, so that a slow sweep does not outlast the time for which it has taken the rows.
func (o *Outbox[T]) sweep(ctx context.Context, limit int) (more bool, err error) {
	taken, more, err := o.rows.take(ctx, limit)
	if err != nil || len(taken) == 0 {
		return false, err
	}
	first, others := taken[0], taken[1:]
	var started []T
	if err := o.rows.start(ctx, first); err == nil {
		started = append(started, first)
	} else {
		// The cause may be this row and not Temporal. Another row decides.
		if len(others) == 0 || o.rows.start(ctx, others[len(others)-1]) != nil {
			return false, err
		}
		o.logWaiting(ctx, first, err)
	}
	for part := range slices.Chunk(others, notedTogether) {
		also, failed := o.startAll(ctx, part)
		if len(also) == 0 {
			return false, errors.Join(failed, o.note(ctx, started))
		}
		if err := o.note(ctx, append(started, also...)); err != nil {
			return false, err
		}
		started = nil
	}
	return more, o.note(ctx, started)
}

// note notes which workflows have started, also when the process is to end, so that they need not be started again.
func (o *Outbox[T]) note(ctx context.Context, started []T) error {
	if len(started) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	return o.rows.note(ctx, started)
}

// startAll starts the workflows of rows, some at a time. It returns the rows of those that have started, and why
// another one has not.
func (o *Outbox[T]) startAll(ctx context.Context, rows []T) (started []T, failed error) {
	var mutex sync.Mutex
	var starting sync.WaitGroup
	limit := make(chan struct{}, starters)
	for _, row := range rows {
		limit <- struct{}{}
		starting.Go(func() {
			defer func() { <-limit }()
			err := o.rows.start(ctx, row)
			if err != nil && ctx.Err() == nil {
				o.logWaiting(ctx, row, err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				failed = err
				return
			}
			started = append(started, row)
		})
	}
	starting.Wait()
	return started, failed
}

func (o *Outbox[T]) logWaiting(ctx context.Context, row T, err error) {
	o.log.WarnContext(ctx, "a workflow has not started yet", "kind", o.rows.kind(), "id", o.rows.id(row), "error", err)
}
