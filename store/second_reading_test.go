package store

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// What the first reading left out is stored and signalled, once, however often and by however many it is found again; what
// never was is taken away.
func TestHealAndDisprove(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, other := f.create(t), f.create(t)
		seen := f.mine(t, "main")
		f.confirm(t, 3)
		missed := transferTo(p, 1, 50*models.USDT, seen)
		added := make([]int, 6)
		errs := make([]error, 6)
		together(len(added), func(i int) {
			added[i], errs[i] = f.Heal(withTimeout(t), models.NetworkERC20, []models.TokenTransfer{missed, transferTo(models.Payment{DepositAddress: "0xSomebody"}, 2, 5, seen)})
		})
		require.NoError(t, errors.Join(errs...))
		total := 0
		for _, n := range added {
			total += n
		}
		require.Equal(t, 1, total)
		require.EqualValues(t, 1, f.transfer(t, p.ID).Revision)
		due, err := f.DueSignals(ctx, models.NetworkERC20, f.tip.Number, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, p.ID, due[0].Payment.ID)

		above := transferTo(other, 3, 5, block(f.tip.Number+1, "main"))
		_, err = f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{above})
		require.ErrorIs(t, err, models.ErrCursorMoved, "that block was not read yet")
		_, err = f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{transferTo(other, 3, 5, block(seen.Number, "dead"))})
		require.ErrorIs(t, err, models.ErrCursorMoved, "that block is not ours")

		require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{missed}, "no node shows it"))
		require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{missed}, "no node shows it"))
		row := f.transfer(t, p.ID)
		require.False(t, row.Canonical)
		require.EqualValues(t, 2, row.Revision)
		require.Len(t, f.audited(t, "transfer_disproved"), 1)
		again, err := f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{missed})
		require.NoError(t, err)
		require.Equal(t, 1, again)
		require.EqualValues(t, 3, f.transfer(t, p.ID).Revision)
	})
}

// A credit and a reorg, an expiry and a transfer that arrives, whatever comes first: the books hold and nothing expires that
// was paid.
func TestExpiryAndHealingAgainstEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for round := range 12 {
			p := f.create(t)
			seen := f.mine(t, "main")
			far := block(f.tip.Number+400, "main")
			require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, far, far.Number, nil)))
			f.tip = far
			missed := transferTo(p, 1000+round, 50*models.USDT, seen)
			p.ExpiresAt = seen.Time.Add(time.Minute)
			expiry := models.ExpireInput{PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
			var expired models.ExpireResult
			var expireErr, healErr error
			together(2, func(i int) {
				if i == 0 {
					expired, expireErr = f.Expire(withTimeout(t), expiry)
				} else {
					_, healErr = f.Heal(withTimeout(t), models.NetworkERC20, []models.TokenTransfer{missed})
				}
			})
			require.NoError(t, errors.Join(expireErr, healErr))
			row := f.transfer(t, p.ID)
			require.True(t, row.Canonical)
			require.NotNil(t, row.SignalDueAt, "the payment is told, whether it has expired or not")
			if !expired.Recorded {
				require.Len(t, expired.Snapshot.Transfers, 1)
			}
		}
	})
}

// What was judged of a block says nothing about a transfer that a reorg has moved to another one meanwhile.
func TestWhatAReorgMovedIsNeitherHealedNorDisproved(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		ancestor := f.tip
		judged := transferTo(p, 1, 50*models.USDT, f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{})))
		f.rewind(t, ancestor)
		f.mine(t, "side")
		f.mine(t, "side", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		moved := f.transfer(t, p.ID)
		require.ErrorIs(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{judged}, "gone"), models.ErrCursorMoved)
		_, err := f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{judged})
		require.ErrorIs(t, err, models.ErrCursorMoved)
		require.Equal(t, moved, f.transfer(t, p.ID))

		// The same in a block that is not remembered, as blocks within a range are not.
		require.NoError(t, f.writer.Where("number = ?", judged.Block.Number).Delete(&models.ChainBlock{}).Error)
		require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{judged}, "gone"))
		_, err = f.Heal(ctx, models.NetworkERC20, []models.TokenTransfer{judged})
		require.ErrorIs(t, err, models.ErrCursorMoved)
		require.Equal(t, moved, f.transfer(t, p.ID))
		require.Empty(t, f.audited(t, "transfer_disproved"))

		judged.Block = moved.Block()
		require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{judged}, "gone"))
		require.False(t, f.transfer(t, p.ID).Canonical)
	})
}
