package models

import (
	"slices"
	"strings"
	"time"
)

// AllEventTypes stands for every type of event in the list of an endpoint, those included that a later version adds.
const AllEventTypes = "*"

// WebhookEndpoint is an address at which an operator wants to be told of events.
type WebhookEndpoint struct {
	ID              string `gorm:"primaryKey"` // 24 lower-case hex digits
	OperatorID      string
	URL             string
	EventTypes      string // separated by spaces, or AllEventTypes
	Description     string
	Enabled         bool
	DisabledReason  string     // why PayCow itself disabled it, in a sentence; "" otherwise
	SecretSealed    []byte     // the key of the signatures, sealed with the master key
	OldSecretSealed []byte     // the key before the last rotation; nil if there is none
	OldSecretUntil  *time.Time // until when both keys sign; nil if there is no old one
	FailingSince    *time.Time // when the first try failed since the last one that succeeded; nil while it is well
	MAC             []byte     // proves that this program wrote the row; see partsOfWebhookEndpoint of package store
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Wants reports whether the endpoint is told of events of a type.
func (e WebhookEndpoint) Wants(kind EventType) bool {
	types := strings.Fields(e.EventTypes)
	return slices.Contains(types, AllEventTypes) || slices.Contains(types, string(kind))
}
