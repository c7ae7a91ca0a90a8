package models

import "time"

// What a payment can be made in. Other networks and currencies are refused by name.
const (
	NetworkERC20 = "ERC20"
	CurrencyUSDT = "USDT"
)

// ConfirmingFrom is how many confirmations, in blocks, the full amount needs for CONFIRMING.
const ConfirmingFrom = 2

// Payment is one payment session: facts fixed at its creation, and the state that its workflow last recorded.
type Payment struct {
	ID              string `gorm:"primaryKey"` // 24 lower-case hex digits; a capability, because the public page is reached by it
	OperatorID      string
	UserID          string
	Reference       string // 16 lower-case hex digits, unique
	Network         string
	Currency        string
	AmountRequested Amount
	DepositAddress  string // EIP-55 form
	AddressIndex    uint32 // BIP-32 index on the external chain
	CreatedAt       time.Time
	ExpiresAt       time.Time // as promised at its creation; a pause of the token moves the real end, see WindowEnd
	Confirmations   uint64    // its transfers need before they are credited, in blocks
	ReturnURL       string    // https address at the shop that the checkout page leads back to, "" for none

	PaymentState `gorm:"embedded"`
	UpdatedAt    time.Time

	// WorkflowStartedAt is null until the payment's workflow is known to have been started: such rows are the outbox.
	WorkflowStartedAt *time.Time
}

// PaymentState is the part of a payment that changes. The workflow decides it, one activity a change records it.
type PaymentState struct {
	Status         Status    `json:"status"`
	Exception      Exception `json:"exception"`
	AmountReceived Amount    `json:"amountReceived"` // micro-USDT seen in canonical blocks, credited or not
	AmountCredited Amount    `json:"amountCredited"` // micro-USDT credited to the operator's balance
	TxHash         string    `json:"txHash"`         // of the canonical transfer that completed the amount, else the newest, "" when there is none
	LastBlock      uint64    `json:"lastBlock"`      // block number of that transfer, 0 when there is none
	Decision       Decision  `json:"decision"`       // what an operator decided, "" when nothing was
	Reason         string    `json:"reason"`         // the operator's reason for the decision
	// Version counts the recorded states of a payment, from 1. A writer states the version it saw, and loses when it is not
	// the current one; that makes the row the arbiter between racing writers.
	Version int64 `json:"version"`
}

// Decision is what an operator decided on a payment. It stands whatever the chain does afterwards.
type Decision string

// The decisions.
const (
	DecisionReject Decision = "REJECT"
	DecisionAccept Decision = "ACCEPT"
)

// Same tells whether two states say the same, whatever their versions.
func (s PaymentState) Same(other PaymentState) bool {
	s.Version = other.Version
	return s == other
}

// PaymentEvent is one line of a payment's timeline, written in the transaction that changed the state.
type PaymentEvent struct {
	PaymentID      string `gorm:"primaryKey"`
	Version        int64  `gorm:"primaryKey"` // the payment's version that this event made
	Status         Status
	Exception      Exception
	AmountReceived Amount
	AmountCredited Amount
	TxHash         string
	Reason         string
	CreatedAt      time.Time
}

// PaymentSnapshot is a payment's row together with every transfer known for it.
type PaymentSnapshot struct {
	State     PaymentState     `json:"state"`
	Transfers []TransferNotice `json:"transfers"`
	// WindowEnd is when the payment's window really ends, pauses of the token counted in; zero when it is not known.
	WindowEnd time.Time `json:"windowEnd,omitzero"`
}

// Confirmations returns how many confirmations a transfer in the given block has when the chain's head is at head:
// head - block + 1, and 0 when the block is unknown or above the head.
func Confirmations(head, block uint64) uint64 {
	if block == 0 || head < block {
		return 0
	}
	return head - block + 1
}
