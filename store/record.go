package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// Snapshot returns a payment's state with all its transfers. Returns models.ErrNotFound.
func (s *Store) Snapshot(ctx context.Context, paymentID string) (models.PaymentSnapshot, error) {
	p, err := s.Payment(ctx, paymentID)
	if err != nil {
		return models.PaymentSnapshot{}, err
	}
	return s.snapshotOf(s.read(ctx), p)
}

// snapshotOf adds the transfers to a payment's row, or their sums if the payment is crowded. They are read after the
// row, so they are never older than its state.
func (s *Store) snapshotOf(db *gorm.DB, p models.Payment) (models.PaymentSnapshot, error) {
	asOf, err := windowAsOf(db, p.Network)
	if err != nil {
		return models.PaymentSnapshot{}, fmt.Errorf("read how new the window is: %w", err)
	}
	switch crowd, _, err := readCrowd(db, p); {
	case err != nil:
		return models.PaymentSnapshot{}, fmt.Errorf("sum up a payment's transfers: %w", err)
	case crowd != nil:
		return models.PaymentSnapshot{
			State: p.PaymentState, Crowd: crowd, WindowEnd: movedEnd(p, crowd.WindowEnd), WindowAsOf: asOf,
		}, nil
	}
	var cursor models.ChainCursor
	err = db.Where("network = ?", p.Network).Take(&cursor).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) { // before the first block no transfer has a confirmation
		return models.PaymentSnapshot{}, fmt.Errorf("read the chain cursor: %w", err)
	}
	transfers, err := transfersOf(db, p.ID)
	if err != nil {
		return models.PaymentSnapshot{}, fmt.Errorf("read a payment's transfers: %w", err)
	}
	end, _, err := windowEnd(db, p)
	if err != nil {
		return models.PaymentSnapshot{}, err
	}
	before, err := lastBefore(db, p)
	if err != nil {
		return models.PaymentSnapshot{}, err
	}
	snapshot := models.PaymentSnapshot{
		State: p.PaymentState, Transfers: make([]models.TransferNotice, len(transfers)), WindowEnd: movedEnd(p, end),
		WindowAsOf: asOf,
	}
	for i, transfer := range transfers {
		snapshot.Transfers[i] = transfer.Notice(cursor.BlockNumber, before)
	}
	return snapshot, nil
}

// Record writes a payment's next state and its events. Recorded is true when the row now holds the state, even if an
// earlier attempt of the same call wrote it. Otherwise the row had moved on, or the rows contradict the state (Refused
// says how), and Snapshot holds what they say. Returns models.ErrNotFound.
func (s *Store) Record(ctx context.Context, in models.RecordInput) (result models.RecordResult, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		p, err := lockPayment(tx, in.PaymentID)
		if err != nil {
			return err
		}
		if err := lockWindow(tx, p, in.State); err != nil {
			return err
		}
		result, err = s.record(tx, p, in.State)
		if err != nil {
			result, err = s.refusal(tx, p.ID, err) // nothing was written that a rollback would undo
		}
		return err
	})
	return result, wrap(err, "record a payment's state")
}

// lockWindow keeps the follower from changing pauses, cursor and transfers while a state that closes the payment's
// window is judged and recorded. It is called before any transfer is locked, as the follower does.
func lockWindow(tx *gorm.DB, p models.Payment, next models.PaymentState) error {
	if next.Status != models.StatusExpired || p.Status == models.StatusExpired {
		return nil
	}
	if _, err := lockCursor(tx, p.Network); err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	return nil
}

// record writes the next state of a payment whose row is locked, a line of its timeline, and its events. Returns a
// *refusedError when the rows contradict the state.
func (s *Store) record(tx *gorm.DB, p models.Payment, state models.PaymentState) (models.RecordResult, error) {
	paymentID := p.ID
	if p.Version != state.Version-1 {
		return s.resultOf(tx, p, state)
	}
	refused, err := s.judgeState(tx, p, state)
	if err != nil {
		return models.RecordResult{}, err
	}
	if refused != "" {
		s.log.WarnContext(tx.Statement.Context, "state refused: the rows contradict it", "payment_id", p.ID,
			"status", state.Status, "error", refused)
		return models.RecordResult{}, &refusedError{refused}
	}
	if err := s.settleDecisions(tx, p, state); err != nil {
		return models.RecordResult{}, err
	}
	after := p
	after.PaymentState, after.UpdatedAt = state, s.now()
	update := tx.Model(&models.Payment{}).Where("id = ? AND version = ?", paymentID, state.Version-1).
		UpdateColumns(map[string]any{
			"status": state.Status, "exception": state.Exception, "amount_received": state.AmountReceived,
			"amount_credited": state.AmountCredited, "tx_hash": state.TxHash, "last_block": state.LastBlock,
			"decision": state.Decision, "reason": state.Reason, "version": state.Version, "updated_at": after.UpdatedAt,
		})
	if update.Error != nil {
		return models.RecordResult{}, fmt.Errorf("update the payment: %w", update.Error)
	}
	line := timelineLine(paymentID, state, after.UpdatedAt)
	if err := tx.Create(&line).Error; err != nil {
		return models.RecordResult{}, fmt.Errorf("write the payment's timeline: %w", err)
	}
	return models.RecordResult{Recorded: true}, s.tell(tx, p.PaymentState, after)
}

// resultOf returns the result for a row that was not written: recorded when it already holds the wanted state (an
// earlier attempt wrote it and its result was lost), otherwise its snapshot.
func (s *Store) resultOf(tx *gorm.DB, p models.Payment, wanted models.PaymentState) (models.RecordResult, error) {
	if p.PaymentState == wanted {
		return models.RecordResult{Recorded: true}, nil
	}
	snapshot, err := s.snapshotOf(tx, p)
	return models.RecordResult{Snapshot: &snapshot}, err
}

