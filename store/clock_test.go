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
		paymentTime := func(network string, own time.Time) (time.Time, error) {
			clock, err := f.AgreedClock(ctx, network)
			require.NoError(t, err)
			return clock.PaymentTime(own, models.MaxClockSkew)
		}
		for _, wrong := range []time.Duration{0, -2 * time.Hour, 10 * time.Minute, 48 * time.Hour} {
			own := time.Now().Add(wrong)
			at, err := paymentTime("another network, without blocks", own)
			require.NoError(t, err)
			if f.engine == enginePostgres {
				require.WithinDuration(t, time.Now(), at, 10*time.Second, "the process's clock does not count")
			} else {
				require.Equal(t, toMillis(own), at)
			}
		}
		if f.engine == enginePostgres {
			clock, err := f.AgreedClock(ctx, models.NetworkERC20)
			require.NoError(t, err)
			clock.readAt = clock.readAt.Add(-time.Minute)
			at, err := clock.PaymentTime(time.Now(), time.Hour)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now().Add(time.Minute), at, 10*time.Second, "the clock that was read goes on")
		}
		skew, err := f.ClockSkew(ctx)
		require.NoError(t, err)
		require.Less(t, skew.Abs(), 10*time.Second, "both run on this machine")

		// The chain is at a time. Whoever is further behind it creates nothing.
		ahead := time.Now().Add(30 * time.Minute)
		to := block(101, "main")
		to.Time = ahead
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, to, 101, nil)))
		_, err = paymentTime(models.NetworkERC20, ahead.Add(-models.MaxClockSkew-time.Second))
		require.ErrorIs(t, err, models.ErrClockBehind)
		_, err = paymentTime(models.NetworkERC20, ahead.Add(-models.MaxClockSkew+2*time.Second))
		if f.engine == enginePostgres {
			require.ErrorIs(t, err, models.ErrClockBehind)
		} else {
			require.NoError(t, err)
		}
	})
}
