package engine

import (
	"context"
	"log/slog"
	"time"
)

// TestPaymentStore holds the test payments.
type TestPaymentStore interface {
	// DueTestPayments returns the ids of those whose next step is due, the longest due ones first.
	DueTestPayments(ctx context.Context, limit int) (ids []string, err error)
	// AdvanceTestPayment makes the next step of one, unless another process has made it.
	AdvanceTestPayment(ctx context.Context, id string) error
}

const (
	testInterval = time.Second
	testBatch    = 256
)

// TestPayments makes the steps of test payments. They need no workflow: the row says what comes next and when, so any
// number of processes may do so at once, and what a process that ended has left is done by the next one.
type TestPayments struct {
	store TestPaymentStore
	log   *slog.Logger
}

// NewTestPayments returns what makes the steps of test payments. It makes none before Run.
func NewTestPayments(store TestPaymentStore, log *slog.Logger) *TestPayments {
	return &TestPayments{store: store, log: log}
}

// Run makes the steps that are due until ctx ends.
func (p *TestPayments) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause := testInterval
		if more, err := p.sweep(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "test payments are waiting", "error", err)
		} else if more {
			pause = 0
		}
		timer.Reset(pause)
	}
}

// sweep makes the steps that are due. One that cannot be made holds up no other one. more is true if others may be due.
func (p *TestPayments) sweep(ctx context.Context) (more bool, err error) {
	due, err := p.store.DueTestPayments(ctx, testBatch)
	if err != nil {
		return false, err
	}
	failed := false
	for _, id := range due {
		if err := p.store.AdvanceTestPayment(ctx, id); err != nil && ctx.Err() == nil {
			failed = true
			p.log.WarnContext(ctx, "the next step of a test payment has to wait", "payment_id", id, "error", err)
		}
	}
	return len(due) == testBatch && !failed, nil
}
