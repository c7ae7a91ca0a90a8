package chain_test

import (
	"context"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
)

// heldNode answers about logs only when it is let go, also after the caller has given up.
type heldNode struct {
	*chaintest.Node
	held chan struct{}
}

func (n heldNode) TokenLogsByBlockHash(
	ctx context.Context, contracts chain.Contracts, hash common.Hash,
) ([]types.Log, error) {
	logs, err := n.Node.TokenLogsByBlockHash(ctx, contracts, hash)
	<-n.held
	return logs, err
}

// TestAnAnswerMayComeAfterTheStepThatAskedForIt lets two of three nodes agree while the first one still answers. Its
// answer comes during the next step; the race detector watches.
func TestAnAnswerMayComeAfterTheStepThatAskedForIt(t *testing.T) {
	t.Parallel()
	m := newModel()
	for i := range 3 {
		m.Mine(chaintest.Tx(i, chaintest.Pay(chaintest.Payee1, int64(i+1))))
	}
	panel := newPanel(m.Chain, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
	held := heldNode{panel.nodes[0], make(chan struct{})}
	panel.pool = chain.NewPool([]chain.Endpoint{held, panel.nodes[1], panel.nodes[2]}, configOf(2), nil, quiet())
	store, alarms := ourStore(), &chaintest.Alarms{}
	config := startAt(1)
	config.quorum = 2
	_, err := chaintest.CatchUp(t.Context(), config.follower(panel.gullible(1), store, alarms))
	require.NoError(t, err)
	check := newCheck(panel, store, alarms)
	worked, err := check.Step(t.Context())
	require.NoError(t, err)
	require.True(t, worked)
	close(held.held)
	exhaust(t, check)
	require.Len(t, canonicalOurs(store), 3)
}
