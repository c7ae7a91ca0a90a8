package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"paycow/models"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func txHash(n int) common.Hash {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], uint64(n))
	return crypto.Keccak256Hash([]byte("tx"), seed[:])
}

// drawTxs draws what a block holds. Numbers are few, so that transactions are mined again after a reorg, in other places.
func drawTxs(t *rapid.T, label string) []fakeTx {
	recipients := []common.Address{ourAddress1, ourAddress2, stranger}
	var txs []fakeTx
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 0, 3, rapid.ID).Draw(t, label) {
		tx := fakeTx{hash: txHash(n)}
		for range rapid.IntRange(0, 3).Draw(t, "logs") {
			p := pay(rapid.SampledFrom(recipients).Draw(t, "to"), rapid.Int64Range(0, 3).Draw(t, "value"))
			if rapid.IntRange(0, 20).Draw(t, "huge") == 0 {
				p.value = new(big.Int).Lsh(big.NewInt(1), 63)
			}
			tx.transfers = append(tx.transfers, p)
		}
		txs = append(txs, tx)
	}
	return txs
}

// TestAnyHistoryEndsInTheTruth lets a chain grow, reorganise, lose its tail, lag and fail at random while a follower
// reads it, by blocks or by ranges. In the end the store holds what the chain holds.
func TestAnyHistoryEndsInTheTruth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		chain := newFakeChain()
		store := ourStore()
		config := startAt(1)
		config.rangesFrom = rapid.Uint64Range(1, 30).Draw(t, "windows from")
		config.rangeMax = rapid.Uint64Range(1, 20).Draw(t, "window max")
		follower := config.follower(chain, store, &memoryAlarms{})
		for range rapid.IntRange(1, 25).Draw(t, "operations") {
			switch rapid.SampledFrom([]string{"grow", "grow", "reorg", "lose", "lag", "step", "fail", "restart", "empty"}).Draw(t, "operation") {
			case "grow":
				for range rapid.IntRange(1, 30).Draw(t, "blocks") {
					chain.mine(drawTxs(t, "txs")...)
				}
			case "reorg":
				if chain.height() < 2 {
					continue
				}
				depth := rapid.IntRange(1, min(chain.height()-1, 45)).Draw(t, "depth")
				chain.cut(depth)
				for range rapid.IntRange(max(1, depth-2), depth+3).Draw(t, "branch") {
					chain.mine(drawTxs(t, "txs")...)
				}
			case "lose":
				if chain.height() > 1 {
					chain.cut(rapid.IntRange(1, min(chain.height()-1, 40)).Draw(t, "lost"))
				}
			case "lag":
				chain.lag = rapid.Uint64Range(0, 10).Draw(t, "lag")
			case "step":
				for range rapid.IntRange(1, 30).Draw(t, "steps") {
					_, _ = follower.Step(context.Background())
				}
			case "fail":
				chain.failNext = errors.New("connection refused")
			case "restart":
				follower = config.follower(chain, store, &memoryAlarms{})
			case "empty":
				chain.emptyAnswers = rapid.IntRange(0, 2).Draw(t, "empty answers")
			}
			if rapid.Bool().Draw(t, "finality") {
				// A reorg never crosses what a node calls final, but losing the tail may.
				chain.finalized = int64(max(chain.height()-45, 0))
			}
		}
		chain.lag, chain.failNext, chain.emptyAnswers = 0, nil, 0
		if store.cursor != nil {
			for uint64(chain.height()) < store.block().Number+1 { // a branch that stays shorter and alike is only lag
				chain.mine(drawTxs(t, "txs")...)
			}
		}
		follower = config.follower(chain, store, &memoryAlarms{})
		catchUp(t, follower)
		require.Equal(t, chain.truth(store.ours, 0), store.canonical())
		require.Equal(t, chain.ref(chain.height()), store.block())
		require.EqualValues(t, chain.height(), store.head())
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
		"no payments: the head":                       {want: height},
		"payment made now":                            {oldest: genesis.Add(12 * time.Second * height), want: height - 50},
		"payment in the middle, between blocks":       {oldest: genesis.Add(12*time.Second*200 + 5*time.Second), want: 150},
		"payment in the middle, at a block's time":    {oldest: genesis.Add(12 * time.Second * 200), want: 150},
		"payment older than the chain":                {oldest: genesis.Add(-time.Hour), want: 0},
		"payment of the chain's first minutes":        {oldest: genesis.Add(time.Minute), want: 0},
		"payment newer than a head that stands still": {oldest: genesis.Add(100 * time.Hour), want: height},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain := newFakeChain()
			for range height {
				chain.mine()
			}
			store := ourStore()
			store.oldestPayment = test.oldest
			config := startAt(0)
			follower := config.follower(chain, store, &memoryAlarms{})
			_, err := follower.Step(t.Context())
			require.NoError(t, err)
			lowest, err := store.LowestRecentBlock(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, chain.ref(int(test.want)), lowest)
			require.Less(t, chain.calls["header"], 15)
		})
	}
}

