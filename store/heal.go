package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// sweep is the row of a transfer from one of our addresses.
type sweep struct {
	models.TransferKey `gorm:"embedded"`
	FromAddress        string `gorm:"primaryKey"`
	ToAddress          string
	Amount             models.Amount
	LogIndex           uint
	BlockNumber        uint64
	BlockHash          string
	BlockTime          time.Time
	Canonical          bool
}

// storeFound keeps the transfers that pay or drain an address of ours.
func (s *Store) storeFound(tx *gorm.DB, network string, transfers []models.TokenTransfer) error {
	rows, err := s.ownTransfers(tx, network, transfers)
	if err != nil {
		return err
	}
	if err := storeTransfers(tx, rows); err != nil {
		return err
	}
	return s.storeSweeps(tx, network, transfers)
}

func (s *Store) storeSweeps(tx *gorm.DB, network string, transfers []models.TokenTransfer) error {
	senders := make([]models.TokenTransfer, len(transfers))
	for i := range transfers {
		senders[i].To = transfers[i].From
	}
	ours, err := s.paymentsOfAddresses(tx, network, senders)
	if err != nil || len(ours) == 0 {
		return err
	}
	seen := map[models.TransferKey]bool{}
	var rows []sweep
	for _, t := range transfers {
		if ours[t.From] == "" || t.Amount <= 0 || seen[t.TransferKey] {
			continue
		}
		seen[t.TransferKey] = true
		rows = append(rows, sweep{
			TransferKey: t.TransferKey, FromAddress: t.From, ToAddress: t.To, Amount: t.Amount, LogIndex: t.LogIndex,
			BlockNumber: t.Block.Number, BlockHash: t.Block.Hash, BlockTime: toMillis(t.Block.Time), Canonical: true,
		})
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b sweep) int {
		return cmp.Or(strings.Compare(a.TxHash, b.TxHash), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(rows, batchRows).Error; err != nil {
		return fmt.Errorf("storing sweeps: %w", err)
	}
	return nil
}

// StoredTransfers returns the canonical transfers to and from our addresses in a range of blocks, both ends included.
func (s *Store) StoredTransfers(ctx context.Context, network string, from, to uint64) ([]models.TokenTransfer, error) {
	type row struct {
		models.TransferKey `gorm:"embedded"`
		FromAddress        string
		ToAddress          string
		Amount             models.Amount
		LogIndex           uint
		BlockNumber        uint64
		BlockHash          string
		BlockTime          time.Time
	}
	var incoming, outgoing []row
	err := s.read(ctx).Table("transfers t").
		Select("t.chain_id, t.tx_hash, t.ordinal, t.from_address, p.deposit_address AS to_address, t.amount, t.log_index, t.block_number, t.block_hash, t.block_time").
		Joins("JOIN payments p ON p.id = t.payment_id").
		Where("t.canonical AND t.block_number BETWEEN ? AND ? AND p.network = ?", from, to, network).Find(&incoming).Error
	if err == nil {
		err = s.read(ctx).Table("sweeps").Where("canonical AND block_number BETWEEN ? AND ?", from, to).Find(&outgoing).Error
	}
	if err != nil {
		return nil, wrap(err, "reading the transfers of a range")
	}
	var found []models.TokenTransfer
	known := map[models.TransferKey]bool{}
	for _, r := range append(incoming, outgoing...) {
		if known[r.TransferKey] {
			continue // from one of our addresses to another
		}
		known[r.TransferKey] = true
		found = append(found, models.TokenTransfer{
			TransferKey: r.TransferKey, From: r.FromAddress, To: r.ToAddress, Amount: r.Amount, LogIndex: r.LogIndex,
			Block: models.BlockRef{Number: r.BlockNumber, Hash: r.BlockHash, Time: r.BlockTime},
		})
	}
	return found, nil
}

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
