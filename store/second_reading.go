package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"paycow/models"
)

// Heal stores transfers that the first reading left out, exactly as Advance would have, so their payments are due to be
// told. It is safe to repeat. added counts those to us that were not known as canonical.
// Returns models.ErrCursorMoved when a transfer is above the cursor, or in another block than the one that is kept.
func (s *Store) Heal(ctx context.Context, network string, found []models.TokenTransfer) (added int, err error) {
	if len(found) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		added = 0
		var cursor models.ChainCursor
		if err := tx.Clauses(rowLock).Where("network = ?", network).Take(&cursor).Error; err != nil {
			return fmt.Errorf("locking the chain cursor: %w", err)
		}
		for _, t := range found {
			if t.Block.Number > cursor.BlockNumber {
				return fmt.Errorf("the transfer in block %d is above the cursor: %w", t.Block.Number, models.ErrCursorMoved)
			}
			var known models.ChainBlock
			err := tx.Where("network = ? AND number = ?", network, t.Block.Number).Take(&known).Error
			switch {
			case errors.Is(err, gorm.ErrRecordNotFound):
			case err != nil:
				return fmt.Errorf("reading block %d: %w", t.Block.Number, err)
			case known.Hash != t.Block.Hash:
				return fmt.Errorf("block %d is another one: %w", t.Block.Number, models.ErrCursorMoved)
			}
		}
		rows, err := s.ownTransfers(tx, network, found)
		if err != nil {
			return err
		}
		for _, row := range rows {
			var same int64
			err := tx.Model(&models.Transfer{}).Where(
				"chain_id = ? AND tx_hash = ? AND ordinal = ? AND payment_id = ? AND canonical AND block_hash = ? AND amount = ?",
				row.ChainID, row.TxHash, row.Ordinal, row.PaymentID, row.BlockHash, row.Amount).Count(&same).Error
			if err != nil {
				return fmt.Errorf("looking for transfer %s: %w", row.TransferKey, err)
			}
			if same == 0 {
				added++
			}
		}
		return s.storeFound(tx, network, found)
	})
	return added, wrap(err, "healing transfers")
}

// Disprove marks transfers as not in the chain, as a reorg would, because the nodes agree that they are not there. Their
// payments are due to be told. It is safe to repeat.
func (s *Store) Disprove(ctx context.Context, network string, keys []models.TransferKey, reason string) error {
	ordered := slices.Clone(keys)
	slices.SortFunc(ordered, func(a, b models.TransferKey) int {
		return cmp.Or(cmp.Compare(a.ChainID, b.ChainID), strings.Compare(a.TxHash, b.TxHash), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := lockCursor(tx, network); err != nil {
			return err
		}
		for _, key := range ordered {
			changed := tx.Model(&models.Transfer{}).Where("chain_id = ? AND tx_hash = ? AND ordinal = ? AND canonical", key.ChainID, key.TxHash, key.Ordinal).
				UpdateColumns(map[string]any{
					"canonical": false, "revision": gorm.Expr("revision + 1"), "signalled_confirmations": 0, "signal_due_at": 0, "updated_at": s.now(),
				})
			if changed.Error != nil {
				return fmt.Errorf("transfer %s: %w", key, changed.Error)
			}
			err := tx.Table("sweeps").Where("chain_id = ? AND tx_hash = ? AND ordinal = ?", key.ChainID, key.TxHash, key.Ordinal).
				UpdateColumns(map[string]any{"canonical": false}).Error
			if err != nil {
				return fmt.Errorf("sweep %s: %w", key, err)
			}
			if changed.RowsAffected > 0 {
				err := s.audit(tx, models.AuditEntry{Actor: models.ActorSystem, Action: "transfer_disproved", Subject: "transfer:" + key.String(), Detail: reason})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return wrap(err, "disproving transfers")
}
