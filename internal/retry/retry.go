// Package retry repeats a call until it succeeds. It is the one place that decides how: how long to pause, when to give
// up and which error the caller gets.
package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Policy says how a call is repeated. The zero Policy repeats it at once and without end.
type Policy struct {
	// Pause is the time between two calls. With a MaxPause above it, each pause is twice the one before, up to MaxPause.
	Pause, MaxPause time.Duration
	// Calls bounds the number of calls. 0 means no bound.
	Calls int
	// OnRetry is called after each failed call that will be repeated, before the pause. It may be nil.
	OnRetry func(err error, pause time.Duration)
}

// Until calls until call returns nil, returns an error marked Permanent, has been made policy.Calls times, or ctx ends.
// It calls at least once, whatever ctx, and never while an earlier call is still running.
//
// A success is returned as nil even if ctx ended during the call. When ctx ends, the error matches both ctx.Err() and
// the error of the last call, which says more than "deadline exceeded". Otherwise Until returns the error of the last
// call, without any mark of Permanent, so that an Until further out decides for itself.
func Until(ctx context.Context, policy Policy, call func() error) error {
	var last error
	err := failsafe.With(policy.build()).WithContext(ctx).Run(func() error {
		last = call()
		return last
	})
	if last == nil {
		return nil
	}
	if IsPermanent(last) {
		return unmarked(last)
	}
	if ctxErr := ctx.Err(); ctxErr != nil && errors.Is(err, ctxErr) && !errors.Is(last, ctxErr) {
		return fmt.Errorf("%w: %w", ctxErr, last)
	}
	return last
}

func (p Policy) build() retrypolicy.RetryPolicy[any] {
	builder := retrypolicy.NewBuilder[any]().ReturnLastFailure().WithMaxAttempts(-1).
		AbortIf(func(_ any, err error) bool { return IsPermanent(err) })
	if p.Calls > 0 {
		builder = builder.WithMaxAttempts(p.Calls)
	}
	if p.MaxPause > p.Pause {
		builder = builder.WithBackoff(p.Pause, p.MaxPause)
	} else {
		builder = builder.WithDelay(p.Pause)
	}
	if p.OnRetry != nil {
		builder = builder.OnRetryScheduled(
			func(e failsafe.ExecutionScheduledEvent[any]) { p.OnRetry(e.LastError(), e.Delay) },
		)
	}
	return builder.Build()
}

// Sleep waits for d or until ctx ends, and returns ctx.Err().
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}

// permanentError marks the error that it holds.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// unmarkedError hides the marks within the error that it holds. Text and causes stay.
type unmarkedError struct{ error }

func (e unmarkedError) Unwrap() error { return e.error }

// Permanent marks an error that another call would meet again, so that Until returns it at once.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// unmarked returns err without its marks. It removes those around err, and hides those that other errors wrap.
func unmarked(err error) error {
	for {
		marked, ok := err.(permanentError) //nolint:errorlint // the mark around the error, not one within
		if !ok {
			break
		}
		err = marked.error
	}
	if IsPermanent(err) {
		return unmarkedError{err}
	}
	return err
}

// IsPermanent reports whether err, or an error that it wraps, was marked by Permanent. What Until returned has no mark.
func IsPermanent(err error) bool {
	switch err := err.(type) { //nolint:errorlint // it walks the tree itself, because unmarkedError ends the search
	case permanentError:
		return true
	case unmarkedError:
		return false
	case interface{ Unwrap() error }:
		return IsPermanent(err.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(err.Unwrap(), IsPermanent)
	}
	return false
}
