package models

import "time"

// ChainCursor is how far a network's chain has been read: every transfer up to and in this block is in the database.
type ChainCursor struct {
	Network     string `gorm:"primaryKey"`
	BlockNumber uint64
	BlockHash   string
	BlockTime   time.Time
	HeadNumber  uint64 // the newest block number the node has told us of
	UpdatedAt   time.Time
}

// Block returns the block the cursor stands on.
func (c ChainCursor) Block() BlockRef {
	return BlockRef{Number: c.BlockNumber, Hash: c.BlockHash, Time: c.BlockTime}
}

// ChainBlock is a block the watcher has read lately, kept to find the common ancestor after a reorg.
type ChainBlock struct {
	Network   string `gorm:"primaryKey"`
	Number    uint64 `gorm:"primaryKey;autoIncrement:false"`
	Hash      string
	BlockTime time.Time
}

// DepositAddress is an address we handed out. A row is never deleted, so late money finds its payment.
type DepositAddress struct {
	Address   string `gorm:"primaryKey"` // EIP-55 form
	PaymentID string
	Index     uint32 `gorm:"column:address_index"`
	CreatedAt time.Time
}

// IdempotencyKey remembers which payment a create call with that key made.
type IdempotencyKey struct {
	OperatorID  string `gorm:"primaryKey"`
	Key         string `gorm:"primaryKey;column:idempotency_key"`
	RequestHash []byte // SHA-256 over the meaning of the body
	PaymentID   string
	CreatedAt   time.Time
}

// IdempotencyKeyLifetime is how long a key answers with the same payment.
const IdempotencyKeyLifetime = 30 * 24 * time.Hour
