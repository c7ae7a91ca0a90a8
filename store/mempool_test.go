package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// What nodes hold in their pools is shown until it is in a block or old.
func TestSeenOnTheirWay(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, other := f.create(t), f.create(t)
		now := time.Now().UTC().Truncate(time.Millisecond)
		f.now = func() time.Time { return now }
		require.NoError(t, f.NoteSeen(ctx, models.NetworkERC20, []models.SeenTransfer{
			{TxHash: txHash(1), To: p.DepositAddress, Amount: 20 * models.USDT},
			{TxHash: txHash(2), To: p.DepositAddress, Amount: 30 * models.USDT},
			{TxHash: txHash(3), To: "0xSomebody", Amount: 5},
			{TxHash: txHash(4), From: other.DepositAddress, To: p.DepositAddress, Amount: 5}, // a sweep
		}))
		sums := func() map[string]OnItsWay {
			found, err := f.OnTheirWay(ctx, []string{p.ID, other.ID})
			require.NoError(t, err)
			return found
		}
		require.Equal(t, map[string]OnItsWay{p.ID: {Amount: 50 * models.USDT, SeenAt: now}}, sums())
		seen := now
		now = now.Add(time.Minute)
		f.mine(t, "main", transferTo(p, 1, 20*models.USDT, models.BlockRef{}))
		require.Equal(t, map[string]OnItsWay{p.ID: {Amount: 30 * models.USDT, SeenAt: seen}}, sums())
		now = now.Add(seenFor + time.Second)
		require.Empty(t, sums())
	})
}