func timelineLine(paymentID string, state models.PaymentState, at time.Time) models.PaymentEvent {
	return models.PaymentEvent{
		PaymentID:      paymentID,
		Version:        state.Version,
		Status:         state.Status,
		Exception:      state.Exception,
		AmountReceived: state.AmountReceived,
		AmountCredited: state.AmountCredited,
		TxHash:         state.TxHash,
		Reason:         state.Reason,
		CreatedAt:      at,
	}
}

// lockPayment reads a payment's row and keeps others from changing it until the transaction ends. A follower that
// inserts a transfer for the payment (a foreign key to this row) does not wait: the lock is NO KEY.
func lockPayment(tx *gorm.DB, id string) (models.Payment, error) {
	var p models.Payment
	err := tx.Clauses(rowLock).Where("id = ?", id).Take(&p).Error
	return p, wrap(err, "lock the payment")
}

// rowLock locks rows on Postgres. GORM leaves it out on SQLite, where a transaction of ours is the only writer.
var rowLock = clause.Locking{Strength: "NO KEY UPDATE"}

// Expire records the state if the quorum agrees on the chain and on the token's state past the window's real end and
// the chain holds no transfer to the payment up to then. Snapshot is set when it does or when the row had moved on.
// Returns models.ErrNotFound.
//
// The question locks nothing, so waiting payments hold up neither the follower nor each other. Only when the answer is
// that the payment may expire is it asked again, with the locks of the transaction that records it. With in.AwaitScan
// a payment that has to wait is noted, so that DueExpiries finds it when its time comes.
func (s *Store) Expire(ctx context.Context, in models.ExpireInput) (result models.ExpireResult, err error) {
	p, err := s.Payment(ctx, in.PaymentID)
	if err != nil {
		return result, wrap(err, "expire a payment")
	}
	result, end, err := s.judgeExpiry(s.read(ctx), p, in)
	switch {
	case err != nil:
		return result, wrap(err, "expire a payment")
	case result.Wait != "" && (in.AwaitScan || !result.WindowEnd.IsZero()): // it waits for a timer if its end was moved
		return result, wrap(s.noteExpiryWait(ctx, p, end), "note that a payment waits for its expiry")
	case !mayExpire(result):
		return result, nil
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		p, err := lockPayment(tx, in.PaymentID)
		if err != nil {
			return err
		}
		// The follower waits, so that pauses, cursor and transfers are of the same moment.
		if err := lockWindow(tx, p, in.State); err != nil {
			return err
		}
		if result, _, err = s.judgeExpiry(tx, p, in); err != nil || !mayExpire(result) {
			return err
		}
		if result.RecordResult, err = s.record(tx, p, in.State); err != nil {
			result.RecordResult, err = s.refusal(tx, p.ID, err)
			return err
		}
		return dropExpiryWait(tx, p.ID)
	})
	return result, wrap(err, "expire a payment")
}

// mayExpire reports whether an answer says that the payment may expire, and that this is not recorded yet.
func mayExpire(result models.ExpireResult) bool {
	return result.ScannedPast && result.Wait == "" && result.Snapshot == nil && !result.Recorded
}

// judgeExpiry answers whether a payment may expire, and returns the real end of its window. It writes nothing.
func (s *Store) judgeExpiry(
	tx *gorm.DB, p models.Payment, in models.ExpireInput,
) (result models.ExpireResult, end time.Time, err error) {
	result, view, err := judgeWindow(tx, p)
	end = cmp.Or(result.WindowEnd, p.ExpiresAt)
	if err != nil {
		return result, end, err
	}
	if p.Version != in.State.Version-1 {
		result.RecordResult, err = s.resultOf(tx, p, in.State)
		// The earlier attempt was right to record it, even if a reorg has moved the cursor back since.
		result.ScannedPast = result.ScannedPast || result.Recorded
		if result.ScannedPast {
			result.Wait, result.WaitBlock = "", 0
		}
		return result, end, err
	}
	if view.Paid {
		snapshot, err := s.snapshotOf(tx, p)
		result.Snapshot = &snapshot
		return result, end, err
	}
	return result, end, nil
}

// judgeWindow answers whether a payment's window is over: everybody who could pay within it has been heard. ScannedPast
// is the answer, and Wait says why it is not over. The end of the window is the row's, as pauses have moved it.
func judgeWindow(tx *gorm.DB, p models.Payment) (result models.ExpireResult, view windowView, err error) {
	if result.WindowAsOf, err = windowAsOf(tx, p.Network); err != nil {
		return result, view, err
	}
	end, paused, err := windowEnd(tx, p)
	if err != nil {
		return result, view, err
	}
	view, err = viewOfWindow(tx, p, end)
	if err != nil {
		return result, view, err
	}
	result.WindowEnd, result.Paused = movedEnd(p, end), paused
	result.ScannedPast = view.AgreedTime.After(end) && view.TokenTime.After(end) && !paused
	switch err := refuseWhileHalted(tx, p.Network); {
	case errors.Is(err, models.ErrCreditingHalted):
		result.ScannedPast, result.Wait = false, models.ExpiryWaitHalted
	case err != nil:
		return result, view, err
	case paused:
		result.Wait = models.ExpiryWaitPaused
	case !result.ScannedPast && view.AgreedTime.After(end):
		result.Wait, result.WaitBlock = models.ExpiryWaitToken, view.TokenNumber
	case !result.ScannedPast && view.BlockTime.After(end):
		result.Wait, result.WaitBlock = models.ExpiryWaitQuorum, view.AgreedNumber
	case !result.ScannedPast:
		result.Wait, result.WaitBlock = models.ExpiryWaitScan, view.BlockNumber
	}
	return result, view, nil
}
