package store

import (
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

// snapshotOf adds the transfers to a payment's row. They are read after it, so they are never older than the state.
func (s *Store) snapshotOf(db *gorm.DB, p models.Payment) (models.PaymentSnapshot, error) {
	var cursor models.ChainCursor
	err := db.Where("network = ?", p.Network).Take(&cursor).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) { // before the first block no transfer has a confirmation
		return models.PaymentSnapshot{}, fmt.Errorf("reading the chain cursor: %w", err)
	}
	var transfers []models.Transfer
	if err := db.Where("payment_id = ?", p.ID).Order(chainOrder).Find(&transfers).Error; err != nil {
		return models.PaymentSnapshot{}, fmt.Errorf("reading a payment's transfers: %w", err)
	}
	end, _, err := windowEnd(db, p)
	if err != nil {
		return models.PaymentSnapshot{}, err
	}
	snapshot := models.PaymentSnapshot{
		State: p.PaymentState, Transfers: make([]models.TransferNotice, len(transfers)), WindowEnd: movedEnd(p, end),
	}
	for i, transfer := range transfers {
		snapshot.Transfers[i] = transfer.Notice(cursor.BlockNumber)
	}
	return snapshot, nil
}

// Record writes a payment's next state and its event. Recorded is true when the row now holds the state, also when an
// earlier attempt of the same call wrote it; otherwise the row had moved on, and Snapshot has it.
// Returns models.ErrNotFound.
func (s *Store) Record(ctx context.Context, in models.RecordInput) (result models.RecordResult, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		var err error
		result, err = s.record(tx, in.PaymentID, in.State)
		return err
	})
	return result, wrap(err, "recording a payment's state")
}

func (s *Store) record(tx *gorm.DB, paymentID string, state models.PaymentState) (models.RecordResult, error) {
	// The version in the WHERE is what lets one of several writers win: the others wait for its row lock and then match
	// nothing.
	now := s.now()
	update := tx.Model(&models.Payment{}).Where("id = ? AND version = ?", paymentID, state.Version-1).UpdateColumns(map[string]any{
		"status": state.Status, "exception": state.Exception, "amount_received": state.AmountReceived,
		"amount_credited": state.AmountCredited, "tx_hash": state.TxHash, "last_block": state.LastBlock,
		"decision": state.Decision, "reason": state.Reason, "version": state.Version, "updated_at": now,
	})
	if update.Error != nil {
		return models.RecordResult{}, fmt.Errorf("updating the payment: %w", update.Error)
	}
	if update.RowsAffected == 1 {
		event := eventOf(paymentID, state, now)
		if err := tx.Create(&event).Error; err != nil {
			return models.RecordResult{}, fmt.Errorf("writing the payment's event: %w", err)
		}
		return models.RecordResult{Recorded: true}, nil
	}
	var p models.Payment
	if err := tx.Where("id = ?", paymentID).Take(&p).Error; err != nil {
		return models.RecordResult{}, wrap(err, "reading the payment")
	}
	return s.resultOf(tx, p, state)
}

// resultOf answers for a row that was not written: recorded when it holds the wanted state already (our own attempt,
// whose answer was lost), else its snapshot.
func (s *Store) resultOf(tx *gorm.DB, p models.Payment, wanted models.PaymentState) (models.RecordResult, error) {
	if p.PaymentState == wanted {
		return models.RecordResult{Recorded: true}, nil
	}
	snapshot, err := s.snapshotOf(tx, p)
	return models.RecordResult{Snapshot: &snapshot}, err
}

func eventOf(paymentID string, state models.PaymentState, at time.Time) models.PaymentEvent {
	return models.PaymentEvent{
		PaymentID: paymentID, Version: state.Version, Status: state.Status, Exception: state.Exception,
		AmountReceived: state.AmountReceived, AmountCredited: state.AmountCredited, TxHash: state.TxHash, Reason: state.Reason,
		CreatedAt: at,
	}
}

// lockPayment reads a payment's row and keeps others from changing it until the transaction ends. NO KEY: a follower that
// inserts a transfer for the payment (a foreign key to this row) does not wait.
func lockPayment(tx *gorm.DB, id string) (models.Payment, error) {
	var p models.Payment
	err := tx.Clauses(rowLock).Where("id = ?", id).Take(&p).Error
	return p, wrap(err, "locking the payment")
}

// rowLock is left out on SQLite, where a transaction of ours is the only writer.
var rowLock = clause.Locking{Strength: "NO KEY UPDATE"}

// Expire records the state when the quorum agrees on the chain past the window's real end and nothing came to the payment by then. Snapshot is
// set when something came or the row had moved on. Returns models.ErrNotFound.
func (s *Store) Expire(ctx context.Context, in models.ExpireInput) (result models.ExpireResult, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		result = models.ExpireResult{}
		p, err := lockPayment(tx, in.PaymentID)
		if err != nil {
			return err
		}
		// The follower waits, so that pauses, cursor and transfers are of one moment.
		if _, err := lockCursor(tx, in.Network); err != nil && !errors.Is(err, models.ErrNotFound) {
			return err
		}
		p.ExpiresAt = in.ExpiresAt // as the workflow was promised it
		end, paused, err := windowEnd(tx, p)
		if err != nil {
			return err
		}
		view, err := viewOfWindow(tx, in, end)
		if err != nil {
			return err
		}
		result.WindowEnd, result.Paused = movedEnd(p, end), paused
		result.ScannedPast = view.AgreedTime.After(end) && !paused
		switch err := refuseWhileHalted(tx, in.Network); {
		case errors.Is(err, models.ErrCreditingHalted):
			result.ScannedPast, result.Wait = false, models.ExpiryWaitHalted
		case err != nil:
			return err
		case paused:
			result.Wait = models.ExpiryWaitPaused
		case !result.ScannedPast && view.BlockTime.After(end):
			result.Wait, result.WaitBlock = models.ExpiryWaitQuorum, view.AgreedNumber
		case !result.ScannedPast:
			result.Wait, result.WaitBlock = models.ExpiryWaitScan, view.BlockNumber
		}
		if p.Version != in.State.Version-1 {
			result.RecordResult, err = s.resultOf(tx, p, in.State)
			// What was recorded was recorded rightly, even when a reorg has taken the cursor back since.
			result.ScannedPast = result.ScannedPast || result.Recorded
			if result.ScannedPast {
				result.Wait, result.WaitBlock = "", 0
			}
			return err
		}
		if view.Paid {
			snapshot, err := s.snapshotOf(tx, p)
			result.Snapshot = &snapshot
			return err
		}
		if result.ScannedPast {
			result.RecordResult, err = s.record(tx, in.PaymentID, in.State)
		}
		return err
	})
	return result, wrap(err, "expiring a payment")
}
