package chain_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestAnyHistoryEndsInTheTruth lets a chain grow, reorganise, lose its tail, lag and fail at random while a follower
// reads it, by blocks or by ranges. In the end the store holds what the chain holds.
func TestAnyHistoryEndsInTheTruth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		store := ourStore()
		config := startAt(1)
		config.rangesFrom = rapid.Uint64Range(1, 30).Draw(t, "windows from")
		config.rangeMax = rapid.Uint64Range(1, 20).Draw(t, "window max")
		follower := config.follower(m.pool, store, &chaintest.Alarms{})
		for range rapid.IntRange(1, 25).Draw(t, "operations") {
			switch rapid.SampledFrom([]string{"grow", "grow", "reorg", "lose", "lag", "step", "fail", "restart", "empty"}).
				Draw(t, "operation") {
			case "grow":
				for range rapid.IntRange(1, 30).Draw(t, "blocks") {
					m.Mine(drawTxs(t, "txs")...)
				}
			case "reorg":
				if m.Height() < 2 {
					continue
				}
				depth := rapid.IntRange(1, min(m.Height()-1, 45)).Draw(t, "depth")
				m.Cut(depth)
				for range rapid.IntRange(max(1, depth-2), depth+3).Draw(t, "branch") {
					m.Mine(drawTxs(t, "txs")...)
				}
			case "lose":
				if m.Height() > 1 {
					m.Cut(rapid.IntRange(1, min(m.Height()-1, 40)).Draw(t, "lost"))
				}
			case "lag":
				m.lag(rapid.Uint64Range(0, 10).Draw(t, "lag"))
			case "step":
				for range rapid.IntRange(1, 30).Draw(t, "steps") {
					_, _ = follower.Step(context.Background())
				}
			case "fail":
				m.failNext(chaintest.ErrDown)
			case "restart":
				follower = config.follower(m.pool, store, &chaintest.Alarms{})
			case "empty":
				m.answerEmpty(rapid.IntRange(0, 2).Draw(t, "empty answers"))
			}
			if rapid.Bool().Draw(t, "finality") {
				// A reorg never crosses what a node calls final, but losing the tail may.
				m.node.Finalize(max(m.Height()-45, 0))
			}
		}
		m.heal()
		if store.Block().Hash != "" {
			for uint64(m.Height()) < store.Block().Number+1 { // a branch that stays shorter and alike is only lag
				m.Mine(drawTxs(t, "txs")...)
			}
		}
		alarms := &chaintest.Alarms{}
		follower = config.follower(m.pool, store, alarms)
		if _, err := chaintest.CatchUp(context.Background(), follower); errors.Is(err, models.ErrReorgBelowFinality) {
			store.Accept(alarms.Latest(models.AlarmReorgBelowFinality).Subject) // an admin does, after the tail was lost
		}
		catchUp(t, follower)
		require.Equal(t, m.Truth(store.Ours, 0), store.Canonical())
		require.Equal(t, m.Ref(m.Height()), store.Block())
		require.EqualValues(t, m.Height(), store.Head())
	})
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	const height = 500
	genesis := time.Unix(1_700_000_000, 0)
	tests := map[string]struct {
		oldest time.Time
		want   uint64
	}{
		"no payments: the head": {want: height},
		"payment made now": {
			oldest: genesis.Add(12 * time.Second * height),
			want:   height - 50,
		},
		"payment in the middle, between blocks": {
			oldest: genesis.Add(12*time.Second*200 + 5*time.Second),
			want:   150,
		},
		"payment in the middle, at a block's time":    {oldest: genesis.Add(12 * time.Second * 200), want: 150},
		"payment older than the chain":                {oldest: genesis.Add(-time.Hour), want: 0},
		"payment of the chain's first minutes":        {oldest: genesis.Add(time.Minute), want: 0},
		"payment newer than a head that stands still": {oldest: genesis.Add(100 * time.Hour), want: height},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newModel()
			for range height {
				m.Mine()
			}
			store := ourStore()
			store.OldestPayment = test.oldest
			config := startAt(0)
			follower := config.follower(m.pool, store, &chaintest.Alarms{})
			_, err := follower.Step(t.Context())
			require.NoError(t, err)
			lowest, err := store.LowestRecentBlock(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, m.Ref(int(test.want)), lowest)
			require.Less(t, m.node.Calls("header"), 15)
		})
	}
}

