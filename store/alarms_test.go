package store

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func (f *fixture) openAlarms(t testing.TB) map[models.AlarmKind]models.Alarm {
	t.Helper()
	alarms, err := f.OpenAlarms(t.Context(), models.NetworkERC20)
	require.NoError(t, err)
	byKind := map[models.AlarmKind]models.Alarm{}
	for _, alarm := range alarms {
		byKind[alarm.Kind] = alarm
	}
	return byKind
}

// Of one kind and subject one alarm is open, however many raise it at once; the record of who did what cannot be changed.
func TestAlarms(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		alarm := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmNodeLying, Subject: "node1", Message: "it lies"}
		errs := make([]error, 8)
		together(len(errs), func(i int) { errs[i] = f.Raise(withTimeout(t), alarm) })
		require.NoError(t, errors.Join(errs...))
		open := f.openAlarms(t)
		require.Len(t, open, 1)
		require.Equal(t, int64(8), open[models.AlarmNodeLying].Count)
		require.Len(t, f.audited(t, "alarm_raised"), 1)
		require.NoError(t, f.ResolveAlarm(ctx, open[models.AlarmNodeLying].ID, "admin:a@example.org", "192.0.2.1", "replaced it"))
		require.ErrorIs(t, f.ResolveAlarm(ctx, open[models.AlarmNodeLying].ID, "cli", "192.0.2.1", "again"), models.ErrNotFound)
		require.Empty(t, f.openAlarms(t))
		require.Equal(t, "admin:a@example.org", f.audited(t, "alarm_resolved")[0].Actor)
		require.NoError(t, f.Raise(ctx, alarm), "the same can happen again")
		require.Equal(t, int64(1), f.openAlarms(t)[models.AlarmNodeLying].Count)
		for _, statement := range []string{"UPDATE audit_log SET detail = 'x'", "DELETE FROM audit_log"} {
			require.Error(t, f.writer.Exec(statement).Error, statement)
		}
	})
}

// While a reorg below finality waits for an admin, nothing is credited and nothing expires.
func TestHaltingAlarm(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, unpaid := f.create(t), f.create(t)
		f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		f.confirm(t, 11)
		require.NoError(t, f.Raise(ctx, models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Message: "deep"}))
		credit := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		_, err := f.Credit(ctx, credit)
		require.ErrorIs(t, err, models.ErrCreditingHalted)
		to := block(500, "main")
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, to, to.Number, nil)))
		f.tip = to
		expiry := models.ExpireInput{PaymentID: unpaid.ID, Network: models.NetworkERC20, ExpiresAt: unpaid.ExpiresAt, State: next(unpaid, func(s *models.PaymentState) { s.Status = models.StatusExpired })}
		result, err := f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitHalted, result.Wait)
		f.requireBalance(t, 0, 50*models.USDT)
		require.NoError(t, f.ResolveAlarm(ctx, f.openAlarms(t)[models.AlarmReorgBelowFinality].ID, "cli", "192.0.2.1", "looked at it"))
		credited, err := f.Credit(ctx, credit)
		require.NoError(t, err)
		require.True(t, credited.Recorded)
		result, err = f.Expire(ctx, expiry)
		require.NoError(t, err)
		require.True(t, result.Recorded)
		f.requireBooked(t)
	})
}
