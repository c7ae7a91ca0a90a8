package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// starters is how many workflows are started at once. More would only queue inside Temporal.
	starters = 8
	// notifyQueue bounds what waits in memory. The next sweep finds the rest.
	notifyQueue = 1024
	// sweepInterval is the time between two sweeps.
	sweepInterval = time.Second
	sweepBatch    = 256
	// writtenPause is the time from the news of written rows to the sweep for them. By then they are committed, or the
	// next regular sweep finds them. It also bounds how often rows are looked for.
	writtenPause = 20 * time.Millisecond
	// awayPause is the time until the next sweep after Temporal failed.
	awayPause = time.Second
)

// outboxRows are the rows of one kind whose workflow is not known to have started.
type outboxRows[T any] interface {
	// kind names the rows in the log, such as "payments".
	kind() string
	id(row T) string
	// left returns rows that no process is starting, at most limit. more is true if there are further ones.
	left(ctx context.Context, limit int) (rows []T, more bool, err error)
	// written is ready when rows were written lately that may not be committed yet; nil if nobody tells.
	written() <-chan struct{}
	// start starts the workflow of a row and notes that in the row. It returns nil if the workflow was started before.
	start(ctx context.Context, row T) error
}

// Outbox starts the workflows of committed rows. The rows whose workflow is not known to have started are a
// transactional outbox: every process starts what it is notified of at once, and what is left over. Starting the
// workflow of a row twice does no harm.
type Outbox[T any] struct {
	rows  outboxRows[T]
	log   *slog.Logger
	queue chan T
}

func newOutbox[T any](rows outboxRows[T], log *slog.Logger) *Outbox[T] {
	return &Outbox[T]{rows: rows, log: log, queue: make(chan T, notifyQueue)}
}

// Notify tells the outbox that a row has been committed. It never blocks.
func (o *Outbox[T]) Notify(row T) {
	select {
	case o.queue <- row:
	default:
	}
}

// Run starts workflows until ctx ends.
func (o *Outbox[T]) Run(ctx context.Context) {
	var running sync.WaitGroup
	for range starters {
		running.Go(func() { o.startNotified(ctx) })
	}
	running.Go(func() { o.sweepRegularly(ctx) })
	running.Wait()
}

func (o *Outbox[T]) startNotified(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case row := <-o.queue:
			// After a failure the row stays in the outbox, and the sweep reports it.
			_ = o.rows.start(ctx, row)
		}
	}
}

func (o *Outbox[T]) sweepRegularly(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	written := o.rows.written()
	for {
		select {
		case <-ctx.Done():
			return
		case <-written:
			written = nil
			timer.Reset(writtenPause)
			continue
		case <-timer.C:
		}
		pause := sweepInterval
		written = o.rows.written()
		if more, err := o.sweep(ctx); err != nil && ctx.Err() == nil {
			o.log.WarnContext(ctx, "committed rows are waiting for Temporal", "kind", o.rows.kind(), "error", err)
			pause, written = awayPause, nil
		} else if more {
			pause = 0
		}
		timer.Reset(pause)
	}
}

// sweep starts the workflows of left-over rows and reports whether there are more. It starts the first one alone, so
// that a sweep costs one failing call, and not a batch of them, while Temporal is down.
func (o *Outbox[T]) sweep(ctx context.Context) (more bool, err error) {
	left, more, err := o.rows.left(ctx, sweepBatch)
	if err != nil || len(left) == 0 {
		return false, err
	}
	if err := o.rows.start(ctx, left[0]); err != nil {
		// The cause may be this row and not Temporal. Another row decides.
		if last := left[len(left)-1]; len(left) == 1 || o.rows.start(ctx, last) != nil {
			return false, err
		}
	}
	limit := make(chan struct{}, starters)
	var starting sync.WaitGroup
	for _, row := range left[1:] {
		limit <- struct{}{}
		starting.Go(func() {
			defer func() { <-limit }()
			if err := o.rows.start(ctx, row); err != nil {
				o.log.WarnContext(ctx, "a workflow has not started yet",
					"kind", o.rows.kind(), "id", o.rows.id(row), "error", err)
			}
		})
	}
	starting.Wait()
	return more, nil
}
