package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// scanRetryDelay is how often the question is repeated whether the chain has been read past a window.
const scanRetryDelay = 2 * time.Second

// errNotScannedPast makes the engine ask again after a pause that does not grow: the answer depends on the next block. It
// is benign: nothing is wrong, so nothing is logged or counted as a failure.
var errNotScannedPast = temporal.NewApplicationErrorWithOptions("the chain has not been read past the end of the window", "NotScannedPast",
	temporal.ApplicationErrorOptions{NextRetryDelay: scanRetryDelay, Category: temporal.ApplicationErrorCategoryBenign})

// classify decides once which errors are worth another try: all but those that can never become right.
func classify(err error) error {
	if errors.Is(err, models.ErrLedgerUnbalanced) {
		return temporal.NewNonRetryableApplicationError("the booking does not balance", "LedgerUnbalanced", err)
	}
	return err
}
