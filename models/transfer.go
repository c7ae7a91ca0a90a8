package models

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// BlockRef names a block. The time is that of its header.
type BlockRef struct {
	Number uint64    `json:"number"`
	Hash   string    `json:"hash"` // 0x and 64 lower-case hex digits
	Time   time.Time `json:"time"`
}

// String returns the number and the beginning of the hash, for logs and pages.
func (b BlockRef) String() string {
	if len(b.Hash) < 10 {
		return fmt.Sprintf("%d", b.Number)
	}
	return fmt.Sprintf("%d (%s…)", b.Number, b.Hash[:10])
}

// TransferKey identifies a transfer. It stays the same when a reorg moves the transaction to another block, because the
// ordinal counts the Transfer logs of one contract within the transaction.
type TransferKey struct {
	ChainID uint64 `gorm:"primaryKey;autoIncrement:false" json:"chainId"`
	TxHash  string `gorm:"primaryKey"                     json:"txHash"` // 0x and 64 lower-case hex digits
	Ordinal int    `gorm:"primaryKey;autoIncrement:false" json:"ordinal"`
	// Token is the contract that emitted the log, in EIP-55 form; "" for the contract that the database is bound to, so
	// that everything recorded before there could be another one stays valid.
	Token string `gorm:"primaryKey" json:"token,omitempty"`
}

// String returns the key as the ledger's external ids hold it.
func (k TransferKey) String() string {
	if k.Token == "" {
		return fmt.Sprintf("%d:%s:%d", k.ChainID, k.TxHash, k.Ordinal)
	}
	return fmt.Sprintf("%d:%s:%d:%s", k.ChainID, k.TxHash, k.Ordinal, k.Token)
}

// Compare orders keys: by chain, transaction hash, ordinal, then contract.
func (k TransferKey) Compare(other TransferKey) int {
	return cmp.Or(
		cmp.Compare(k.ChainID, other.ChainID),
		strings.Compare(k.TxHash, other.TxHash),
		cmp.Compare(k.Ordinal, other.Ordinal),
		strings.Compare(k.Token, other.Token),
	)
}

// TokenTransfer is one Transfer log of the token, whoever it pays.
type TokenTransfer struct {
	TransferKey
	From     string // EIP-55 form
	To       string // EIP-55 form
	Amount   Amount
	LogIndex uint
	Block    BlockRef
}

// Transfer is the row of a token transfer to one of our addresses.
type Transfer struct {
	TransferKey `gorm:"embedded"`
	// PaymentID is part of the primary key: a contract call that is mined again may pay another of our addresses at the
	// same ordinal, and both payments must be signalled.
	PaymentID   string `gorm:"primaryKey"`
	FromAddress string
	Amount      Amount
	LogIndex    uint
	BlockNumber uint64
	BlockHash   string
	BlockTime   time.Time
	Canonical   bool // false while a reorg has removed the transfer
	// Revision grows with every change of the fields above, so that messages about a transfer may arrive in any order.
	Revision int64
	// SignalDueAt is the block number of the head at which this transfer is due to be signalled to the payment's
	// workflow; nil when the workflow knows everything.
	SignalDueAt *uint64
	// SignalledConfirmations is the last milestone that was signalled at this revision, in confirmations.
	SignalledConfirmations uint64
	// CreditedAmount is what the ledger holds for this transfer, in micro-USDT; 0 when nothing is credited.
	CreditedAmount Amount
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Block returns the block that holds the transfer.
func (t Transfer) Block() BlockRef {
	return BlockRef{Number: t.BlockNumber, Hash: t.BlockHash, Time: t.BlockTime}
}

// Notice returns the message about this transfer for its workflow, with the head at the given block number.
// lastBefore is the number of the last block from before the payment's creation, 0 when that is not known.
func (t Transfer) Notice(head, lastBefore uint64) TransferNotice {
	return TransferNotice{
		TransferKey: t.TransferKey, From: t.FromAddress, Amount: t.Amount, Block: t.Block(), Canonical: t.Canonical,
		Revision: t.Revision, Confirmations: Confirmations(head, t.BlockNumber), CreditedAmount: t.CreditedAmount,
		IsEarly: t.IsEarly(lastBefore),
	}
}

// IsEarly reports whether the transfer was mined before its payment was created.
func (t Transfer) IsEarly(lastBefore uint64) bool { return t.BlockNumber <= lastBefore }

// TransferNotice is the message about a transfer for its payment's workflow. Of two notices with the same key the one
// with the higher revision counts, then the one with more confirmations, so repeats and reordering do no harm.
type TransferNotice struct {
	TransferKey
	From          string   `json:"from"`
	Amount        Amount   `json:"amount"`
	Block         BlockRef `json:"block"`
	Canonical     bool     `json:"canonical"`
	Revision      int64    `json:"revision"`
	Confirmations uint64   `json:"confirmations"`
	// CreditedAmount is what the ledger holds for the transfer, in micro-USDT. It is set in notices read from the
	// database.
	CreditedAmount Amount `json:"creditedAmount"`
	// IsEarly is true for a transfer that was mined before the payment was created: it is credited and never pays.
	IsEarly bool `json:"isEarly,omitempty"`
}

// Supersedes reports whether this notice replaces another one with the same key.
func (n TransferNotice) Supersedes(other TransferNotice) bool {
	if n.Revision != other.Revision {
		return n.Revision > other.Revision
	}
	return n.Confirmations > other.Confirmations
}

// NextMilestone returns the number of confirmations after reached that is signalled next: 1 (DETECTED), ConfirmingFrom
// (CONFIRMING) or required (credit). ok is false after the last one.
func NextMilestone(reached, required uint64) (next uint64, ok bool) {
	for _, milestone := range []uint64{1, ConfirmingFrom, required} {
		if milestone > reached && milestone <= required {
			return milestone, true
		}
	}
	return 0, false
}

// LastMilestone returns the highest milestone that is not above the given number of confirmations, 0 for none.
func LastMilestone(confirmations, required uint64) uint64 {
	last := uint64(0)
	for next, ok := NextMilestone(0, required); ok && next <= confirmations; next, ok = NextMilestone(last, required) {
		last = next
	}
	return last
}
