package models

import "time"

// ChainCursor is how far a network's chain has been read: the database holds every transfer up to and including this
// block.
type ChainCursor struct {
	Network     string `gorm:"primaryKey"`
	BlockNumber uint64
	BlockHash   string
	BlockTime   time.Time
	HeadNumber  uint64 // the newest block number that a node has reported

	// Agreed is the newest block up to which the nodes of the quorum gave the same transfers. With a quorum of one it is
	// the cursor itself. A payment expires only when the agreed block is past its window.
	AgreedNumber uint64
	AgreedHash   string
	AgreedTime   time.Time
	// Finalized is the newest block that the quorum reported as final: the chain up to it must no longer change.
	FinalizedNumber uint64
	FinalizedHash   string
	// Accepted is the block in place of a finalized one that an admin has accepted by resolving REORG_BELOW_FINALITY:
	// only a branch with that block may be walked back to below the finalized block. 0 and "" when there is none.
	AcceptedNumber uint64
	AcceptedHash   string
	// RecheckedNumber is the block up to which finalized blocks were read a second time.
	RecheckedNumber uint64 `gorm:"column:second_number"`
	// Token is the newest block at which the nodes of the quorum agreed on the state of the token's contracts. With a
	// quorum of one it is the cursor itself. A payment expires only when this block, too, is past its window.
	TokenNumber uint64
	TokenTime   time.Time
	// TokenKnown is false until a quorum has said for the first time what the token's contracts are. Until then the token
	// block stays the first one: what the contracts were before it is in no event that is read.
	TokenKnown bool

	// WorkedAt is when everything that leads to a credit last worked: the chain is read up to its head, the quorum agrees,
	// payments are signalled, and no alarm stops crediting. WorkingSince is since when it has, without a pause.
	WorkedAt     time.Time
	WorkingSince time.Time

	// RescanFrom and RescanTo are blocks that a reconciliation wants to have read again, both included; 0 when there are
	// none.
	RescanFrom uint64
	RescanTo   uint64

	// Rewinds is how often the cursor went back.
	Rewinds uint64

	UpdatedAt time.Time

	// Upgrades are the contracts (EIP-55 form) that are watched besides the one that the database is bound to, in the
	// order in which the token was upgraded to them. They are rows of their own.
	Upgrades []string `gorm:"-"`
}

// Block returns the block that was read last.
func (c ChainCursor) Block() BlockRef {
	return BlockRef{Number: c.BlockNumber, Hash: c.BlockHash, Time: c.BlockTime}
}

// JudgedTime returns the time of the newest block up to which the quorum agrees on both the transfers and the state of
// the token: what came before it can no longer turn out to be otherwise, unless by a reorg.
func (c ChainCursor) JudgedTime() time.Time {
	if c.TokenTime.Before(c.AgreedTime) {
		return c.TokenTime
	}
	return c.AgreedTime
}

const (
	// WorkPause is how long nothing may be noted in ChainCursor.WorkedAt before that counts as a pause.
	WorkPause = time.Minute
	// WorkLagBlocks is how many blocks the agreed block may be below the head while everything works.
	WorkLagBlocks = 50
)

// HasWorkedFor reports whether everything that leads to a credit works now and has worked for that long. After a stop,
// or while there was no quorum, what is uncredited may be credited in the next moment.
func (c ChainCursor) HasWorkedFor(d time.Duration, now time.Time) bool {
	return now.Sub(c.WorkedAt) <= WorkPause && now.Sub(c.WorkingSince) >= d
}

// Agreed returns the newest block that the nodes of the quorum agree on.
func (c ChainCursor) Agreed() BlockRef {
	return BlockRef{Number: c.AgreedNumber, Hash: c.AgreedHash, Time: c.AgreedTime}
}

// HasAccepted reports whether an admin has accepted a block in place of the finalized one.
func (c ChainCursor) HasAccepted(branch BlockRef) bool {
	return c.AcceptedHash != "" && branch.Number == c.FinalizedNumber && c.AcceptedNumber == branch.Number &&
		c.AcceptedHash == branch.Hash
}

// BlockBatch is what was read from a chain between two blocks. The database keeps only what concerns our addresses.
type BlockBatch struct {
	From BlockRef // where the cursor is; the batch begins after it
	To   BlockRef // where the cursor moves to; after From
	Head uint64   // the newest block number that the node has reported
	// Agreed is true when one node decides alone (a quorum of one), so the agreed block moves with the cursor.
	Agreed bool
	// Upgrades are those of the cursor that the batch was read with.
	Upgrades  []string
	Transfers []TokenTransfer // to and from any address
	Events    []TokenEvent
	Oversized []OversizedTransfer
}

// OversizedTransfer is a Transfer log whose value does not fit 64 bits. No supply of USDT comes near that, so the
// transfer is never credited: it is quarantined, with an alarm, for a person to look at.
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
	From   string // EIP-55 form, as the node or the calldata states it; "" when neither does
	To     string // EIP-55 form
	Amount Amount // micro-USDT, as the calldata states it
}

// SeenTransaction is the row of a SeenTransfer that would pay one of our addresses.
type SeenTransaction struct {
	TxHash    string `gorm:"primaryKey"`
	PaymentID string `gorm:"primaryKey"`
	Amount    Amount // micro-USDT, as the calldata states it
	SeenAt    time.Time
}

// ChainBlock is a block that was read recently. It is remembered to find the common ancestor after a reorg.
type ChainBlock struct {
	Network   string `gorm:"primaryKey"`
	Number    uint64 `gorm:"primaryKey;autoIncrement:false"`
	Hash      string
	BlockTime time.Time
}

// DepositAddress is an address that was given to a payment. Rows are never deleted, so a late transfer finds its
// payment.
type DepositAddress struct {
	Address   string `gorm:"primaryKey"` // EIP-55 form
	PaymentID string
	Index     uint32 `gorm:"column:address_index"`
	// XPub is the fingerprint of the account key that has the address at the index; "" for the first key.
	XPub      string `gorm:"column:xpub"`
	CreatedAt time.Time
}

// IdempotencyKey is the key of a create call, with the payment that the call created.
type IdempotencyKey struct {
	OperatorID  string `gorm:"primaryKey"`
	Key         string `gorm:"primaryKey;column:idempotency_key"`
	RequestHash []byte // SHA-256 over the meaning of the request's body
	PaymentID   string
	CreatedAt   time.Time
}

// IdempotencyKeyLifetime is how long a key returns the same payment.
const IdempotencyKeyLifetime = 30 * 24 * time.Hour