func TestReorgOfTheVeryFirstBlockKept(t *testing.T) {
	t.Parallel()
	for _, withPayment := range []bool{false, true} {
		m := newModel()
		for range 300 {
			m.Mine()
		}
		store := ourStore()
		config := startAt(0)
		follower := config.follower(m.pool, store, &chaintest.Alarms{})
		catchUp(t, follower) // at the head, with nothing below
		if withPayment {
			store.OldestPayment = m.Ref(300).Time.Add(time.Second)
			m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5)))
			catchUp(t, follower)
			m.Cut(1)
		}
		m.Cut(3)
		for range 4 {
			m.Mine()
		}
		m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5)))
		steps := catchUp(t, follower)
		require.Positive(t, steps[0].Rewound)
		require.Equal(t, m.Truth(store.Ours, 0), store.Canonical())
		require.Len(t, store.Canonical(), 1)
	}
}

func TestReorgDeeperThanWhatIsKept(t *testing.T) {
	t.Parallel()
	m := newModel()
	store := ourStore()
	store.Keep = 20
	store.OldestPayment = m.Ref(0).Time
	follower := startAt(1).follower(m.pool, store, &chaintest.Alarms{})
	for range 200 {
		m.Mine()
	}
	m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5)))
	catchUp(t, follower)
	before := store.Block()

	m.Cut(50)
	for range 60 {
		m.Mine()
	}
	for range 3 {
		_, err := follower.Step(t.Context())
		require.ErrorIs(t, err, models.ErrReorgTooDeep)
	}
	require.Equal(t, before, store.Block(), "nothing is guessed")
	require.Len(t, store.Canonical(), 1)
}

func TestAnotherChainFromItsFirstBlock(t *testing.T) {
	t.Parallel()
	m, other := newModel(), modelOf(chaintest.NewChainBefore(time.Unix(1_600_000_000, 0), 1))
	for range 10 {
		m.Mine()
		other.Mine()
	}
	store := ourStore()
	catchUp(t, startAt(1).follower(m.pool, store, &chaintest.Alarms{}))
	_, err := startAt(1).follower(other.pool, store, &chaintest.Alarms{}).Step(t.Context())
	require.ErrorIs(t, err, models.ErrReorgTooDeep)

	config := configOf(1)
	config.ChainID = 1
	pool := chain.NewPool([]chain.Endpoint{m.node}, config, &chaintest.Alarms{}, quiet())
	_, err = chain.NewFollower(config, pool, ourStore(), &chaintest.Alarms{}, quiet()).Step(t.Context())
	require.ErrorIs(t, err, models.ErrWrongChain)
}

func TestDeepReorgAcrossRangesTakesFewCalls(t *testing.T) {
	t.Parallel()
	m := newModel()
	for i := range 3000 {
		m.Mine(chaintest.Tx(i, chaintest.Pay(chaintest.Payee1, 5)))
	}
	m.node.Finalize(2900)
	store := ourStore()
	follower := startAt(1).follower(m.pool, store, &chaintest.Alarms{})
	catchUp(t, follower)
	m.Cut(2000)
	for i := range 2100 {
		m.Mine(chaintest.Tx(i+100_000, chaintest.Pay(chaintest.Payee2, 5)))
	}
	m.node.ResetCalls()
	progress, err := follower.Step(t.Context())
	require.NoError(t, err)
	require.Less(t, m.node.Calls("header"), 40)
	require.LessOrEqual(t, progress.Cursor.Number, uint64(1000))
	require.Greater(
		t, progress.Cursor.Number, uint64(600), "not further back than the range in which the branches part",
	)
	catchUp(t, follower)
	require.Equal(t, m.Truth(store.Ours, 0), store.Canonical())
}

