package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/engine"
	"paycow/models"
	"paycow/store"
)

// fakeStarter counts starts and can be away.
type fakeStarter struct {
	mu      sync.Mutex
	away    bool
	refused map[string]bool
	starts  map[string]int
	calls   int
}

func (s *fakeStarter) StartPayment(_ context.Context, p models.Payment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.away || s.refused[p.ID] {
		return errors.New("away")
	}
	s.starts[p.ID]++
	return nil
}

func (s *fakeStarter) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// setup returns a store with unstarted payments that are old enough to be swept, and an engine.
func setup(t *testing.T, payments int) (*store.Store, *fakeStarter, []models.Payment) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "paycow.db"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context()))
	operator := models.Operator{ID: models.NewID(), Email: "shop@example.com", Status: models.OperatorActive}
	require.NoError(t, db.CreateOperator(t.Context(), operator, nil))
	var made []models.Payment
	for i := range payments {
		p, _, err := db.CreatePayment(t.Context(), store.NewPayment{
			ID: models.NewID(), Reference: models.NewReference(),
			OperatorID: operator.ID, UserID: "user", Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: models.USDT,
			CreatedAt: time.Now().Add(-time.Minute + time.Duration(i)*time.Millisecond), ExpiresAt: time.Now().Add(time.Hour),
		}, func(index uint32) (string, error) { return fmt.Sprintf("0x%040d", index), nil })
		require.NoError(t, err)
		made = append(made, p)
	}
	return db, &fakeStarter{starts: map[string]int{}, refused: map[string]bool{}}, made
}

// run works an outbox off until the test ends.
func run(t *testing.T, db *store.Store, starter *fakeStarter) *engine.PaymentOutbox {
	t.Helper()
	o := engine.NewPaymentOutbox(db, starter, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { o.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return o
}

func left(t *testing.T, db *store.Store) int {
	t.Helper()
	rows, err := db.UnstartedPayments(t.Context(), time.Now().Add(time.Hour), 10_000)
	require.NoError(t, err)
	return len(rows)
}

func TestANotifiedPaymentStartsAtOnce(t *testing.T) {
	t.Parallel()
	db, starter, made := setup(t, 1)
	starter.away = true // so that the first sweep does not take it
	o := run(t, db, starter)
	starter.set(func() { starter.away = false })
	o.Notify(made[0])
	require.Eventually(t, func() bool { return left(t, db) == 0 }, 10*time.Second, 5*time.Millisecond)
}

func TestNothingIsForgottenWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	db, starter, made := setup(t, 600) // more than one sweep takes
	starter.away = true
	o := run(t, db, starter)
	for range 3 {
		for _, p := range made {
			o.Notify(p) // more than the queue holds: the rows are the outbox, not the queue
		}
	}
	require.Eventually(t, func() bool {
		starter.mu.Lock()
		defer starter.mu.Unlock()
		return starter.calls > 1024
	}, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, 600, left(t, db))
	starter.set(func() { starter.away = false })
	require.Eventually(t, func() bool { return left(t, db) == 0 }, 60*time.Second, 20*time.Millisecond)
	starter.set(func() { require.Len(t, starter.starts, 600) })
}

func TestOneThatCannotBeStartedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	db, starter, made := setup(t, 50)
	starter.refused[made[0].ID] = true // the oldest one, which every sweep meets first
	run(t, db, starter)
	require.Eventually(t, func() bool { return left(t, db) == 1 }, 20*time.Second, 20*time.Millisecond)
}
