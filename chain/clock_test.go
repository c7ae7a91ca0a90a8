package chain

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// clockNodes are three nodes of a chain whose blocks come every 12 seconds, seen by a machine whose clock is wrong. In
// a bubble the clock cannot be set, so the chain's is.
func clockNodes(skew time.Duration) (nodes []*faultyNode, mine func(int)) {
	for _, name := range []string{"a", "b", "c"} {
		nodes = append(nodes, newFaultyNode(name, 100))
	}
	mine = func(blocks int) {
		for range blocks {
			for _, n := range nodes {
				n.set(func(n *faultyNode) {
					n.head.Number++
					n.head.Time = time.Now().Add(-skew)
				})
			}
			time.Sleep(12 * time.Second)
		}
	}
	return nodes, mine
}

func clockPool(nodes []*faultyNode) *Pool {
	pool := poolOf(2, nil, nodes...)
	pool.config.BlockTime = 12 * time.Second
	return pool
}

// A clock that is wrong makes no node stale, and a node that is behind the others or stands still is stale all the
// same.
func TestAWrongClockMakesNoNodeStale(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{
		"right": 0, "four minutes fast": 4 * time.Minute, "a day fast": 24 * time.Hour, "an hour slow": -time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				nodes, mine := clockNodes(skew)
				pool := clockPool(nodes)
				ctx, cancel := context.WithCancel(t.Context())
				go func() { _ = pool.Run(ctx) }()
				for range 20 {
					mine(1)
					for _, health := range pool.Health() {
						require.Equal(t, models.NodeOK, health.State, health.Reason)
					}
				}
				measured, ok := pool.ClockSkew()
				require.True(t, ok)
				require.InDelta(t, skew.Seconds(), measured.Seconds(), 25)

				// One node that makes up a block of the present does not bring the others down, nor the measure.
				nodes[2].set(func(n *faultyNode) {
					n.head.Number, n.head.Time = n.head.Number+1, time.Now().Add(-skew).Add(time.Hour)
				})
				time.Sleep(11 * time.Second)
				measured, ok = pool.ClockSkew()
				require.True(t, ok)
				require.InDelta(t, skew.Seconds(), measured.Seconds(), 40)

				// The chain stands still: then the heads are stale by our clock, as they were before.
				if skew >= 0 {
					time.Sleep(10 * time.Minute)
					_, ok = pool.ClockSkew()
					require.False(t, ok)
					require.Equal(t, models.NodeStale, pool.stateOf(0))
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// alarmsOfClock counts what is raised and resolved.
type alarmsOfClock struct {
	Store
	mu       sync.Mutex
	open     map[string]string
	resolved int
	skew     time.Duration // of the database
}

func (s *alarmsOfClock) Raise(_ context.Context, alarm models.Alarm) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[string(alarm.Kind)+" "+alarm.Subject] = alarm.Message
	return nil
}

func (s *alarmsOfClock) Resolve(_ context.Context, _ string, kind models.AlarmKind, subject, _, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, string(kind)+" "+subject)
	s.resolved++
	return nil
}

func (s *alarmsOfClock) ClockSkew(context.Context) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skew, nil
}

// A clock that stays wrong raises an alarm that names the machine, and resolves it once it is right.
func TestAWrongClockRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		chain, database time.Duration
		says            map[string]string
	}{
		"right":                  {},
		"a little fast":          {chain: 50 * time.Second, database: -50 * time.Second},
		"four minutes fast":      {chain: 4 * time.Minute, says: map[string]string{"CLOCK_SKEW chain": "ahead of the time of the newest blocks"}},
		"a little slow":          {chain: -20 * time.Second, database: 50 * time.Second},
		"a block of the future":  {chain: -50 * time.Second, says: map[string]string{"CLOCK_SKEW chain": "behind the time of the newest blocks"}},
		"two minutes slow":       {chain: -2 * time.Minute, says: map[string]string{"CLOCK_SKEW chain": "behind the time of the newest blocks"}},
		"not the database's":     {database: 10 * time.Minute, says: map[string]string{"CLOCK_SKEW database": "10m0s ahead of the database's clock"}},
		"behind the database's":  {database: -10 * time.Minute, says: map[string]string{"CLOCK_SKEW database": "10m0s behind the database's clock"}},
		"neither here nor there": {chain: time.Hour, database: time.Hour, says: map[string]string{"CLOCK_SKEW chain": "ahead", "CLOCK_SKEW database": "ahead"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				nodes, mine := clockNodes(test.chain)
				pool := clockPool(nodes)
				store := &alarmsOfClock{open: map[string]string{}, skew: test.database}
				watcher := NewWatcher(pool.config, pool, store, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				go func() { _ = pool.Run(ctx) }()
				go func() { _ = watcher.watchClock(ctx) }()
				mine(20)
				store.mu.Lock()
				require.Len(t, store.open, len(test.says))
				for subject, words := range test.says {
					require.Contains(t, store.open[subject], words)
				}
				store.skew = 0
				store.mu.Unlock()
				for range 20 { // the clock is set
					for _, n := range nodes {
						n.set(func(n *faultyNode) { n.head.Number++; n.head.Time = time.Now() })
					}
					time.Sleep(12 * time.Second)
				}
				store.mu.Lock()
				require.Empty(t, store.open)
				require.LessOrEqual(t, store.resolved, 4, "a right clock writes nothing")
				store.mu.Unlock()
				cancel()
				synctest.Wait()
			})
		})
	}
}

