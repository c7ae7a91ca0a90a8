package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"paycow/models"
)

// LedgerLine is one entry of a booking, together with what the booking was for.
type LedgerLine struct {
	models.LedgerEntry
	ExternalID string
	Kind       models.LedgerKind
	PaymentID  string
}

// book writes a ledger transaction. The entries go first and the header closes them: from then on the database refuses
// any further entry. Returns models.ErrLedgerUnbalanced, and models.ErrAlreadyExists when the fact was booked before.
func book(tx *gorm.DB, header models.LedgerTransaction, entries []models.LedgerEntry) error {
	sum := models.Amount(0)
	for i := range entries {
		var err error
		if sum, err = sum.Add(entries[i].Amount); err != nil {
			return fmt.Errorf("sum the entries of %s: %w", header.ExternalID, err)
		}
		entries[i].TransactionID, entries[i].CreatedAt = header.ID, header.CreatedAt
	}
	if sum != 0 || len(entries) < 2 {
		return fmt.Errorf("book %s: %w", header.ExternalID, models.ErrLedgerUnbalanced)
	}
	if err := tx.Create(&entries).Error; err != nil {
		return wrap(err, "write the entries of "+header.ExternalID)
	}
	return wrap(tx.Create(&header).Error, "book "+header.ExternalID)
}

func (s *Store) ledgerLines(ctx context.Context) *gorm.DB {
	return s.read(ctx).Table("ledger_entries e").
		Select("e.id, e.transaction_id, e.account, e.amount, e.created_at, t.external_id, t.kind, t.payment_id").
		Joins("JOIN ledger_transactions t ON t.id = e.transaction_id")
}

// LedgerOfPayment returns every entry of every booking for a payment, in the order in which they were booked.
func (s *Store) LedgerOfPayment(ctx context.Context, paymentID string) ([]LedgerLine, error) {
	var lines []LedgerLine
	err := s.ledgerLines(ctx).Where("t.payment_id = ?", paymentID).Order("e.id").Find(&lines).Error
	return lines, wrap(err, "read a payment's ledger")
}

var ledgerOrder = pageOrder[LedgerLine]{
	idColumn("e.id", func(l LedgerLine) int64 { return l.ID }),
}

// Ledger returns a page of the entries on an operator's own account, newest first. nextCursor is "" on the last page.
// Returns models.ErrBadCursor.
func (s *Store) Ledger(
	ctx context.Context, operatorID, cursor string, limit int,
) (lines []LedgerLine, nextCursor string, err error) {
	query := s.ledgerLines(ctx).Where("e.account = ?", models.OperatorAvailableAccount(operatorID))
	lines, nextCursor, err = readPage(query, ledgerOrder, cursor, limit)
	return lines, nextCursor, wrap(err, "read an operator's ledger")
}

// Balance returns the sum of what is credited to an operator (available), and of its canonical transfers that are not
// credited yet (pending), in micro-USDT.
func (s *Store) Balance(ctx context.Context, operatorID string) (available, pending models.Amount, err error) {
	// One statement reads both at the same moment, so a transfer that is being credited counts on one side only. The
	// transfers come first: the index transfers_uncredited holds the few that wait.
	var sums struct{ Available, Pending models.Amount }
	err = s.read(ctx).Raw(`SELECT
		(SELECT CAST(COALESCE(SUM(balance), 0) AS bigint) FROM account_balances WHERE account = ?) AS available,
		(SELECT CAST(COALESCE(SUM(t.amount), 0) AS bigint) FROM transfers t CROSS JOIN payments p
			WHERE t.canonical AND t.credited_amount = 0 AND p.id = t.payment_id AND p.operator_id = ?) AS pending`,
		models.OperatorAvailableAccount(operatorID), operatorID).Scan(&sums).Error
	return sums.Available, sums.Pending, wrap(err, "read an operator's balance")
}
