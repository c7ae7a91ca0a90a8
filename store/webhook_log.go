package store

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"paycow/models"
	"paycow/views"
)

// LoggedDelivery is a delivery with its attempts, oldest first; of very many only the newest.
type LoggedDelivery struct {
	models.WebhookDelivery
	Attempts []models.WebhookAttempt
	Body     []byte // that is sent; only of a single delivery, and nil once its event is no longer stored
}

// maxShownAttempts is how many attempts of a delivery are shown.
const maxShownAttempts = 50

// DeliveryFilter selects the deliveries of an operator. Empty fields do not filter, except OperatorID.
type DeliveryFilter struct {
	OperatorID string
	EndpointID string
	Status     models.DeliveryStatus
	EventType  models.EventType
	Cursor     string // of the page before; "" for the first page
	Limit      int
}

var deliveryOrder = pageOrder[models.WebhookDelivery]{
	timeColumn("created_at", func(d models.WebhookDelivery) time.Time { return d.CreatedAt }),
	hexColumn("id", func(d models.WebhookDelivery) string { return d.ID }),
}

// ListDeliveries returns a page of an operator's deliveries, newest first, with their attempts but without the texts
// of the answers. nextCursor is "" on the last page. Returns models.ErrBadCursor.
func (s *Store) ListDeliveries(
	ctx context.Context, f DeliveryFilter,
) (deliveries []LoggedDelivery, nextCursor string, err error) {
	query := s.read(ctx).Where("operator_id = ?", f.OperatorID)
	if f.EndpointID != "" {
		query = query.Where("endpoint_id = ?", f.EndpointID)
	}
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.Status != "" && f.Status != models.DeliveryDelivered {
		query = query.Where("status <> 'DELIVERED'") // makes the databases use the partial index
	}
	if f.EventType != "" {
		query = query.Where("event_type = ?", f.EventType)
	}
	rows, nextCursor, err := readPage(query, deliveryOrder, newestFirst, f.Cursor, f.Limit)
	if err != nil {
		return nil, "", wrap(err, "list webhook deliveries")
	}
	deliveries, err = s.withAttempts(ctx, rows, "delivery_id, round, try, at, status, duration_ms, error, '' AS answer")
	return deliveries, nextCursor, wrap(err, "list webhook deliveries")
}

// Delivery returns one delivery of one of these sides, with its body, its attempts and the texts of the answers.
// Returns models.ErrNotFound.
func (s *Store) Delivery(ctx context.Context, id string, sides ...string) (LoggedDelivery, error) {
	var row models.WebhookDelivery
	err := s.read(ctx).Where("id = ? AND operator_id IN ?", id, sides).Take(&row).Error
	if err != nil {
		return LoggedDelivery{}, wrap(err, "read a webhook delivery")
	}
	found, err := s.withAttempts(ctx, []models.WebhookDelivery{row}, "*")
	if err != nil {
		return LoggedDelivery{}, wrap(err, "read a webhook delivery")
	}
	var events []models.Event
	err = s.read(ctx).Where("id = ? AND operator_id = ?", row.EventID, row.OperatorID).Find(&events).Error
	for _, event := range events {
		found[0].Body, err = json.Marshal(views.NewEventMessage(event))
	}
	return found[0], wrap(err, "read the event of a webhook delivery")
}

// withAttempts adds the attempts of deliveries, which one statement reads.
func (s *Store) withAttempts(
	ctx context.Context, rows []models.WebhookDelivery, columns string,
) ([]LoggedDelivery, error) {
	logged := make([]LoggedDelivery, len(rows))
	position := make(map[string]int, len(rows))
	for i, row := range rows {
		logged[i].WebhookDelivery = row
		position[row.ID] = i
	}
	if len(rows) == 0 {
		return logged, nil
	}
	ids := pluck(rows, func(d models.WebhookDelivery) string { return d.ID })
	newest := s.read(ctx).Model(&models.WebhookAttempt{}).Where("delivery_id IN ?", ids).
		Select(columns + ", ROW_NUMBER() OVER (PARTITION BY delivery_id ORDER BY round DESC, try DESC) AS age")
	var attempts []models.WebhookAttempt
	err := s.read(ctx).Session(&gorm.Session{}).Table("(?) AS newest", newest).Where("age <= ?", maxShownAttempts).
		Order("delivery_id, round, try").Find(&attempts).Error
	for _, attempt := range attempts {
		i := position[attempt.DeliveryID]
		logged[i].Attempts = append(logged[i].Attempts, attempt)
	}
	return logged, err
}

// DeliveryCounts says how the deliveries to an endpoint went.
type DeliveryCounts struct {
	Pending, Delivered, Parked int64
}

// DeliveryCounts returns how the deliveries of an operator went that were made since a time, by the endpoint's id: of
// one endpoint, or of all for "". An endpoint without deliveries has no entry.
func (s *Store) DeliveryCounts(
	ctx context.Context, operatorID, endpointID string, since time.Time,
) (map[string]DeliveryCounts, error) {
	var rows []struct {
		EndpointID string
		Status     models.DeliveryStatus
		Count      int64
	}
	err := s.read(ctx).Raw(`SELECT endpoint_id, status, count(*) AS count FROM webhook_deliveries
		WHERE endpoint_id IN (SELECT id FROM webhook_endpoints WHERE operator_id = ? AND (? = '' OR id = ?))
			AND created_at >= ?
		GROUP BY endpoint_id, status`, operatorID, endpointID, endpointID, ceilMillis(since)).Scan(&rows).Error
	counts := make(map[string]DeliveryCounts, len(rows))
	for _, row := range rows {
		count := counts[row.EndpointID]
		switch row.Status {
		case models.DeliveryPending:
			count.Pending = row.Count
		case models.DeliveryDelivered:
			count.Delivered = row.Count
		case models.DeliveryParked:
			count.Parked = row.Count
		}
		counts[row.EndpointID] = count
	}
	return counts, wrap(err, "count webhook deliveries")
}
