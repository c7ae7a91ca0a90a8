package chain_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain/chaintest"
	"paycow/models"
)

func TestNothingIsWalkedBackBelowFinality(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		for range 20 {
			m.Mine()
		}
		m.node.Finalize(15)
		store, alarms := ourStore(), &chaintest.Alarms{}
		follower := startAt(1).follower(m.pool, store, alarms)
		catchUp(t, follower)
		time.Sleep(2 * time.Minute)
		m.Mine()
		catchUp(t, follower)
		cursor, err := store.Cursor(t.Context(), "")
		require.NoError(t, err)
		require.EqualValues(t, 15, cursor.FinalizedNumber)

		m.Cut(3)
		for range 5 {
			m.Mine()
		}
		catchUp(t, follower)
		require.False(t, alarms.IsOpen(models.AlarmReorgBelowFinality))
		before := store.Block()

		m.Cut(12)
		for range 15 {
			m.Mine()
		}
		for range 3 {
			_, err = follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrReorgBelowFinality)
			require.Equal(t, before, store.Block())
		}
		require.True(t, alarms.IsOpen(models.AlarmReorgBelowFinality))

		store.Accept("15:0x00") // an admin accepted another branch
		_, err = follower.Step(t.Context())
		require.ErrorIs(t, err, models.ErrReorgBelowFinality)
		store.Accept(alarms.Latest(models.AlarmReorgBelowFinality).Subject)
		catchUp(t, follower)
		require.Equal(t, m.Ref(m.Height()), store.Block())
	})
}

func TestLongDoubtRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5)))
		m.answerEmpty(1000)
		m.refuseReceipts()
		store, alarms := ourStore(), &chaintest.Alarms{}
		follower := startAt(1).follower(m.pool, store, alarms)
		for minute := range 4 {
			_, err := follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrDoubtful)
			require.Equal(t, minute >= 2, alarms.IsOpen(models.AlarmBlockDoubtful))
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, alarms.Count(models.AlarmBlockDoubtful))
		m.answerEmpty(0)
		catchUp(t, follower)
		require.False(t, alarms.IsOpen(models.AlarmBlockDoubtful))
		require.Len(t, store.Canonical(), 1)
	})
}
