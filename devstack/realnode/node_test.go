package realnode

import (
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

func TestNodeThatComesUpLater(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	proxy := newCuttableProxy(t, geth.wsURL())
	proxy.refuse.Store(true)
	node := dial(t, "ws://"+proxy.listener.Addr().String())
	_, err := node.ChainID(t.Context())
	require.Error(t, err)
	proxy.refuse.Store(false)
	id, err := node.ChainID(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, chaintest.ChainID, id)

	proxy.cut()
	require.Eventually(t, func() bool {
		_, err := node.HeadHeader(t.Context())
		return err == nil
	}, 10*time.Second, 5*time.Millisecond, "it connects again by itself")
}

func TestNodeAnswers(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	geth.mine(geth.transaction(pay(chaintest.Payee1, 5)))
	geth.mineEmpty(4)
	for _, url := range []string{geth.httpURL(), geth.wsURL()} {
		node := dial(t, url)
		head, err := node.HeadHeader(t.Context())
		require.NoError(t, err)
		require.Equal(t, geth.ref(5), head.Ref())

		header, err := node.HeaderByNumber(t.Context(), 1)
		require.NoError(t, err)
		require.True(t, header.MayHoldLogs(chain.Contracts{chaintest.Token}))
		require.True(t, header.Follows(geth.ref(0)))
		require.False(t, head.MayHoldLogs(chain.Contracts{chaintest.Token}))

		_, err = node.HeaderByNumber(t.Context(), 6)
		require.ErrorIs(t, err, models.ErrBlockNotFound)
		_, ok, err := node.Receipt(t.Context(), common.Hash{1})
		require.NoError(t, err)
		require.False(t, ok)
		_, err = node.TokenLogsByBlockHash(t.Context(), chain.Contracts{chaintest.Token}, common.Hash{1})
		require.Error(t, err, "an unknown block is not an empty one")
		receipts, err := node.ReceiptsByBlockHash(t.Context(), header.Hash)
		require.NoError(t, err)
		require.Len(t, receipts, 1)
	}
	node := dial(t, geth.httpURL())
	_, ok, err := node.FinalizedNumber(t.Context())
	require.NoError(t, err)
	require.False(t, ok)
	geth.finalize(3)
	number, ok, err := node.FinalizedNumber(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 3, number)
	_, err = node.SubscribeHeads(t.Context(), make(chan chain.Header))
	require.ErrorIs(t, err, models.ErrNoSubscriptions)
}
