package models

// Refusal is why the database does not record a state: the rows say otherwise. "" means that nothing was refused.
type Refusal string

// The refusals.
const (
	RefusedAmounts  Refusal = "AMOUNTS_DIFFER"   // transfers and ledger hold other amounts, or not the transfer named
	RefusedStatus   Refusal = "STATUS_DIFFERS"   // the amounts do not allow the status or the exception
	RefusedWindow   Refusal = "WINDOW_OPEN"      // the payment cannot expire yet
	RefusedDecision Refusal = "DECISION_UNKNOWN" // no such decision was stored, or another one stands
)

// Refusals returns every refusal.
func Refusals() []Refusal {
	return []Refusal{RefusedAmounts, RefusedStatus, RefusedWindow, RefusedDecision}
}

// String returns the refusal as results carry it.
func (r Refusal) String() string { return string(r) }

// Sentence returns the refusal as a sentence for people, "" for an unknown one.
func (r Refusal) Sentence() string {
	switch r {
	case RefusedAmounts:
		return "The database holds other amounts for this payment, so it did not record the state."
	case RefusedStatus:
		return "The amounts in the database do not allow this status, so it was not recorded."
	case RefusedWindow:
		return "The payment cannot expire yet, so its expiry was not recorded."
	case RefusedDecision:
		return "The database holds no such decision, so it was not recorded."
	default:
		return ""
	}
}
