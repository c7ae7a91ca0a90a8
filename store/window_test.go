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
