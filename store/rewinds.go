package store

import (
	"fmt"

	"gorm.io/gorm"

	"paycow/models"
)

// rewind is the row of a time that the cursor went back to a block. The rows of a network are a stack: one that a later
// one went below is dropped, so number and block number both grow from row to row.
type rewind struct {
	Network     string `gorm:"primaryKey"`
	Number      uint64 `gorm:"primaryKey;autoIncrement:false"` // models.ChainCursor.Rewinds after it
	BlockNumber uint64
}

// noteRewind notes that the cursor, as it was before, goes back to a block. The cursor's row must be locked.
func noteRewind(tx *gorm.DB, before models.ChainCursor, to models.BlockRef) error {
	row := rewind{Network: before.Network, Number: before.Rewinds + 1, BlockNumber: to.Number}
	err := tx.Where("network = ? AND block_number >= ?", row.Network, row.BlockNumber).Delete(&rewind{}).Error
	if err == nil {
		err = tx.Create(&row).Error
	}
	if err == nil {
		err = tx.Model(&models.ChainCursor{}).Where("network = ?", row.Network).UpdateColumn("rewinds", row.Number).Error
	}
	if err != nil {
		return fmt.Errorf("note that the cursor goes back: %w", err)
	}
	return nil
}

// lastBefore returns the number of the last block that is certain to have been mined before a payment was created: the
// newest one that had been read then. If the cursor has gone below that block since, the blocks from there on are
// others, mined later, and may hold the payer's transfer; so it is the lowest block that the cursor went back to. 0
// when it is not known.
func lastBefore(db *gorm.DB, p models.Payment) (uint64, error) {
	if p.CreatedAfter == 0 {
		return 0, nil
	}
	var since []rewind
	err := db.Where("network = ? AND number > ?", p.Network, p.CreatedRewinds).Order("number").Limit(1).Find(&since).Error
	if err != nil {
		return 0, fmt.Errorf("read how far the cursor went back: %w", err)
	}
	if len(since) > 0 {
		return min(p.CreatedAfter, since[0].BlockNumber), nil
	}
	return p.CreatedAfter, nil
}