func TestReorgOfTheVeryFirstBlockKept(t *testing.T) {
	t.Parallel()
	for _, withPayment := range []bool{false, true} {
		chain := newFakeChain()
		for range 300 {
			chain.mine()
		}
		store := ourStore()
		config := startAt(0)
		follower := config.follower(chain, store, &memoryAlarms{})
		catchUp(t, follower) // at the head, with nothing below
		if withPayment {
			store.oldestPayment = chain.ref(300).Time.Add(time.Second)
			chain.mine(fakeTx{txHash(1), []payment{pay(ourAddress1, 5)}})
			catchUp(t, follower)
			chain.cut(1)
		}
		chain.cut(3)
		for range 4 {
			chain.mine()
		}
		chain.mine(fakeTx{txHash(1), []payment{pay(ourAddress1, 5)}})
		steps := catchUp(t, follower)
		require.Positive(t, steps[0].Rewound)
		require.Equal(t, chain.truth(store.ours, 0), store.canonical())
		require.Len(t, store.canonical(), 1)
	}
}

func TestReorgDeeperThanWhatIsKept(t *testing.T) {
	t.Parallel()
	chain := newFakeChain()
	store := ourStore()
	store.keep = 20
	store.oldestPayment = chain.ref(0).Time
	follower := startAt(1).follower(chain, store, &memoryAlarms{})
	for range 200 {
		chain.mine()
	}
	chain.mine(fakeTx{txHash(1), []payment{pay(ourAddress1, 5)}})
	catchUp(t, follower)
	before := store.block()

	chain.cut(50)
	for range 60 {
		chain.mine()
	}
	for range 3 {
		_, err := follower.Step(t.Context())
		require.ErrorIs(t, err, models.ErrReorgTooDeep)
	}
	require.Equal(t, before, store.block(), "nothing is guessed")
	require.Len(t, store.canonical(), 1)
}

func TestAnotherChainFromItsFirstBlock(t *testing.T) {
	t.Parallel()
	chain, other := newFakeChain(), newFakeChain()
	for range 10 {
		chain.mine()
		other.made += 1000
		other.mine()
	}
	other.blocks[0].header.Hash = common.Hash{1}
	store := ourStore()
	catchUp(t, startAt(1).follower(chain, store, &memoryAlarms{}))
	_, err := startAt(1).follower(other, store, &memoryAlarms{}).Step(t.Context())
	require.ErrorIs(t, err, models.ErrReorgTooDeep)

	config := testConfig()
	config.ChainID = 1
	pool := NewPool([]Endpoint{chain}, config, &memoryAlarms{}, quiet())
	_, err = NewFollower(config, pool, ourStore(), &memoryAlarms{}, quiet()).Step(t.Context())
	require.ErrorIs(t, err, models.ErrWrongChain)
}

