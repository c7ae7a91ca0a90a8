package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"paycow/models"
)

// LedgerLine is one leg of a booking together with what the booking was for.
type LedgerLine struct {
	models.LedgerEntry
	ExternalID string
	Kind       models.LedgerKind
	PaymentID  string
}

// book writes a ledger transaction. The entries go first and the header closes them: from then on the database refuses any
// further entry. Returns models.ErrLedgerUnbalanced, and models.ErrAlreadyExists when the fact was booked before.
func book(tx *gorm.DB, header models.LedgerTransaction, legs []models.LedgerEntry) error {
	sum := models.Amount(0)
	for i := range legs {
		var err error
		if sum, err = sum.Add(legs[i].Amount); err != nil {
			return fmt.Errorf("summing the entries of %s: %w", header.ExternalID, err)
		}
		legs[i].TransactionID, legs[i].CreatedAt = header.ID, header.CreatedAt
	}
	if sum != 0 || len(legs) < 2 {
		return fmt.Errorf("booking %s: %w", header.ExternalID, models.ErrLedgerUnbalanced)
	}
	if err := tx.Create(&legs).Error; err != nil {
		return wrap(err, "writing the entries of "+header.ExternalID)
	}
	return wrap(tx.Create(&header).Error, "booking "+header.ExternalID)
}

func (s *Store) ledgerLines(ctx context.Context) *gorm.DB {
	return s.read(ctx).Table("ledger_entries e").
		Select("e.id, e.transaction_id, e.account, e.amount, e.created_at, t.external_id, t.kind, t.payment_id").
		Joins("JOIN ledger_transactions t ON t.id = e.transaction_id")
}

// LedgerOfPayment returns every leg of every booking for a payment, in order of booking.
func (s *Store) LedgerOfPayment(ctx context.Context, paymentID string) ([]LedgerLine, error) {
	var lines []LedgerLine
	err := s.ledgerLines(ctx).Where("t.payment_id = ?", paymentID).Order("e.id").Scan(&lines).Error
	return lines, wrap(err, "reading a payment's ledger")
}

// Ledger returns a page of the entries on an operator's own account, newest first. nextCursor is "" on the last page.
// Returns ErrBadCursor for a cursor that is none.
func (s *Store) Ledger(ctx context.Context, operatorID, cursor string, limit int) (lines []LedgerLine, nextCursor string, err error) {
	query := s.ledgerLines(ctx).Where("e.account = ?", models.OperatorAvailableAccount(operatorID))
	if cursor != "" {
		before, err := parseLedgerCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("e.id < ?", before)
	}
	limit = pageLimit(limit)
	if err := query.Order("e.id DESC").Limit(limit + 1).Scan(&lines).Error; err != nil {
		return nil, "", wrap(err, "reading an operator's ledger")
	}
	if len(lines) > limit {
		lines = lines[:limit]
		nextCursor = ledgerCursor(lines[limit-1].ID)
	}
	return lines, nextCursor, nil
}

// Balance returns what is credited to an operator, and what canonical transfers will add once they are.
func (s *Store) Balance(ctx context.Context, operatorID string) (available, pending models.Amount, err error) {
	// One statement sees one moment, so a credit in progress is counted on one side only.
	var sums struct{ Available, Pending models.Amount }
	err = s.read(ctx).Raw(`SELECT
		(SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM ledger_entries WHERE account = ?) AS available,
		(SELECT CAST(COALESCE(SUM(t.amount), 0) AS bigint) FROM transfers t JOIN payments p ON p.id = t.payment_id
			WHERE t.canonical AND t.credited_amount = 0 AND p.operator_id = ?) AS pending`,
		models.OperatorAvailableAccount(operatorID), operatorID).Scan(&sums).Error
	return sums.Available, sums.Pending, wrap(err, "reading an operator's balance")
}
