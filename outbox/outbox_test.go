package outbox_test

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

	"paycow/models"
	"paycow/outbox"
	"paycow/store"
)

// fakeEngine counts starts and can be away.
type fakeEngine struct {
	mu      sync.Mutex
	away    bool
	refused map[string]bool
	starts  map[string]int
	calls   int
}

func (e *fakeEngine) StartPayment(_ context.Context, p models.Payment) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	if e.away || e.refused[p.ID] {
		return errors.New("away")
	}
	e.starts[p.ID]++
	return nil
}

func (e *fakeEngine) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// setup returns a store with unstarted payments that are old enough to be swept, and an engine.
func setup(t *testing.T, payments int) (*store.Store, *fakeEngine, []models.Payment) {
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
	return db, &fakeEngine{starts: map[string]int{}, refused: map[string]bool{}}, made
}

// run works an outbox off until the test ends.
func run(t *testing.T, db *store.Store, engine *fakeEngine) *outbox.Outbox {
	t.Helper()
	o := outbox.New(db, engine, slog.New(slog.DiscardHandler))
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
	db, engine, made := setup(t, 1)
	engine.away = true // so that the first sweep does not take it
	o := run(t, db, engine)
	engine.set(func() { engine.away = false })
	o.Notify(made[0])
	require.Eventually(t, func() bool { return left(t, db) == 0 }, 10*time.Second, 5*time.Millisecond)
}

func TestNothingIsForgottenWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	db, engine, made := setup(t, 600) // more than one sweep takes
	engine.away = true
	o := run(t, db, engine)
	for range 3 {
		for _, p := range made {
			o.Notify(p) // more than the queue holds: the rows are the outbox, not the queue
		}
	}
	require.Eventually(t, func() bool {
		engine.mu.Lock()
		defer engine.mu.Unlock()
		return engine.calls > 1024
	}, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, 600, left(t, db))
	engine.set(func() { engine.away = false })
	require.Eventually(t, func() bool { return left(t, db) == 0 }, 60*time.Second, 20*time.Millisecond)
	engine.set(func() { require.Len(t, engine.starts, 600) })
}

func TestOneThatCannotBeStartedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	db, engine, made := setup(t, 50)
	engine.refused[made[0].ID] = true // the oldest one, which every sweep meets first
	run(t, db, engine)
	require.Eventually(t, func() bool { return left(t, db) == 1 }, 20*time.Second, 20*time.Millisecond)
}
