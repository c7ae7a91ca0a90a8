package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/engine"
)

// testRows are test payments in memory, each with the number of steps that are due.
type testRows struct {
	mu    sync.Mutex
	due   map[string]int
	made  map[string]int
	bad   string // cannot be advanced
	away  bool
	asked int
}

func (r *testRows) DueTestPayments(_ context.Context, limit int) (ids []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked++; r.away {
		return nil, errors.New("away")
	}
	for id, steps := range r.due {
		if steps > 0 && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (r *testRows) AdvanceTestPayment(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id == r.bad {
		return errors.New("bad")
	}
	r.due[id]--
	r.made[id]++
	return nil
}

// A step that cannot be made holds up no other one, and a database that is away only delays them.
func TestStepsOfTestPaymentsAreMade(t *testing.T) {
	t.Parallel()
	rows := &testRows{due: map[string]int{"bad": 1, "a": 3, "b": 2}, made: map[string]int{}, bad: "bad", away: true}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { engine.NewTestPayments(rows, slog.New(slog.DiscardHandler)).Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	is := func(check func() bool) func() bool {
		return func() bool {
			rows.mu.Lock()
			defer rows.mu.Unlock()
			return check()
		}
	}
	require.Eventually(t, is(func() bool { return rows.asked > 0 }), 20*time.Second, 5*time.Millisecond)
	require.True(t, is(func() bool { rows.away = false; return len(rows.made) == 0 })())
	require.Eventually(t, is(func() bool { return rows.made["a"] == 3 && rows.made["b"] == 2 }), 20*time.Second, 5*time.Millisecond)
	require.True(t, is(func() bool { return rows.made["bad"] == 0 && rows.due["a"] == 0 })())
}
