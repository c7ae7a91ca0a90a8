package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"paycow/models"
)

// booking is a ledger transaction with its entries.
type booking struct {
	header  models.LedgerTransaction
	entries []models.LedgerEntry
}

// book writes one ledger transaction, as bookAll does.
func book(tx *gorm.DB, header models.LedgerTransaction, entries []models.LedgerEntry) error {
	return bookAll(tx, []booking{{header, entries}})
}

// bookAll writes ledger transactions. The entries go first and the headers close them: from then on the database
// refuses any further entry. Returns models.ErrLedgerUnbalanced, and models.ErrAlreadyExists when a fact was booked
// before.
func bookAll(tx *gorm.DB, bookings []booking) error {
	var headers []models.LedgerTransaction
	var entries []models.LedgerEntry
	for _, b := range bookings {
		sum := models.Amount(0)
		for _, entry := range b.entries {
			var err error
			if sum, err = sum.Add(entry.Amount); err != nil {
				return fmt.Errorf("sum the entries of %s: %w", b.header.ExternalID, err)
			}
			entry.TransactionID, entry.CreatedAt = b.header.ID, b.header.CreatedAt
			entries = append(entries, entry)
		}
		if sum != 0 || len(b.entries) < 2 {
			return fmt.Errorf("book %s: %w", b.header.ExternalID, models.ErrLedgerUnbalanced)
		}
		headers = append(headers, b.header)
	}
	if len(headers) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(&entries, batchRows).Error; err != nil {
		return wrap(err, "write the entries of "+bookingName(headers))
	}
	return wrap(tx.CreateInBatches(&headers, batchRows).Error, "book "+bookingName(headers))
}

// bookingName names bookings in errors.
func bookingName(headers []models.LedgerTransaction) string {
	if len(headers) == 1 {
		return headers[0].ExternalID
	}
	return fmt.Sprintf("%s and %d more", headers[0].ExternalID, len(headers)-1)
}

func ledgerLines(db *gorm.DB) *gorm.DB {
	return db.Table("ledger_entries e").
		Select("e.id, e.transaction_id, e.account, e.amount, e.created_at, t.external_id, t.kind, t.payment_id").
		Joins("JOIN ledger_transactions t ON t.id = e.transaction_id")
}

// LedgerOfPayment returns every entry of every booking for a payment, in the order in which they were booked.
func (s *Store) LedgerOfPayment(ctx context.Context, paymentID string) ([]models.LedgerLine, error) {
	var lines []models.LedgerLine
	err := ledgerLines(s.read(ctx)).Where("t.payment_id = ?", paymentID).Order("e.id").Find(&lines).Error
	return lines, wrap(err, "read a payment's ledger")
}

// largestEntries returns the largest entries of the bookings for a payment on its operator's account, at most limit, in
// the order in which they were booked.
func largestEntries(db *gorm.DB, p models.Payment, limit int) ([]models.LedgerLine, error) {
	var lines []models.LedgerLine
	err := ledgerLines(db).
		Where("t.payment_id = ? AND e.account = ?", p.ID, models.OperatorAvailableAccount(p.OperatorID)).
		Order("ABS(e.amount) DESC, e.id").Limit(limit).Find(&lines).Error
	slices.SortFunc(lines, func(a, b models.LedgerLine) int { return cmp.Compare(a.ID, b.ID) })
	return lines, err
}

var ledgerOrder = pageOrder[models.LedgerLine]{
	idColumn("e.id", func(l models.LedgerLine) int64 { return l.ID }),
}

// Ledger returns a page of the entries on an operator's own account, newest first. nextCursor is "" on the last page.
// Returns models.ErrBadCursor.
func (s *Store) Ledger(
	ctx context.Context, operatorID, cursor string, limit int,
) (lines []models.LedgerLine, nextCursor string, err error) {
	query := ledgerLines(s.read(ctx)).Where("e.account = ?", models.OperatorAvailableAccount(operatorID))
	lines, nextCursor, err = readPage(query, ledgerOrder, newestFirst, cursor, limit)
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
		(SELECT CAST(COALESCE(SUM(t.amount), 0) AS bigint) FROM transfers t`+s.uncredited()+` CROSS JOIN payments p
			WHERE t.canonical AND t.credited_amount = 0 AND p.id = t.payment_id AND p.operator_id = ?) AS pending`,
		models.OperatorAvailableAccount(operatorID), operatorID).Scan(&sums).Error
	return sums.Available, sums.Pending, wrap(err, "read an operator's balance")
}

// uncredited is SQL that makes SQLite, which has no statistics, read canonical transfers without a credit through the
// index that holds only them. Postgres knows.
func (s *Store) uncredited() string {
	if s.engine == engineSQLite {
		return " INDEXED BY transfers_uncredited"
	}
	return ""
}
