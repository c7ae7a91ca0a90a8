package realnode

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/chain/nodetest"
	"paycow/models"
)

func TestFollowerReadsTransfersOfARealNode(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	geth.mine(geth.transaction(pay(chaintest.Payee1, 50_000_000)))
	geth.mineEmpty(2)
	// One transaction with many logs: a chaintest.Stranger's, ours twice, nothing, too much, and ours again.
	huge := payment{to: chaintest.Payee1, value: new(big.Int).Lsh(big.NewInt(1), 200)}
	geth.mine(geth.transaction(pay(chaintest.Stranger, 1)), geth.transaction(pay(chaintest.Stranger, 5),
		pay(chaintest.Payee1, 1_000_000), pay(chaintest.Payee2, 2_000_000), pay(chaintest.Payee1, 0), huge,
		pay(chaintest.Payee1, 3_000_000)))
	store := ourStore()
	follower := followFrom(t, 1, pooled(t, dial(t, geth.httpURL())), store)

	steps := catchUp(t, follower)

	require.Equal(t, geth.truth(store.Ours, 0), store.Canonical())
	require.Len(t, store.Canonical(), 4)
	require.Len(t, steps, 5, "one step a block and one that finds nothing")
	require.Equal(t, geth.ref(4), steps[4].Cursor)
	require.EqualValues(t, 4, steps[4].Head)
	var ordinals []int
	for _, transfer := range store.Canonical() {
		ordinals = append(ordinals, transfer.Ordinal)
	}
	require.Equal(t, []int{0, 1, 2, 5}, ordinals)
}

func TestReorgsOfARealNode(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	for _, depth := range []int{1, 2, 5, 11, 13, 40} {
		for name, fill := range map[string]func(depth int, tx *types.Transaction) func(i int) []*types.Transaction{
			"lost": func(int, *types.Transaction) func(int) []*types.Transaction {
				return func(int) []*types.Transaction { return nil }
			},
			"mined in another block": func(depth int, tx *types.Transaction) func(int) []*types.Transaction {
				return func(i int) []*types.Transaction {
					if i == depth {
						return []*types.Transaction{tx}
					}
					return nil
				}
			},
			"mined with another log index": func(_ int, tx *types.Transaction) func(int) []*types.Transaction {
				return func(i int) []*types.Transaction {
					if i == 0 {
						return []*types.Transaction{geth.transaction(pay(chaintest.Stranger, 7), pay(chaintest.Payee2, 8)), tx}
					}
					return nil
				}
			},
		} {
			t.Run(fmt.Sprintf("depth %d, %s", depth, name), func(t *testing.T) {
				// Not parallel: one node serves them one after the other.
				geth.mine()
				start := geth.head().Number.Uint64()
				store := ourStore()
				follower := followFrom(t, start+1, pooled(t, dial(t, geth.httpURL())), store)
				tx := geth.transaction(pay(chaintest.Stranger, 1), pay(chaintest.Payee1, 50_000_000))
				geth.mine(tx)
				geth.mineEmpty(depth - 1)
				catchUp(t, follower)
				require.Len(t, store.Canonical(), 1)

				geth.reorg(depth, fill(depth, tx))
				steps := catchUp(t, follower)

				require.Equal(t, geth.truth(store.Ours, start), store.Canonical())
				require.EqualValues(t, depth, steps[0].Rewound)
				require.Equal(t, start, steps[0].Cursor.Number)
				_, rewinds := store.Counts()
				require.Equal(t, 1, rewinds)
				require.Equal(t, geth.ref(geth.head().Number.Uint64()), store.Block())
				require.Equal(t, geth.head().Number.Uint64(), store.Head())
			})
		}
	}
}

func TestNodeThatLosesItsTailAndGrowsAnother(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	store := ourStore()
	follower := followFrom(t, 1, pooled(t, dial(t, geth.httpURL())), store)
	geth.mineEmpty(5)
	kept := geth.head()
	geth.mine(geth.transaction(pay(chaintest.Payee1, 5)))
	geth.mineEmpty(4)
	catchUp(t, follower)

	geth.setHead(kept)
	for range 3 { // it may only lag, so nothing is taken back
		progress, err := follower.Step(t.Context())
		require.NoError(t, err)
		require.True(t, progress.Lagging)
		require.EqualValues(t, 10, progress.Cursor.Number)
	}
	require.Len(t, store.Canonical(), 1)

	geth.mine(
		geth.transaction(pay(chaintest.Payee2, 6)),
	) // another block 6: now it is a reorg, though the branch is shorter
	catchUp(t, follower)
	require.Equal(t, geth.truth(store.Ours, 0), store.Canonical())
	require.Equal(t, geth.ref(6), store.Block())
	require.EqualValues(t, 6, store.Head(), "confirmations must not be counted from blocks that are gone")

	geth.mineEmpty(10)
	catchUp(t, follower)
	require.Equal(t, geth.ref(16), store.Block())
	require.Equal(t, geth.truth(store.Ours, 0), store.Canonical())
}

