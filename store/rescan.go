package store

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

const (
	// rescanBlocks is how many of the newest blocks are read again at most for a difference: about a week of Ethereum.
	// Reconciliation looks at each address more often than that.
	rescanBlocks = 50_000
	// rescanTries is how often blocks are read again for one difference. A node may go on leaving something out for a
	// while, and a difference that has another cause must not have blocks read for ever.
	rescanTries = 6
	// rescanPause is the time between the first two tries. Each next one is rescanFactor times as long, so that the last
	// try is more than two days after the first.
	rescanPause  = 10 * time.Minute
	rescanFactor = 4
	// rescanMargin is how much older than the address a block may be that is read again first.
	rescanMargin = 10 * time.Minute
)

// BalanceDifference is what the chain holds at one of our addresses beyond what the database knows, negative if it is
// less.
type BalanceDifference struct {
	Address string   // EIP-55 form
	Units   *big.Int // micro-USDT
}

// AskForRescan has blocks up to the given one read again for differences that are among the open ones: those since the
// address was handed out, and in later tries the newest 50,000. Each difference is tried a few times in two days and
// then no more, unless its amount changes. While blocks are being read again, nothing more is asked for: a node that
// invents differences must not keep the newest blocks from being reached. It returns the blocks, or 0 and 0 when
// nothing is due.
func (s *Store) AskForRescan(
	ctx context.Context, network string, differing []BalanceDifference, atBlock uint64,
) (from, to uint64, err error) {
	if len(differing) == 0 {
		return 0, 0, nil
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		from, to = 0, 0
		cursor, err := lockCursor(tx, network)
		if err != nil {
			return err
		}
		if cursor.RescanTo != 0 {
			return nil
		}
		open, err := openBalances(tx, network)
		if err != nil {
			return err
		}
		for _, d := range differing {
			row, isOpen := open[models.AddressSubject(d.Address)]
			if !isOpen || !s.isDueForRescan(&row, d) {
				continue
			}
			start, due, err := s.rescanFor(tx, row, d, atBlock)
			if err != nil {
				return err
			}
			if due && (to == 0 || start < from) {
				from, to = start, atBlock
			}
		}
		if to == 0 {
			return nil
		}
		return tx.Model(&models.ChainCursor{}).Where("network = ?", network).
			UpdateColumns(map[string]any{"rescan_from": from, "rescan_to": to}).Error
	})
	return from, to, wrap(err, "ask for blocks to be read again")
}

// openBalances returns the open differences of balances by their subjects. There are no more than SettleFindings keeps.
func openBalances(tx *gorm.DB, network string) (map[string]finding, error) {
	var rows []finding
	err := tx.Where("network = ? AND check_name = ?", network, models.CheckChainBalances).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the open differences: %w", err)
	}
	open := make(map[string]finding, len(rows))
	for _, row := range rows {
		open[row.Subject] = row
	}
	return open, nil
}

// isDueForRescan reports whether blocks are to be read again for an open difference now. It counts the tries of another
// amount anew.
func (s *Store) isDueForRescan(row *finding, d BalanceDifference) bool {
	if row.Rescans == 0 {
		return true
	}
	pause := rescanPause
	if row.RescanUnits != d.Units.String() {
		row.Rescans = 0
	}
	for range row.Rescans - 1 {
		pause *= rescanFactor
	}
	// Another amount waits, too: whoever can move it must not have blocks read all the time.
	return row.Rescans < rescanTries && s.now().Sub(row.RescannedAt) >= pause
}

// rescanFor returns the first of the blocks that are to be read again for a difference, and counts the try. due is
// false for the address of a forgotten payment: reading again stores nothing for it.
func (s *Store) rescanFor(
	tx *gorm.DB, row finding, d BalanceDifference, atBlock uint64,
) (start uint64, due bool, err error) {
	handedOut, isOurs, err := blockBefore(tx, row.Network, d.Address)
	if err != nil || !isOurs {
		return 0, false, err
	}
	start = max(1, atBlock-min(atBlock, rescanBlocks))
	if row.Rescans == 0 {
		start = max(start, min(handedOut, atBlock))
	}
	err = tx.Model(&row).UpdateColumns(map[string]any{
		"rescans": row.Rescans + 1, "rescanned_at": s.now(), "rescan_units": d.Units.String(),
	}).Error
	return start, true, wrap(err, "note a rescan")
}

// blockBefore returns a block that is older than a deposit address, 0 when none is remembered. isOurs is false for an
// address that no payment has.
func blockBefore(tx *gorm.DB, network, address string) (number uint64, isOurs bool, err error) {
	var handedOut models.DepositAddress
	found := tx.Where("address = ?", address).Limit(1).Find(&handedOut)
	if found.Error != nil {
		return 0, false, fmt.Errorf("read a deposit address: %w", found.Error)
	}
	if found.RowsAffected == 0 {
		return 0, false, nil
	}
	var blocks []models.ChainBlock
	err = tx.Where("network = ? AND block_time < ?", network, handedOut.CreatedAt.Add(-rescanMargin)).
		Order("number DESC").Limit(1).Find(&blocks).Error
	if err != nil || len(blocks) == 0 {
		return 0, true, wrap(err, "find the block of a deposit address")
	}
	return blocks[0].Number, true, nil
}

// NoteRescanned notes that the blocks from the first one that was to be read again up to the given one were read. It
// does nothing when another one is the first by now.
func (s *Store) NoteRescanned(ctx context.Context, network string, from, upTo uint64) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		return tx.Exec(`UPDATE chain_cursors SET
				rescan_from = CASE WHEN rescan_to > ? THEN CAST(? AS bigint) + 1 ELSE 0 END,
				rescan_to = CASE WHEN rescan_to > ? THEN rescan_to ELSE 0 END
			WHERE network = ? AND rescan_from = ?`, upTo, upTo, upTo, network, from).Error
	})
	return wrap(err, "note which blocks were read again")
}
