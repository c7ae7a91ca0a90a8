package api

import (
	"context"
	"fmt"
	"time"

	"paycow/models"
	"paycow/views"
)

// instant is a time as answers show it.
type instant = views.Instant

// newPaymentView returns the view of a payment whose state is already the one to show.
func (s *Server) newPaymentView(ctx context.Context, p models.Payment, head uint64) views.Payment {
	return views.NewPayment(p, s.requiredConfirmations(p), head, s.windowEnd(ctx, p))
}

// maxConsistentReads is how often the full view is read at most, if the payment changes in between.
const maxConsistentReads = 3

// newOperatorView reads a payment in full. Rows, timeline and ledger are separate reads, so they are repeated if the
// payment's version changes in between.
func (s *Server) newOperatorView(ctx context.Context, operatorID, paymentID string) (views.OperatorPayment, error) {
	for attempt := 1; ; attempt++ {
		row, err := s.Store.OperatorPayment(ctx, operatorID, paymentID)
		if err != nil {
			return views.OperatorPayment{}, fmt.Errorf("read the payment: %w", err)
		}
		view, err := s.readOperatorView(ctx, row)
		if err != nil {
			return views.OperatorPayment{}, err
		}
		after, err := s.Store.OperatorPayment(ctx, operatorID, paymentID)
		if err != nil {
			return views.OperatorPayment{}, fmt.Errorf("read the payment again: %w", err)
		}
		if after.Version == row.Version || attempt == maxConsistentReads {
			return view, nil
		}
	}
}

func (s *Server) readOperatorView(ctx context.Context, row models.Payment) (views.OperatorPayment, error) {
	facts, err := s.Store.PaymentFacts(ctx, row)
	if err != nil {
		return views.OperatorPayment{}, fmt.Errorf("read the rows of the payment: %w", err)
	}
	// A transfer may be in a newer block than the payment's state shows, so live finds the chain as it is now.
	if _, err := s.chain.since(ctx, row.Network, time.Now()); err != nil {
		return views.OperatorPayment{}, err
	}
	if facts.Payment, facts.Head, err = s.live(ctx, row); err != nil {
		return views.OperatorPayment{}, err
	}
	facts.Required, facts.WindowEnd = s.requiredConfirmations(row), s.windowEnd(ctx, row)
	return views.NewOperatorPayment(facts, s.PublicURL, s.Clock()), nil
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
