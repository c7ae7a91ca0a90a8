package engine

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"paycow/models"
)

// PaymentOutboxStore is what the outbox of payments needs of the database.
type PaymentOutboxStore interface {
	// TakeUnstartedPayments returns payments that wait for their workflow, the oldest first, and keeps other processes
	// from taking them for a while. more is true if there are further ones.
	TakeUnstartedPayments(ctx context.Context, limit int) (payments []models.Payment, more bool, err error)
	// MarkStarted notes that the workflows of these payments have started.
	MarkStarted(ctx context.Context, paymentIDs []string, at time.Time) error
}

// PaymentStarter starts the workflow of a payment. It returns nil if the workflow was started before.
type PaymentStarter interface {
	StartPayment(ctx context.Context, p models.Payment) error
}

// paymentPatience lets the starters give way to calls that create payments. A payment that receives money, or is
// decided on, meanwhile is started by the signal of that.
var paymentPatience = patience{calm: 100 * time.Millisecond, most: 30 * time.Second}

// newestEvery is the time between two starts of the newest payment.
const newestEvery = 250 * time.Millisecond

// PaymentOutbox starts the workflows of payments: those of its process once no more are being created, those of others
// within a second.
type PaymentOutbox struct {
	Outbox[models.Payment]
	written chan struct{}
	newest  *atomic.Pointer[models.Payment] // that was created, and that no sweep has taken
}

// NewPaymentOutbox returns the outbox of payments. It starts nothing before Run.
func NewPaymentOutbox(store PaymentOutboxStore, starter PaymentStarter, log *slog.Logger) *PaymentOutbox {
	written := make(chan struct{}, 1)
	newest := &atomic.Pointer[models.Payment]{}
	return &PaymentOutbox{Outbox[models.Payment]{
		rows: paymentRows{store: store, starter: starter, newest: newest}, news: written, patience: paymentPatience, log: log,
	}, written, newest}
}

// Run starts workflows until ctx ends.
func (o *PaymentOutbox) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { o.Outbox.Run(ctx) })
	running.Go(func() { o.startNewest(ctx) })
	running.Wait()
}

// startNewest starts the newest payment regularly, also while the starters give way, so that the engine never knows
// much less than the database: after a restore of the database, all addresses up to the newest that it knows are passed
// over.
func (o *PaymentOutbox) startNewest(ctx context.Context) {
	ticker := time.NewTicker(newestEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if p := o.newest.Swap(nil); p != nil {
			_ = o.rows.start(ctx, *p) // it stays in the outbox, and a sweep reports what is wrong
		}
	}
}

// Notify tells the outbox that a payment has been committed. It never blocks.
func (o *PaymentOutbox) Notify(p models.Payment) {
	o.newest.Store(&p)
	select {
	case o.written <- struct{}{}:
	default: // it knows already
	}
}

type paymentRows struct {
	store   PaymentOutboxStore
	starter PaymentStarter
	newest  *atomic.Pointer[models.Payment]
}

func (paymentRows) kind() string               { return "payments" }
func (paymentRows) id(p models.Payment) string { return p.ID }

func (r paymentRows) take(ctx context.Context, limit int) (taken []models.Payment, more bool, err error) {
	newest := r.newest.Load()
	taken, more, err = r.store.TakeUnstartedPayments(ctx, limit)
	if newest != nil && slices.ContainsFunc(taken, func(p models.Payment) bool { return p.ID == newest.ID }) {
		r.newest.CompareAndSwap(newest, nil)
	}
	return taken, more, err
}

func (r paymentRows) start(ctx context.Context, p models.Payment) error {
	return r.starter.StartPayment(ctx, p)
}

func (r paymentRows) note(ctx context.Context, started []models.Payment) error {
	ids := make([]string, len(started))
	for i, p := range started {
		ids[i] = p.ID
	}
	return r.store.MarkStarted(ctx, ids, time.Now())
}
