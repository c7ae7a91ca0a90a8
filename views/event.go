package views

import (
	"encoding/json"

	"paycow/models"
)

// EventMessage is an event as a webhook and the list of events tell it.
type EventMessage struct {
	Type      models.EventType `json:"type"`
	Timestamp Instant          `json:"timestamp"` // when it happened
	Schema    int              `json:"schema"`    // version of the form of data
	Data      json.RawMessage  `json:"data"`      // an OperatorPayment or an Endpoint, as it was then
	Test      bool             `json:"test,omitzero"`
}

// NewEventMessage returns what tells of an event.
func NewEventMessage(e models.Event) EventMessage {
	_, isTest := models.OperatorOfSide(e.OperatorID)
	return EventMessage{
		Type: e.Type, Timestamp: Instant(e.CreatedAt), Schema: e.Schema, Data: json.RawMessage(e.Data), Test: isTest,
	}
}

// Endpoint is what an event of a webhook endpoint tells.
type Endpoint struct {
	ID             string  `json:"id"`
	Host           string  `json:"host"` // not the whole URL: its path may be a secret, and other endpoints read this
	Enabled        bool    `json:"enabled"`
	DisabledReason *string `json:"disabledReason"` // why PayCow itself disabled it
	Test           bool    `json:"test,omitzero"`  // it is told of test payments, and of no others
}

// NewEndpoint returns what an event of a webhook endpoint tells.
func NewEndpoint(e models.WebhookEndpoint) Endpoint {
	_, isTest := models.OperatorOfSide(e.OperatorID)
	return Endpoint{
		ID: e.ID, Host: e.Host(), Enabled: e.Enabled, DisabledReason: textOrNull(e.DisabledReason), Test: isTest,
	}
}
