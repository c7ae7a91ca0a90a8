package models

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// AllEventTypes stands for every type of event in the list of an endpoint, those included that a later version adds.
const AllEventTypes = "*"

// WebhookSecretPrefix begins every secret of an endpoint. The key that signs follows, in base64.
const WebhookSecretPrefix = "whsec_"

// Limits of an operator's webhook endpoints.
const (
	// MaxWebhookEndpoints is how many endpoints each side of an operator, real and test, has.
	MaxWebhookEndpoints = 20
	// MaxWebhookDescriptionRunes is the length of an endpoint's longest description, in characters.
	MaxWebhookDescriptionRunes = 200
	// WebhookOverlap is for how long the old secret signs beside a new one, unless the operator says otherwise.
	WebhookOverlap = 24 * time.Hour
	// MaxWebhookOverlap is for how long the old secret signs beside a new one at most.
	MaxWebhookOverlap = 7 * 24 * time.Hour
)

// WebhookOwner returns the owner under which the secrets of an endpoint are sealed.
func WebhookOwner(endpointID string) string { return "webhook:" + endpointID }

// WebhookEndpoint is an address at which an operator wants to be told of events.
type WebhookEndpoint struct {
	ID              string `gorm:"primaryKey"` // 24 lower-case hex digits
	OperatorID      string // or the operator's test side, see OperatorOfSide
	URL             string
	EventTypes      string // separated by spaces, or AllEventTypes
	Description     string
	Enabled         bool
	DisabledReason  string     // why PayCow itself disabled it, in a sentence; "" otherwise
	SecretSealed    []byte     // the secret that signs, sealed with the master key
	OldSecretSealed []byte     // the secret before the last rotation, sealed; empty if there is none
	OldSecretUntil  *time.Time // until when both secrets sign; nil if there is no old one
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

// Host returns the host of the endpoint's URL, with its port if there is one: what the logs show of the URL, whose path
// and query may hold secrets of the shop.
func (e WebhookEndpoint) Host() string {
	address, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return address.Host
}
