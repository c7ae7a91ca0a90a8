package models

import "time"

// OperatorStatus is where an operator's account stands.
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
	ID           string `gorm:"primaryKey"` // 24 lower-case hex digits
	Email        string // lower-case, unique
	Name         string
	Status       OperatorStatus
	PasswordHash string // Argon2id in PHC string form
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Credential is an operator's API key with its secret: a hash to check it by, and the secret sealed with the master key so
// that the dashboard can show it again after the password.
type Credential struct {
	APIKey       string `gorm:"primaryKey"`
	OperatorID   string
	SecretHash   []byte // SHA-256 of the secret, which has 256 bits of entropy of its own
	SecretSealed []byte
	CreatedAt    time.Time
	RevokedAt    *time.Time
}

// Admin is a person who runs the installation.
type Admin struct {
	ID           string `gorm:"primaryKey"` // 24 lower-case hex digits
	Email        string // lower-case, unique
	PasswordHash string // Argon2id in PHC string form
	CreatedAt    time.Time
	UpdatedAt    time.Time
}
