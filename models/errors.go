package models

import "errors"

var (
	// ErrNotFound means that there is no such row, or not for this operator.
	ErrNotFound = errors.New("not found")
	// ErrIdempotencyMismatch means that the idempotency key was used with another body.
	ErrIdempotencyMismatch = errors.New("idempotency key was used with another body")
	// ErrCursorMoved means that another follower has moved the chain cursor since it was read.
	ErrCursorMoved = errors.New("the chain cursor was moved by another follower")
	// ErrAlreadyExists means that a unique value is taken.
	ErrAlreadyExists = errors.New("already exists")
	// ErrLedgerUnbalanced means that the entries of a booking do not sum to zero.
	ErrLedgerUnbalanced = errors.New("ledger entries do not sum to zero")
	// ErrCreditingHalted means that an open alarm keeps everything from being credited or expired until an admin clears it.
	ErrCreditingHalted = errors.New("crediting stands still until an alarm is cleared")
)
