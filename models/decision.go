package models

import "time"

// Decision is what an operator decided about a payment. It stands, whatever the chain does afterwards.
type Decision string

// The decisions.
const (
	DecisionReject Decision = "REJECT"
	DecisionAccept Decision = "ACCEPT"
)

// IsPossible reports whether a payment's state allows the decision: a rejection until the payment has ended, an
// acceptance when it has expired underpaid or paid late.
func (d Decision) IsPossible(state PaymentState) bool {
	switch d {
	case DecisionReject:
		return !state.Status.IsFinal()
	case DecisionAccept:
		return state.Status == StatusExpired && state.Exception.IsAcceptable()
	default:
		return false
	}
}

// PaymentDecision is the row of a decision on a payment, written before the payment's workflow is told.
type PaymentDecision struct {
	PaymentID      string   `gorm:"primaryKey"`
	Kind           Decision `gorm:"primaryKey"`
	Version        int64    `gorm:"primaryKey"` // of the payment on which it was decided
	Reason         string   // "" for none
	Actor          string   // as in the audit log: "operator:<id>"
	Via            string   // ViaKey and the API key, or "session " and the start of its hash
	Address        string   // the actor's network address
	AmountCredited Amount   // micro-USDT that were credited to the payment then
	CreatedAt      time.Time
	DueAt          time.Time  // when the workflow is to be told again
	SettledAt      *time.Time // when it was carried out or became impossible; nil while the workflow is to be told
	MAC            []byte     // proves that this program wrote the row
}

// ViaKey is what the Via of a decision begins with that was made with an API key.
const ViaKey = "key "

// Signal returns what the payment's workflow is told.
func (d PaymentDecision) Signal() DecisionSignal {
	return DecisionSignal{Reason: d.Reason, Version: d.Version}
}

// WaitingDecision is a decision that its payment's workflow has not carried out.
type WaitingDecision struct {
	Payment  Payment
	Decision PaymentDecision
}
