package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// keptBlocks is how many of the newest blocks are remembered: the deepest reorg that can be walked back, in blocks.
const keptBlocks = 4096

// Cursor returns how far a network has been read. Returns models.ErrNotFound before InitCursor.
func (s *Store) Cursor(ctx context.Context, network string) (models.ChainCursor, error) {
	var cursor models.ChainCursor
	db := s.read(ctx)
	err := db.Where("network = ?", network).Take(&cursor).Error
	if err == nil {
		cursor.Upgrades, err = upgradesOf(db, network)
	}
	return cursor, wrap(err, "read the chain cursor")
}

// InitCursor sets a network's first cursor. It has no effect when the network has a cursor.
func (s *Store) InitCursor(ctx context.Context, network string, block models.BlockRef, head uint64) error {
	cursor := models.ChainCursor{
		Network: network, BlockNumber: block.Number, BlockHash: block.Hash, BlockTime: toMillis(block.Time),
		HeadNumber: max(head, block.Number), UpdatedAt: s.now(),
		AgreedNumber: block.Number, AgreedHash: block.Hash, AgreedTime: toMillis(block.Time),
		RecheckedNumber: block.Number, TokenNumber: block.Number, TokenTime: toMillis(block.Time),
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		result := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&cursor)
		if result.Error != nil || result.RowsAffected == 0 {
			return result.Error
		}
		return putBlock(tx, network, block)
	})
	return wrap(err, "set the first chain cursor")
}

// RecentBlock returns the block of that number as it was read. Returns models.ErrNotFound when it is not remembered.
func (s *Store) RecentBlock(ctx context.Context, network string, number uint64) (models.BlockRef, error) {
	return blockRef(s.read(ctx).Where("network = ? AND number = ?", network, number))
}

// LowestRecentBlock returns the lowest block that is remembered. Returns models.ErrNotFound when no block is.
func (s *Store) LowestRecentBlock(ctx context.Context, network string) (models.BlockRef, error) {
	return blockRef(s.read(ctx).Where("network = ?", network).Order("number"))
}

func blockRef(query *gorm.DB) (models.BlockRef, error) {
	var block models.ChainBlock
	if err := query.Take(&block).Error; err != nil {
		return models.BlockRef{}, wrap(err, "read a recent block")
	}
	return models.BlockRef{Number: block.Number, Hash: block.Hash, Time: block.BlockTime}, nil
}

// SetHead notes the newest block number that a node has reported.
func (s *Store) SetHead(ctx context.Context, network string, head uint64) error {
	err := s.writer.WithContext(ctx).Model(&models.ChainCursor{}).Where("network = ?", network).
		UpdateColumns(map[string]any{"head_number": head, "updated_at": s.now()}).Error
	return wrap(err, "note the chain's head")
}

// Advance moves the cursor from one block to a later one and stores what the blocks in between hold for us, in one
// transaction: transfers to and from our addresses, events of the token, amounts beyond 64 bits, and their alarms. A
// transfer that is new or has changed is due to be signalled; one that is known stays untouched. Returns
// models.ErrCursorMoved when the cursor is not at the batch's beginning, or when the batch was read for other contracts
// than are watched now.
func (s *Store) Advance(ctx context.Context, network string, batch models.BlockBatch) error {
	if err := checkBatch(batch); err != nil {
		return wrap(err, "advance the chain cursor")
	}
	to := batch.To
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := s.moveCursor(tx, network, batch.From, to, max(batch.Head, to.Number)); err != nil {
			return err
		}
		// A batch that was read for fewer contracts than are watched now lacks what the others hold.
		if upgrades, err := upgradesOf(tx, network); err != nil || !slices.Equal(upgrades, batch.Upgrades) {
			return cmp.Or(err, models.ErrCursorMoved)
		}
		if batch.Agreed {
			if err := setAgreed(tx, network, to); err != nil {
				return err
			}
			if err := setTokenMark(tx.Where("token_known"), network, to); err != nil {
				return err
			}
		}
		if err := s.storeFound(tx, network, batch.Transfers); err != nil {
			return err
		}
		if err := s.storeEvents(tx, network, batch.Events); err != nil {
			return err
		}
		if err := s.storeOversized(tx, network, batch.Oversized); err != nil {
			return err
		}
		if err := putBlock(tx, network, to); err != nil {
			return err
		}
		return dropOldBlocks(tx, network)
	})
	return wrap(err, "advance the chain cursor")
}

