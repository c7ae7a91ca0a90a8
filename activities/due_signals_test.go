package activities_test

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
	"go.temporal.io/api/serviceerror"

	"paycow/activities"
	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

// signalQueue is a store of payments that are due until they are marked or put off.
type signalQueue struct {
	mu       sync.Mutex
	due      []string
	heads    []uint64   // at which was asked what is due
	marks    [][]string // the payments of each call that marked some
	deferred []string
	failMark func(ids []string) error
	failAll  error
	slow     time.Duration // of noting
}

func (q *signalQueue) DueSignals(_ context.Context, _ string, head uint64, limit int) (due []store.DueSignal, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.heads = append(q.heads, head)
	for _, id := range q.due[:min(limit, len(q.due))] {
		due = append(due, store.DueSignal{
			Payment: models.Payment{ID: id, Confirmations: 12}, Transfers: []models.Transfer{{PaymentID: id}},
		})
	}
	return due, nil
}

func (q *signalQueue) MarkSignalled(_ context.Context, transfers []models.Transfer, _, _ uint64) error {
	var ids []string
	for _, transfer := range transfers {
		ids = append(ids, transfer.PaymentID)
	}
	time.Sleep(q.slow)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failMark != nil {
		if err := q.failMark(ids); err != nil {
			return err
		}
	}
	q.marks = append(q.marks, ids)
	q.remove(ids)
	return nil
}

func (q *signalQueue) DeferSignals(_ context.Context, transfers []models.Transfer, _ uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failAll != nil {
		return q.failAll
	}
	for _, transfer := range transfers {
		q.deferred = append(q.deferred, transfer.PaymentID)
		q.remove([]string{transfer.PaymentID})
	}
	return nil
}

func (q *signalQueue) remove(ids []string) {
	q.due = slices.DeleteFunc(q.due, func(id string) bool { return slices.Contains(ids, id) })
}

func (*signalQueue) NoteWork(context.Context, string) error { return nil }

// followQueue runs FollowChain in the bubble. report is a report of the follower at a block; it returns when everything that
// follows from it is done or waits.
func followQueue(t *testing.T, queue *signalQueue, engine activities.Engine) (report func(number uint64)) {
	t.Helper()
	reports := make(chan uint64)
	ctx, cancel := context.WithCancel(t.Context())
	acts := activities.New(activities.Dependencies{
		Signals: queue, Engine: engine,
		Watcher: watcherFunc(func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
			for {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case number := <-reports:
					_ = onProgress(ctx, chain.Progress{Cursor: block(number), Head: number, Proven: true, Reached: true})
				}
			}
		}),
	}, activities.Settings{Network: models.NetworkERC20}, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- runFollow(ctx, acts) }()
	t.Cleanup(func() {
		cancel()
		require.Error(t, <-ended)
	})
	return func(number uint64) {
		select {
		case reports <- number:
		case <-time.After(time.Second):
			require.FailNow(t, "the follower waits for the signals")
		}
		synctest.Wait()
	}
}

// gatedEngine lets no signal through before it is opened.
type gatedEngine struct {
	fakeEngine
	open chan struct{}
}

func (e *gatedEngine) SignalTransfers(ctx context.Context, p models.Payment, signal models.TransfersSignal) error {
	<-e.open
	return e.fakeEngine.SignalTransfers(ctx, p, signal)
}

// The next block waits for no signal, and the next round of signals works on the newest block.
func TestABlockedSignalHoldsUpNoBlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &signalQueue{due: []string{"a"}}
		engine := &gatedEngine{fakeEngine{signals: map[string][]models.TransferNotice{}}, make(chan struct{})}
		report := followQueue(t, queue, engine)
		for number := range uint64(5) {
			report(101 + number)
		}
		require.Equal(t, []uint64{101}, queue.heads)
		close(engine.open)
		synctest.Wait()
		require.Equal(t, [][]string{{"a"}}, queue.marks)
		require.Equal(t, []uint64{101, 101, 105}, queue.heads, "one round is worked off, and the next is for the newest block")
	})
}

// What was sent during one transaction is noted in the next one.
func TestSignalsAreNotedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := &signalQueue{slow: 20 * time.Millisecond}
		for range 700 {
			queue.due = append(queue.due, models.NewID())
		}
		engine := &fakeEngine{signals: map[string][]models.TransferNotice{}, slow: time.Millisecond}
		followQueue(t, queue, engine)(101)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, queue.due)
		require.Len(t, engine.signals, 700)
		for _, notices := range engine.signals {
			require.Len(t, notices, 1)
		}
		require.Less(t, len(queue.marks), 100)
	})
}

// A signal that could not be noted is sent again. One payment that can never be noted holds up no other.
func TestAFailedMarkIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("the database is away")
		queue := &signalQueue{due: []string{"a", "b", "c"}, failAll: away, failMark: func([]string) error { return away }}
		engine := &fakeEngine{signals: map[string][]models.TransferNotice{}}
		report := followQueue(t, queue, engine)
		report(101)
		require.Empty(t, queue.marks)
		require.Equal(t, []string{"a", "b", "c"}, queue.due)

		queue.failAll, queue.failMark = nil, func(ids []string) error {
			if slices.Contains(ids, "b") {
				return errors.New("never")
			}
			return nil
		}
		report(101)
		require.Empty(t, queue.due)
		require.Equal(t, []string{"b"}, queue.deferred)
		for _, id := range []string{"a", "b", "c"} {
			require.NotEmpty(t, engine.signals[id])
		}
	})
}

// What was sent before the engine went away is noted, and the rest is due at the next report.
func TestAnEngineThatGoesAwayLosesNothing(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]error{
		"unavailable": serviceerror.NewUnavailable("away"), "canceled": serviceerror.NewCanceled("the process ends"),
		"too slow": serviceerror.NewDeadlineExceeded("slow"),
	} {
		t.Run(name, func(t *testing.T) { testAnEngineGoesAway(t, away) })
	}
}

func testAnEngineGoesAway(t *testing.T, away error) {
	synctest.Test(t, func(t *testing.T) {
		queue := &signalQueue{}
		for range 100 {
			queue.due = append(queue.due, models.NewID())
		}
		calls := 0
		engine := &fakeEngine{signals: map[string][]models.TransferNotice{}, fail: func(string) error {
			if calls++; calls > 50 {
				return away
			}
			return nil
		}}
		report := followQueue(t, queue, engine)
		report(101)
		require.Len(t, queue.due, 50)
		require.Empty(t, queue.deferred)
		engine.fail = nil
		report(101)
		require.Empty(t, queue.due)
		require.Len(t, engine.signals, 100)
		for _, notices := range engine.signals {
			require.Len(t, notices, 1, "sent once")
		}
	})
}
