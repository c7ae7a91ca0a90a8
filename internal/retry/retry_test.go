package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/retry"
)

var errAway = errors.New("away")

func TestACallIsRepeatedUntilItSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started, calls := time.Now(), 0
		var pauses []time.Duration
		policy := retry.Policy{Pause: time.Second, OnRetry: func(err error, pause time.Duration) {
			require.ErrorIs(t, err, errAway)
			pauses = append(pauses, pause)
		}}
		require.NoError(t, retry.Until(t.Context(), policy, func() error {
			if calls++; calls < 4 {
				return errAway
			}
			return nil
		}))
		require.Equal(t, 4, calls)
		require.Equal(t, []time.Duration{time.Second, time.Second, time.Second}, pauses)
		require.Equal(t, 3*time.Second, time.Since(started))
	})
}

func TestPausesDoubleUpToTheLargest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		policy := retry.Policy{
			Pause: time.Second, MaxPause: 5 * time.Second, Calls: 6,
			OnRetry: func(_ error, pause time.Duration) { pauses = append(pauses, pause) },
		}
		require.Equal(t, errAway, retry.Until(t.Context(), policy, func() error { return errAway }))
		require.Equal(t, []time.Duration{1, 2, 4, 5, 5}, inSeconds(pauses))
	})
}

func inSeconds(pauses []time.Duration) []time.Duration {
	for i := range pauses {
		pauses[i] /= time.Second
	}
	return pauses
}

func TestTheEndOfTheContextComesWithTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		started, calls := time.Now(), 0
		err := retry.Until(ctx, retry.Policy{Pause: time.Second}, func() error {
			calls++
			return fmt.Errorf("call %d: %w", calls, errAway)
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errAway)
		require.EqualError(t, err, "context deadline exceeded: call 3: away")
		require.Equal(t, 2500*time.Millisecond, time.Since(started)) // the pause ends with the context
	})
}

func TestACallThatEndsWithTheContext(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		result error
		want   string
	}{
		"succeeds":                  {nil, ""},
		"fails":                     {errAway, "context canceled: away"},
		"passes the context on":     {fmt.Errorf("dial: %w", context.Canceled), "dial: context canceled"},
		"fails for good":            {retry.Permanent(errAway), "away"},
		"wraps a permanent failure": {fmt.Errorf("dial: %w", retry.Permanent(errAway)), "dial: away"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			err := retry.Until(ctx, retry.Policy{Pause: time.Hour}, func() error {
				cancel()
				return c.result
			})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
		})
	}
}

func TestAContextThatHasEndedAllowsOneCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := 0
	err := retry.Until(ctx, retry.Policy{}, func() error { calls++; return errAway })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errAway)
	require.Equal(t, 1, calls)
}

func TestAPermanentErrorIsNotRepeated(t *testing.T) {
	t.Parallel()
	calls := 0
	err := retry.Until(t.Context(), retry.Policy{Pause: time.Hour}, func() error { calls++; return retry.Permanent(errAway) })
	require.Equal(t, errAway, err)
	require.Equal(t, 1, calls)
	require.NoError(t, retry.Permanent(nil))
	require.True(t, retry.IsPermanent(fmt.Errorf("wrapped: %w", retry.Permanent(errAway))))
	require.False(t, retry.IsPermanent(errAway))
}

// The mark is for the Until that makes the call. One further out decides anew, whatever was done with the error between.
func TestUntilReturnsAnErrorWithoutAnyMark(t *testing.T) {
	t.Parallel()
	errTwice := retry.Permanent(retry.Permanent(errAway))
	for text, result := range map[string]error{
		"away":                    errTwice,
		"dial: away":              fmt.Errorf("dial: %w", retry.Permanent(errAway)),
		"a: b: away":              retry.Permanent(fmt.Errorf("a: %w", retry.Permanent(fmt.Errorf("b: %w", errTwice)))),
		"dial: EOF, away":         fmt.Errorf("dial: %w, %w", io.EOF, retry.Permanent(errAway)),
		"closed: dial: EOF\naway": fmt.Errorf("closed: %w", errors.Join(fmt.Errorf("dial: %w", io.EOF), errTwice)),
	} {
		require.True(t, retry.IsPermanent(result), text)
		inner, outer := 0, 0
		err := retry.Until(t.Context(), retry.Policy{Calls: 2}, func() error {
			outer++
			err := retry.Until(t.Context(), retry.Policy{}, func() error { inner++; return result })
			require.False(t, retry.IsPermanent(err), text)
			return fmt.Errorf("start: %w", err)
		})
		require.EqualError(t, err, "start: "+text)
		require.ErrorIs(t, err, errAway, text)
		require.Equal(t, []int{2, 2}, []int{inner, outer}, text)
		require.True(t, retry.IsPermanent(retry.Permanent(err)), "it can be marked again")
		require.True(t, retry.IsPermanent(errors.Join(err, retry.Permanent(io.EOF))), "it hides no other mark")
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		require.NoError(t, retry.Sleep(ctx, 400*time.Millisecond))
		require.ErrorIs(t, retry.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(started))
	})
}
