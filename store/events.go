package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
	"paycow/rules"
	"paycow/views"
)

// UsePublicURL sets the address of this installation, without a slash at the end. Events contain links to it.
func (s *Store) UsePublicURL(url string) { s.publicURL = url }

// tell writes the events of a payment's change, in the transaction that makes it and when everything that others may
// have locked is locked already: the counter of the operator's events is the last row that a transaction waits for.
// after is the payment as its row is now.
func (s *Store) tell(tx *gorm.DB, before models.PaymentState, after models.Payment) error {
	err := s.tellSide(tx, after.OperatorID, before, after, func() (views.PaymentFacts, error) {
		return s.paymentFacts(tx, after)
	})
	if err != nil {
		return err
	}
	return s.notifyOfException(tx, before, after)
}

// tellSide is tell for one side of the operator; facts returns what the events show.
func (s *Store) tellSide(
	tx *gorm.DB, side string, before models.PaymentState, after models.Payment,
	facts func() (views.PaymentFacts, error),
) error {
	types := rules.Events(before, after.PaymentState)
	if len(types) == 0 {
		return nil
	}
	shown, err := facts()
	if err != nil {
		return err
	}
	counter, err := countEvents(tx, side, len(types), after.UpdatedAt)
	if err != nil {
		return err
	}
	data, err := json.Marshal(views.NewOperatorPayment(shown, s.publicURL, counter.At))
	if err != nil {
		return fmt.Errorf("make the data of an event: %w", err)
	}
	events := make([]models.Event, len(types))
	for i, kind := range types {
		events[i] = models.Event{
			ID: models.EventID(after.ID, after.Version, kind), OperatorID: side, PaymentID: after.ID,
			Version: after.Version, Type: kind, Schema: models.EventSchema, Data: string(data), CreatedAt: counter.At,
			Sequence: counter.Sequence - int64(len(types)-1-i),
		}
	}
	return s.writeEvents(tx, events)
}

// writeEvents writes events of one operator, and a delivery of each to every endpoint that wants it.
func (s *Store) writeEvents(tx *gorm.DB, events []models.Event) error {
	if err := tx.Create(&events).Error; err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	listening, err := s.listeningEndpoints(tx, events[0].OperatorID)
	if err != nil {
		return err
	}
	for _, event := range events {
		if _, err := s.deliver(tx, event, wanting(listening, event.Type)); err != nil {
			return err
		}
	}
	return nil
}

// wanting returns those of the endpoints that are to be told of events of a type.
func wanting(endpoints []models.WebhookEndpoint, kind models.EventType) (those []models.WebhookEndpoint) {
	for _, e := range endpoints {
		if e.Wants(kind) {
			those = append(those, e)
		}
	}
	return those
}

// tellOfEndpoint writes the event of a change of an endpoint, in the transaction that makes it.
func (s *Store) tellOfEndpoint(tx *gorm.DB, e models.WebhookEndpoint, kind models.EventType) error {
	event, err := s.endpointEvent(tx, e, kind)
	if err != nil {
		return err
	}
	return s.writeEvents(tx, []models.Event{event})
}

// endpointEvent returns an event about an endpoint, with the operator's next number.
func (s *Store) endpointEvent(
	tx *gorm.DB, e models.WebhookEndpoint, kind models.EventType,
) (event models.Event, err error) {
	data, err := json.Marshal(views.NewEndpoint(e))
	if err != nil {
		return event, fmt.Errorf("make the data of an event: %w", err)
	}
	counter, err := countEvents(tx, e.OperatorID, 1, s.now())
	return models.Event{
		ID: models.NewID(), OperatorID: e.OperatorID, Type: kind, Schema: models.EventSchema, Data: string(data),
		CreatedAt: counter.At, Sequence: counter.Sequence,
	}, err
}

// countEvents takes the next numbers for events of an operator, and the time at which they happen. It keeps others from
// taking any until the transaction ends: so whoever reads events in their order never sees one before an earlier one.
func countEvents(tx *gorm.DB, operatorID string, events int, now time.Time) (counter models.EventCounter, err error) {
	err = tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "operator_id"}},
		DoUpdates: clause.Assignments(map[string]any{
			"sequence": gorm.Expr("event_counters.sequence + excluded.sequence"),
			"at":       gorm.Expr("CASE WHEN event_counters.at > excluded.at THEN event_counters.at ELSE excluded.at END"),
		}),
	}).Create(&models.EventCounter{OperatorID: operatorID, Sequence: int64(events), At: now}).Error
	if err == nil {
		err = tx.Where("operator_id = ?", operatorID).Take(&counter).Error
	}
	if err != nil {
		return counter, fmt.Errorf("count an operator's events: %w", err)
	}
	return counter, nil
}

// EventFilter selects the events of an operator. Empty fields do not filter, except OperatorID.
type EventFilter struct {
	OperatorID string
	Type       models.EventType
	PaymentID  string
	From       time.Time // happened at this time or later; zero for no bound
	To         time.Time // happened before this time; zero for no bound
	Cursor     string    // of the page before; "" for the first page
	Limit      int
}

// eventOrder is the order in which events happened: their times and sequences rise together.
var eventOrder = pageOrder[models.Event]{
	timeColumn("created_at", func(e models.Event) time.Time { return e.CreatedAt }),
	idColumn("sequence", func(e models.Event) int64 { return e.Sequence }),
}

// ListEvents returns a page of an operator's events, oldest first. nextCursor is "" on the last page. Returns
// models.ErrBadCursor.
func (s *Store) ListEvents(ctx context.Context, f EventFilter) (events []models.Event, nextCursor string, err error) {
	query := s.read(ctx).Where("operator_id = ?", f.OperatorID)
	if f.Type != "" {
		query = query.Where("type = ?", f.Type)
	}
	if f.PaymentID != "" {
		query = query.Where("payment_id = ?", f.PaymentID)
	}
	if !f.From.IsZero() {
		query = query.Where("created_at >= ?", ceilMillis(f.From))
	}
	if !f.To.IsZero() {
		query = query.Where("created_at < ?", ceilMillis(f.To))
	}
	events, nextCursor, err = readPage(query, eventOrder, oldestFirst, f.Cursor, f.Limit)
	return events, nextCursor, wrap(err, "list events")
}
