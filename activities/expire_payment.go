package activities

import (
	"context"

	"paycow/models"
)

// ExpirePayment records the expiry of a payment that received nothing within its window, once the chain has been read
// past the window. Until then it fails with a retryable error if input.AwaitScan is set, and otherwise the result says
// what it waits for. The retries are rare: wakeExpiries tells the payment when its time has come.
func (a *Activities) ExpirePayment(ctx context.Context, input models.ExpireInput) (models.ExpireResult, error) {
	result, err := a.payments.Expire(ctx, input)
	switch {
	case err != nil && input.AwaitScan:
		return result, errExpiryFailed(ctx, err)
	case err != nil:
		return result, classify(err)
	case !result.ScannedPast && input.AwaitScan:
		return result, errNotScannedPast(ctx, result)
	case result.Recorded:
		a.log.InfoContext(ctx, "payment expired", "payment_id", input.PaymentID, "status", input.State.Status)
	}
	return result, nil
}
