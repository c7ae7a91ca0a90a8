package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"paycow/activities"
	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

// watcherFunc is a watcher that does what the test says.
type watcherFunc func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error

func (f watcherFunc) Watch(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
	return f(ctx, onProgress)
}

// dueSignals is a store that always has one transfer due, unless it is empty.
type dueSignals struct {
	none bool
	hang chan struct{} // unless nil, reading hangs until it is closed, whatever the context says
	// noteHangs lets the note that everything works wait for its context's end.
	noteHangs bool
}

func (d dueSignals) DueSignals(ctx context.Context, _ string, _ uint64, _ int) ([]store.DueSignal, error) {
	if d.hang != nil {
		<-d.hang
	}
	if d.none || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return []store.DueSignal{{Payment: models.Payment{ID: "p"}, Transfers: []models.Transfer{{}}}}, nil
}

func (dueSignals) MarkSignalled(context.Context, []models.Transfer, uint64, uint64) error { return nil }

func (dueSignals) DeferSignals(context.Context, []models.Transfer, uint64) error { return nil }

func (d dueSignals) NoteWork(ctx context.Context, _ string) error {
	if d.noteHangs {
		<-ctx.Done()
	}
	return ctx.Err()
}

// run is shorter than the test environment's limit for an activity.
const run = 9 * time.Minute

// follow runs FollowChain in the bubble's virtual time, for at most run, and returns how it ended.
func follow(t *testing.T, watch watcherFunc, signals activities.SignalStore, engine activities.Engine) (took time.Duration, beats int, err error) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(quiet))
	env := suite.NewTestActivityEnvironment()
	var counted atomic.Int64 // the SDK sends heartbeats from goroutines of its own, also after the activity has ended
	env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { counted.Add(1) })
	acts := activities.New(activities.Dependencies{Signals: signals, Engine: engine, Watcher: watch}, activities.Settings{Network: models.NetworkERC20}, quiet)
	env.RegisterActivity(acts.FollowChain)
	began := time.Now()
	_, err = env.ExecuteActivity(acts.FollowChain, models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: int64(run / time.Second)})
	return time.Since(began), int(counted.Load()), err
}

// reporting calls onProgress every three seconds, as a follower does, with what progress returns for the time since the
// beginning.
func reporting(progress func(since time.Duration) chain.Progress) watcherFunc {
	return func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
		began := time.Now()
		for ctx.Err() == nil {
			_ = onProgress(ctx, progress(time.Since(began)))
			select {
			case <-ctx.Done():
			case <-time.After(3 * time.Second):
			}
		}
		return ctx.Err()
	}
}

// A follower that is alive but sees nothing gives the network back within minutes, and says why.
func TestABlindFollowerGivesTheChainBack(t *testing.T) {
	t.Parallel()
	working := chain.Progress{Cursor: block(100), Head: 100, Proven: true, Reached: true}
	hang := make(chan struct{})
	for name, test := range map[string]struct {
		watch   watcherFunc
		signals dueSignals
		engine  *fakeEngine
		within  time.Duration
		says    string
	}{
		"it never reached anything": {
			watch:  reporting(func(time.Duration) chain.Progress { return chain.Progress{} }),
			within: 30 * time.Second, says: "reaches no Ethereum node",
		},
		"it knows the cursor and nothing else": {
			watch:  reporting(func(time.Duration) chain.Progress { return chain.Progress{Cursor: block(100), Head: 105} }),
			within: 30 * time.Second, says: "reaches no Ethereum node",
		},
		"everything answers and no block is stored": {
			watch: reporting(func(time.Duration) chain.Progress {
				return chain.Progress{Cursor: block(100), Head: 105, Reached: true}
			}),
			within: 4 * time.Minute, says: "reads nothing",
		},
		"it goes blind later": {
			watch: reporting(func(since time.Duration) chain.Progress {
				if since < 4*time.Minute {
					return working
				}
				return chain.Progress{Cursor: block(100), Head: 100}
			}),
			within: 8 * time.Minute, says: "reads nothing",
		},
		"it does not even report": {
			watch: func(ctx context.Context, _ func(context.Context, chain.Progress) error) error {
				<-ctx.Done()
				return ctx.Err()
			},
			within: 30 * time.Second, says: "reaches no Ethereum node",
		},
		"it hangs and ignores its end": {
			watch:  func(context.Context, func(context.Context, chain.Progress) error) error { <-hang; return nil },
			within: 30 * time.Second, says: "reaches no Ethereum node",
		},
		"reading what is due hangs": {
			watch:   reporting(func(time.Duration) chain.Progress { return working }),
			signals: dueSignals{hang: hang},
			within:  4 * time.Minute, says: "cannot signal",
		},
		"noting that everything works hangs": {
			watch:   reporting(func(time.Duration) chain.Progress { return working }),
			signals: dueSignals{noteHangs: true},
			within:  4 * time.Minute, says: "cannot signal",
		},
		"the engine hangs": {
			watch:  reporting(func(time.Duration) chain.Progress { return working }),
			engine: &fakeEngine{hang: true},
			within: 4 * time.Minute, says: "cannot signal",
		},
		"it signals and reads nothing": {
			watch: reporting(func(time.Duration) chain.Progress {
				return chain.Progress{Cursor: block(100), Head: 105, Reached: true}
			}),
			engine: &fakeEngine{signals: map[string][]models.TransferNotice{}, slow: time.Second},
			within: 4 * time.Minute, says: "reads nothing",
		},
		"the engine refuses every signal": {
			watch:  reporting(func(time.Duration) chain.Progress { return working }),
			engine: &fakeEngine{fail: func(string) error { return serviceerror.NewUnavailable("away") }},
			within: 4 * time.Minute, says: "cannot signal",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if test.engine == nil {
					test.engine, test.signals.none = &fakeEngine{}, true
				}
				if test.signals.hang != nil || name == "it hangs and ignores its end" {
					hang = make(chan struct{})
					if test.signals.hang != nil {
						test.signals.hang = hang
					}
					defer close(hang)
				}
				took, beats, err := follow(t, test.watch, test.signals, test.engine)
				var given *temporal.ApplicationError
				require.ErrorAs(t, err, &given)
				require.Equal(t, "NoProgress", given.Type())
				require.ErrorContains(t, err, test.says)
				require.False(t, given.NonRetryable())
				require.LessOrEqual(t, given.NextRetryDelay(), 5*time.Second)
				require.NotZero(t, given.NextRetryDelay(), "a storm")
				require.LessOrEqual(t, took, test.within)
				require.LessOrEqual(t, beats, int(test.within/(3*time.Second)))
			})
		})
	}
}

