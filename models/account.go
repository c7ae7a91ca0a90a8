package models

import "time"

// Role is what a person who logs in may do.
type Role string

// The roles.
const (
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// Account is what logging in needs to know of an operator or an admin.
type Account struct {
	Role         Role `gorm:"-"`
	ID           string
	Email        string
	PasswordHash string // Argon2id in PHC string form, "" when nobody can log in
	SecondFactor `gorm:"embedded"`
}

// SecondFactor is an account's TOTP (RFC 6238). Its columns are written by the store's calls for it only.
type SecondFactor struct {
	// TOTPSealed is the secret sealed with the master key, empty when there is none. TOTPPending is one that was handed out and
	// not confirmed by a code yet.
	TOTPSealed  []byte `gorm:"->;column:totp_sealed"`
	TOTPPending []byte `gorm:"->;column:totp_pending"`
	// TOTPLastStep is the newest time step whose code was used: no code is good twice.
	TOTPLastStep int64 `gorm:"->;column:totp_last_step"`
}

// HasTOTP tells whether logging in needs a code.
func (f SecondFactor) HasTOTP() bool { return len(f.TOTPSealed) > 0 }

// Actor is how the account stands in the audit log.
func (a Account) Actor() string {
	if a.Role == RoleAdmin {
		return "admin:" + a.Email
	}
	return "operator:" + a.ID
}

// Session is a person's login on one browser.
type Session struct {
	TokenHash []byte `gorm:"primaryKey"` // SHA-256 of the token, which has 256 bits of entropy of its own
	Role      Role
	AccountID string
	CreatedAt time.Time
	SeenAt    time.Time // of its last use, to the minute
	ExpiresAt time.Time // whatever its use
	Address   string    // network address of the login
}

// How long a session lives: without being used, and in all.
const (
	SessionIdle     = 12 * time.Hour
	SessionLifetime = 7 * 24 * time.Hour
)

// LoginAttempt counts how often logging in was tried lately, for an account or from a network address.
type LoginAttempt struct {
	Subject string `gorm:"primaryKey"`
	Tries   int64
	BegunAt time.Time
}
