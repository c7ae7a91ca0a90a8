package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// DueSignal is what a payment's workflow must be told of.
type DueSignal struct {
	Payment   models.Payment
	Transfers []models.Transfer
	// WindowEnd is when the payment's window really ends, zero when that is its expiry.
	WindowEnd time.Time
}

// DueSignals returns transfers that are due when the head is at the given block number, longest due first, grouped by
// payment. limit bounds the transfers.
func (s *Store) DueSignals(ctx context.Context, network string, head uint64, limit int) ([]DueSignal, error) {
	var due []models.Transfer
	err := s.read(ctx).Where("signal_due_at <= ? AND EXISTS (SELECT 1 FROM payments p WHERE p.id = transfers.payment_id AND p.network = ?)", head, network).
		Order("signal_due_at, payment_id, " + chainOrder).Limit(limit).Find(&due).Error
	if err != nil || len(due) == 0 {
		return nil, wrap(err, "reading the due signals")
	}
	position := make(map[string]int)
	var signals []DueSignal
	var ids []string
	for _, transfer := range due {
		i, known := position[transfer.PaymentID]
		if !known {
			i = len(signals)
			position[transfer.PaymentID] = i
			signals = append(signals, DueSignal{})
			ids = append(ids, transfer.PaymentID)
		}
		signals[i].Transfers = append(signals[i].Transfers, transfer)
	}
	for batch := range slices.Chunk(ids, batchRows*10) {
		var payments []models.Payment
		if err := s.read(ctx).Where("id IN ?", batch).Find(&payments).Error; err != nil {
			return nil, wrap(err, "reading the payments to signal")
		}
		pauses, err := pausesOf(s.read(ctx))
		if err != nil {
			return nil, err
		}
		for _, p := range payments {
			end, _ := models.WindowEnd(p.CreatedAt, p.ExpiresAt, pauses, s.now())
			signals[position[p.ID]].Payment, signals[position[p.ID]].WindowEnd = p, movedEnd(p, end)
		}
	}
	return signals, nil
}

// MarkSignalled notes that a workflow was told of these transfers with the head at the given block number, and when it must
// be told again: at the transfer's next milestone, and after the last one until the ledger holds it. A transfer that changed since it was read stays due.
func (s *Store) MarkSignalled(ctx context.Context, transfers []models.Transfer, head, required uint64) error {
	if len(transfers) == 0 {
		return nil
	}
	ordered := slices.Clone(transfers)
	slices.SortFunc(ordered, compareByLockOrder)
	err := s.write(ctx, func(tx *gorm.DB) error {
		for _, t := range ordered {
			var reached uint64
			// Until the ledger agrees with the chain, the workflow is told again once in a while: a signal that an engine
			// accepted can still be lost with the run that got it (terminated by hand, an engine restored from a backup).
			dueAt := head + max(required, models.Confirmations(head, t.BlockNumber)) // with growing pauses
			if t.Canonical {
				reached = models.LastMilestone(models.Confirmations(head, t.BlockNumber), required)
				if next, ok := models.NextMilestone(reached, required); ok {
					dueAt = t.BlockNumber + next - 1
				}
			}
			err := tx.Model(&models.Transfer{}).
				Where("chain_id = ? AND tx_hash = ? AND ordinal = ? AND payment_id = ? AND revision = ?", t.ChainID, t.TxHash, t.Ordinal, t.PaymentID, t.Revision).
				UpdateColumns(map[string]any{
					"signalled_confirmations": reached, "updated_at": s.now(),
					"signal_due_at": gorm.Expr("CASE WHEN credited_amount = (CASE WHEN canonical THEN amount ELSE 0 END) THEN NULL ELSE CAST(? AS bigint) END", dueAt),
				}).Error
			if err != nil {
				return fmt.Errorf("transfer %s: %w", t.TransferKey, err)
			}
		}
		return nil
	})
	return wrap(err, "noting signalled transfers")
}

// DeferSignals puts transfers whose payment could not be told behind the others, until the head reaches a block number.
// Without it as many hopeless payments as a batch holds would keep all others from being told.
func (s *Store) DeferSignals(ctx context.Context, transfers []models.Transfer, until uint64) error {
	ordered := slices.Clone(transfers)
	slices.SortFunc(ordered, compareByLockOrder)
	err := s.write(ctx, func(tx *gorm.DB) error {
		for _, t := range ordered {
			err := tx.Model(&models.Transfer{}).
				Where("chain_id = ? AND tx_hash = ? AND ordinal = ? AND payment_id = ? AND revision = ? AND signal_due_at < ?",
					t.ChainID, t.TxHash, t.Ordinal, t.PaymentID, t.Revision, until).
				UpdateColumns(map[string]any{"signal_due_at": until}).Error
			if err != nil {
				return fmt.Errorf("transfer %s: %w", t.TransferKey, err)
			}
		}
		return nil
	})
	return wrap(err, "deferring signals")
}
