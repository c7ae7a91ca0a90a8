package models

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Limits of payment links.
const (
	// MaxPaymentLinks is how many payment links of one operator can be used at the same time.
	MaxPaymentLinks = 10_000
	// MaxOpenOfLink is how many payments of one payment link are open at the same time: whoever has the link can create
	// them.
	MaxOpenOfLink = 50
	// MaxUnpaidOfLink is how many payments that have received nothing are made through one payment link in
	// UnpaidOfLinkPeriod: each uses an address, see MaxUnpaid.
	MaxUnpaidOfLink = 60
	// UnpaidOfLinkPeriod is the time for MaxUnpaidOfLink.
	UnpaidOfLinkPeriod = time.Hour
	// MaxLinkUses is the largest limit of uses of one payment link.
	MaxLinkUses = 1_000_000
	// PaymentLinkLifetime is how long a payment link is kept after it has ended.
	PaymentLinkLifetime = 365 * 24 * time.Hour
)

// LinkStatus says whether a payment link can be used.
type LinkStatus string

// The statuses of payment links.
const (
	LinkActive   LinkStatus = "ACTIVE"
	LinkUsedUp   LinkStatus = "USED_UP"  // its payments have taken all its uses
	LinkExpired  LinkStatus = "EXPIRED"  // its time is over
	LinkDisabled LinkStatus = "DISABLED" // by its operator
	LinkAltered  LinkStatus = "ALTERED"  // its row was not written by this program
)

// LinkStatuses returns every status of payment links.
func LinkStatuses() []LinkStatus {
	return []LinkStatus{LinkActive, LinkUsedUp, LinkExpired, LinkDisabled, LinkAltered}
}

// PaymentLink is an address at which anybody who knows it can make a payment, on terms that the operator has fixed.
type PaymentLink struct {
	ID          string `gorm:"primaryKey"` // as a payment's: whoever knows it can use the link
	OperatorID  string
	Amount      Amount // of each payment, micro-USDT
	Description string // shown to payers
	UserID      string // of each payment; "" for the one that PayerID makes
	ReturnURL   string // of each payment; "" for none
	Metadata    Metadata
	ExpiresIn   int64      // from a payment's creation to its expiry, in seconds; 0 for the configured window
	ActiveUntil *time.Time // nil for a link that does not end by itself
	MaxUses     int64      // 0 for any number
	// OpenPayments are those that have not ended. Uses are those that have ended and that UsesLink counts. The
	// database counts both with each change of a payment.
	OpenPayments   int64
	Uses           int64
	IdempotencyKey *string // nil for none
	RequestHash    []byte  // as of NewPayment in package store
	CreatedAt      time.Time
	DisabledAt     *time.Time
	UpdatedAt      time.Time
	// MAC proves that this program wrote the row: it covers the terms that the store's partsOfPaymentLink lists.
	MAC []byte

	// Altered is true for a row that its MAC does not prove.
	Altered bool `gorm:"-"`
}

// Status returns the link's status at a time.
func (l PaymentLink) Status(now time.Time) LinkStatus {
	switch {
	case l.Altered:
		return LinkAltered
	case l.DisabledAt != nil:
		return LinkDisabled
	case l.MaxUses > 0 && l.Uses >= l.MaxUses:
		return LinkUsedUp
	case l.ActiveUntil != nil && !l.ActiveUntil.After(now):
		return LinkExpired
	default:
		return LinkActive
	}
}

// IsHeld reports whether the link's open payments hold the uses that are left.
func (l PaymentLink) IsHeld() bool { return l.MaxUses > 0 && l.OpenPayments+l.Uses >= l.MaxUses }

// IsFull reports whether the link has as many open payments as a link may have.
func (l PaymentLink) IsFull() bool { return l.OpenPayments >= MaxOpenOfLink }

// UsesLink reports whether the payment has ended and is a use of its link: the rule of the trigger payments_count_link.
// A transfer that a reorg took away may come again.
func (p Payment) UsesLink() bool {
	return p.Status.IsFinal() && (p.Status == StatusPaid || p.AmountReceived > 0 || p.Exception == ExceptionReverted)
}

// PayerID returns the user id of the link's payments. Payers can read it, so without one of its own it is a hash of the
// link's id: whoever knows the id can use the link.
func (l PaymentLink) PayerID() string {
	if l.UserID != "" {
		return l.UserID
	}
	sum := sha256.Sum256([]byte("payment link\n" + l.ID))
	return "link_" + hex.EncodeToString(sum[:IDDigits/2])
}
