package models

// Status is where a payment stands. There are exactly these six, so that an integrator never meets an unknown word.
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

// Statuses lists every status.
func Statuses() []Status {
	return []Status{StatusPending, StatusDetected, StatusConfirming, StatusPaid, StatusExpired, StatusRejected}
}

// String returns the status as the API writes it.
func (s Status) String() string { return string(s) }

// IsFinal tells whether the payment has ended. Money that comes later is still credited and may add an exception.
func (s Status) IsFinal() bool {
	return s == StatusPaid || s == StatusExpired || s == StatusRejected
}

// Exception says what the six statuses cannot. The empty exception is the ordinary case.
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
)

// Exceptions lists every exception but the empty one.
func Exceptions() []Exception {
	return []Exception{ExceptionUnderpaid, ExceptionOverpaid, ExceptionPaidLate, ExceptionReverted, ExceptionAccepted, ExceptionAfterReject}
}

// MarshalJSON writes null for the ordinary case.
func (e Exception) MarshalJSON() ([]byte, error) {
	if e == ExceptionNone {
		return []byte("null"), nil
	}
	return []byte(`"` + string(e) + `"`), nil
}

// IsAcceptable tells whether an operator may accept an expired payment with this exception.
func (e Exception) IsAcceptable() bool {
	return e == ExceptionUnderpaid || e == ExceptionPaidLate
}