// checkBatch refuses a batch that does not go forward or holds something outside its blocks.
func checkBatch(batch models.BlockBatch) error {
	from, to := batch.From.Number, batch.To.Number
	if to <= from {
		return fmt.Errorf("block %d does not come after block %d", to, from)
	}
	outside := func(what string, block uint64) error {
		if block > from && block <= to {
			return nil
		}
		return fmt.Errorf("the %s in block %d is not between blocks %d and %d", what, block, from, to)
	}
	for _, transfer := range batch.Transfers {
		if err := outside("transfer", transfer.Block.Number); err != nil {
			return err
		}
	}
	for _, event := range batch.Events {
		if err := outside("event of the token", event.BlockNumber); err != nil {
			return err
		}
	}
	for _, transfer := range batch.Oversized {
		if err := outside("oversized transfer", transfer.Block.Number); err != nil {
			return err
		}
	}
	return nil
}

// Rewind moves the cursor back to a common ancestor. Transfers above it are no longer canonical and due to be
// signalled; blocks above it are forgotten. Returns models.ErrCursorMoved when the cursor is not at from, and
// models.ErrBelowAgreed when to is below the block that the quorum agreed on.
func (s *Store) Rewind(ctx context.Context, network string, from, to models.BlockRef) error {
	return s.rewind(ctx, network, from, to, func(_ *gorm.DB, cursor models.ChainCursor) error {
		if to.Number < max(cursor.AgreedNumber, cursor.FinalizedNumber) {
			return fmt.Errorf("block %d was agreed on: %w", cursor.AgreedNumber, models.ErrBelowAgreed)
		}
		return nil
	})
}

// RewindAgreed does what Rewind does, below the block that the quorum agreed on: the caller has seen that a quorum of
// nodes has another branch. branch is their block in place of the finalized one; it counts only below that. Returns
// models.ErrCursorMoved, and models.ErrReorgBelowFinality unless an admin has accepted the branch.
func (s *Store) RewindAgreed(ctx context.Context, network string, from, to, branch models.BlockRef) error {
	return s.rewind(ctx, network, from, to, func(tx *gorm.DB, cursor models.ChainCursor) error {
		if to.Number >= cursor.FinalizedNumber {
			return nil
		}
		if !cursor.HasAccepted(branch) {
			return fmt.Errorf("block %d was final: %w", cursor.FinalizedNumber, models.ErrReorgBelowFinality)
		}
		return tx.Model(&models.ChainCursor{}).Where("network = ?", network).
			UpdateColumns(map[string]any{"accepted_number": 0, "accepted_hash": ""}).Error
	})
}

// rewind moves the cursor back if allowed returns nil for the cursor as it is.
func (s *Store) rewind(
	ctx context.Context, network string, from, to models.BlockRef,
	allowed func(tx *gorm.DB, cursor models.ChainCursor) error,
) error {
	if to.Number >= from.Number {
		return fmt.Errorf("rewind the chain cursor: block %d does not come before block %d", to.Number, from.Number)
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		cursor, err := lockCursor(tx, network)
		if err != nil {
			return err
		}
		if cursor.BlockNumber != from.Number || cursor.BlockHash != from.Hash {
			return models.ErrCursorMoved
		}
		if err := allowed(tx, cursor); err != nil {
			return err
		}
		if err := s.moveCursor(tx, network, from, to, 0); err != nil {
			return err
		}
		if err := noteRewind(tx, cursor, to); err != nil {
			return err
		}
		var removed []models.TokenEvent
		if err := tx.Where("canonical AND block_number > ?", to.Number).Find(&removed).Error; err != nil {
			return fmt.Errorf("read the token's events that a reorg removes: %w", err)
		}
		if err := s.uncanonize(tx, network, to.Number, from.Number); err != nil {
			return err
		}
		if err := lowerMarks(tx, network, to); err != nil {
			return err
		}
		if err := s.matchAlarms(tx, network, "A reorg changed the token's events.", removed); err != nil {
			return err
		}
		if err := tx.Where("network = ? AND number > ?", network, to.Number).Delete(&models.ChainBlock{}).Error; err != nil {
			return fmt.Errorf("forget blocks: %w", err)
		}
		return putBlock(tx, network, to)
	})
	return wrap(err, "rewind the chain cursor")
}

// moveCursor sets the cursor if it is at from. Its row lock makes the followers of one network take turns. A head of 0
// leaves the known head alone.
func (s *Store) moveCursor(tx *gorm.DB, network string, from, to models.BlockRef, head uint64) error {
	columns := map[string]any{
		"block_number": to.Number, "block_hash": to.Hash, "block_time": toMillis(to.Time), "updated_at": s.now(),
	}
	if head > 0 {
		columns["head_number"] = head
	}
	moved := tx.Model(&models.ChainCursor{}).
		Where("network = ? AND block_number = ? AND block_hash = ?", network, from.Number, from.Hash).UpdateColumns(columns)
	if moved.Error != nil {
		return fmt.Errorf("move the cursor: %w", moved.Error)
	}
	if moved.RowsAffected == 0 {
		return models.ErrCursorMoved
	}
	return nil
}

