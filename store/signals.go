package store

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"paycow/models"
)

// DueSignal is what a payment's workflow must be told of.
type DueSignal struct {
	Payment   models.Payment
	Transfers []models.Transfer
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
		for _, p := range payments {
			signals[position[p.ID]].Payment = p
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
			dueAt := head + required
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
