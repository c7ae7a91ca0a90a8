package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// scanRetryDelay is the time until the second attempt to expire a payment whose window has not been scanned. It doubles
// with each attempt up to scanRetryDelayMax. The follower wakes the payment when its time comes, so the attempts are
// only there in case that this is lost: without a follower, 100,000 payments that wait must not become polling.
const (
	scanRetryDelay    = 15 * time.Second
	scanRetryDelayMax = time.Hour
)

// failedRetryDelayMax bounds the time between two attempts while the question itself fails, because the database is
// away. Nobody wakes the payment then.
const failedRetryDelayMax = 10 * time.Minute

// retryDelay doubles with each attempt of the activity, up to longest. It differs by up to a fifth between payments, so
// that those that began together do not go on together.
func retryDelay(ctx context.Context, longest time.Duration) time.Duration {
	delay := scanRetryDelay
	if activity.IsActivity(ctx) {
		for attempt := activity.GetInfo(ctx).Attempt; attempt > 1 && delay < longest; attempt-- {
			delay *= 2
		}
	}
	delay = min(delay, longest)
	return delay - rand.N(delay/5+1) //nolint:gosec // spreads load, hides nothing
}

// errNotScannedPast makes Temporal repeat the activity and show the reason in its UI. It is benign: nothing is wrong,
// so nothing is logged or counted as a failure.
func errNotScannedPast(ctx context.Context, result models.ExpireResult) error {
	message := "the payment cannot expire yet: " + result.Wait.Sentence(result.WaitBlock)
	return temporal.NewApplicationErrorWithOptions(message, "NotScannedPast", temporal.ApplicationErrorOptions{
		NextRetryDelay: retryDelay(ctx, scanRetryDelayMax), Category: temporal.ApplicationErrorCategoryBenign,
	})
}

// errExpiryFailed makes Temporal repeat the question for an expiry that could not be answered.
func errExpiryFailed(ctx context.Context, err error) error {
	return temporal.NewApplicationErrorWithOptions("the payment's expiry could not be decided", "ExpiryFailed",
		temporal.ApplicationErrorOptions{NextRetryDelay: retryDelay(ctx, failedRetryDelayMax), Cause: err})
}

// classify decides which errors Temporal retries: all but those that no retry can help.
func classify(err error) error {
	if errors.Is(err, models.ErrLedgerUnbalanced) {
		return temporal.NewNonRetryableApplicationError("the booking does not balance", "LedgerUnbalanced", err)
	}
	return err
}

// notYet returns why the database refused a booking that it may allow later, "" for any other error: an alarm stops
// crediting, or a reorg has just taken blocks away and too few confirmations are left.
func notYet(err error) string {
	for _, reason := range []error{models.ErrCreditingHalted, models.ErrNotConfirmedYet} {
		if errors.Is(err, reason) {
			return reason.Error()
		}
	}
	return ""
}
