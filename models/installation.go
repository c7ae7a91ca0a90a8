package models

import (
	"fmt"
	"time"
)

// Installation is the one row that says what a database belongs to. It is written at the first start.
type Installation struct {
	ID          int64 `gorm:"primaryKey;autoIncrement:false"` // always 1
	ChainID     uint64
	GenesisHash string // of the chain's first block; "" until a quorum of nodes has stated it
	Token       string // the contract whose transfers have no contract in their keys, in EIP-55 form
	BoundAt     time.Time
}

// TableName keeps GORM from looking for a plural.
func (Installation) TableName() string { return "installation" }

// AccountKey is the row of an account key (xpub) from which deposit addresses are or were derived.
type AccountKey struct {
	Fingerprint string `gorm:"primaryKey"`
	Position    int64  // 0 for the first key; its addresses name no key
	CreatedAt   time.Time
}

// BoundTo names a part of what a database belongs to.
type BoundTo string

// The parts of what a database belongs to.
const (
	BoundToChain   BoundTo = "chain id"
	BoundToGenesis BoundTo = "genesis block"
	BoundToHistory BoundTo = "a chain with the block" // that was read long ago
	BoundToToken   BoundTo = "token"
	BoundToXPub    BoundTo = "xpub"
)

// BindingError says that a process is configured for something else than the database belongs to.
type BindingError struct {
	Part       BoundTo
	Bound      string // what the database belongs to
	Configured string // what the process has
}

func (e *BindingError) Error() string {
	return fmt.Sprintf("the database belongs to %s %s, not to %s", e.Part, e.Bound, e.Configured)
}
