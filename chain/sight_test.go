package chain_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// deafStore is a store whose database can go away.
type deafStore struct {
	*watchStore
	away atomic.Bool
}

func (s *deafStore) Cursor(ctx context.Context, network string) (models.ChainCursor, error) {
	if s.away.Load() {
		return models.ChainCursor{}, errors.New("the database is away")
	}
	return s.watchStore.Cursor(ctx, network)
}

func (s *deafStore) Advance(ctx context.Context, network string, batch models.BlockBatch) error {
	if s.away.Load() {
		return errors.New("the database is away")
	}
	return s.watchStore.Advance(ctx, network, batch)
}

// reports are what a watcher has reported.
type reports struct {
	mu     sync.Mutex
	last   chain.Progress
	proven int
}

func (r *reports) note(_ context.Context, progress chain.Progress) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = progress
	if progress.Proven {
		r.proven++
	}
	return nil
}

func (r *reports) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.proven = 0
}

func (r *reports) provenOnes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proven
}

func (r *reports) reached() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last.Reached
}

// TestAWatcherSaysWhetherItSees goes through what a watcher may see and what keeps it from seeing.
func TestAWatcherSaysWhetherItSees(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		store := &deafStore{watchStore: &watchStore{Store: ourStore(), Alarms: &chaintest.Alarms{}}}
		config := configOf(1)
		config.BlockTime = 12 * time.Second
		pool := chain.NewPool([]chain.Endpoint{m.node}, config, store, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		var seen reports
		go func() { ended <- chain.NewWatcher(config, pool, store, quiet()).Watch(ctx, seen.note) }()
		provenIn := func(d time.Duration) int {
			seen.forget()
			time.Sleep(d)
			synctest.Wait()
			return seen.provenOnes()
		}
		require.Positive(t, provenIn(20*time.Second), "a node and the database say that nothing is new")
		m.Mine()
		require.Positive(t, provenIn(10*time.Second), "a block was stored")

		m.node.Set(func(b *chaintest.Behaviour) { b.Down = true })
		provenIn(30 * time.Second)
		require.Zero(t, provenIn(5*time.Minute), "no node answers")
		require.False(t, seen.reached())
		m.node.Set(func(b *chaintest.Behaviour) { b.Down = false })
		m.Mine()
		require.Positive(t, provenIn(30*time.Second))

		store.away.Store(true)
		provenIn(30 * time.Second)
		require.Zero(t, provenIn(5*time.Minute), "the database does not answer, and nothing is new")
		m.Mine()
		require.Zero(t, provenIn(5*time.Minute), "the database does not answer, and there is a block to read")
		require.False(t, seen.reached())
		store.away.Store(false)
		require.Positive(t, provenIn(30*time.Second))

		provenIn(5 * time.Minute)
		require.Zero(t, provenIn(5*time.Minute), "the node's head stands still: others may see more")
		require.True(t, seen.reached())
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

// TestAWatcherWithoutAQuorumDoesNotSee has one of two nodes go away: blocks are still read, and nothing is agreed on. A
// worker that reaches both may see more.
func TestAWatcherWithoutAQuorumDoesNotSee(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		second := chaintest.NewNode(m.Chain, "second", 0)
		store := &watchStore{Store: ourStore(), Alarms: &chaintest.Alarms{}}
		config := configOf(2)
		pool := chain.NewPool([]chain.Endpoint{m.node, second}, config, store, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		var seen reports
		go func() { _ = pool.Run(ctx) }()
		go func() { ended <- chain.NewWatcher(config, pool, store, quiet()).Watch(ctx, seen.note) }()
		mine := func(blocks int) int {
			seen.forget()
			for range blocks {
				m.Mine()
				time.Sleep(12 * time.Second)
			}
			synctest.Wait()
			return seen.provenOnes()
		}
		require.Positive(t, mine(50))
		second.Set(func(b *chaintest.Behaviour) { b.Down = true })
		require.Positive(t, mine(5), "a short while is no reason")
		mine(30)
		require.Zero(t, mine(20))
		require.True(t, seen.reached())
		second.Set(func(b *chaintest.Behaviour) { b.Down = false })
		require.Positive(t, mine(20))
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}
