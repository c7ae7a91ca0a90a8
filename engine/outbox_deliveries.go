package engine

import (
	"context"
	"log/slog"
	"time"

	"paycow/models"
)

// DeliveryOutboxStore is what the outbox of webhook deliveries needs of the database.
type DeliveryOutboxStore interface {
	// TakeUnstartedDeliveries returns deliveries that wait for their workflow, as many of one operator as of another, and
	// keeps other processes from taking them for a while. more is true if there are further ones.
	TakeUnstartedDeliveries(ctx context.Context, limit int) (deliveries []models.WebhookDelivery, more bool, err error)
	// WrittenDeliveries is ready when this process has written deliveries lately. They may not be committed yet.
	WrittenDeliveries() <-chan struct{}
	// MarkDeliveriesStarted notes that the workflows of deliveries know of the deliveries' rounds.
	MarkDeliveriesStarted(ctx context.Context, deliveries []models.WebhookDelivery) error
}

// DeliveryStarter starts the workflow of a webhook delivery, or signals it if the delivery's round is not the first. It
// returns nil if that was done before.
type DeliveryStarter interface {
	StartDelivery(ctx context.Context, d models.WebhookDelivery) error
}

// deliveryPatience makes webhooks prompt.
var deliveryPatience = patience{calm: 20 * time.Millisecond, most: 20 * time.Millisecond}

// DeliveryOutbox starts and signals the workflows of webhook deliveries: those that its process wrote almost at once,
// those of others within a second.
type DeliveryOutbox = Outbox[models.WebhookDelivery]

// NewDeliveryOutbox returns the outbox of webhook deliveries. It starts nothing before Run.
func NewDeliveryOutbox(store DeliveryOutboxStore, starter DeliveryStarter, log *slog.Logger) *DeliveryOutbox {
	return &DeliveryOutbox{
		rows: deliveryRows{store: store, starter: starter}, news: store.WrittenDeliveries(),
		patience: deliveryPatience, log: log,
	}
}

type deliveryRows struct {
	store   DeliveryOutboxStore
	starter DeliveryStarter
}

func (deliveryRows) kind() string                       { return "webhook deliveries" }
func (deliveryRows) id(d models.WebhookDelivery) string { return d.ID }

func (r deliveryRows) take(
	ctx context.Context, limit int,
) (taken []models.WebhookDelivery, more bool, err error) {
	return r.store.TakeUnstartedDeliveries(ctx, limit)
}

func (r deliveryRows) start(ctx context.Context, d models.WebhookDelivery) error {
	return r.starter.StartDelivery(ctx, d)
}

func (r deliveryRows) note(ctx context.Context, started []models.WebhookDelivery) error {
	return r.store.MarkDeliveriesStarted(ctx, started)
}