func TestRangesAdaptToTheNode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rangeLimit uint64
		logLimit   int
		maxRanges  int
	}{
		"no limits":            {maxRanges: 20},
		"at most 100 blocks":   {rangeLimit: 100, maxRanges: 120},
		"at most 30 logs":      {logLimit: 30, maxRanges: 400},
		"one block at a time":  {rangeLimit: 1, maxRanges: 6100},
		"at most 7 and 9 logs": {rangeLimit: 7, logLimit: 9, maxRanges: 1400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newModel()
			for i := range 3000 {
				m.Mine(chaintest.Tx(i, chaintest.Pay(chaintest.Stranger, 5)))
			}
			m.Mine(chaintest.Tx(3000, chaintest.Pay(chaintest.Payee1, 5)))
			for range 100 {
				m.Mine()
			}
			m.node.Finalize(3050)
			m.node.Set(func(b *chaintest.Behaviour) { b.RangeLimit, b.LogLimit = test.rangeLimit, test.logLimit })
			store := ourStore()
			catchUp(t, startAt(1).follower(m.pool, store, &chaintest.Alarms{}))
			require.Equal(t, m.Truth(store.Ours, 0), store.Canonical())
			require.Len(t, store.Canonical(), 1)
			require.LessOrEqual(t, m.node.Calls("range"), test.maxRanges)
			require.Less(t, m.node.Calls("head"), 20)
		})
	}
}

func TestRangesNeedFinality(t *testing.T) {
	t.Parallel()
	m := newModel()
	for range 300 {
		m.Mine()
	}
	store := ourStore()
	catchUp(t, startAt(1).follower(m.pool, store, &chaintest.Alarms{}))
	require.Zero(t, m.node.Calls("range"))
	require.Equal(t, 1, m.node.Calls("finalized"), "the question is not repeated for each block")
	require.EqualValues(t, 300, store.Block().Number)
}

// TestEmptyAnswersAreDoubted has a node that leaves transfers out.
func TestEmptyAnswersAreDoubted(t *testing.T) {
	t.Parallel()
	newCase := func(finalized int) (*model, *chaintest.Store, *chain.Follower) {
		m := newModel()
		m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5)))
		for range 100 {
			m.Mine()
		}
		m.node.Finalize(finalized)
		store := ourStore()
		return m, store, startAt(1).follower(m.pool, store, &chaintest.Alarms{})
	}
	t.Run("the receipts have them", func(t *testing.T) {
		t.Parallel()
		m, store, follower := newCase(-1)
		m.answerEmpty(1)
		catchUp(t, follower)
		require.Len(t, store.Canonical(), 1)
		require.Equal(t, 1, m.node.Calls("receipts"))
	})
	t.Run("no receipts: it waits for a better answer", func(t *testing.T) {
		t.Parallel()
		m, store, follower := newCase(-1)
		m.answerEmpty(3)
		m.refuseReceipts()
		for range 3 {
			progress, err := follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrDoubtful)
			require.Zero(t, progress.Cursor.Number)
			require.EqualValues(t, 101, progress.Head)
		}
		require.EqualValues(t, 101, store.Head(), "how far behind we are can be seen")
		catchUp(t, follower)
		require.Len(t, store.Canonical(), 1)
	})
	t.Run("in a range", func(t *testing.T) {
		t.Parallel()
		m, store, follower := newCase(90)
		m.answerEmpty(1)
		_, err := follower.Step(t.Context())
		require.ErrorIs(t, err, models.ErrDoubtful)
		catchUp(t, follower)
		require.Len(t, store.Canonical(), 1)
	})
	t.Run("a full bloom filter is no proof", func(t *testing.T) {
		t.Parallel()
		for _, finalized := range []int{-1, 90} {
			m, store, follower := newCase(finalized)
			m.FillBloom(5)
			require.True(t, m.Blocks()[5].Header.MayHoldLogs(chain.Contracts{chaintest.Token}))
			catchUp(t, follower)
			require.Len(t, store.Canonical(), 1)
			require.EqualValues(t, 101, store.Block().Number)
		}
	})
	t.Run("receipts that do not fill the bloom filter are none", func(t *testing.T) {
		t.Parallel()
		m, store, follower := newCase(-1)
		m.FillBloom(5)
		for range 4 {
			_, err := follower.Step(t.Context())
			require.NoError(t, err)
		}
		m.DropReceipts(5)
		_, err := follower.Step(t.Context())
		require.ErrorIs(t, err, models.ErrDoubtful)
		require.EqualValues(t, 4, store.Block().Number)
	})
	t.Run("all of a range", func(t *testing.T) {
		t.Parallel()
		m := newModel()
		for range 30 {
			m.Mine()
		}
		m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5)))
		for range 100 {
			m.Mine()
		}
		m.node.Finalize(120)
		m.answerEmpty(2)
		store := ourStore()
		follower := startAt(1).follower(m.pool, store, &chaintest.Alarms{})
		for range 2 {
			_, err := follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrDoubtful)
		}
		catchUp(t, follower)
		require.Len(t, store.Canonical(), 1)
	})
}

