package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestSignalsAcrossMilestones(t *testing.T) {
	for required, want := range map[uint64][]uint64{1: {1}, 2: {1, 2}, 3: {1, 2, 3}, 12: {1, 2, 12}} {
		t.Run(fmt.Sprint(required), func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				p := f.create(t)
				f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}), transferTo(p, 2, 6, models.BlockRef{}))
				var told []uint64
				repeats := 0 // after the last milestone, because nothing is credited
				for range 25 {
					head := f.tip.Number
					due, err := f.DueSignals(ctx, models.NetworkERC20, head, 10)
					require.NoError(t, err)
					for _, signal := range due {
						require.Equal(t, p.ID, signal.Payment.ID)
						require.Len(t, signal.Transfers, 2)
						confirmations := models.Confirmations(head, signal.Transfers[0].BlockNumber)
						if confirmations <= required {
							told = append(told, confirmations)
						} else {
							repeats++
						}
						require.NoError(t, f.MarkSignalled(ctx, signal.Transfers, head, required))
						rows, err := f.Transfers(ctx, p.ID)
						require.NoError(t, err)
						require.Equal(t, min(confirmations, required), rows[0].SignalledConfirmations)
					}
					f.mine(t, "main")
				}
				require.Equal(t, want, told)
				doublings := 0
				for at := 2 * required; at <= 25; at *= 2 {
					doublings++
				}
				require.Equal(t, doublings, repeats)
			})
		})
	}
}

func TestSignalsSkipMilestonesAfterAGap(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		row := f.transfer(t, p.ID)
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{row}, row.BlockNumber+6, 12))
		row = f.transfer(t, p.ID)
		require.EqualValues(t, models.ConfirmingFrom, row.SignalledConfirmations)
		require.Equal(t, row.BlockNumber+11, *row.SignalDueAt)
		due, err := f.DueSignals(ctx, models.NetworkERC20, row.BlockNumber+10, 10)
		require.NoError(t, err)
		require.Empty(t, due)
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{row}, row.BlockNumber+50, 12))
		require.Equal(t, row.BlockNumber+50+51, *f.transfer(t, p.ID).SignalDueAt, "told again until it is credited, with growing pauses")
		_, err = f.Credit(ctx, f.creditInput(f.payment(t, p.ID), []models.Transfer{f.transfer(t, p.ID)}, nil))
		require.NoError(t, err)
		require.Nil(t, f.transfer(t, p.ID).SignalDueAt)
		// The signaller may be slower than the workflow it told.
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{row}, row.BlockNumber+51, 12))
		require.Nil(t, f.transfer(t, p.ID).SignalDueAt)
		require.NoError(t, f.MarkSignalled(ctx, nil, 1, 12))
	})
}

func TestDueSignalsGroupAndLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		a, b := f.create(t), f.create(t)
		f.mine(t, "main", transferTo(a, 1, 5, models.BlockRef{}), transferTo(b, 2, 5, models.BlockRef{}), transferTo(a, 3, 5, models.BlockRef{}))
		f.mine(t, "main", transferTo(b, 4, 5, models.BlockRef{}))
		all, err := f.DueSignals(ctx, models.NetworkERC20, f.tip.Number, 10)
		require.NoError(t, err)
		require.Len(t, all, 2)
		for _, signal := range all {
			require.Len(t, signal.Transfers, 2)
			require.Equal(t, f.payment(t, signal.Payment.ID), signal.Payment)
			for _, transfer := range signal.Transfers {
				require.Equal(t, signal.Payment.ID, transfer.PaymentID)
			}
		}
		for name, c := range map[string]struct {
			network string
			head    uint64
			limit   int
			want    int
		}{
			"limit": {models.NetworkERC20, 200, 3, 3}, "head": {models.NetworkERC20, 101, 10, 3}, "not yet": {models.NetworkERC20, 100, 10, 0},
			"network": {"TRC20", 200, 10, 0},
		} {
			signals, err := f.DueSignals(ctx, c.network, c.head, c.limit)
			require.NoError(t, err)
			count := 0
			for _, signal := range signals {
				count += len(signal.Transfers)
			}
			require.Equal(t, c.want, count, name)
		}
	})
}

// One call notes what was signalled to many payments: each transfer has its own milestone, and one that changed since stays
// due.
func TestSignalsOfManyPaymentsAreNotedTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		old, recent, changed := f.create(t), f.create(t), f.create(t)
		f.mine(t, "main", transferTo(old, 1, 5, models.BlockRef{}), transferTo(changed, 2, 5, models.BlockRef{}))
		f.mine(t, "main", transferTo(recent, 3, 5, models.BlockRef{}))
		stale := f.transfer(t, changed.ID)
		stale.Revision--
		head := f.tip.Number
		require.NoError(t, f.MarkSignalled(t.Context(),
			[]models.Transfer{f.transfer(t, recent.ID), stale, f.transfer(t, old.ID)}, head, 12))
		for id, want := range map[string]struct{ reached, due uint64 }{
			old.ID: {models.ConfirmingFrom, head - 1 + 11}, recent.ID: {1, head + 1}, changed.ID: {0, head - 1},
		} {
			row := f.transfer(t, id)
			require.Equal(t, want.reached, row.SignalledConfirmations)
			require.Equal(t, want.due, *row.SignalDueAt)
		}
		require.NoError(t, f.DeferSignals(t.Context(), []models.Transfer{f.transfer(t, changed.ID), f.transfer(t, old.ID)}, head+3))
		require.Equal(t, head+3, *f.transfer(t, changed.ID).SignalDueAt)
		require.Equal(t, head-1+11, *f.transfer(t, old.ID).SignalDueAt, "later is not moved to earlier")
	})
}
