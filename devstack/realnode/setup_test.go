package realnode

import (
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

func ourStore() *chaintest.Store {
	return chaintest.NewStore(chaintest.Payee1.Hex(), chaintest.Payee2.Hex())
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func testConfig() chain.Config {
	return chain.Config{Network: models.NetworkERC20, ChainID: chaintest.ChainID, Token: chaintest.Token, Quorum: 1}
}

// payment is one Transfer log.
type payment struct {
	from, to common.Address
	value    *big.Int
}

func pay(to common.Address, units int64) payment {
	return payment{from: chaintest.Sender, to: to, value: big.NewInt(units)}
}

// followFrom returns a follower that starts reading at a block. It sets the store's cursor if there is none yet.
func followFrom(
	t *testing.T, block uint64, source chain.BlockSource, store *chaintest.Store, options ...chain.FollowerOption,
) *chain.Follower {
	t.Helper()
	if store.Block().Hash == "" {
		below, err := source.HeaderByNumber(t.Context(), block-1)
		require.NoError(t, err)
		require.NoError(t, store.InitCursor(t.Context(), models.NetworkERC20, below.Ref(), below.Number))
	}
	return chain.NewFollower(testConfig(), source, store, &chaintest.Alarms{}, quiet(), options...)
}

// dial connects to a node for the duration of the test.
func dial(t testing.TB, url string) *chain.Node {
	t.Helper()
	n, err := chain.Dial(t.Context(), url, quiet())
	require.NoError(t, err)
	t.Cleanup(n.Close)
	return n
}

// pooled returns a pool of one node.
func pooled(t *testing.T, node chain.Endpoint) *chain.Pool {
	t.Helper()
	pool := chain.NewPool([]chain.Endpoint{node}, testConfig(), &chaintest.Alarms{}, quiet())
	t.Cleanup(pool.Close)
	return pool
}

// catchUp steps until there is nothing to read and returns the progress of each step.
func catchUp(t *testing.T, f *chain.Follower) []chain.Progress {
	t.Helper()
	steps, err := chaintest.CatchUp(t.Context(), f)
	require.NoError(t, err)
	return steps
}

func timeOf(header *types.Header) time.Time { return time.Unix(int64(header.Time), 0).UTC() }
