package chain_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain/chaintest"
	"paycow/models"
)

type prunedError struct{}

func (prunedError) Error() string  { return "pruned history unavailable" }
func (prunedError) ErrorCode() int { return 4444 }

// A single node left out deposits when their blocks were read. Reading the blocks again that a reconciliation asks for
// finds them, some blocks at a time. Blocks that the node no longer keeps are skipped, and a node that is away delays
// nothing else.
func TestBlocksThatAReconciliationAsksFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		for i := range 450 {
			var mined []chaintest.Transaction
			if i%100 == 50 {
				mined = append(mined, chaintest.Tx(i, chaintest.Pay(chaintest.Payee1, 5), chaintest.Pay(chaintest.Stranger, 1)))
			}
			m.Mine(mined...)
		}
		panel := newPanel(m.Chain, 1, chaintest.LieHideFirst)
		store, alarms := ourStore(), &chaintest.Alarms{}
		catchUp(t, startAt(1).follower(panel.gullible(0), store, alarms))
		check := newCheck(panel, store, alarms)
		panel.lie(0, chaintest.LieNone)
		exhaust(t, check)
		require.Empty(t, store.Canonical(), "nothing asks")
		asked := func() models.ChainCursor {
			cursor, err := store.Cursor(t.Context(), "")
			require.NoError(t, err)
			return cursor
		}

		store.AskForRescan(40, 450)
		panel.nodes[0].Set(func(b *chaintest.Behaviour) { b.FailNext = prunedError{} })
		worked, err := check.Step(t.Context())
		require.NoError(t, err)
		require.True(t, worked)
		require.EqualValues(t, 240, asked().RescanFrom, "the node no longer keeps the first blocks")
		require.Empty(t, store.Canonical())

		panel.nodes[0].Set(func(b *chaintest.Behaviour) { b.Down = true })
		worked, err = check.Step(t.Context())
		require.NoError(t, err)
		require.False(t, worked)
		panel.nodes[0].Set(func(b *chaintest.Behaviour) { b.Down = false })
		exhaust(t, check)
		require.EqualValues(t, 240, asked().RescanFrom, "it waits")
		time.Sleep(time.Minute)
		exhaust(t, check)
		require.Zero(t, asked().RescanTo)
		truth := m.Truth(store.Ours, 0)
		require.Equal(t, truth[2:], store.Canonical())
		require.True(t, alarms.IsOpen(models.AlarmTransferMissed))

		store.AskForRescan(40, 450)
		exhaust(t, check)
		require.Equal(t, truth, store.Canonical())

		// Blocks that cannot be read are passed over in the end, so that newer ones are read.
		store.AskForRescan(40, 450)
		panel.nodes[0].Set(func(b *chaintest.Behaviour) { b.Down = true })
		for range 10 {
			require.EqualValues(t, 40, asked().RescanFrom)
			_, err = check.Step(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		require.EqualValues(t, 240, asked().RescanFrom)
		panel.nodes[0].Set(func(b *chaintest.Behaviour) { b.Down = false })
		exhaust(t, check)
		require.Zero(t, asked().RescanTo)
		store.AskForRescan(1000, 2000)
		exhaust(t, check)
		require.Zero(t, asked().RescanTo, "a reorg removed them")
	})
}