// The first block is old enough, whatever the clocks that wrote and read the oldest payment's time said.
func TestTheFirstBlockForgivesClocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		head := Header{Number: 1000, Time: now.Add(-5 * time.Second)}
		config := Config{BlockTime: 12 * time.Second}
		before := func(config Config, oldest time.Time) time.Duration {
			return now.Sub((&Follower{config: config}).startBefore(oldest, head))
		}
		require.Equal(t, time.Hour+10*time.Minute+5*time.Second, before(config, now.Add(-time.Hour)))
		require.GreaterOrEqual(t, before(config, now.Add(time.Minute)), 24*time.Hour, "written by a fast clock")
		require.GreaterOrEqual(t, before(config, now.Add(10*time.Hour)), 24*time.Hour)
		require.Equal(t, time.Hour+10*time.Minute, before(Config{}, now.Add(-time.Hour)), "blocks on demand")

		// Both clocks are 20 minutes fast: the payment is an hour old all the same.
		head.Time = now.Add(-20 * time.Minute)
		require.Equal(t, time.Hour+30*time.Minute, before(config, now.Add(-time.Hour)))
		// Both are slow: the written time is the earlier one.
		head.Time = now.Add(20 * time.Minute)
		require.Equal(t, time.Hour+10*time.Minute, before(config, now.Add(-time.Hour)))
	})
}

// The search for the first block asks for no block that a node need not keep, and says so when it would have to.
func TestTheFirstBlockIsFoundWithoutOldBlocks(t *testing.T) {
	t.Parallel()
	genesis := time.Unix(1_700_000_000, 0)
	header := func(number uint64) Header {
		return Header{Number: number, Time: genesis.Add(time.Duration(number) * 12 * time.Second)}
	}
	for _, keptFrom := range []uint64{0, 1, 900, 19_000} {
		for _, wanted := range []uint64{0, 1, 899, 900, 5000, 19_500, 19_999, 20_000} {
			asked := 0
			at := func(_ context.Context, number uint64) (Header, error) {
				asked++
				if number < keptFrom {
					return Header{}, asNodeError("", said{4444, "pruned history unavailable"}, 0)
				}
				return header(number), nil
			}
			found, err := lastBlockBefore(t.Context(), at, header(wanted).Time.Add(time.Second), header(20_000))
			if wanted < keptFrom {
				require.ErrorIs(t, err, models.ErrBlockNotFound, "kept from %d, wanted %d", keptFrom, wanted)
				require.ErrorContains(t, err, "add a node that keeps older blocks")
				continue
			}
			require.NoError(t, err, "kept from %d, wanted %d", keptFrom, wanted)
			require.Equal(t, wanted, found.Number, "kept from %d", keptFrom)
			require.Less(t, asked, 40)
		}
	}
	at := func(_ context.Context, number uint64) (Header, error) { return header(number), nil }
	found, err := lastBlockBefore(t.Context(), at, genesis.Add(-time.Hour), header(20_000))
	require.NoError(t, err)
	require.Zero(t, found.Number, "the chain began later")
	_, err = lastBlockBefore(t.Context(), func(context.Context, uint64) (Header, error) { return Header{}, errAway },
		genesis, header(20_000))
	require.ErrorIs(t, err, errAway, "a node that fails has not said that it is too old")
}
