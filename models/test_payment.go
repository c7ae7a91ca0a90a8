package models

import (
	"strings"
	"time"
)

// Outcome is how a test payment ends.
type Outcome string

// The outcomes.
const (
	OutcomePaid      Outcome = "paid"
	OutcomeUnderpaid Outcome = "underpaid"
	OutcomeOverpaid  Outcome = "overpaid"
	OutcomeLate      Outcome = "late"
	OutcomeReverted  Outcome = "reverted"
	OutcomeRejected  Outcome = "rejected"
)

// Outcomes returns every outcome.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomePaid, OutcomeUnderpaid, OutcomeOverpaid, OutcomeLate, OutcomeReverted, OutcomeRejected,
	}
}

// SimulateKey is the key in a payment's metadata that names the outcome of a test payment.
const SimulateKey = "simulate"

// TestPaymentLifetime is how long test payments and their events are kept.
const TestPaymentLifetime = 30 * 24 * time.Hour

// TestPayment is a payment whose outcome is simulated, so that a shop can test its integration. Its row is all that
// there is of it: no workflow, no deposit address that is watched, no transfer, no ledger entry.
type TestPayment struct {
	ID              string `gorm:"primaryKey"` // as a payment's
	OperatorID      string
	UserID          string
	Reference       string
	Network         string
	Currency        string
	AmountRequested Amount
	DepositAddress  string // on a branch of the wallet that no payment uses, EIP-55 form
	AddressIndex    uint32 // on that branch
	Confirmations   uint64
	ReturnURL       string
	Description     string
	Metadata        Metadata
	Outcome         Outcome
	IdempotencyKey  *string // nil for none
	RequestHash     []byte  // as of NewPayment in package store
	CreatedAt       time.Time
	ExpiresAt       time.Time

	PaymentState `gorm:"embedded"`
	Step         int        // how many steps of the outcome's script were made
	NextAt       *time.Time // when the next one is due; nil when there is none
	DecidedAt    *time.Time // when the operator rejected or accepted it; nil before
	UpdatedAt    time.Time
	// MAC proves that this program wrote the row: it covers the terms that the store's termsOfTest lists.
	MAC []byte
}

// Payment returns the test payment in the form in which payments are shown.
func (t TestPayment) Payment() Payment {
	return Payment{
		ID: t.ID, OperatorID: t.OperatorID, UserID: t.UserID, Reference: t.Reference, Network: t.Network,
		Currency: t.Currency, AmountRequested: t.AmountRequested, DepositAddress: t.DepositAddress,
		AddressIndex: t.AddressIndex, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, Confirmations: t.Confirmations,
		ReturnURL: t.ReturnURL, Description: t.Description, Metadata: t.Metadata,
		PaymentState: t.PaymentState, UpdatedAt: t.UpdatedAt, IsTest: true,
	}
}

// testSide ends the name of an operator's test side.
const testSide = ":test"

// TestSide returns the name under which an operator's test events, test endpoints and their deliveries are kept, in
// place of the operator's id. So whatever asks for those of an operator never finds the ones of the other side.
func TestSide(operatorID string) string { return operatorID + testSide }

// OperatorOfSide returns the operator's id, and whether the name is that of its test side.
func OperatorOfSide(side string) (operatorID string, isTest bool) {
	return strings.CutSuffix(side, testSide)
}
