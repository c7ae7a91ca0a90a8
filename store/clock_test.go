package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// The time of a new payment is the database's, where it has a clock, and never so far behind the chain that the payment
// could have ended before it began.
func TestPaymentTime(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for _, wrong := range []time.Duration{0, -2 * time.Hour, 10 * time.Minute, 48 * time.Hour} {
			own := time.Now().Add(wrong)
			at, err := f.PaymentTime(ctx, "another network, without blocks", own, models.MaxClockSkew)
			require.NoError(t, err)
			if f.engine == enginePostgres {
				require.WithinDuration(t, time.Now(), at, 10*time.Second, "the process's clock does not count")
			} else {
				require.Equal(t, toMillis(own), at)
			}
		}
		skew, err := f.ClockSkew(ctx)
		require.NoError(t, err)
		require.Less(t, skew.Abs(), 10*time.Second, "both run on this machine")

		// The chain is at a time. Whoever is further behind it creates nothing.
		ahead := time.Now().Add(30 * time.Minute)
		to := block(101, "main")
		to.Time = ahead
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, to, 101, nil)))
		_, err = f.PaymentTime(ctx, models.NetworkERC20, ahead.Add(-models.MaxClockSkew-time.Second), models.MaxClockSkew)
		require.ErrorIs(t, err, models.ErrClockBehind)
		_, err = f.PaymentTime(ctx, models.NetworkERC20, ahead.Add(-models.MaxClockSkew+2*time.Second), models.MaxClockSkew)
		if f.engine == enginePostgres {
			require.ErrorIs(t, err, models.ErrClockBehind)
		} else {
			require.NoError(t, err)
		}
	})
}
