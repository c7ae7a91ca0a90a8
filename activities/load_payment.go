package activities

import (
	"context"

	"paycow/models"
)

// LoadPayment returns a payment's row and its transfers.
func (a *Activities) LoadPayment(ctx context.Context, paymentID string) (models.PaymentSnapshot, error) {
	snapshot, err := a.payments.Snapshot(ctx, paymentID)
	return snapshot, classify(err)
}