// A follower at the head of a quiet chain, and one that works through a backlog of signals, keep the network.
func TestAFollowerThatWorksKeepsTheChain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quietChain := reporting(func(time.Duration) chain.Progress {
			return chain.Progress{Cursor: block(100), Head: 100, Proven: true, Reached: true}
		})
		took, _, err := follow(t, quietChain, dueSignals{none: true}, &fakeEngine{})
		require.NoError(t, err)
		require.InDelta(t, run.Seconds(), took.Seconds(), 5)
	})
	synctest.Test(t, func(t *testing.T) {
		slow := &fakeEngine{signals: map[string][]models.TransferNotice{}, fail: func(string) error {
			time.Sleep(time.Second)
			return nil
		}}
		took, _, err := follow(t, reporting(func(time.Duration) chain.Progress {
			return chain.Progress{Cursor: block(100), Head: 100, Proven: true, Reached: true}
		}), dueSignals{}, slow)
		require.NoError(t, err)
		require.InDelta(t, run.Seconds(), took.Seconds(), 5)
	})
}

// One failed round of signals is no reason to change the worker.
func TestSignalsThatFailForAWhileKeepTheChain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		shaky := &fakeEngine{signals: map[string][]models.TransferNotice{}, fail: func(string) error {
			if int(time.Since(began)/time.Minute)%3 != 0 { // away for two of three minutes
				return serviceerror.NewUnavailable("away")
			}
			return errors.New("this payment cannot be signalled")
		}}
		took, _, err := follow(t, reporting(func(time.Duration) chain.Progress {
			return chain.Progress{Cursor: block(100), Head: 100, Proven: true, Reached: true}
		}), &onceDue{}, shaky)
		require.NoError(t, err)
		require.InDelta(t, run.Seconds(), took.Seconds(), 5)
	})
}

// onceDue has one transfer due in each round.
type onceDue struct {
	dueSignals
	asked int
}

func (d *onceDue) DueSignals(ctx context.Context, network string, head uint64, limit int) ([]store.DueSignal, error) {
	if d.asked++; d.asked%2 == 0 {
		return nil, nil
	}
	return d.dueSignals.DueSignals(ctx, network, head, limit)
}

// A worker that gave the network back and gets it again at once lets go soon, so that it reaches another one; a worker
// that did not have it before has its full time.
func TestTheSameWorkerLetsGoSoonerTheSecondTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.DiscardHandler)
		blind := reporting(func(time.Duration) chain.Progress { return chain.Progress{} })
		var mu sync.Mutex
		var last activities.Heartbeat
		attempt := func(acts *activities.Activities) time.Duration {
			var suite testsuite.WorkflowTestSuite
			suite.SetLogger(log.NewStructuredLogger(quiet))
			env := suite.NewTestActivityEnvironment()
			mu.Lock()
			env.SetHeartbeatDetails(last)
			mu.Unlock()
			env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
				mu.Lock()
				defer mu.Unlock()
				assert.NoError(t, details.Get(&last))
			})
			env.RegisterActivity(acts.FollowChain)
			began := time.Now()
			_, err := env.ExecuteActivity(acts.FollowChain, models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: 500})
			require.Error(t, err)
			return time.Since(began)
		}
		worker := func() *activities.Activities {
			return activities.New(activities.Dependencies{Signals: dueSignals{none: true}, Engine: &fakeEngine{}, Watcher: blind}, activities.Settings{Network: models.NetworkERC20}, quiet)
		}
		a, b := worker(), worker()
		require.Greater(t, attempt(a), 15*time.Second)
		for range 3 {
			require.Less(t, attempt(a), 10*time.Second)
		}
		require.Greater(t, attempt(b), 15*time.Second)
		require.Greater(t, attempt(a), 15*time.Second)
	})
}
