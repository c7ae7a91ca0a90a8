package engine

import (
	"context"
	"log/slog"

	"paycow/models"
)

// DeliveryOutboxStore is what the outbox of webhook deliveries needs of the database.
type DeliveryOutboxStore interface {
	// TakeUnstartedDeliveries returns deliveries that wait for their workflow, as many of one operator as of another, and
	// keeps other processes from taking them for a while. more is true if there are further ones.
	TakeUnstartedDeliveries(ctx context.Context, limit int) (deliveries []models.WebhookDelivery, more bool, err error)
	// WrittenDeliveries is ready when this process has written deliveries lately. They may not be committed yet.
	WrittenDeliveries() <-chan struct{}
	// MarkDeliveryStarted notes that the workflow of a delivery knows of the delivery's round.
	MarkDeliveryStarted(ctx context.Context, d models.WebhookDelivery) error
}

// DeliveryStarter starts the workflow of a webhook delivery, or signals it if the delivery's round is not the first. It
// returns nil if that was done before.
type DeliveryStarter interface {
	StartDelivery(ctx context.Context, d models.WebhookDelivery) error
}

// DeliveryOutbox starts and signals the workflows of webhook deliveries: those that its process wrote almost at once,
// those of others within a second.
type DeliveryOutbox = Outbox[models.WebhookDelivery]

// NewDeliveryOutbox returns the outbox of webhook deliveries. It starts nothing before Run.
func NewDeliveryOutbox(store DeliveryOutboxStore, starter DeliveryStarter, log *slog.Logger) *DeliveryOutbox {
	return newOutbox(deliveryRows{store: store, starter: starter}, log)
}

type deliveryRows struct {
	store   DeliveryOutboxStore
	starter DeliveryStarter
}

func (deliveryRows) kind() string                       { return "webhook deliveries" }
func (deliveryRows) id(d models.WebhookDelivery) string { return d.ID }

func (r deliveryRows) written() <-chan struct{} { return r.store.WrittenDeliveries() }

func (r deliveryRows) left(
	ctx context.Context, limit int,
) (left []models.WebhookDelivery, more bool, err error) {
	return r.store.TakeUnstartedDeliveries(ctx, limit)
}

func (r deliveryRows) start(ctx context.Context, d models.WebhookDelivery) error {
	if err := r.starter.StartDelivery(ctx, d); err != nil {
		return err
	}
	return r.store.MarkDeliveryStarted(ctx, d)
}
