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
		certain := map[string]bool{} // hashes of blocks that are known to have been read
		for _, t := range found {
			known, err := wasRead(tx, cursor, t.Block)
			if err != nil {
				return err
			}
			certain[t.Block.Hash] = known
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
			if !certain[row.BlockHash] {
				if err := requireUnmoved(tx, row); err != nil {
					return err
				}
			}
		}
		return s.storeFound(tx, network, found)
	})
	return added, wrap(err, "heal transfers")
}

// requireUnmoved returns models.ErrCursorMoved when a transfer is canonical in another block by now than the one in
// which it was found, which may have been abandoned meanwhile.
func requireUnmoved(tx *gorm.DB, found models.Transfer) error {
	var elsewhere int64
	err := rowOf(tx, found.TransferKey, found.PaymentID).Where("canonical AND block_hash <> ?", found.BlockHash).
		Count(&elsewhere).Error
	if err != nil {
		return fmt.Errorf("look for transfer %s: %w", found.TransferKey, err)
	}
	if elsewhere > 0 {
		return fmt.Errorf("transfer %s is in another block: %w", found.TransferKey, models.ErrCursorMoved)
	}
	return nil
}

// requireRead returns models.ErrCursorMoved unless the block is below the cursor and is the one that was read, as far
// as that is still known.
func requireRead(tx *gorm.DB, cursor models.ChainCursor, block models.BlockRef) error {
	_, err := wasRead(tx, cursor, block)
	return err
}

// wasRead does what requireRead does. known is false for a block that is not remembered.
func wasRead(tx *gorm.DB, cursor models.ChainCursor, block models.BlockRef) (known bool, err error) {
	if block.Number > cursor.BlockNumber {
		return false, fmt.Errorf("block %d is above the cursor: %w", block.Number, models.ErrCursorMoved)
	}
	var stored models.ChainBlock
	err = tx.Where("network = ? AND number = ?", cursor.Network, block.Number).Take(&stored).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read block %d: %w", block.Number, err)
	case stored.Hash != block.Hash:
		return false, fmt.Errorf("block %d has another hash: %w", block.Number, models.ErrCursorMoved)
	}
	return true, nil
}

// Disprove marks transfers as not in the chain, as a reorg would, because the nodes agree that the blocks in which they
// are stored do not contain them. They are due to be signalled to their payments. A transfer that is stored in another
// block by now was not judged and stays as it is. It is safe to repeat. reason goes to the audit log. Returns
// models.ErrCursorMoved when a block is above the cursor, or another one was read in its place.
func (s *Store) Disprove(ctx context.Context, network string, wrong []models.TokenTransfer, reason string) error {
	ordered := slices.SortedFunc(slices.Values(wrong), func(a, b models.TokenTransfer) int {
		return a.Compare(b.TransferKey)
	})
	err := s.write(ctx, func(tx *gorm.DB) error {
		cursor, err := lockCursor(tx, network)
		if err != nil {
			return err
		}
		for _, t := range ordered {
			if err := requireRead(tx, cursor, t.Block); err != nil {
				return err
			}
			if err := s.disprove(tx, t, reason); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "disprove transfers")
}

func (s *Store) disprove(tx *gorm.DB, t models.TokenTransfer, reason string) error {
	inBlock := func(row any) *gorm.DB {
		return ofKey(tx.Model(row), t.TransferKey).
			Where("canonical AND block_number = ? AND block_hash = ?", t.Block.Number, t.Block.Hash)
	}
	changed := inBlock(&models.Transfer{}).UpdateColumns(s.removal(0))
	if changed.Error != nil {
		return fmt.Errorf("mark transfer %s as removed: %w", t.TransferKey, changed.Error)
	}
	if err := inBlock(&sweep{}).UpdateColumn("canonical", false).Error; err != nil {
		return fmt.Errorf("mark sweep %s as removed: %w", t.TransferKey, err)
	}
	if changed.RowsAffected == 0 {
		return nil
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "transfer_disproved", Subject: "transfer:" + t.String(), Detail: reason,
	})
}
