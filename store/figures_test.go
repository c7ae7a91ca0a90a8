package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestFigures(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p, other := f.create(t), f.create(t)
		require.NoError(t, f.MarkStarted(t.Context(), []string{other.ID}, time.Now()))
		f.mine(t, "a", transferTo(p, 1, 5, block(101, "a")), transferTo(p, 2, 5, block(101, "a")))
		figures, err := f.NetworkFigures(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, Figures{Payments: 2, ByStatus: map[models.Status]int64{models.StatusPending: 2}, Unstarted: 1, Uncredited: 1, UnpaidRun: 2}, figures)
	})
}

func TestDeliveryFigures(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		at := epoch
		f.now = func() time.Time { return at }
		is := func(want DeliveryFigures) {
			t.Helper()
			figures, err := f.DeliveryFigures(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, figures)
		}
		is(DeliveryFigures{})
		_, d := f.sentTo(t, f.operator)
		at = epoch.Add(time.Minute)
		is(DeliveryFigures{Unstarted: 1, Waiting: 1, Late: time.Minute})
		require.NoError(t, f.MarkDeliveriesStarted(t.Context(), []models.WebhookDelivery{d}))
		is(DeliveryFigures{Waiting: 1, Late: time.Minute})
		f.answered(t, f.job(t, d.ID), 500)
		is(DeliveryFigures{Waiting: 1})
		f.answered(t, f.job(t, d.ID), 200)
		is(DeliveryFigures{})
	})
}

// The figures of a day are of its UTC day, on both databases.
func TestOperatorFiguresByDay(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		now := time.Date(2026, 3, 2, 0, 30, 0, 0, time.UTC)
		f.now = func() time.Time { return now }
		operator := models.Operator{ID: models.NewID(), Email: "stats@example.org", Name: "Shop", Status: models.OperatorActive, PasswordHash: "x"}
		require.NoError(t, f.CreateOperator(ctx, operator, nil))
		for i, at := range []time.Time{now.Add(-time.Hour), now, now.Add(-40 * 24 * time.Hour)} {
			_, _, err := f.CreatePayment(ctx, NewPayment{
				ID: models.NewID(), Reference: models.NewReference(),
				OperatorID: operator.ID, UserID: "u", Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: 1,
				CreatedAt: at, ExpiresAt: at.Add(time.Hour),
			}, func(uint32) (string, error) { return "0xstats" + string(rune('a'+i)), nil })
			require.NoError(t, err)
		}
		figures, err := f.OperatorFigures(ctx, operator.ID, 30)
		require.NoError(t, err)
		require.Len(t, figures.Days, 30)
		require.Equal(t, DayFigures{Day: "2026-03-02", Created: 1}, figures.Days[29])
		require.Equal(t, DayFigures{Day: "2026-03-01", Created: 1}, figures.Days[28])
		require.Equal(t, map[models.Status]int64{models.StatusPending: 2}, figures.ByStatus)

		for i, status := range []models.Status{models.StatusExpired, models.StatusRejected, models.StatusPaid} {
			require.NoError(t, f.writer.Exec("INSERT INTO payment_days (operator_id, day, status, shard, count) VALUES (?, ?, ?, 0, ?)",
				operator.ID, "2026-03-01", status, i+1).Error)
		}
		figures, err = f.OperatorFigures(ctx, operator.ID, 30)
		require.NoError(t, err)
		require.Equal(t, DayFigures{Day: "2026-03-01", Created: 7, Ended: 6, Paid: 3}, figures.Days[28])
	})
}

// Each operator of a list has its own figures, also one without a payment.
func TestFiguresOfListedOperators(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		none := f.addOperator(t)
		paid := f.create(t)
		later := f.newPayment()
		later.CreatedAt = epoch.Add(time.Second)
		_, _, err := f.CreatePayment(ctx, later, derive)
		require.NoError(t, err)
		f.mine(t, "main", transferTo(paid, 1, 50*models.USDT, models.BlockRef{}))
		credited, err := f.Credit(ctx, f.creditInput(paid, []models.Transfer{f.transfer(t, paid.ID)}, nil))
		require.NoError(t, err)
		require.True(t, credited.Recorded)
		operators, _, err := f.ListOperators(ctx, OperatorFilter{})
		require.NoError(t, err)
		figures := map[string]Figures{}
		for _, o := range operators {
			figures[o.ID] = o.Figures
		}
		require.Equal(t, map[string]Figures{
			f.operator.ID: {Payments: 2, Volume: 50 * models.USDT, UnpaidRun: 1},
			none.ID:       {},
		}, figures)
		own, err := f.OperatorFigures(ctx, f.operator.ID, 1)
		require.NoError(t, err)
		require.Equal(t, 50*models.USDT, own.Volume)
	})
}