func TestDeepReorgAcrossRangesTakesFewCalls(t *testing.T) {
	t.Parallel()
	chain := newFakeChain()
	for i := range 3000 {
		chain.mine(fakeTx{txHash(i), []payment{pay(ourAddress1, 5)}})
	}
	chain.finalized = 2900
	store := ourStore()
	follower := startAt(1).follower(chain, store, &memoryAlarms{})
	catchUp(t, follower)
	chain.cut(2000)
	for i := range 2100 {
		chain.mine(fakeTx{txHash(i + 100_000), []payment{pay(ourAddress2, 5)}})
	}
	chain.calls["header"] = 0
	progress, err := follower.Step(t.Context())
	require.NoError(t, err)
	require.Less(t, chain.calls["header"], 40)
	require.LessOrEqual(t, progress.Cursor.Number, uint64(1000))
	require.Greater(t, progress.Cursor.Number, uint64(600), "not further back than the range in which the branches part")
	catchUp(t, follower)
	require.Equal(t, chain.truth(store.ours, 0), store.canonical())
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
			chain := newFakeChain()
			for i := range 3000 {
				chain.mine(fakeTx{txHash(i), []payment{pay(stranger, 5)}})
			}
			chain.mine(fakeTx{txHash(3000), []payment{pay(ourAddress1, 5)}})
			for range 100 {
				chain.mine()
			}
			chain.finalized = 3050
			chain.rangeLimit, chain.logLimit = test.rangeLimit, test.logLimit
			store := ourStore()
			catchUp(t, startAt(1).follower(chain, store, &memoryAlarms{}))
			require.Equal(t, chain.truth(store.ours, 0), store.canonical())
			require.Len(t, store.canonical(), 1)
			require.LessOrEqual(t, chain.calls["range"], test.maxRanges)
			require.Less(t, chain.calls["head"], 20)
		})
	}
}

func TestRangesNeedFinality(t *testing.T) {
	t.Parallel()
	chain := newFakeChain()
	for range 300 {
		chain.mine()
	}
	store := ourStore()
	catchUp(t, startAt(1).follower(chain, store, &memoryAlarms{}))
	require.Zero(t, chain.calls["range"])
	require.Equal(t, 1, chain.calls["finalized"], "the question is not repeated for each block")
	require.EqualValues(t, 300, store.block().Number)
}

