package models

import "time"

// The networks and currencies in which payments can be made.
const (
	NetworkERC20 = "ERC20"
	CurrencyUSDT = "USDT"
)

// ConfirmingFrom is how many confirmations the full amount needs for CONFIRMING, in blocks.
const ConfirmingFrom = 2

// Payment is one payment session: facts fixed at its creation, and the state that its workflow last recorded.
type Payment struct {
	// ID is 24 lower-case hex digits. It is a capability: whoever knows it sees the checkout page.
	ID              string `gorm:"primaryKey"`
	OperatorID      string
	UserID          string
	Reference       string // 16 lower-case hex digits, unique
	Network         string
	Currency        string
	AmountRequested Amount // micro-USDT
	Tolerance       Amount // by how much less may arrive and still pay it, in micro-USDT; below AmountRequested
	DepositAddress  string // EIP-55 form
	AddressIndex    uint32 // BIP-32 index on the external chain
	CreatedAt       time.Time
	ExpiresAt       time.Time // as promised at its creation; a pause of the token moves the real end, see WindowEnd
	Confirmations   uint64    // that its transfers need before they are credited, in blocks
	ReturnURL       string    // https URL at the shop to which the checkout page leads back; "" for none
	Description     string    // what the payment is for, shown to the payer; "" for none
	Metadata        Metadata  // what the shop keeps with the payment, shown to nobody else
	LinkID          string    // of the payment link through which it was made; "" for none

	// CreatedAfter is the number of the newest block that had been read when the payment was created, and CreatedRewinds
	// how often the cursor had gone back by then. A transfer up to that block never pays the payment; see the store's
	// lastBefore for reorgs. 0 for a payment that was created before this was noted, or before the first block.
	CreatedAfter   uint64
	CreatedRewinds uint64

	PaymentState `gorm:"embedded"`
	UpdatedAt    time.Time

	// MAC proves that this program wrote the row: it covers the terms that the store's termsOf lists.
	MAC []byte

	// WorkflowStartedAt is nil until the payment's workflow is known to have been started.
	WorkflowStartedAt *time.Time

	// IsTest is true for what TestPayment.Payment returns. No row of a payment has it.
	IsTest bool `gorm:"-"`
}

// Enough returns the least credited amount that pays the payment, in micro-USDT.
func (p Payment) Enough() Amount { return p.AmountRequested - p.Tolerance }

// PaymentState is the part of a payment that changes. The workflow decides it; one activity records each change.
type PaymentState struct {
	Status    Status    `json:"status"`
	Exception Exception `json:"exception"`
	// AmountReceived is what was mined for the payment since it was created, credited or not, in micro-USDT.
	AmountReceived Amount `json:"amountReceived"`
	AmountCredited Amount `json:"amountCredited"` // micro-USDT credited to the operator's balance
	// TxHash is the transaction of the canonical transfer that completed the amount, or of the newest one; "" without any.
	TxHash    string   `json:"txHash"`
	LastBlock uint64   `json:"lastBlock"` // block number of that transfer, 0 without any
	Decision  Decision `json:"decision"`  // what the operator decided, "" for nothing
	Reason    string   `json:"reason"`    // the operator's reason for the decision
	// Version counts the recorded states of a payment, from 1. A writer names the version that it saw and fails when that
	// is no longer the current one, so the row decides between racing writers.
	Version int64 `json:"version"`
}

// Same reports whether two states are equal except for their versions.
func (s PaymentState) Same(other PaymentState) bool {
	s.Version = other.Version
	return s == other
}

// PaymentEvent is one line of a payment's timeline, written in the transaction that changed the state.
type PaymentEvent struct {
	PaymentID      string `gorm:"primaryKey"`
	Version        int64  `gorm:"primaryKey"` // the payment's version after the change
	Status         Status
	Exception      Exception
	AmountReceived Amount
	AmountCredited Amount
	TxHash         string
	Reason         string
	CreatedAt      time.Time
}

// PaymentSnapshot is a payment's row together with every transfer known for it or, for a crowded payment, their sums.
type PaymentSnapshot struct {
	State     PaymentState     `json:"state"`
	Transfers []TransferNotice `json:"transfers"`
	Crowd     *Crowd           `json:"crowd,omitempty"` // then Transfers is empty
	// WindowEnd is when the payment's window really ends; zero when no pause of the token has moved it from the expiry.
	WindowEnd  time.Time `json:"windowEnd,omitzero"`
	WindowAsOf time.Time `json:"windowAsOf,omitzero"` // as in TransfersSignal
}

// Confirmations returns how many confirmations a transfer in the given block has when the chain's head is at head:
// head - block + 1, and 0 when the block is unknown or above the head.
func Confirmations(head, block uint64) uint64 {
	if block == 0 || head < block {
		return 0
	}
	return head - block + 1
}
