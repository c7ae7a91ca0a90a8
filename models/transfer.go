package models

import (
	"fmt"
	"time"
)

// BlockRef names a block: the hash says which one, the number where, the time (of its header) when.
type BlockRef struct {
	Number uint64    `json:"number"`
	Hash   string    `json:"hash"` // 0x and 64 lower-case hex digits
	Time   time.Time `json:"time"`
}

// String returns "number (short hash)" for logs and pages.
func (b BlockRef) String() string {
	if len(b.Hash) < 10 {
		return fmt.Sprintf("%d", b.Number)
	}
	return fmt.Sprintf("%d (%s…)", b.Number, b.Hash[:10])
}

// TransferKey is the identity of a transfer. It stays the same when a reorg mines the transaction again elsewhere, because
// the ordinal counts the token's Transfer logs of the transaction, not the block's.
type TransferKey struct {
	ChainID uint64 `gorm:"primaryKey;autoIncrement:false" json:"chainId"`
	TxHash  string `gorm:"primaryKey"                     json:"txHash"` // 0x and 64 lower-case hex digits
	Ordinal int    `gorm:"primaryKey;autoIncrement:false" json:"ordinal"`
}

// String returns the key as ledger external ids carry it.
func (k TransferKey) String() string { return fmt.Sprintf("%d:%s:%d", k.ChainID, k.TxHash, k.Ordinal) }

// TokenTransfer is one Transfer log of the token in a block, whoever it pays.
type TokenTransfer struct {
	TransferKey
	From     string // EIP-55 form
	To       string // EIP-55 form
	Amount   Amount
	LogIndex uint
	Block    BlockRef
}

// Transfer is a token transfer to one of our addresses, as the database keeps it.
type Transfer struct {
	TransferKey `gorm:"embedded"`
	// PaymentID belongs to the primary key: a contract call that is mined again may pay another of our addresses at the same
	// ordinal, and both payments must be told.
	PaymentID   string `gorm:"primaryKey"`
	FromAddress string
	Amount      Amount
	LogIndex    uint
	BlockNumber uint64
	BlockHash   string
	BlockTime   time.Time
	Canonical   bool // false while a reorg has taken the transfer away
	// Revision grows with every change of the facts above, so that messages about a transfer can arrive in any order.
	Revision int64
	// SignalDueAt is the head's block number at which the payment's workflow must be told of this transfer; null when
	// it knows all there is to know.
	SignalDueAt *uint64
	// SignalledConfirmations is the last milestone, in confirmations, that the workflow was told at this revision.
	SignalledConfirmations uint64
	// CreditedAmount is what the ledger holds for this transfer; 0 when nothing is credited.
	CreditedAmount Amount
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Block returns the block that holds the transfer.
func (t Transfer) Block() BlockRef {
	return BlockRef{Number: t.BlockNumber, Hash: t.BlockHash, Time: t.BlockTime}
}

// Notice returns the message that tells a workflow of this transfer when the head is at the given block number.
func (t Transfer) Notice(head uint64) TransferNotice {
	return TransferNotice{
		TransferKey: t.TransferKey, From: t.FromAddress, Amount: t.Amount, Block: t.Block(), Canonical: t.Canonical,
		Revision: t.Revision, Confirmations: Confirmations(head, t.BlockNumber), CreditedAmount: t.CreditedAmount,
	}
}

// TransferNotice is what a payment's workflow is told of a transfer. Of two notices with one key the one with the higher
// revision counts, then the one with more confirmations; so repeats and disorder do no harm.
type TransferNotice struct {
	TransferKey
	From          string   `json:"from"`
	Amount        Amount   `json:"amount"`
	Block         BlockRef `json:"block"`
	Canonical     bool     `json:"canonical"`
	Revision      int64    `json:"revision"`
	Confirmations uint64   `json:"confirmations"`
	// CreditedAmount is what the ledger holds for the transfer, in notices read from the database.
	CreditedAmount Amount `json:"creditedAmount"`
}

// Supersedes tells whether this notice replaces the other one of the same key.
func (n TransferNotice) Supersedes(other TransferNotice) bool {
	if n.Revision != other.Revision {
		return n.Revision > other.Revision
	}
	return n.Confirmations > other.Confirmations
}

// NextMilestone returns the next number of confirmations a workflow must be told of after it was told of reached:
// 1 (DETECTED), ConfirmingFrom (CONFIRMING), required (credit). ok is false when there is none left.
func NextMilestone(reached, required uint64) (next uint64, ok bool) {
	for _, milestone := range []uint64{1, ConfirmingFrom, required} {
		if milestone > reached && milestone <= required {
			return milestone, true
		}
	}
	return 0, false
}

// LastMilestone returns the highest milestone that the given number of confirmations has reached, 0 if none.
func LastMilestone(confirmations, required uint64) uint64 {
	last := uint64(0)
	for next, ok := NextMilestone(0, required); ok && next <= confirmations; next, ok = NextMilestone(last, required) {
		last = next
	}
	return last
}
