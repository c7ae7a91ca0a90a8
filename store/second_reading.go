package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"paycow/models"
)

// Heal stores transfers that the first reading left out, exactly as Advance would have, so they are due to be signalled
// to their payments. It is safe to repeat. added counts the transfers to us that were not yet known as canonical.
// Returns models.ErrCursorMoved when a transfer is above the cursor, or in another block than the one that was read.
func (s *Store) Heal(ctx context.Context, network string, found []models.TokenTransfer) (added int, err error) {
	if len(found) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		added = 0
		cursor, err := lockCursor(tx, network)
		if err != nil {
			return err
		}
		for _, t := range found {
			if err := requireRead(tx, cursor, t.Block); err != nil {
				return err
			}
		}
		rows, err := s.ownTransfers(tx, network, found)
		if err != nil {
			return err
		}
		for _, row := range rows {
			var same int64
			err := rowOf(tx, row.TransferKey, row.PaymentID).
				Where("canonical AND block_hash = ? AND amount = ?", row.BlockHash, row.Amount).Count(&same).Error
			if err != nil {
				return fmt.Errorf("look for transfer %s: %w", row.TransferKey, err)
			}
			if same == 0 {
				added++
			}
		}
		return s.storeFound(tx, network, found)
	})
	return added, wrap(err, "heal transfers")
}

// requireRead returns models.ErrCursorMoved unless the block is below the cursor and is the one that was read, as far
// as that is still known.
func requireRead(tx *gorm.DB, cursor models.ChainCursor, block models.BlockRef) error {
	if block.Number > cursor.BlockNumber {
		return fmt.Errorf("block %d is above the cursor: %w", block.Number, models.ErrCursorMoved)
	}
	var known models.ChainBlock
	err := tx.Where("network = ? AND number = ?", cursor.Network, block.Number).Take(&known).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read block %d: %w", block.Number, err)
	case known.Hash != block.Hash:
		return fmt.Errorf("block %d has another hash: %w", block.Number, models.ErrCursorMoved)
	}
	return nil
}

// Disprove marks transfers as not in the chain, as a reorg would, because the nodes agree that they are not there. They
// are due to be signalled to their payments. It is safe to repeat. reason goes to the audit log.
func (s *Store) Disprove(ctx context.Context, network string, keys []models.TransferKey, reason string) error {
	ordered := slices.SortedFunc(slices.Values(keys), models.TransferKey.Compare)
	err := s.write(ctx, func(tx *gorm.DB) error {
		if _, err := lockCursor(tx, network); err != nil {
			return err
		}
		for _, key := range ordered {
			if err := s.disprove(tx, key, reason); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "disprove transfers")
}

func (s *Store) disprove(tx *gorm.DB, key models.TransferKey, reason string) error {
	changed := ofKey(tx.Model(&models.Transfer{}), key).Where("canonical").UpdateColumns(s.removal())
	if changed.Error != nil {
		return fmt.Errorf("mark transfer %s as removed: %w", key, changed.Error)
	}
	err := ofKey(tx.Model(&sweep{}), key).UpdateColumn("canonical", false).Error
	if err != nil {
		return fmt.Errorf("mark sweep %s as removed: %w", key, err)
	}
	if changed.RowsAffected == 0 {
		return nil
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "transfer_disproved", Subject: "transfer:" + key.String(), Detail: reason,
	})
}
