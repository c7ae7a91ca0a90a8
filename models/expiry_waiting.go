package models

import "time"

// ExpiryWaiting notes that a payment's workflow asked for its expiry and was told to wait. It goes when the follower
// has told the workflow to ask again, or when the payment has expired.
type ExpiryWaiting struct {
	PaymentID string `gorm:"primaryKey"`
	Network   string
	DueAt     time.Time // the end of the window, as far as is known; the agreed block must be later
	Note      int64     // random: tells this note from a later one of the same payment
}

// TableName returns the name of the table.
func (ExpiryWaiting) TableName() string { return "expiry_waits" }
