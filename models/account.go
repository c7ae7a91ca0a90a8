package models

import "time"

// Role is what kind of account a person logs in to.
type Role string

// The roles.
const (
	RoleOperator Role = "operator"
	RoleMember   Role = "member" // of an operator's team
	RoleAdmin    Role = "admin"
)

// Account is what logging in needs to know about an operator, a member of its team, or an admin.
type Account struct {
	Role Role `gorm:"-"`
	ID   string
	// OperatorID is the operator for whom the person acts: an operator's own id, "" for an admin. MemberRole is what the
	// person may do for it. A member's count only with the proof MAC.
	OperatorID   string     `gorm:"->"`
	MemberRole   MemberRole `gorm:"->;column:role"`
	MAC          []byte     `gorm:"->"`
	Email        string
	PasswordHash string // Argon2id in PHC string form; "" when nobody can log in
	// DisabledAt is when an admin was disabled, nil if the account may log in.
	DisabledAt   *time.Time `gorm:"->"`
	SecondFactor `gorm:"embedded"`
}

// PasswordLink lets whoever has its token set an account's password, once.
type PasswordLink struct {
	TokenHash []byte `gorm:"primaryKey"`
	Role      Role
	AccountID string
	CreatedAt time.Time
	ExpiresAt time.Time
	MAC       []byte // proves that this program wrote the row: it covers token, role, account and end
}

// PasswordLinkLifetime is how long a link for a password can be used.
const PasswordLinkLifetime = 24 * time.Hour

// SecondFactor is an account's TOTP (RFC 6238). Only the store's calls for TOTP write its columns.
type SecondFactor struct {
	// TOTPSealed is the secret, sealed with the master key; empty when the account has no second factor. TOTPPending is a
	// sealed secret that was offered and that no code has confirmed yet.
	TOTPSealed  []byte `gorm:"->;column:totp_sealed"`
	TOTPPending []byte `gorm:"->;column:totp_pending"`
	// TOTPLastStep is the newest time step whose code was used, so that no code is accepted twice.
	TOTPLastStep int64 `gorm:"->;column:totp_last_step"`
	// RecoverySealed recognises the recovery codes that were not used yet, sealed; empty when there were never any.
	RecoverySealed []byte `gorm:"->;column:recovery_sealed"`
}

// HasTOTP reports whether logging in needs a code.
func (f SecondFactor) HasTOTP() bool { return len(f.TOTPSealed) > 0 }

// TOTPOwner returns the owner under which an account's second factor is sealed.
func TOTPOwner(role Role, accountID string) string { return "totp:" + string(role) + ":" + accountID }

// RecoveryOwner returns the owner under which an account's recovery codes are sealed.
func RecoveryOwner(role Role, accountID string) string {
	return "recovery:" + string(role) + ":" + accountID
}

// Actor returns the account's name in the audit log.
func (a Account) Actor() string {
	if a.Role == RoleAdmin || a.Role == RoleMember {
		return string(a.Role) + ":" + a.Email
	}
	return "operator:" + a.ID
}

// Subject returns the account as what an entry of the audit log is about.
func (a Account) Subject() string { return string(a.Role) + ":" + a.ID }

// Session is one browser's login.
type Session struct {
	TokenHash []byte `gorm:"primaryKey"` // SHA-256 of the token, which has 256 bits of entropy of its own
	Role      Role
	AccountID string
	CreatedAt time.Time
	SeenAt    time.Time // its last use, to the minute
	ExpiresAt time.Time // however often it is used
	Address   string    // the network address that logged in
	MAC       []byte    // proves that this program wrote the row: it covers token, role and account
	// IsNewDevice says of a session that begins that its browser has not logged in to the account before.
	IsNewDevice bool `gorm:"-"`
}

// How long a session lives: without being used, and in total.
const (
	SessionIdle     = 12 * time.Hour
	SessionLifetime = 7 * 24 * time.Hour
	// AdminSessionIdle and AdminSessionLifetime are shorter, because admins can do more.
	AdminSessionIdle     = 30 * time.Minute
	AdminSessionLifetime = 12 * time.Hour
)

// SessionTimes returns how long a session of the role lives: without being used, and in total.
func SessionTimes(role Role) (idle, lifetime time.Duration) {
	if role == RoleAdmin {
		return AdminSessionIdle, AdminSessionLifetime
	}
	return SessionIdle, SessionLifetime
}

// LoginAttempt counts recent attempts to log in to an account or from a network address.
type LoginAttempt struct {
	Subject string `gorm:"primaryKey"`
	Tries   int64
	BegunAt time.Time
}
