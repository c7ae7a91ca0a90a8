package chain_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

func (p *panel) shiftTime(node int, by time.Duration) {
	p.nodes[node].Set(func(b *chaintest.Behaviour) { b.TimeShift = by })
}

// A block's time decides whether a payment came in time, and when it expires. One node that states another time for the
// right block decides nothing, whether the block was read by itself or in a range.
func TestOneNodeDoesNotDecideABlocksTime(t *testing.T) {
	t.Parallel()
	for name, rangesFrom := range map[string]uint64{"by ranges": 4, "by blocks": chain.RangesFrom} {
		for _, shift := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
			t.Run(name+", "+shift.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := chaintest.NewChain()
					for number := range 60 {
						c.Mine(chaintest.Tx(number, chaintest.Pay(chaintest.Payee1, 5)))
					}
					p := newPanel(c, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
					for _, node := range p.nodes {
						node.Finalize(50)
					}
					p.shiftTime(0, shift)
					store, alarms := ourStore(), &chaintest.Alarms{}
					s := startAt(1)
					s.quorum, s.rangesFrom = 2, rangesFrom
					catchUp(t, s.follower(p.gullible(0), store, alarms))
					exhaust(t, newCheck(p, store, alarms))
					require.Equal(t, unnumbered(chaintest.Transfers(c.Blocks())), unnumbered(store.Canonical()))
					cursor, err := store.Cursor(t.Context(), models.NetworkERC20)
					require.NoError(t, err)
					require.Equal(t, c.Ref(60), cursor.Agreed())
				})
			})
		}
	}
}

// A transfer whose row states another block time, or another chain, is not the one that the nodes confirm.
func TestATransferIsVerifiedWithItsTimeAndChain(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(n *models.TransferNotice){
		"late":                   func(n *models.TransferNotice) { n.Block.Time = n.Block.Time.Add(time.Hour) },
		"early":                  func(n *models.TransferNotice) { n.Block.Time = n.Block.Time.Add(-time.Hour) },
		"the same, on chain two": func(n *models.TransferNotice) { n.ChainID++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newModel()
				m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 50)), chaintest.Tx(2, chaintest.Pay(chaintest.Payee1, 50)))
				truth := credited(chaintest.Transfers(m.Blocks())[0])
				other := credited(chaintest.Transfers(m.Blocks())[1])
				forged := truth
				forge(&forged.Notice)
				verifier := chain.NewVerifier(configOf(1), m.pool)
				require.ErrorIs(t, verifier.VerifyTransfer(t.Context(), forged), models.ErrTransferDiffers)
				require.NoError(t, verifier.VerifyTransfer(t.Context(), truth))
				require.ErrorIs(t, verifier.VerifyTransfer(t.Context(), forged), models.ErrTransferDiffers, "what is remembered")
				results := chain.NewVerifier(configOf(1), m.pool).VerifyTransfers(t.Context(), []chain.Verification{other, forged})
				require.NoError(t, results[0])
				require.ErrorIs(t, results[1], models.ErrTransferDiffers, "in a block that is proved")
				require.Error(t, verifier.VerifyRemoval(t.Context(), forged), "nor is it gone")
			})
		})
	}
}

// The sender that a row states does not make a credited transfer look gone.
func TestAnotherSenderIsNoRemoval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 50)))
		forged := credited(chaintest.Transfers(m.Blocks())[0])
		forged.Notice.From = chaintest.Stranger.Hex()
		for _, forgets := range []bool{false, true} {
			m.node.Set(func(b *chaintest.Behaviour) { b.ForgetsTransactions = forgets })
			err := chain.NewVerifier(configOf(1), m.pool).VerifyRemoval(t.Context(), forged)
			require.ErrorIs(t, err, models.ErrStillCanonical)
		}
	})
}

// The first block to read is chosen by what a quorum says, whichever node is preferred. Too high a block would leave out
// what was paid before it, and a height that only one node has would keep the reading from ever beginning.
func TestOneNodeDoesNotChooseTheFirstBlock(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(c *chaintest.Chain, p *panel){
		"it states early times": func(_ *chaintest.Chain, p *panel) { p.shiftTime(0, -365*24*time.Hour) },
		"it states late times":  func(_ *chaintest.Chain, p *panel) { p.shiftTime(0, 365*24*time.Hour) },
		"it makes up a higher head": func(_ *chaintest.Chain, p *panel) {
			longer := chaintest.NewChain()
			for range 500 {
				longer.Mine()
			}
			p.nodes[0].See(longer.Blocks())
		},
	} {
		for _, paid := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := chaintest.NewChain()
					for range 300 {
						c.Mine()
					}
					p := newPanel(c, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
					store, alarms := ourStore(), &chaintest.Alarms{}
					most := uint64(300)
					if paid {
						store.OldestPayment = c.Ref(200).Time
						most = 200
					}
					lie(c, p)
					s := start{quorum: 2, rangesFrom: chain.RangesFrom, rangeMax: chain.RangeMax}
					follower := s.follower(p.pool, store, alarms)
					for range 5 {
						_, _ = follower.Step(t.Context())
					}
					first, err := store.LowestRecentBlock(t.Context(), models.NetworkERC20)
					require.NoError(t, err, "reading has begun")
					require.LessOrEqual(t, first.Number, most)
					require.Equal(t, c.Ref(int(first.Number)), first)
				})
			})
		}
	}
}
