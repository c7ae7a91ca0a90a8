package chain_test

import (
	"math/big"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// Nodes that number the logs of each transaction anew show every transfer, agree with the others, and verify: in single
// blocks and in ranges, whichever of the nodes are of that kind.
func TestLogsMayBeNumberedPerTransaction(t *testing.T) {
	t.Parallel()
	for kinds := range 8 {
		for _, rangesFrom := range []uint64{chain.RangesFrom, 4} {
			synctest.Test(t, func(t *testing.T) {
				c := chaintest.NewChain()
				other := chaintest.Transfer(chaintest.ForeignToken, chaintest.Sender, chaintest.Payee1, big.NewInt(9))
				c.Mine(
					chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 1)),
					chaintest.Tx(2, chaintest.Pay(chaintest.Payee1, 2), other, chaintest.Pay(chaintest.Payee2, 3)),
					chaintest.Tx(3, chaintest.Pay(chaintest.Payee2, 4), chaintest.Pay(chaintest.Payee1, 5)),
				)
				for range 20 {
					c.Mine()
				}
				p := newPanel(c, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
				for i, node := range p.nodes {
					node.Finalize(15)
					node.Set(func(b *chaintest.Behaviour) { b.NumbersPerTransaction = kinds>>i&1 == 1 })
				}
				store, alarms := ourStore(), &chaintest.Alarms{}
				s := startAt(1)
				s.quorum, s.rangesFrom = 2, rangesFrom
				catchUp(t, s.follower(p.pool, store, alarms))
				check := newCheck(p, store, alarms)
				exhaust(t, check)
				time.Sleep(time.Minute)
				exhaust(t, check)
				cursor, err := store.Cursor(t.Context(), models.NetworkERC20)
				require.NoError(t, err)
				require.EqualValues(t, 21, cursor.AgreedNumber)
				require.Empty(t, p.reported(), "%+v", p.pool.Health())
				require.Zero(t, alarms.Count(models.AlarmTransferMissed)+alarms.Count(models.AlarmTransferDisproved))
				var amounts []models.Amount
				verifier := chain.NewVerifier(configOf(2), p.pool)
				for _, transfer := range store.Canonical() {
					amounts = append(amounts, transfer.Amount)
					require.NoError(t, verifier.VerifyTransfer(t.Context(), chain.Verification{
						DepositAddress: transfer.To, Confirmations: 12, Notice: models.TransferNotice{
							TransferKey: transfer.TransferKey, Amount: transfer.Amount, Canonical: true, Block: transfer.Block,
						},
					}))
				}
				slices.Sort(amounts)
				require.Equal(t, []models.Amount{1, 2, 3, 4, 5}, amounts)
			})
		}
	}
}
