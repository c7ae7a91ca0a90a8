package activities

import (
	"context"

	"paycow/models"
)

// ExpirePayment ends a payment to whose address nothing came, once the chain has been read past its window. With
// input.AwaitScan it fails with a retryable error until then, otherwise the answer says so.
func (a *Activities) ExpirePayment(ctx context.Context, input models.ExpireInput) (models.ExpireResult, error) {
	result, err := a.payments.Expire(ctx, input)
	switch {
	case err != nil:
		return result, classify(err)
	case !result.ScannedPast && input.AwaitScan:
		return result, errNotScannedPast(ctx, result)
	case result.Recorded:
		a.log.InfoContext(ctx, "payment expired", "payment_id", input.PaymentID, "status", input.State.Status)
	}
	return result, nil
}