func TestLaggingNodeIsNoReorg(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	store := ourStore()
	follower := followFrom(t, 1, pooled(t, dial(t, geth.httpURL())), store)
	geth.mine(geth.transaction(pay(chaintest.Payee1, 5)))
	geth.mineEmpty(9)
	catchUp(t, follower)
	newest := geth.head()

	for _, back := range []uint64{1, 5, 10} {
		geth.setHead(geth.backend.BlockChain().GetHeaderByNumber(10 - back))
		progress, err := follower.Step(t.Context())
		require.NoError(t, err)
		require.True(t, progress.Lagging && progress.CaughtUp)
		geth.setHead(newest)
	}
	geth.mineEmpty(2)
	catchUp(t, follower)
	_, rewinds := store.Counts()
	require.Zero(t, rewinds)
	require.EqualValues(t, 12, store.Block().Number)
}

func TestRangesFindWhatBlocksDo(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var txs []*types.Transaction
		for range random.IntN(3) {
			payments := []payment{pay(chaintest.Stranger, 1)}
			for range random.IntN(3) {
				payments = append(payments, pay(chaintest.Payee1, random.Int64N(3)), pay(chaintest.Payee2, 4))
			}
			txs = append(txs, geth.transaction(payments...))
		}
		geth.mine(txs...)
	}
	byBlock, byRange := ourStore(), ourStore()
	catchUp(t, followFrom(t, 1, pooled(t, dial(t, geth.httpURL())), byBlock, chain.WithRangesFrom(1<<40)))

	geth.finalize(170)
	catchUp(t, followFrom(t, 1, pooled(t, dial(t, geth.wsURL())), byRange, chain.WithRangesFrom(5)))

	require.Equal(t, geth.truth(byBlock.Ours, 0), byBlock.Canonical())
	require.Equal(t, byBlock.Canonical(), byRange.Canonical())
	require.Equal(t, byBlock.Block(), byRange.Block())
	advances, _ := byRange.Counts()
	require.Less(t, advances, 40, "the finalized blocks are read in ranges")
}

func TestCallsForABlockAreConstant(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	proxy := nodetest.Start(t, geth.httpURL(), geth.wsURL())
	for _, openPayments := range []int{0, 1000} {
		store := ourStore()
		for i := range openPayments {
			store.Ours[fmt.Sprintf("0x%040d", i)] = true
		}
		follower := followFrom(t, geth.head().Number.Uint64()+1, pooled(t, dial(t, proxy.URL())), store)
		catchUp(t, follower)
		proxy.Calls()

		for range 10 { // one block at a time, as at the head of the chain
			geth.mine(geth.transaction(pay(chaintest.Payee1, 5), pay(chaintest.Stranger, 6)))
			progress, err := follower.Step(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 1, progress.Advanced)
		}
		calls := proxy.Calls()
		require.Equal(t, 10, calls["eth_getLogs"])
		require.LessOrEqual(t, calls["eth_getBlockByNumber"], 11, "once a minute the finalized block is asked for")
		require.Len(t, calls, 2)

		geth.mineEmpty(20) // several at a time: the head's header is used twice
		for range 20 {
			_, err := follower.Step(t.Context())
			require.NoError(t, err)
		}
		calls = proxy.Calls()
		require.Equal(t, 20, calls["eth_getLogs"])
		require.LessOrEqual(t, calls["eth_getBlockByNumber"], 22)
	}
}