// TestEmptyAnswersAreDoubted has a node that leaves transfers out.
func TestEmptyAnswersAreDoubted(t *testing.T) {
	t.Parallel()
	newCase := func(finalized int64) (*fakeChain, *memoryStore, *Follower) {
		chain := newFakeChain()
		chain.mine(fakeTx{txHash(1), []payment{pay(ourAddress1, 5)}})
		for range 100 {
			chain.mine()
		}
		chain.finalized = finalized
		store := ourStore()
		return chain, store, startAt(1).follower(chain, store, &memoryAlarms{})
	}
	t.Run("the receipts have them", func(t *testing.T) {
		t.Parallel()
		chain, store, follower := newCase(-1)
		chain.emptyAnswers = 1
		catchUp(t, follower)
		require.Len(t, store.canonical(), 1)
		require.Equal(t, 1, chain.calls["receipts"])
	})
	t.Run("no receipts: it waits for a better answer", func(t *testing.T) {
		t.Parallel()
		chain, store, follower := newCase(-1)
		chain.emptyAnswers, chain.noReceipts = 3, true
		for range 3 {
			progress, err := follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrDoubtful)
			require.Zero(t, progress.Cursor.Number)
			require.EqualValues(t, 101, progress.Head)
		}
		require.EqualValues(t, 101, store.head(), "how far behind we are can be seen")
		catchUp(t, follower)
		require.Len(t, store.canonical(), 1)
	})
	t.Run("in a range", func(t *testing.T) {
		t.Parallel()
		chain, store, follower := newCase(90)
		chain.emptyAnswers = 1
		_, err := follower.Step(t.Context())
		require.ErrorIs(t, err, models.ErrDoubtful)
		catchUp(t, follower)
		require.Len(t, store.canonical(), 1)
	})
	t.Run("a full bloom filter is no proof", func(t *testing.T) {
		t.Parallel()
		for _, finalized := range []int64{-1, 90} {
			chain, store, follower := newCase(finalized)
			chain.fillBloom(5)
			require.True(t, chain.blocks[5].header.mayHoldLogs(testToken))
			catchUp(t, follower)
			require.Len(t, store.canonical(), 1)
			require.EqualValues(t, 101, store.block().Number)
		}
	})
	t.Run("receipts that do not fill the bloom filter are none", func(t *testing.T) {
		t.Parallel()
		chain, store, follower := newCase(-1)
		chain.fillBloom(5)
		for range 4 {
			_, err := follower.Step(t.Context())
			require.NoError(t, err)
		}
		chain.blocks[5].noise = nil
		_, err := follower.Step(t.Context())
		require.ErrorIs(t, err, models.ErrDoubtful)
		require.EqualValues(t, 4, store.block().Number)
	})
	t.Run("all of a range", func(t *testing.T) {
		t.Parallel()
		chain := newFakeChain()
		for range 30 {
			chain.mine()
		}
		chain.mine(fakeTx{txHash(1), []payment{pay(ourAddress1, 5)}})
		for range 100 {
			chain.mine()
		}
		chain.finalized, chain.emptyAnswers = 120, 2
		store := ourStore()
		follower := startAt(1).follower(chain, store, &memoryAlarms{})
		for range 2 {
			_, err := follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrDoubtful)
		}
		catchUp(t, follower)
		require.Len(t, store.canonical(), 1)
	})
}

func TestStepAgainAfterErrors(t *testing.T) {
	t.Parallel()
	chain := newFakeChain()
	store := ourStore()
	follower := startAt(1).follower(chain, store, &memoryAlarms{})
	boom := errors.New("boom")
	for i := range 20 {
		chain.mine(fakeTx{txHash(i), []payment{pay(ourAddress1, 5)}})
		if i%2 == 0 {
			chain.failNext = boom
		} else {
			store.failAdvance = boom
		}
		_, err := follower.Step(t.Context())
		require.ErrorIs(t, err, boom)
		if i%3 == 0 {
			catchUp(t, follower)
		}
	}
	catchUp(t, follower)
	require.Equal(t, chain.truth(store.ours, 0), store.canonical())
}

// slowSource takes its time for the logs of a block.
type slowSource struct {
	BlockSource
	delay time.Duration
}

func (s slowSource) BlockLogs(ctx context.Context, header Header) ([]types.Log, error) {
	time.Sleep(s.delay)
	return s.BlockSource.BlockLogs(ctx, header)
}

func TestRunReportsWhileItCatchesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const blocks, delay = 4000, 10 * time.Millisecond
		chain := newFakeChain()
		for i := range blocks {
			chain.mine(fakeTx{txHash(i), []payment{pay(ourAddress1, 5)}})
		}
		store := ourStore()
		store.keep = 50
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := []uint64{}
		err := startAt(1).follower(slowSource{chain, delay}, store, &memoryAlarms{}).Run(ctx, func(_ context.Context, progress Progress) error {
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
			node := newFaultyNode("down", 0)
			node.err = errAway
			store := ourStore()
			if known {
				require.NoError(t, store.InitCursor(t.Context(), "", newFakeChain().ref(0), 77))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reports := 0
			err := startAt(0).follower(poolOf(1, nil, node), store, &memoryAlarms{}).Run(ctx, func(_ context.Context, progress Progress) error {
				require.Equal(t, known, progress.Cursor == store.block() && progress.Head == 77 && progress.Cursor.Hash != "")
				if reports++; reports == 3 {
					cancel()
				}
				return nil
			})
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}
