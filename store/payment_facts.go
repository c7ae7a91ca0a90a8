package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"paycow/models"
	"paycow/views"
)

// PaymentFacts returns the rows behind the full view of a payment, of which row is the payment's own.
func (s *Store) PaymentFacts(ctx context.Context, row models.Payment) (views.PaymentFacts, error) {
	facts, err := s.paymentFacts(s.read(ctx), row)
	return facts, wrap(err, "read what is known about a payment")
}

func (s *Store) paymentFacts(db *gorm.DB, p models.Payment) (views.PaymentFacts, error) {
	facts := views.PaymentFacts{Payment: p, Required: required(p)}
	var err error
	if facts.Transfers, facts.Total, err = largestTransfers(db, p.ID, views.MaxRows); err != nil {
		return facts, fmt.Errorf("read the transfers: %w", err)
	}
	if facts.Internal, err = internalMovements(db, p.DepositAddress); err != nil {
		return facts, fmt.Errorf("read the internal movements: %w", err)
	}
	if facts.Timeline, err = timelineOf(db, p.ID); err != nil {
		return facts, fmt.Errorf("read the timeline: %w", err)
	}
	if facts.Decisions, err = s.decisionsOf(db, p); err != nil {
		return facts, err
	}
	if facts.Ledger, err = largestEntries(db, p, views.MaxRows); err != nil {
		return facts, fmt.Errorf("read the ledger entries: %w", err)
	}
	if facts.LastBefore, err = lastBefore(db, p); err != nil {
		return facts, err
	}
	if facts.WindowEnd, _, err = windowEnd(db, p); err != nil {
		return facts, err
	}
	var cursor models.ChainCursor
	if err := db.Where("network = ?", p.Network).Limit(1).Find(&cursor).Error; err != nil {
		return facts, fmt.Errorf("read the chain cursor: %w", err)
	}
	facts.Head = cursor.BlockNumber
	return facts, nil
}
