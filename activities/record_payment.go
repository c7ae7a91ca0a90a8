package activities

import (
	"context"

	"paycow/models"
)

// RecordPayment writes a new state to a payment's row and timeline.
func (a *Activities) RecordPayment(ctx context.Context, input models.RecordInput) (models.RecordResult, error) {
	result, err := a.payments.Record(ctx, input)
	if err == nil && result.Recorded {
		a.log.InfoContext(ctx, "payment state recorded", "payment_id", input.PaymentID, "status", input.State.Status,
			"exception", string(input.State.Exception), "amount", input.State.AmountReceived.String())
	}
	return result, classify(err)
}
