package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// expiryLookAgain is how long a payment waits at least, in the time of the chain, while a pause is moving its end.
const expiryLookAgain = time.Minute

// DueExpiry is a payment that waits for its expiry and whose window the quorum's chain has passed.
type DueExpiry struct {
	Payment models.Payment
	// WindowEnd is when the payment's window really ends, zero when that is its expiry; WindowAsOf is when the database
	// held that.
	WindowEnd  time.Time
	WindowAsOf time.Time
	note       int64
}

// noteExpiryWait notes that a payment asked for its expiry too early.
func (s *Store) noteExpiryWait(ctx context.Context, p models.Payment, end time.Time) error {
	wait := models.ExpiryWaiting{
		PaymentID: p.ID, Network: p.Network, DueAt: toMillis(end),
		Note: rand.Int64(), //nolint:gosec // tells notes apart, hides nothing
	}
	return s.writer.WithContext(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "payment_id"}}, DoUpdates: clause.AssignmentColumns([]string{"due_at", "note"}),
	}).Create(&wait).Error
}

func dropExpiryWait(tx *gorm.DB, paymentID string) error {
	err := tx.Where("payment_id = ?", paymentID).Delete(&models.ExpiryWaiting{}).Error
	if err != nil {
		return fmt.Errorf("drop the note of a waiting expiry: %w", err)
	}
	return nil
}

// DueExpiries returns payments that wait for their expiry and may have it now, at most limit of them, longest due
// first. It costs one statement while none is due, however many wait. more is false when no others are due.
func (s *Store) DueExpiries(ctx context.Context, network string, limit int) (due []DueExpiry, more bool, err error) {
	var waits []models.ExpiryWaiting
	err = s.read(ctx).Where(
		`network = ? AND due_at < (SELECT CASE WHEN token_time < agreed_time THEN token_time ELSE agreed_time END
			FROM chain_cursors WHERE network = ?)`, network, network,
	).Order("due_at, payment_id").Limit(limit).Find(&waits).Error
	if err != nil || len(waits) == 0 {
		return nil, false, wrap(err, "read the due expiries")
	}
	if err := refuseWhileHalted(s.read(ctx), network); err != nil {
		if errors.Is(err, models.ErrCreditingHalted) {
			return nil, false, nil
		}
		return nil, false, wrap(err, "read the due expiries")
	}
	due, err = s.sortOutWaits(ctx, network, waits)
	return due, len(waits) == limit, wrap(err, "read the due expiries")
}

// sortOutWaits returns the payments that may expire. It drops the notes of those that ended otherwise, and defers those
// whose window turned out to end later.
func (s *Store) sortOutWaits(
	ctx context.Context, network string, waits []models.ExpiryWaiting,
) (due []DueExpiry, err error) {
	notes := make(map[string]int64, len(waits))
	ids := make([]string, 0, len(waits))
	for _, wait := range waits {
		notes[wait.PaymentID] = wait.Note
		ids = append(ids, wait.PaymentID)
	}
	// The cursor is read before the pauses, as for every window: an end is never later than what the quorum has passed
	// because of a pause that was not read.
	cursor, err := s.Cursor(ctx, network)
	if err != nil {
		return nil, err
	}
	asOf, err := windowAsOf(s.read(ctx), network)
	if err != nil {
		return nil, err
	}
	ends, err := windowEnds(s.read(ctx), network)
	if err != nil {
		return nil, err
	}
	payments, err := s.PaymentsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]models.Payment, len(payments))
	for _, p := range payments {
		byID[p.ID] = p
	}
	var ended []DueExpiry
	deferred := map[time.Time][]DueExpiry{}
	for _, wait := range waits { // in their order
		p := byID[wait.PaymentID]
		end, paused := ends(p)
		expiry := DueExpiry{Payment: p, WindowEnd: movedEnd(p, end), WindowAsOf: asOf, note: notes[p.ID]}
		switch {
		case p.Status.IsFinal():
			ended = append(ended, expiry)
		case paused:
			until := toMillis(latest(end, cursor.JudgedTime().Add(expiryLookAgain)))
			deferred[until] = append(deferred[until], expiry)
		case !cursor.JudgedTime().After(end):
			deferred[toMillis(end)] = append(deferred[toMillis(end)], expiry)
		default:
			due = append(due, expiry)
		}
	}
	if err := s.MarkExpiriesWoken(ctx, ended); err != nil {
		return nil, err
	}
	for until, some := range deferred {
		if err := waitsOf(s.writer.WithContext(ctx), some).UpdateColumn("due_at", until).Error; err != nil {
			return nil, err
		}
	}
	return due, nil
}

// resetExpiryWaits makes every payment that waits be looked at again at its promised end, because pauses that had moved
// the ends may have been taken back.
func resetExpiryWaits(tx *gorm.DB, network string) error {
	err := tx.Model(&models.ExpiryWaiting{}).Where("network = ?", network).
		UpdateColumn("due_at", gorm.Expr("(SELECT p.expires_at FROM payments p WHERE p.id = expiry_waits.payment_id)")).Error
	if err != nil {
		return fmt.Errorf("look at the waiting expiries again: %w", err)
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// MarkExpiriesWoken notes that these payments were told to ask for their expiry again. A payment that has asked since,
// and waits again, stays noted.
func (s *Store) MarkExpiriesWoken(ctx context.Context, woken []DueExpiry) error {
	if len(woken) == 0 {
		return nil
	}
	err := waitsOf(s.writer.WithContext(ctx), woken).Delete(&models.ExpiryWaiting{}).Error
	return wrap(err, "note the expiries that were woken")
}

// waitsOf selects the notes of these payments that have not been replaced since they were read. A note is a random
// number, so no two notes of a payment are the same.
func waitsOf(db *gorm.DB, expiries []DueExpiry) *gorm.DB {
	ids, notes := make([]string, len(expiries)), make([]int64, len(expiries))
	for i, expiry := range expiries {
		ids[i], notes[i] = expiry.Payment.ID, expiry.note
	}
	return db.Model(&models.ExpiryWaiting{}).Where("payment_id IN ? AND note IN ?", ids, notes)
}
