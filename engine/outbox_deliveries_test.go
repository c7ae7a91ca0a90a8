package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/engine"
	"paycow/models"
)

// deliveryRows is the outbox of deliveries in memory, and the starter of their workflows.
type deliveryRows struct {
	mu      sync.Mutex
	waiting []models.WebhookDelivery
	away    bool
	tried   int
	started []string
	news    chan struct{}
}

func (r *deliveryRows) WrittenDeliveries() <-chan struct{} { return r.news }

func (r *deliveryRows) TakeUnstartedDeliveries(_ context.Context, limit int) ([]models.WebhookDelivery, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.waiting[:min(limit, len(r.waiting), 2)]
	return append([]models.WebhookDelivery(nil), taken...), len(taken) < len(r.waiting), nil
}

func (r *deliveryRows) MarkDeliveriesStarted(_ context.Context, started []models.WebhookDelivery) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = slices.DeleteFunc(r.waiting, func(row models.WebhookDelivery) bool {
		return slices.ContainsFunc(started, func(d models.WebhookDelivery) bool { return d.ID == row.ID })
	})
	return nil
}

func (r *deliveryRows) StartDelivery(_ context.Context, d models.WebhookDelivery) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tried++; r.away {
		return errors.New("away")
	}
	r.started = append(r.started, d.ID)
	return nil
}

// Deliveries need nobody who notifies the outbox, and wait there while Temporal is away.
func TestDeliveriesAreStarted(t *testing.T) {
	t.Parallel()
	rows := &deliveryRows{away: true, waiting: []models.WebhookDelivery{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}}}
	o := engine.NewDeliveryOutbox(rows, rows, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { o.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	is := func(check func() bool) func() bool {
		return func() bool {
			rows.mu.Lock()
			defer rows.mu.Unlock()
			return check()
		}
	}
	require.Eventually(t, is(func() bool { return rows.tried >= 4 }), 20*time.Second, 5*time.Millisecond)
	require.True(t, is(func() bool { rows.away = false; return len(rows.waiting) == 5 && len(rows.started) == 0 })())
	require.Eventually(t, is(func() bool { return len(rows.waiting) == 0 }), 20*time.Second, 5*time.Millisecond)
	require.ElementsMatch(t, []string{"a", "b", "c", "d", "e"}, rows.started)
}

// What the process itself wrote does not wait for the regular sweep. While Temporal is away, news change nothing.
func TestWrittenDeliveriesAreStartedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &deliveryRows{news: make(chan struct{}, 1)}
		o := engine.NewDeliveryOutbox(rows, rows, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { o.Run(ctx) })
		defer func() { cancel(); done.Wait() }()
		pass := func(d time.Duration) { // and see what the others did meanwhile
			time.Sleep(d)
			synctest.Wait()
		}
		away := func(isAway bool) {
			rows.mu.Lock()
			defer rows.mu.Unlock()
			rows.away = isAway
		}
		write := func(id string) {
			rows.mu.Lock()
			defer rows.mu.Unlock()
			rows.waiting = append(rows.waiting, models.WebhookDelivery{ID: id})
			rows.news <- struct{}{}
		}
		pass(100 * time.Millisecond)
		write("a")
		pass(50 * time.Millisecond)
		require.Equal(t, []string{"a"}, rows.started)
		away(true)
		write("b")
		pass(50 * time.Millisecond)
		tried := rows.tried
		require.Equal(t, 2, tried, "it was tried and Temporal was away")
		write("c")
		pass(500 * time.Millisecond)
		require.Equal(t, tried, rows.tried)
		away(false)
		pass(time.Second)
		require.ElementsMatch(t, []string{"a", "b", "c"}, rows.started)
	})
}
