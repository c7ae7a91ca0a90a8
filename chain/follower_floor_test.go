package chain

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestNothingIsWalkedBackBelowFinality(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chain := newFakeChain()
		for range 20 {
			chain.mine()
		}
		chain.finalized = 15
		store, alarms := ourStore(), &memoryAlarms{}
		follower := startAt(1).follower(chain, store, alarms)
		catchUp(t, follower)
		time.Sleep(2 * time.Minute)
		chain.mine()
		catchUp(t, follower)
		cursor, err := store.Cursor(t.Context(), "")
		require.NoError(t, err)
		require.EqualValues(t, 15, cursor.FinalizedNumber)

		chain.cut(3)
		for range 5 {
			chain.mine()
		}
		catchUp(t, follower)
		require.False(t, alarms.isOpen(models.AlarmReorgBelowFinality))
		before := store.block()

		chain.cut(12)
		for range 15 {
			chain.mine()
		}
		for range 3 {
			_, err = follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrReorgBelowFinality)
			require.Equal(t, before, store.block())
		}
		require.True(t, alarms.isOpen(models.AlarmReorgBelowFinality))

		store.cursor.FinalizedNumber, store.cursor.FinalizedHash = 0, "" // what an admin's decision does
		catchUp(t, follower)
		require.Equal(t, chain.ref(chain.height()), store.block())
	})
}

func TestLongDoubtRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chain := newFakeChain()
		chain.mine(fakeTx{txHash(1), []payment{pay(ourAddress1, 5)}})
		chain.noReceipts, chain.emptyAnswers = true, 1000
		store, alarms := ourStore(), &memoryAlarms{}
		follower := startAt(1).follower(chain, store, alarms)
		for minute := range 4 {
			_, err := follower.Step(t.Context())
			require.ErrorIs(t, err, models.ErrDoubtful)
			require.Equal(t, minute >= 2, alarms.isOpen(models.AlarmBlockDoubtful))
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, alarms.count(models.AlarmBlockDoubtful))
		chain.emptyAnswers = 0
		catchUp(t, follower)
		require.False(t, alarms.isOpen(models.AlarmBlockDoubtful))
		require.Len(t, store.canonical(), 1)
	})
}
