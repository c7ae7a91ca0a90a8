package models

// Status is the status of a payment. There are exactly six, so that an integrator never meets an unknown one.
type Status string

// The statuses, in the order of an ordinary payment's life.
const (
	StatusPending    Status = "PENDING"
	StatusDetected   Status = "DETECTED"
	StatusConfirming Status = "CONFIRMING"
	StatusPaid       Status = "PAID"
	StatusExpired    Status = "EXPIRED"
	StatusRejected   Status = "REJECTED"
)

// Statuses returns every status.
func Statuses() []Status {
	return []Status{StatusPending, StatusDetected, StatusConfirming, StatusPaid, StatusExpired, StatusRejected}
}

// String returns the status as the API writes it.
func (s Status) String() string { return string(s) }

// IsFinal reports whether the payment has ended. A later transfer is still credited and may add an exception.
func (s Status) IsFinal() bool {
	return s == StatusPaid || s == StatusExpired || s == StatusRejected
}

// Exception is what was unusual about a payment, beside its status. It is empty in the ordinary case.
type Exception string

// The exceptions.
const (
	ExceptionNone        Exception = ""
	ExceptionUnderpaid   Exception = "UNDERPAID"
	ExceptionOverpaid    Exception = "OVERPAID"
	ExceptionPaidLate    Exception = "PAID_LATE"
	ExceptionReverted    Exception = "REVERTED"
	ExceptionAccepted    Exception = "ACCEPTED"
	ExceptionAfterReject Exception = "AFTER_REJECT"
	// ExceptionUnderpaidAccepted: less arrived than was requested, within the operator's tolerance.
	ExceptionUnderpaidAccepted Exception = "UNDERPAID_ACCEPTED"
)

// Exceptions returns every exception except the empty one.
func Exceptions() []Exception {
	return []Exception{
		ExceptionUnderpaid,
		ExceptionOverpaid,
		ExceptionPaidLate,
		ExceptionReverted,
		ExceptionAccepted,
		ExceptionAfterReject,
		ExceptionUnderpaidAccepted,
	}
}

// MarshalJSON returns null for the empty exception.
func (e Exception) MarshalJSON() ([]byte, error) {
	if e == ExceptionNone {
		return []byte("null"), nil
	}
	return []byte(`"` + string(e) + `"`), nil
}

// IsAcceptable reports whether an operator may accept an expired payment with this exception.
func (e Exception) IsAcceptable() bool {
	return e == ExceptionUnderpaid || e == ExceptionPaidLate
}
