package models

import (
	"strconv"
	"time"
)

// LedgerTransaction is one booking. Its entries sum to zero, and neither it nor they ever change: a mistake is reversed by
// another transaction.
type LedgerTransaction struct {
	ID string `gorm:"primaryKey"` // 24 lower-case hex digits
	// ExternalID names the fact that was booked and is unique, so that no fact is booked twice.
	ExternalID string
	Kind       LedgerKind
	PaymentID  string
	CreatedAt  time.Time
}

// LedgerKind says what a booking was for.
type LedgerKind string

// The kinds of bookings.
const (
	LedgerCredit   LedgerKind = "CREDIT"   // a transfer was credited
	LedgerReversal LedgerKind = "REVERSAL" // a reorg took a credited transfer away
)

// LedgerEntry is one leg of a booking. A positive amount is owed to the account's holder; the negative leg stands on the
// account it came from.
type LedgerEntry struct {
	ID            int64 `gorm:"primaryKey"` // in order of booking
	TransactionID string
	Account       string
	Amount        Amount // micro-USDT
	CreatedAt     time.Time
}

// AccountChainDeposits is the counterpart of every credit: minus what payers sent to our addresses.
const AccountChainDeposits = "chain:deposits"

// OperatorAvailableAccount is the account that holds an operator's balance.
func OperatorAvailableAccount(operatorID string) string {
	return "operator:" + operatorID + ":available"
}

// CreditExternalID names the credit of a transfer. The generation counts the earlier reversals of the same transfer: 0
// for all but those that a reorg took away after crediting and brought back.
func CreditExternalID(key TransferKey, generation int) string {
	return externalID("transfer:", key, generation)
}

// ReversalExternalID names the reversal of the credit of that generation.
func ReversalExternalID(key TransferKey, generation int) string {
	return externalID("reversal:", key, generation)
}

func externalID(prefix string, key TransferKey, generation int) string {
	if generation == 0 {
		return prefix + key.String()
	}
	return prefix + key.String() + "#" + strconv.Itoa(generation)
}
