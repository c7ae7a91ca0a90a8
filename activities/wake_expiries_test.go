package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"paycow/activities"
	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

// expiryQueue is payments that wait for their expiry, of which the first ones are due.
type expiryQueue struct {
	mu       sync.Mutex
	waiting  []string
	due      int
	asked    int
	woken    map[string]int
	failMark error // returned by the next mark
}

func (q *expiryQueue) DueExpiries(_ context.Context, _ string, limit int) (due []store.DueExpiry, more bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	n := min(q.due, limit, len(q.waiting))
	for _, id := range q.waiting[:n] {
		due = append(due, store.DueExpiry{Payment: models.Payment{ID: id}, WindowEnd: block(1).Time})
	}
	return due, n == limit, nil
}

func (q *expiryQueue) MarkExpiriesWoken(_ context.Context, woken []store.DueExpiry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.failMark; err != nil {
		q.failMark = nil
		return err
	}
	gone := map[string]bool{}
	for _, expiry := range woken {
		gone[expiry.Payment.ID] = true
		q.woken[expiry.Payment.ID]++
	}
	var left []string
	first := q.waiting[:min(len(q.waiting), 1000)]
	for _, id := range first {
		if !gone[id] {
			left = append(left, id)
		}
	}
	q.due -= len(first) - len(left)
	q.waiting = append(left, q.waiting[len(first):]...)
	return nil
}

// countingEngine counts signals by payment.
type countingEngine struct {
	fakeEngine
	calls map[string]int
}

func (e *countingEngine) SignalTransfers(_ context.Context, p models.Payment, signal models.TransfersSignal) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		if err := e.fail(p.ID); err != nil {
			return err
		}
	}
	if len(signal.Transfers) > 0 || signal.WindowEnd.IsZero() {
		return errors.New("a wake carries the window's end and no transfers")
	}
	e.calls[p.ID]++
	return nil
}

// TestWaitingPaymentsCostPerBlock has 100,000 payments wait for 100 blocks, and become due then. Until then a block costs
// one question and no call of the engine; then each payment is signalled once.
func TestWaitingPaymentsCostPerBlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const waiting, blocks = 100_000, 100
		queue := &expiryQueue{woken: map[string]int{}}
		for range waiting {
			queue.waiting = append(queue.waiting, models.NewID())
		}
		engine := &countingEngine{calls: map[string]int{}}
		ctx, cancel := context.WithCancel(t.Context())
		reports := make(chan struct{})
		acts := activities.New(activities.Dependencies{
			Signals: dueSignals{none: true}, Expiries: queue, Engine: engine,
			Watcher: watcherFunc(func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
				for range reports {
					_ = onProgress(ctx, chain.Progress{Cursor: block(100), Head: 100, Proven: true, Reached: true})
				}
				<-ctx.Done()
				return ctx.Err()
			}),
		}, activities.Settings{Network: models.NetworkERC20}, slog.New(slog.DiscardHandler))
		ended := make(chan error, 1)
		go func() { ended <- runFollow(ctx, acts) }()
		for range blocks {
			reports <- struct{}{}
			synctest.Wait()
		}
		require.Equal(t, blocks, queue.asked)
		require.Empty(t, engine.calls)

		queue.mu.Lock()
		queue.due = waiting
		queue.mu.Unlock()
		reports <- struct{}{}
		synctest.Wait()
		require.Len(t, engine.calls, waiting)
		for _, calls := range engine.calls {
			require.Equal(t, 1, calls)
		}
		require.LessOrEqual(t, queue.asked, blocks+waiting/200+2, "in batches")
		close(reports)
		cancel()
		require.Error(t, <-ended)
	})
}

// TestAWakeThatFailedIsRepeated has the mark be lost, the engine be away, and one payment refuse every signal.
func TestAWakeThatFailedIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &expiryQueue{woken: map[string]int{}, waiting: []string{"a", "b", "c"}, due: 3, failMark: errors.New("the process was killed")}
		engine := &countingEngine{calls: map[string]int{}}
		ctx, cancel := context.WithCancel(t.Context())
		reports := make(chan struct{})
		acts := activities.New(activities.Dependencies{
			Signals: dueSignals{none: true}, Expiries: queue, Engine: engine,
			Watcher: watcherFunc(func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
				for range reports {
					_ = onProgress(ctx, chain.Progress{Cursor: block(100), Head: 100, Proven: true, Reached: true})
				}
				<-ctx.Done()
				return ctx.Err()
			}),
		}, activities.Settings{Network: models.NetworkERC20}, slog.New(slog.DiscardHandler))
		ended := make(chan error, 1)
		go func() { ended <- runFollow(ctx, acts) }()
		report := func() { reports <- struct{}{}; synctest.Wait() }

		report() // signalled, but not marked
		require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, engine.calls)
		require.Empty(t, queue.woken)
		engine.fail = func(string) error { return serviceerror.NewUnavailable("away") }
		report()
		require.Empty(t, queue.woken, "nobody is marked who was not signalled")
		engine.fail = func(id string) error {
			if id == "b" {
				return errors.New("never")
			}
			return nil
		}
		report()
		require.Equal(t, map[string]int{"a": 2, "b": 1, "c": 2}, engine.calls)
		require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, queue.woken, "one that refuses does not stand in the way")
		close(reports)
		cancel()
		require.Error(t, <-ended)
	})
}

// TestTheRareRepetition: without a follower 100,000 waiting payments ask seldom, and not all at once.
func TestTheRareRepetition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	input := models.ExpireInput{PaymentID: p.ID, Network: p.Network, ExpiresAt: p.ExpiresAt, AwaitScan: true, State: models.PaymentState{Status: models.StatusExpired, Version: 2}}
	seen := map[time.Duration]bool{}
	for range 20 {
		_, err := b.ExpirePayment(t.Context(), input)
		delay := retryDelayOf(t, err)
		require.GreaterOrEqual(t, delay, 10*time.Second)
		require.LessOrEqual(t, delay, 15*time.Second)
		seen[delay] = true
	}
	require.Greater(t, len(seen), 5, "spread")
	due, more, err := b.store.DueExpiries(t.Context(), models.NetworkERC20, 10)
	require.NoError(t, err)
	require.Empty(t, due)
	require.False(t, more)
	require.NoError(t, b.store.Advance(t.Context(), models.NetworkERC20, models.BlockBatch{From: b.cursor, To: block(401), Head: 401, Agreed: true}))
	due, _, err = b.store.DueExpiries(t.Context(), models.NetworkERC20, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NoError(t, b.store.Close())
	_, err = b.ExpirePayment(t.Context(), input)
	require.NotZero(t, retryDelayOf(t, err), "the database is away: that must not become polling either")
}

func retryDelayOf(t *testing.T, err error) time.Duration {
	t.Helper()
	var again *temporal.ApplicationError
	require.ErrorAs(t, err, &again)
	require.False(t, again.NonRetryable())
	return again.NextRetryDelay()
}

// runFollow runs FollowChain until ctx ends.
func runFollow(ctx context.Context, acts *activities.Activities) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerStopChannel(stopped(ctx))
	env.RegisterActivity(acts.FollowChain)
	_, err := env.ExecuteActivity(acts.FollowChain, models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: 500})
	return err //nolint:wrapcheck // for a test
}
