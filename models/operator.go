package models

import (
	"strings"
	"time"
)

// OperatorStatus is the status of an operator's account.
type OperatorStatus string

// The operator statuses.
const (
	OperatorPending   OperatorStatus = "PENDING"
	OperatorActive    OperatorStatus = "ACTIVE"
	OperatorSuspended OperatorStatus = "SUSPENDED"
	OperatorRejected  OperatorStatus = "REJECTED"
)

// Operator is a merchant who integrates PayCow.
type Operator struct {
	ID    string `gorm:"primaryKey"` // 24 lower-case hex digits
	Email string // lower-case, unique
	// EmailVerifiedAt is when it was known that the owner of the e-mail address uses the account; nil before.
	EmailVerifiedAt *time.Time
	Name            string
	Status          OperatorStatus
	PasswordHash    string // Argon2id in PHC string form, "" until the owner has set a password
	Website         string // as the operator gave it, "" for none
	StatusReason    string // the admin's reason for the status, "" for none
	// ReturnOrigins are the origins that a payment's return URL may have, one a line.
	ReturnOrigins string
	Limits        `gorm:"embedded"`
	// Tolerance counts only with its proof ToleranceMAC; see the store's ToleranceOf. Only SetTolerance writes them.
	Tolerance    Tolerance `gorm:"embedded;embeddedPrefix:tolerance_"`
	ToleranceMAC []byte    `gorm:"->;column:tolerance_mac"`
	// ConfirmationSteps count only with their proof; see the store's ConfirmationsOf. Only SetConfirmations writes them.
	ConfirmationSteps    ConfirmationSteps `gorm:"->"`
	ConfirmationStepsMAC []byte            `gorm:"->;column:confirmation_steps_mac"`
	// Notify counts only with its proof; see the store's NotificationsOf. Only SetNotifications writes them.
	Notify       NotificationSettings `gorm:"embedded;embeddedPrefix:notify_"`
	NotifyMAC    []byte               `gorm:"->;column:notify_mac"`
	SecondFactor `gorm:"embedded"`
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// IsReplaceable reports whether this is an application whose owner has never been there, so that it keeps nobody from
// using its e-mail address.
func (o Operator) IsReplaceable() bool {
	return o.EmailVerifiedAt == nil && (o.Status == OperatorPending || o.Status == OperatorRejected)
}

// Limits bound the payments that an operator can create. nil means that the installation's setting counts.
type Limits struct {
	MinAmount *Amount // the smallest amount of one payment, in micro-USDT
	MaxAmount *Amount // the largest amount of one payment, in micro-USDT
	MaxOpen   *int    // payments at a time that are PENDING, DETECTED or CONFIRMING; 0 = any number
	MaxUnpaid *int    // payments in a row that receive nothing; 0 = any number
}

// RegistrationLifetime is how long an application whose e-mail address was never verified is kept.
const RegistrationLifetime = 30 * 24 * time.Hour

// Origins returns the operator's return origins.
func (o Operator) Origins() []string { return strings.Fields(o.ReturnOrigins) }

// Admin is a person who runs the installation.
type Admin struct {
	ID           string `gorm:"primaryKey"` // 24 lower-case hex digits
	Email        string // lower-case, unique
	PasswordHash string // Argon2id in PHC string form
	SecondFactor `gorm:"embedded"`
	DisabledAt   *time.Time // nil while the admin may log in
	CreatedAt    time.Time
	UpdatedAt    time.Time
}
