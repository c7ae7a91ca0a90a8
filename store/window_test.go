package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// While a pause lasts as far as the chain has been read, the window is longer by what was read of it. The wall clock does not
// count: the chain may be read late, and the pause may have ended long ago.
func TestWindowGrowsWithTheChainAndNotWithTheClock(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		paused := f.event(t, 90, models.TokenPause, "", "")
		f.now = func() time.Time { return paused.BlockTime.Add(10 * time.Hour) }
		f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		want := p.ExpiresAt.Add(f.tip.Time.Sub(paused.BlockTime))
		due, err := f.DueSignals(ctx, models.NetworkERC20, f.tip.Number, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, want, due[0].WindowEnd.UTC())
		snapshot, err := f.Snapshot(ctx, p.ID)
		require.NoError(t, err)
		require.Equal(t, want, snapshot.WindowEnd.UTC())
		result, err := f.Expire(ctx, models.ExpireInput{
			PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt,
			State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
		})
		require.NoError(t, err)
		require.True(t, result.Paused)
		require.Equal(t, want, result.WindowEnd.UTC())
	})
}

// A pause of the token stops the clock of open payments and moves their end; a reorg that takes the pause away moves it back.
func TestPauseOfTheToken(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		before := f.tip
		paused := f.event(t, 90, models.TokenPause, "", "")
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused)
		f.now = func() time.Time { return paused.BlockTime.Add(10 * time.Minute) }
		far := block(500, "main")
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
		f.tip = far
		expiry := models.ExpireInput{PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
		result, err := f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.True(t, result.Paused)
		resumed := f.event(t, 91, models.TokenUnpause, "", "")
		require.Empty(t, f.openAlarms(t))
		pauses, err := f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: paused.BlockTime, To: resumed.BlockTime}}, pauses)
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded, "the window goes on for as long as the pause lasted")
		require.Equal(t, p.ExpiresAt.Add(resumed.BlockTime.Sub(paused.BlockTime)), result.WindowEnd)
		require.NoError(t, f.RewindAgreed(ctx, models.NetworkERC20, f.tip, before, models.BlockRef{}))
		f.tip = before
		pauses, err = f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Empty(t, pauses)
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.True(t, result.Recorded)
	})
}

// Nothing expires above the block that the quorum agrees on, and a reorg takes that mark back with the cursor.
func TestAgreedMark(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		far := block(500, "main")
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, models.BlockBatch{From: f.tip, To: far, Head: far.Number}))
		expiry := models.ExpireInput{PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
		result, err := f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitQuorum, result.Wait)
		require.Equal(t, f.tip.Number, result.WaitBlock)
		require.ErrorIs(t, f.SetAgreed(ctx, models.NetworkERC20, block(500, "dead")), models.ErrCursorMoved)
		require.NoError(t, f.SetAgreed(ctx, models.NetworkERC20, far))
		require.NoError(t, f.SetFinalized(ctx, models.NetworkERC20, far))
		require.NoError(t, f.SetRechecked(ctx, models.NetworkERC20, 500))
		branch := block(500, "branch")
		require.NoError(t, f.Raise(ctx, models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Subject: models.BranchSubject(branch)}))
		require.NoError(t, f.ResolveAlarm(ctx, f.openAlarms(t)[models.AlarmReorgBelowFinality].ID, "cli", "", "accepted"))
		require.NoError(t, f.RewindAgreed(ctx, models.NetworkERC20, far, f.tip, branch))
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []uint64{f.tip.Number, f.tip.Number, f.tip.Number}, []uint64{cursor.AgreedNumber, cursor.FinalizedNumber, cursor.RecheckedNumber})
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.True(t, result.Recorded)
	})
}
