package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"paycow/models"
)

// OutboxStore is what the outbox needs of the database.
type OutboxStore interface {
	// UnstartedPayments returns the oldest payments first.
	UnstartedPayments(ctx context.Context, createdBefore time.Time, limit int) ([]models.Payment, error)
	MarkStarted(ctx context.Context, paymentIDs []string, at time.Time) error
}

// PaymentStarter starts the workflow of a payment. It returns nil if the workflow was started before.
type PaymentStarter interface {
	StartPayment(ctx context.Context, p models.Payment) error
}

const (
	// starters is how many workflows are started at once. More would only queue inside Temporal.
	starters = 8
	// notifyQueue bounds the payments that wait in memory. The next sweep finds the rest.
	notifyQueue = 1024
	// sweepInterval is the time between two sweeps, and sweepAge the age of the rows that a sweep starts: the process that
	// created a younger row is still starting it.
	sweepInterval = time.Second
	sweepAge      = 10 * time.Second
	sweepBatch    = 256
	// awayPause is the time until the next sweep after Temporal failed.
	awayPause = time.Second
)

// Outbox starts the workflows of committed payments. The rows whose workflow is not known to have started are a
// transactional outbox: the process that created a row starts its workflow at once, and every process starts what is
// left over. A workflow id can be started only once, so starting a payment twice does no harm.
type Outbox struct {
	store   OutboxStore
	starter PaymentStarter
	log     *slog.Logger
	queue   chan models.Payment
}

// NewOutbox returns an outbox. It starts nothing before Run.
func NewOutbox(store OutboxStore, starter PaymentStarter, log *slog.Logger) *Outbox {
	return &Outbox{store: store, starter: starter, log: log, queue: make(chan models.Payment, notifyQueue)}
}

// Notify tells the outbox that a payment has been committed. It never blocks.
func (o *Outbox) Notify(p models.Payment) {
	select {
	case o.queue <- p:
	default:
	}
}

// Run starts workflows until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	var running sync.WaitGroup
	for range starters {
		running.Go(func() { o.startNotified(ctx) })
	}
	running.Go(func() { o.sweepRegularly(ctx) })
	running.Wait()
}

func (o *Outbox) startNotified(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-o.queue:
			// After a failure the row stays in the outbox, and the sweep reports it.
			_ = o.start(ctx, p)
		}
	}
}

func (o *Outbox) sweepRegularly(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause := sweepInterval
		if started, err := o.sweep(ctx); err != nil && ctx.Err() == nil {
			o.log.WarnContext(ctx, "payments are waiting for Temporal", "error", err)
			pause = awayPause
		} else if started == sweepBatch {
			pause = 0
		}
		timer.Reset(pause)
	}
}

// sweep starts the workflows of left-over payments and returns how many there were. It starts the first one alone, so
// that a sweep costs one failing call, and not a batch of them, while Temporal is down.
func (o *Outbox) sweep(ctx context.Context) (int, error) {
	left, err := o.store.UnstartedPayments(ctx, time.Now().Add(-sweepAge), sweepBatch)
	if err != nil || len(left) == 0 {
		return 0, err
	}
	if err := o.start(ctx, left[0]); err != nil {
		// The cause may be this payment and not Temporal. Another payment decides.
		if last := left[len(left)-1]; len(left) == 1 || o.start(ctx, last) != nil {
			return 0, err
		}
	}
	limit := make(chan struct{}, starters)
	var starting sync.WaitGroup
	for _, p := range left[1:] {
		limit <- struct{}{}
		starting.Go(func() {
			defer func() { <-limit }()
			if err := o.start(ctx, p); err != nil {
				o.log.WarnContext(ctx, "the payment's workflow has not started yet", "payment_id", p.ID, "error", err)
			}
		})
	}
	starting.Wait()
	return len(left), nil
}

func (o *Outbox) start(ctx context.Context, p models.Payment) error {
	if err := o.starter.StartPayment(ctx, p); err != nil {
		return err
	}
	return o.store.MarkStarted(ctx, []string{p.ID}, time.Now())
}
