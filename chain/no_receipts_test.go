package chain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// Two of three nodes invent a transfer alike, and no node offers the receipts that would disprove it. A quorum's word
// does not do then: the third node must confirm it too.
func TestWithoutReceiptsEveryNodeMustConfirm(t *testing.T) {
	t.Parallel()
	honest, invented := chaintest.NewChain(), chaintest.NewChain()
	invented.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 50)))
	honest.Mine()
	for range 14 {
		invented.Mine()
		honest.Mine()
	}
	store := ourStore()
	liars := newPanel(invented, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
	catchUp(t, startAt(1).follower(liars.pool, store, &chaintest.Alarms{}))
	wanted := verification(store.Canonical()[0])
	refuse := func(p *panel) {
		for _, node := range p.nodes {
			node.Set(func(b *chaintest.Behaviour) { b.NoReceipts = true })
		}
	}
	refuse(liars)
	require.NoError(t, chain.NewVerifier(configOf(2), liars.pool).VerifyTransfer(t.Context(), wanted), "all three confirm it")

	for third := range 3 {
		p := newPanel(invented, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
		refuse(p)
		p.nodes[third].Follow(honest)
		err := chain.NewVerifier(configOf(2), p.pool).VerifyTransfer(t.Context(), wanted)
		require.ErrorIs(t, err, models.ErrQuorumMissing)
		require.ErrorContains(t, err, "every usable node must confirm")
	}
}