func TestStepAgainAfterErrors(t *testing.T) {
	t.Parallel()
	m := newModel()
	store := ourStore()
	follower := startAt(1).follower(m.pool, store, &chaintest.Alarms{})
	boom := errors.New("boom")
	for i := range 20 {
		m.Mine(chaintest.Tx(i, chaintest.Pay(chaintest.Payee1, 5)))
		m.node.Set(func(b *chaintest.Behaviour) { b.Down = i%2 == 0 })
		if i%2 != 0 {
			store.FailAdvance = boom
		}
		_, err := follower.Step(t.Context())
		require.True(t, errors.Is(err, boom) || errors.Is(err, chaintest.ErrDown), err)
		m.node.Set(func(b *chaintest.Behaviour) { b.Down = false })
		if i%3 == 0 {
			catchUp(t, follower)
		}
	}
	catchUp(t, follower)
	require.Equal(t, m.Truth(store.Ours, 0), store.Canonical())
}

// slowSource takes its time for the logs of a block.
type slowSource struct {
	chain.BlockSource
	delay time.Duration
}

func (s slowSource) BlockLogs(ctx context.Context, contracts chain.Contracts, header chain.Header) ([]types.Log, error) {
	time.Sleep(s.delay)
	return s.BlockSource.BlockLogs(ctx, contracts, header)
}

func TestRunReportsWhileItCatchesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const blocks, delay = 4000, 10 * time.Millisecond
		m := newModel()
		for i := range blocks {
			m.Mine(chaintest.Tx(i, chaintest.Pay(chaintest.Payee1, 5)))
		}
		store := ourStore()
		store.Keep = 50
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := []uint64{}
		err := startAt(1).follower(slowSource{m.pool, delay}, store, &chaintest.Alarms{}).
			Run(ctx, func(_ context.Context, progress chain.Progress) error {
				seen = append(seen, progress.Cursor.Number)
				if progress.CaughtUp {
					cancel()
				}
				return nil
			})
		require.ErrorIs(t, err, context.Canceled)
		require.IsNonDecreasing(t, seen)
		require.InDelta(t, blocks*delay.Seconds(), len(seen), 5, "one report a second, not one for each block")
		require.EqualValues(t, blocks, seen[len(seen)-1])
	})
}

// TestRunReportsWithoutANode has heartbeats go on although no node can be reached from the start.
func TestRunReportsWithoutANode(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := newModel()
			m.node.Set(func(b *chaintest.Behaviour) { b.Down = true })
			store := ourStore()
			if known {
				require.NoError(t, store.InitCursor(t.Context(), "", m.Ref(0), 77))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reports := 0
			err := startAt(0).follower(m.pool, store, &chaintest.Alarms{}).
				Run(ctx, func(_ context.Context, progress chain.Progress) error {
					require.Equal(t, known,
						progress.Cursor == store.Block() && progress.Head == 77 && progress.Cursor.Hash != "")
					if reports++; reports == 3 {
						cancel()
					}
					return nil
				})
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}
