package engine

import (
	"context"
	"log/slog"
	"time"

	"paycow/models"
)

// DecisionStore holds the decisions that payments' workflows have not carried out.
type DecisionStore interface {
	WaitingDecisions(ctx context.Context, limit int) ([]models.WaitingDecision, error)
	DeferDecision(ctx context.Context, decision models.PaymentDecision) error
	DropDecision(ctx context.Context, decision models.PaymentDecision) error
}

// DecisionSignaller tells a payment's workflow of a decision.
type DecisionSignaller interface {
	SignalReject(ctx context.Context, p models.Payment, decision models.DecisionSignal) error
	SignalAccept(ctx context.Context, p models.Payment, decision models.DecisionSignal) error
}

const (
	decisionInterval = 2 * time.Second
	decisionBatch    = 100
)

// Decisions tells workflows again of stored decisions that they have not carried out: the process that stored one may
// have ended before it could signal, and a signal can be lost with the run that got it. Any number of processes may do
// so at once, because a decision that arrives twice does no harm.
type Decisions struct {
	store  DecisionStore
	engine DecisionSignaller
	log    *slog.Logger
}

// NewDecisions returns the sender of waiting decisions. It sends nothing before Run.
func NewDecisions(store DecisionStore, engine DecisionSignaller, log *slog.Logger) *Decisions {
	return &Decisions{store: store, engine: engine, log: log}
}

// Run sends waiting decisions until ctx ends.
func (d *Decisions) Run(ctx context.Context) {
	ticker := time.NewTicker(decisionInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := d.sweep(ctx); err != nil && ctx.Err() == nil {
				d.log.WarnContext(ctx, "decisions are waiting", "error", err)
			}
		}
	}
}

// sweep sends the decisions that are due, and drops those that have become impossible. It stops at the first error:
// what was not sent stays due.
func (d *Decisions) sweep(ctx context.Context) error {
	waiting, err := d.store.WaitingDecisions(ctx, decisionBatch)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		if !w.Decision.Kind.IsPossible(w.Payment.PaymentState) {
			if err := d.store.DropDecision(ctx, w.Decision); err != nil {
				return err
			}
			continue
		}
		signal := d.engine.SignalReject
		if w.Decision.Kind == models.DecisionAccept {
			signal = d.engine.SignalAccept
		}
		if err := signal(ctx, w.Payment, w.Decision.Signal()); err != nil {
			return err
		}
		d.log.InfoContext(ctx, "decision sent again", "payment_id", w.Payment.ID, "decision", string(w.Decision.Kind))
		if err := d.store.DeferDecision(ctx, w.Decision); err != nil {
			return err
		}
	}
	return nil
}
