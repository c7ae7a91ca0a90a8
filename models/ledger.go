package models

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// LedgerTransaction is one booking. Its entries sum to zero, and neither it nor they ever change: a booking is undone
// by another one.
type LedgerTransaction struct {
	ID string `gorm:"primaryKey"` // 24 lower-case hex digits
	// ExternalID names the fact that was booked. It is unique, so no fact is booked twice.
	ExternalID string
	Kind       LedgerKind
	PaymentID  string
	CreatedAt  time.Time
}

// LedgerTransactionID returns the id of a booking that is made while the payment's row has the given version. It
// follows from what is booked, so that two runs of one simulation write the same rows. The payment and the version are
// part of it, so that a second booking of a fact has another id and the database refuses it for its external id.
func LedgerTransactionID(externalID, paymentID string, version int64) string {
	sum := sha256.Sum256([]byte(externalID + " " + paymentID + " " + strconv.FormatInt(version, 10)))
	return hex.EncodeToString(sum[:12])
}

// LedgerKind says what a booking was for.
type LedgerKind string

// The kinds of bookings.
const (
	LedgerCredit   LedgerKind = "CREDIT"   // a transfer was credited
	LedgerReversal LedgerKind = "REVERSAL" // a reorg removed or changed a credited transfer
)

// LedgerEntry is one side of a booking. A positive amount is owed to the account's holder; the entry on the account
// that it came from is negative.
type LedgerEntry struct {
	ID            int64 `gorm:"primaryKey"` // in order of booking
	TransactionID string
	Account       string
	Amount        Amount // micro-USDT
	CreatedAt     time.Time
}

// LedgerLine is one entry of a booking, together with what the booking was for.
type LedgerLine struct {
	LedgerEntry
	ExternalID string
	Kind       LedgerKind
	PaymentID  string
}

// AccountChainDeposits is the account on the other side of every credit: its balance is minus what payers sent to us.
const AccountChainDeposits = "chain:deposits"

// OperatorAvailableAccount returns the account that holds an operator's balance.
func OperatorAvailableAccount(operatorID string) string {
	return "operator:" + operatorID + ":available"
}

// CreditExternalID returns the external id of a transfer's credit. The generation is the number of earlier reversals of
// the transfer: 0 unless a reorg removed the transfer after it was credited and brought it back.
func CreditExternalID(key TransferKey, generation int) string {
	return externalID("transfer:", key, generation)
}

// ReversalExternalID returns the external id of the reversal of the credit of that generation.
func ReversalExternalID(key TransferKey, generation int) string {
	return externalID("reversal:", key, generation)
}

func externalID(prefix string, key TransferKey, generation int) string {
	if generation == 0 {
		return prefix + key.String()
	}
	return prefix + key.String() + "#" + strconv.Itoa(generation)
}