// TestRunFollowsASubscriptionThatBreaks breaks the connection three times. Each time the follower keeps reporting,
// reads the blocks that it missed, subscribes again, and hears of further blocks from the new subscription alone:
// meanwhile a node that is asked for its head answers with an old one, so polling brings no news.
func TestRunFollowsASubscriptionThatBreaks(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	proxy := newCuttableProxy(t, geth.wsURL())
	store := ourStore()
	source := &watchedSource{BlockSource: pooled(t, dial(t, "ws://"+proxy.listener.Addr().String()))}
	follower := followFrom(t, 1, source, store)

	ctx, cancel := context.WithCancel(t.Context())
	var reports atomic.Int64
	var reported atomic.Uint64
	ended := make(chan error, 1)
	go func() {
		ended <- follower.Run(ctx, func(_ context.Context, progress chain.Progress) error {
			reports.Add(1)
			reported.Store(progress.Cursor.Number)
			return nil
		})
	}()
	reaches := func(number uint64) {
		t.Helper()
		require.Eventually(t, func() bool { return reported.Load() == number }, 20*time.Second, 5*time.Millisecond)
	}
	subscribes := func(subscribed bool) {
		t.Helper()
		require.Eventually(t, func() bool { return source.subscribed.Load() == subscribed }, 30*time.Second,
			5*time.Millisecond)
	}

	geth.mine(geth.transaction(pay(chaintest.Payee1, 1)))
	reaches(1)
	subscribes(true)
	for round := range uint64(3) {
		proxy.refuse.Store(true)
		proxy.cut()
		subscribes(false)
		geth.mineEmpty(2) // while the node cannot be reached
		before := reports.Load()
		require.Eventually(t, func() bool { return reports.Load() > before+2 }, 20*time.Second, 5*time.Millisecond,
			"heartbeats go on")
		proxy.refuse.Store(false)
		reaches(1 + round*4 + 2)
		subscribes(true)
		source.freeze(geth.header(geth.head().Number.Uint64()))
		geth.mine()
		geth.mine(geth.transaction(pay(chaintest.Payee2, int64(round+1))))
		reaches(1 + round*4 + 4)
		source.thaw()
	}
	require.Greater(t, proxy.dialled.Load(), int64(3), "the node was dialled again")

	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Equal(t, geth.truth(store.Ours, 0), store.Canonical())
}

// TestSubscriptionSavesHeaders has a subscription report the head, so that a block costs a call for its logs only.
func TestSubscriptionSavesHeaders(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	geth.mineEmpty(3)
	store := ourStore()
	source := &watchedSource{BlockSource: pooled(t, dial(t, geth.wsURL()))}
	follower := followFrom(t, 1, source, store)
	ctx, cancel := context.WithCancel(t.Context())
	caughtUp := make(chan uint64, 100)
	ended := make(chan error, 1)
	go func() {
		last := uint64(0)
		ended <- follower.Run(ctx, func(_ context.Context, progress chain.Progress) error {
			if progress.CaughtUp && progress.Cursor.Number > last {
				last = progress.Cursor.Number
				caughtUp <- last
			}
			return nil
		})
	}()
	require.EqualValues(t, 3, <-caughtUp)
	require.Eventually(t, func() bool { return source.subscribed.Load() }, 10*time.Second, time.Millisecond)
	// The head is asked for when the subscription begins. That call may meet the first block mined after it.
	geth.mine()
	<-caughtUp
	before := source.headers.Load()
	for range 10 {
		geth.mine(geth.transaction(pay(chaintest.Payee1, 1)))
		<-caughtUp
	}
	cancel()
	<-ended
	require.LessOrEqual(t, source.headers.Load()-before, int64(2),
		"at most the call that the subscription caused")
	require.Len(t, store.Canonical(), 10)
}

func TestTwoFollowersOnOneStore(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	store := ourStore()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		follower := followFrom(t, 1, pooled(t, dial(t, geth.httpURL())), store)
		go func() {
			// An error of onProgress ends nothing.
			ended <- follower.Run(ctx, func(context.Context, chain.Progress) error { return models.ErrNotFound })
		}()
	}
	for i := range 30 {
		geth.mine(geth.transaction(pay(chaintest.Payee1, int64(i+1))))
		if i%10 == 9 {
			geth.reorg(3, func(int) []*types.Transaction { return nil })
		}
	}
	want := geth.ref(geth.head().Number.Uint64())
	require.Eventually(t, func() bool { return store.Block() == want }, 20*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Equal(t, geth.truth(store.Ours, 0), store.Canonical())
	require.LessOrEqual(t, store.HighestRevision(), 2, "stored once, removed at most once")
}
