package engine

import (
	"context"
	"log/slog"
	"time"

	"paycow/models"
)

// PaymentOutboxStore is what the outbox of payments needs of the database.
type PaymentOutboxStore interface {
	// UnstartedPayments returns the oldest payments first.
	UnstartedPayments(ctx context.Context, createdBefore time.Time, limit int) ([]models.Payment, error)
	MarkStarted(ctx context.Context, paymentIDs []string, at time.Time) error
}

// PaymentStarter starts the workflow of a payment. It returns nil if the workflow was started before.
type PaymentStarter interface {
	StartPayment(ctx context.Context, p models.Payment) error
}

// sweepAge is the age of the payments that a sweep starts: the process that created a younger one is still starting it.
const sweepAge = 10 * time.Second

// PaymentOutbox starts the workflows of payments: of a new one at once, by the process that created it.
type PaymentOutbox = Outbox[models.Payment]

// NewPaymentOutbox returns the outbox of payments. It starts nothing before Run.
func NewPaymentOutbox(store PaymentOutboxStore, starter PaymentStarter, log *slog.Logger) *PaymentOutbox {
	return newOutbox(paymentRows{store: store, starter: starter}, log)
}

type paymentRows struct {
	store   PaymentOutboxStore
	starter PaymentStarter
}

func (paymentRows) kind() string               { return "payments" }
func (paymentRows) written() <-chan struct{}   { return nil }
func (paymentRows) id(p models.Payment) string { return p.ID }

func (r paymentRows) left(ctx context.Context, limit int) (left []models.Payment, more bool, err error) {
	left, err = r.store.UnstartedPayments(ctx, time.Now().Add(-sweepAge), limit)
	return left, len(left) == limit, err
}

func (r paymentRows) start(ctx context.Context, p models.Payment) error {
	if err := r.starter.StartPayment(ctx, p); err != nil {
		return err
	}
	return r.store.MarkStarted(ctx, []string{p.ID}, time.Now())
}
