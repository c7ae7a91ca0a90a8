package models

import "time"

// ChainCursor is how far a network's chain has been read: every transfer up to and in this block is in the database.
type ChainCursor struct {
	Network     string `gorm:"primaryKey"`
	BlockNumber uint64
	BlockHash   string
	BlockTime   time.Time
	HeadNumber  uint64 // the newest block number the node has told us of

	// Agreed is the newest block up to which the quorum's nodes gave the same transfers. With a quorum of one it is the
	// cursor itself. Nothing expires before the agreed block has passed its end.
	AgreedNumber uint64
	AgreedHash   string
	AgreedTime   time.Time
	// Finalized is the newest block that the quorum called final: the chain below it must not change any more.
	FinalizedNumber uint64
	FinalizedHash   string
	// RecheckedNumber is the block up to which finalized blocks were read a second time.
	RecheckedNumber uint64 `gorm:"column:second_number"`

	UpdatedAt time.Time
}

// Block returns the block the cursor stands on.
func (c ChainCursor) Block() BlockRef {
	return BlockRef{Number: c.BlockNumber, Hash: c.BlockHash, Time: c.BlockTime}
}

// Agreed returns the newest block that the quorum's nodes agree on.
func (c ChainCursor) Agreed() BlockRef {
	return BlockRef{Number: c.AgreedNumber, Hash: c.AgreedHash, Time: c.AgreedTime}
}

// BlockBatch is what was read from a chain between two blocks. Only what concerns our addresses is kept of it.
type BlockBatch struct {
	From BlockRef // where the cursor stands
	To   BlockRef // where it is to stand; after From
	Head uint64   // the newest block number the node has told us of
	// Agreed is true when one node's word is enough (a quorum of one), so the agreed block moves along.
	Agreed    bool
	Transfers []TokenTransfer // to and from anybody
	Events    []TokenEvent
	Oversized []OversizedTransfer
}

// OversizedTransfer is a Transfer log whose value does not fit 64 bits. No supply of USDT comes near, so it is not credited
// but kept in quarantine, where a person looks at it.
type OversizedTransfer struct {
	TransferKey
	From     string // EIP-55 form
	To       string // EIP-55 form
	Value    string // decimal micro-USDT
	LogIndex uint
	Block    BlockRef
}

// SeenTransfer is a pending transaction, in a node's pool, that would pay an address. It may never be mined.
type SeenTransfer struct {
	TxHash string
	To     string // EIP-55 form
	Amount Amount // micro-USDT, as the calldata states it
}

// SeenTransaction is a transaction that a node holds in its pool and that would pay one of our addresses. It promises
// nothing: it may never be mined.
type SeenTransaction struct {
	TxHash    string `gorm:"primaryKey"`
	PaymentID string `gorm:"primaryKey"`
	Amount    Amount // micro-USDT, as its calldata says
	SeenAt    time.Time
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
