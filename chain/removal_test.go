package chain_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// credited returns a transfer to us as its payment knows it once it is credited.
func credited(t models.TokenTransfer) chain.Verification {
	return chain.Verification{DepositAddress: t.To, Notice: models.TransferNotice{
		TransferKey: t.TransferKey, From: t.From, Amount: t.Amount, CreditedAmount: t.Amount, Block: t.Block,
	}}
}

// TestARemovalNeedsTheQuorum lets each of three nodes still have a credited transfer, be on a branch without it, lag
// behind or be away, in every combination.
func TestARemovalNeedsTheQuorum(t *testing.T) {
	t.Parallel()
	const (
		has = iota
		without
		behind
		away
		kinds
	)
	for quorum := 1; quorum <= 3; quorum++ {
		for combination := range kinds * kinds * kinds {
			synctest.Test(t, func(t *testing.T) {
				c := chaintest.NewChain()
				c.Mine()
				before := c.Blocks()
				c.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 50)))
				for range 20 {
					c.Mine()
				}
				transfer := chaintest.Transfers(c.Blocks())[0]
				main := c.Blocks()
				c.Cut(21)
				for range 25 {
					c.Mine()
				}
				branch := c.Blocks()
				p := newPanel(c, quorum, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
				denying, first := 0, -1
				for i, rest := 0, combination; i < 3; i, rest = i+1, rest/kinds {
					node := p.nodes[i]
					switch rest % kinds {
					case has:
						node.See(main)
					case without:
						node.See(branch)
						denying++
					case behind:
						node.See(before)
					case away:
						node.Set(func(b *chaintest.Behaviour) { b.Down = true })
					}
					if first < 0 && rest%kinds != away {
						first = rest % kinds
					}
				}
				err := chain.NewVerifier(configOf(quorum), p.pool).VerifyRemoval(t.Context(), credited(transfer))
				if denying >= quorum {
					require.NoError(t, err, "quorum %d, combination %d", quorum, combination)
				} else {
					require.Error(t, err, "quorum %d, combination %d", quorum, combination)
				}
			})
		}
	}
}

// TestWhatIsStillThereIsNotRemoved tries every way in which a transfer can still be, or no longer be, in the chain.
func TestWhatIsStillThereIsNotRemoved(t *testing.T) {
	t.Parallel()
	pay := chaintest.Pay(chaintest.Payee1, 50)
	for name, test := range map[string]struct {
		change func(c *chaintest.Chain, node *chaintest.Node)
		want   error
	}{
		"nothing changed": {func(*chaintest.Chain, *chaintest.Node) {}, models.ErrStillCanonical},
		"mined again elsewhere": {func(c *chaintest.Chain, _ *chaintest.Node) {
			c.Cut(5)
			c.Mine()
			c.Mine(chaintest.Tx(1, pay))
			c.Mine()
		}, models.ErrStillCanonical},
		"mined again for another": {func(c *chaintest.Chain, _ *chaintest.Node) {
			c.Cut(5)
			c.Mine(chaintest.Transaction{
				Hash: chaintest.TxHash(1), Outputs: []chaintest.Output{pay},
				Again: []chaintest.Output{chaintest.Pay(chaintest.Payee2, 50)},
			})
			c.Mine()
		}, nil},
		"mined again with less": {func(c *chaintest.Chain, _ *chaintest.Node) {
			c.Cut(5)
			c.Mine(chaintest.Transaction{
				Hash: chaintest.TxHash(1), Outputs: []chaintest.Output{pay},
				Again: []chaintest.Output{chaintest.Pay(chaintest.Payee1, 49)},
			})
			c.Mine()
		}, nil},
		"gone": {func(c *chaintest.Chain, _ *chaintest.Node) {
			c.Cut(5)
			c.Mine()
			c.Mine()
		}, nil},
		"gone, and the branch is still shorter": {func(c *chaintest.Chain, _ *chaintest.Node) {
			c.Cut(5)
		}, models.ErrBlockNotFound},
		"the node has forgotten the transaction": {func(_ *chaintest.Chain, node *chaintest.Node) {
			node.Set(func(b *chaintest.Behaviour) { b.ForgetsTransactions = true })
		}, models.ErrStillCanonical},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newModel()
				m.Mine(chaintest.Tx(1, pay))
				for range 4 {
					m.Mine()
				}
				wanted := credited(chaintest.Transfers(m.Blocks())[0])
				test.change(m.Chain, m.node)
				err := chain.NewVerifier(configOf(1), m.pool).VerifyRemoval(t.Context(), wanted)
				if test.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, test.want)
				}
			})
		})
	}
}
