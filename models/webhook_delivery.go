package models

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DeliveryStatus is where the delivery of an event to an endpoint stands.
type DeliveryStatus string

// The statuses of a delivery.
const (
	DeliveryPending   DeliveryStatus = "PENDING"   // to be tried, or tried again
	DeliveryDelivered DeliveryStatus = "DELIVERED" // the endpoint answered with a 2xx
	DeliveryParked    DeliveryStatus = "PARKED"    // not tried any more, until somebody asks for it
)

// DeliveryStatuses returns every status of a delivery.
func DeliveryStatuses() []DeliveryStatus {
	return []DeliveryStatus{DeliveryPending, DeliveryDelivered, DeliveryParked}
}

// WebhookTaskTimeout is how long a workflow task of a delivery may take: it may hold a whole try.
const WebhookTaskTimeout = 25 * time.Second

// WebhookDelivery is the delivery of one event to one endpoint. It is written in the transaction that writes the event.
type WebhookDelivery struct {
	ID         string `gorm:"primaryKey"` // see DeliveryID
	EndpointID string
	OperatorID string // or the operator's test side, see OperatorOfSide
	EventID    string
	EventType  EventType
	Status     DeliveryStatus
	Round      int        // 1 for the first delivery, one more for each redelivery
	Tries      int        // that ended in this round
	RoundAt    time.Time  // when the round's first try began; before that, when the round was asked for
	NextTryAt  *time.Time `gorm:"column:next_attempt_at"` // nil unless the status is DeliveryPending
	// StartAfter is when the outbox starts or signals the delivery's workflow; nil when the workflow knows of this round.
	// Whoever takes the row from the outbox moves it ahead, so that no other process takes it meanwhile.
	StartAfter   *time.Time
	ParkedReason string // in a sentence; "" unless the status is DeliveryParked
	MAC          []byte // proves that this program wrote the row; see partsOfDelivery of package store
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// IsDue reports whether the delivery is to be tried at a time.
func (d WebhookDelivery) IsDue(now time.Time) bool {
	return d.Status == DeliveryPending && (d.NextTryAt == nil || !d.NextTryAt.After(now))
}

// WebhookAttempt is one try to deliver an event.
type WebhookAttempt struct {
	DeliveryID string    `gorm:"primaryKey"`
	Round      int       `gorm:"primaryKey"`
	Try        int       `gorm:"primaryKey"` // from 1 in each round
	At         time.Time // when it began
	Status     int       // of the HTTP answer, 0 if there was none
	DurationMS int64     `gorm:"column:duration_ms"`
	Error      string    // why it failed, "" if it succeeded
	Answer     string    // text of the answer, see AnswerText
}

// Succeeded reports whether the endpoint took the event.
func (a WebhookAttempt) Succeeded() bool { return a.Error == "" && a.Status >= 200 && a.Status < 300 }

// DeliveryID returns the id of the delivery of an event to an endpoint, 24 lower-case hex digits.
func DeliveryID(endpointID, eventID string) string {
	sum := sha256.Sum256([]byte("delivery " + endpointID + " " + eventID))
	return hex.EncodeToString(sum[:12])
}

// HarmlessText returns a text in which bytes that are no text and control characters are replaced.
func HarmlessText(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// AnswerLimit is how many bytes of an answer's text are kept.
const AnswerLimit = 64 << 10

// AnswerText returns what is kept of an endpoint's answer: its text, at most AnswerLimit bytes, in which bytes that are
// no text and control characters are replaced.
func AnswerText(body []byte) string {
	text := HarmlessText(string(body))
	if len(text) <= AnswerLimit {
		return text
	}
	end := AnswerLimit
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
