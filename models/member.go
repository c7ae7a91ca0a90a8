package models

import "time"

// MemberRole is what a person may do for an operator.
type MemberRole string

// The roles. The owner is the operator's own login; it may do everything.
const (
	MemberOwner      MemberRole = "owner"
	MemberDeveloper  MemberRole = "developer"  // reads; manages API keys and webhooks
	MemberAccountant MemberRole = "accountant" // reads payments, payment links, balance, ledger and events
)

// MemberRoles returns the roles that an owner can give.
func MemberRoles() []MemberRole { return []MemberRole{MemberDeveloper, MemberAccountant} }

// MaxMembers is how many members an operator can have, with those who are invited.
const MaxMembers = 50

// Member is a person who logs in to an operator's account beside its owner.
type Member struct {
	ID           string     `gorm:"primaryKey"` // 24 lower-case hex digits
	OperatorID   string     // whose payments the member sees
	Email        string     // lower-case, unique, and no operator's
	Role         MemberRole // never MemberOwner
	PasswordHash string     // Argon2id in PHC string form, "" until the invitation is accepted
	SecondFactor `gorm:"embedded"`
	MAC          []byte // proves that this program wrote id, operator, e-mail address and role
	CreatedAt    time.Time
	UpdatedAt    time.Time // of an invitation: when its newest link was made
}
