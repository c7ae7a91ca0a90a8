package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
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
	slow    time.Duration // that a start takes
}

func (s *fakeStarter) StartPayment(_ context.Context, p models.Payment) error {
	time.Sleep(s.slow)
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

// counts returns how often each payment was started.
func (s *fakeStarter) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.starts)
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

func left(t *testing.T, db *store.Store) int64 {
	t.Helper()
	figures, err := db.QueueFigures(t.Context(), 0)
	require.NoError(t, err)
	return figures.Unstarted
}

func TestANotifiedPaymentStartsSoon(t *testing.T) {
	t.Parallel()
	rows, starter := &startRows{}, newFakeStarter()
	synctest.Test(t, func(t *testing.T) {
		o := runInBubble(t, rows, starter)
		time.Sleep(50 * time.Millisecond)
		rows.add("a")
		o.Notify(models.Payment{ID: "a"})
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, map[string]int{"a": 1}, starter.counts())
	})
}

func TestNothingIsForgottenWhileTheEngineIsAway(t *testing.T) {
	t.Parallel()
	db, starter, _ := setup(t, 600) // more than one sweep takes
	starter.away = true
	o := run(t, db, starter)
	o.Notify(models.Payment{})
	require.Eventually(t, func() bool {
		starter.mu.Lock()
		defer starter.mu.Unlock()
		return starter.calls >= 2
	}, 20*time.Second, 5*time.Millisecond)
	require.EqualValues(t, 600, left(t, db))
	starter.set(func() { starter.away = false })
	require.Eventually(t, func() bool {
		starter.mu.Lock()
		defer starter.mu.Unlock()
		return len(starter.starts) >= 600-sweepTaken
	}, 20*time.Second, 20*time.Millisecond, "all but what the failed sweep has taken")
	starter.set(func() {
		for id, n := range starter.starts {
			require.Equal(t, 1, n, id)
		}
	})
}

func TestOneThatCannotBeStartedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	db, starter, made := setup(t, 50)
	starter.refused[made[0].ID] = true // the oldest one, which every sweep meets first
	run(t, db, starter)
	require.Eventually(t, func() bool { return left(t, db) == 1 }, 20*time.Second, 20*time.Millisecond)
}

// Two processes work off a burst together, and each payment is started once.
func TestProcessesShareABurst(t *testing.T) {
	t.Parallel()
	db, starter, _ := setup(t, 600)
	run(t, db, starter)
	run(t, db, starter)
	require.Eventually(t, func() bool { return left(t, db) == 0 }, 20*time.Second, 20*time.Millisecond)
	starter.set(func() {
		require.Len(t, starter.starts, 600)
		require.Equal(t, 600, starter.calls)
	})
}

// sweepTaken is how many rows a sweep takes at most.
const sweepTaken = 256

// startRows is the outbox of payments in memory.
type startRows struct {
	mu      sync.Mutex
	waiting []models.Payment
	until   map[string]time.Time // when what was taken may be taken again
	deaf    bool                 // nothing is noted, as in a process that was killed
	taken   []int                // how many each call has taken
}

func (r *startRows) add(ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.waiting = append(r.waiting, models.Payment{ID: id})
	}
}

func (r *startRows) TakeUnstartedPayments(_ context.Context, limit int) (taken []models.Payment, more bool, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil {
		r.until = map[string]time.Time{}
	}
	for _, p := range r.waiting {
		if len(taken) < limit && !time.Now().Before(r.until[p.ID]) {
			r.until[p.ID] = time.Now().Add(30 * time.Second)
			taken = append(taken, p)
		}
	}
	r.taken = append(r.taken, len(taken))
	return taken, len(taken) == limit, nil
}

func (r *startRows) MarkStarted(_ context.Context, ids []string, _ time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deaf {
		return errors.New("killed")
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(p models.Payment) bool { return slices.Contains(ids, p.ID) })
	return nil
}

// left returns how many rows are still there.
func (r *startRows) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting)
}

