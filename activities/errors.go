package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// scanRetryDelay and scanRetryDelayMax bound the time between two attempts to expire a payment whose window has not
// been scanned: short at first, because the next block may be enough, and long while a node is away, because then every
// open payment asks.
const (
	scanRetryDelay    = 2 * time.Second
	scanRetryDelayMax = time.Minute
)

// errNotScannedPast makes Temporal repeat the activity and show the reason in its UI. It is benign: nothing is wrong,
// so nothing is logged or counted as a failure.
func errNotScannedPast(ctx context.Context, result models.ExpireResult) error {
	delay := scanRetryDelay
	if activity.IsActivity(ctx) {
		delay = min(time.Duration(activity.GetInfo(ctx).Attempt)*scanRetryDelay, scanRetryDelayMax)
	}
	message := "the payment cannot expire yet: " + result.Wait.Sentence(result.WaitBlock)
	return temporal.NewApplicationErrorWithOptions(message, "NotScannedPast",
		temporal.ApplicationErrorOptions{NextRetryDelay: delay, Category: temporal.ApplicationErrorCategoryBenign})
}

// classify decides which errors Temporal retries: all but those that no retry can help.
func classify(err error) error {
	if errors.Is(err, models.ErrLedgerUnbalanced) {
		return temporal.NewNonRetryableApplicationError("the booking does not balance", "LedgerUnbalanced", err)
	}
	return err
}
