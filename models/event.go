package models

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// EventType names what happened, as the API writes it.
type EventType string

// The types of events.
const (
	// EventDetected says that a transfer was seen, the first one or a further one.
	EventDetected EventType = "payment.detected"
	// EventConfirming says that the full amount has its first confirmations, or that a part of it was credited.
	EventConfirming EventType = "payment.confirming"
	// EventPaid says that the payment became PAID.
	EventPaid EventType = "payment.paid"
	// EventExpired says that the payment became EXPIRED.
	EventExpired EventType = "payment.expired"
	// EventRejected says that the operator rejected the payment.
	EventRejected EventType = "payment.rejected"
	// EventException says that the payment got an exception (underpaid, late, after a rejection, overpaid), or that more
	// was credited to a payment that has one.
	EventException EventType = "payment.exception"
	// EventReverted says that a reorg removed a transfer that was reported before.
	EventReverted EventType = "payment.reverted"
	// EventAccepted says that the operator accepted the payment.
	EventAccepted EventType = "payment.accepted"
	// EventEndpointDisabled says that PayCow disabled a webhook endpoint.
	EventEndpointDisabled EventType = "endpoint.disabled"
	// EventEndpointTest is sent to one endpoint because its operator asked for a test.
	EventEndpointTest EventType = "endpoint.test"
)

// EventTypes returns every type of event.
func EventTypes() []EventType {
	return append(EndpointEventTypes(), EventEndpointTest)
}

// EndpointEventTypes returns the types of events that a webhook endpoint can ask for.
func EndpointEventTypes() []EventType {
	return []EventType{
		EventDetected, EventConfirming, EventPaid, EventExpired, EventRejected, EventException, EventReverted, EventAccepted,
		EventEndpointDisabled,
	}
}

// EventSchema is the version of the form of an event's data. A field that is added does not change it.
const EventSchema = 1

// Event tells an operator of one change of a payment or of a webhook endpoint. It is written in the transaction that
// made the change, and never edited.
type Event struct {
	ID         string `gorm:"primaryKey"` // see EventID
	OperatorID string // or the operator's test side, see OperatorOfSide
	PaymentID  string // "" for an event of an endpoint
	Version    int64  // of the payment, after the change; 0 without one
	Type       EventType
	Schema     int       // EventSchema when it was written
	Data       string    // JSON: the operator's full view of the payment after the change, or the endpoint
	CreatedAt  time.Time // never earlier than that of the operator's event before
	Sequence   int64     // counts the events of an operator from 1, without gaps
}

// EventID returns the id of an event, 24 lower-case hex digits. It follows from the change, so that two runs of one
// simulation write the same rows.
func EventID(paymentID string, version int64, kind EventType) string {
	sum := sha256.Sum256([]byte("event " + paymentID + " " + strconv.FormatInt(version, 10) + " " + string(kind)))
	return hex.EncodeToString(sum[:12])
}

// EventCounter holds the sequence and the time of an operator's newest event. Whoever writes an event locks it until
// the transaction ends, so an operator's events appear in their order.
type EventCounter struct {
	OperatorID string `gorm:"primaryKey"` // or the operator's test side
	Sequence   int64
	At         time.Time
}