// sweeps returns how many rows each call has taken.
func (r *startRows) sweeps() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken)
}

// hear lets rows be noted again.
func (r *startRows) hear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf = false
}

func newFakeStarter() *fakeStarter {
	return &fakeStarter{starts: map[string]int{}, refused: map[string]bool{}}
}

// runInBubble works an outbox off until the bubble ends.
func runInBubble(t *testing.T, rows engine.PaymentOutboxStore, starter engine.PaymentStarter) *engine.PaymentOutbox {
	t.Helper()
	o := engine.NewPaymentOutbox(rows, starter, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { o.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return o
}

// A process that is killed after it has started workflows and before it has noted that leaves them to the others.
func TestAKillBetweenStartAndNote(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows, starter := &startRows{deaf: true}, newFakeStarter()
		rows.add("a", "b", "c")
		ctx, kill := context.WithCancel(t.Context())
		killed := engine.NewPaymentOutbox(rows, starter, slog.New(slog.DiscardHandler))
		var ended sync.WaitGroup
		ended.Go(func() { killed.Run(ctx) })
		time.Sleep(10 * time.Millisecond)
		kill()
		ended.Wait()
		require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, starter.counts())
		rows.hear()
		runInBubble(t, rows, starter)
		time.Sleep(25 * time.Second)
		require.Equal(t, 3, rows.left(), "they may still be under way")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Zero(t, rows.left())
		require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 2}, starter.counts())
	})
}

// The starters wait while payments are being created, but not for long, and then until all are started.
func TestStartersGiveWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows, starter := &startRows{}, newFakeStarter()
		o := runInBubble(t, rows, starter)
		created := 0
		create := func(span time.Duration) {
			for range span / (10 * time.Millisecond) {
				created++
				rows.add(fmt.Sprint(created))
				o.Notify(models.Payment{ID: fmt.Sprint(created)})
				time.Sleep(10 * time.Millisecond)
			}
			synctest.Wait()
		}
		synctest.Wait()
		create(20 * time.Second)
		require.LessOrEqual(t, len(starter.counts()), 80, "only the newest one, four times a second")
		newest := 0
		for id := range starter.counts() {
			number, err := strconv.Atoi(id)
			require.NoError(t, err)
			newest = max(newest, number)
		}
		require.GreaterOrEqual(t, newest, created-25, "so the engine knows how far creation has come")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		require.Len(t, starter.counts(), created, "all, as soon as no more are created")
		before := created
		create(29 * time.Second)
		require.LessOrEqual(t, len(starter.counts()), before+116)
		create(2 * time.Second)
		require.Greater(t, len(starter.counts()), before+sweepTaken, "more than one sweep")
	})
}

// Beside a backlog that is worked off slowly, the newest payment is started at once, and what was started is noted before the
// sweep has ended.
func TestTheNewestPaymentPassesABacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows, starter := &startRows{}, newFakeStarter()
		starter.slow = 100 * time.Millisecond // so 256 take more than three seconds
		for i := range 4 * sweepTaken {
			rows.add(fmt.Sprint(i))
		}
		rows.add("newest")
		o := runInBubble(t, rows, starter)
		o.Notify(models.Payment{ID: "newest"})
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 1, starter.counts()["newest"])
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []int{sweepTaken}, rows.sweeps(), "the first sweep goes on")
		require.LessOrEqual(t, rows.left(), 4*sweepTaken+1-64)
	})
}

// While Temporal is away, a sweep takes no more than it needs to find out.
func TestASweepTakesLittleWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows, starter := &startRows{}, newFakeStarter()
		for i := range 2 * sweepTaken {
			rows.add(fmt.Sprint(i))
		}
		starter.away = true
		runInBubble(t, rows, starter)
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, []int{sweepTaken, 2, 2}, rows.sweeps())
		starter.set(func() { require.Equal(t, 6, starter.calls) })
		starter.set(func() { starter.away = false })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, starter.counts(), sweepTaken-4, "all that nobody has taken")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		require.Zero(t, rows.left())
	})
}
