package chaintest

import (
	"context"
	"errors"

	"paycow/chain"
)

// maxSteps is how many steps a follower may need to catch up.
const maxSteps = 20_000

// CatchUp steps until there is nothing to read, and returns the progress of each step. It stops at the first error.
func CatchUp(ctx context.Context, f *chain.Follower) ([]chain.Progress, error) {
	var steps []chain.Progress
	for range maxSteps {
		progress, err := f.Step(ctx)
		if err != nil {
			return steps, err
		}
		steps = append(steps, progress)
		if progress.CaughtUp && progress.Advanced == 0 {
			return steps, nil
		}
	}
	return steps, errors.New("the follower does not catch up")
}