// setAgreed moves the agreed block up, never down and never above the cursor.
func setAgreed(tx *gorm.DB, network string, block models.BlockRef) error {
	err := tx.Model(&models.ChainCursor{}).
		Where("network = ? AND agreed_number < ? AND block_number >= ?", network, block.Number, block.Number).
		UpdateColumns(map[string]any{
			"agreed_number": block.Number, "agreed_hash": block.Hash, "agreed_time": toMillis(block.Time),
		}).Error
	if err != nil {
		return fmt.Errorf("move the agreed block: %w", err)
	}
	return nil
}

// lowerMarks moves every mark that is above a block down to it.
func lowerMarks(tx *gorm.DB, network string, to models.BlockRef) error {
	for _, mark := range []struct {
		column  string
		changes map[string]any
	}{
		{"agreed_number", map[string]any{
			"agreed_number": to.Number, "agreed_hash": to.Hash, "agreed_time": toMillis(to.Time),
		}},
		{"finalized_number", map[string]any{"finalized_number": to.Number, "finalized_hash": to.Hash}},
		{"second_number", map[string]any{"second_number": to.Number}},
		{"token_number", map[string]any{"token_number": to.Number, "token_time": toMillis(to.Time)}},
	} {
		err := tx.Model(&models.ChainCursor{}).Where("network = ? AND "+mark.column+" > ?", network, to.Number).
			UpdateColumns(mark.changes).Error
		if err != nil {
			return fmt.Errorf("lower %s: %w", mark.column, err)
		}
	}
	return nil
}

// SetAgreed notes the newest block up to which the nodes of the quorum gave the same transfers. It only goes up, and
// never above the cursor. Returns models.ErrCursorMoved when the block is not among those that were read.
func (s *Store) SetAgreed(ctx context.Context, network string, block models.BlockRef) error {
	return wrap(s.write(ctx, func(tx *gorm.DB) error {
		if _, err := lockCursor(tx, network); err != nil {
			return err
		}
		var known models.ChainBlock
		err := tx.Where("network = ? AND number = ?", network, block.Number).Take(&known).Error
		if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && known.Hash != block.Hash {
			return models.ErrCursorMoved // a reorg removed the block meanwhile
		}
		if err != nil {
			return err
		}
		return setAgreed(tx, network, block)
	}), "note the agreed block")
}

// SetFinalized notes the newest block up to which the chain must no longer change. It only goes up, and never above the
// cursor.
func (s *Store) SetFinalized(ctx context.Context, network string, block models.BlockRef) error {
	err := s.writer.WithContext(ctx).Model(&models.ChainCursor{}).
		Where("network = ? AND finalized_number < ? AND block_number >= ?", network, block.Number, block.Number).
		UpdateColumns(map[string]any{"finalized_number": block.Number, "finalized_hash": block.Hash}).Error
	return wrap(err, "note the finalized block")
}

// SetRechecked notes the block up to which finalized blocks were read a second time. It only goes up, and never above
// the cursor.
func (s *Store) SetRechecked(ctx context.Context, network string, number uint64) error {
	err := s.writer.WithContext(ctx).Model(&models.ChainCursor{}).
		Where("network = ? AND second_number < ? AND block_number >= ?", network, number, number).
		UpdateColumn("second_number", number).Error
	return wrap(err, "note the rechecked block")
}

// KnownBlockAbove returns the lowest remembered block with above < number <= atMost. Returns models.ErrNotFound.
func (s *Store) KnownBlockAbove(ctx context.Context, network string, above, atMost uint64) (models.BlockRef, error) {
	return blockRef(
		s.read(ctx).Where("network = ? AND number > ? AND number <= ?", network, above, atMost).Order("number"),
	)
}

// lockCursor reads a network's cursor and keeps its followers from moving it until the transaction ends. Returns
// models.ErrNotFound before InitCursor.
func lockCursor(tx *gorm.DB, network string) (models.ChainCursor, error) {
	var cursor models.ChainCursor
	err := tx.Clauses(rowLock).Where("network = ?", network).Take(&cursor).Error
	return cursor, wrap(err, "lock the chain cursor")
}

func putBlock(tx *gorm.DB, network string, block models.BlockRef) error {
	row := models.ChainBlock{Network: network, Number: block.Number, Hash: block.Hash, BlockTime: toMillis(block.Time)}
	if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("remember block %d: %w", block.Number, err)
	}
	return nil
}

func dropOldBlocks(tx *gorm.DB, network string) error {
	var oldest models.ChainBlock
	err := tx.Where("network = ?", network).Order("number DESC").Offset(keptBlocks - 1).Limit(1).Take(&oldest).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err == nil {
		err = tx.Where("network = ? AND number < ?", network, oldest.Number).Delete(&models.ChainBlock{}).Error
	}
	if err != nil {
		return fmt.Errorf("forget old blocks: %w", err)
	}
	return nil
}
