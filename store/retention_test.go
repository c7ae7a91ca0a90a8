package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Old rows are dropped, a batch at a time, and what is needed stays.
func TestDropOld(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "key", []byte("body")
		in.CreatedAt = time.Now()
		p, _, err := f.CreatePayment(ctx, in, derive)
		require.NoError(t, err)
		require.NoError(t, f.Raise(ctx, models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmNodeLying, Message: "open"}))
		require.NoError(t, f.Raise(ctx, models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmTokenPaused, Message: "over"}))
		require.NoError(t, f.Resolve(ctx, models.NetworkERC20, models.AlarmTokenPaused, "", "system", "over"))
		for range 3 {
			require.NoError(t, f.PutReconciliation(ctx, models.Reconciliation{Network: models.NetworkERC20, StartedAt: time.Now(), FinishedAt: time.Now()}))
		}
		require.NoError(t, f.NoteSeen(ctx, models.NetworkERC20, []models.SeenTransfer{{TxHash: txHash(1), To: p.DepositAddress, Amount: 1}}))
		const old = 2500
		for range old {
			at := time.Now().Add(-2 * 365 * 24 * time.Hour)
			require.NoError(t, f.writer.Exec("INSERT INTO audit_log (at, actor, action, subject, detail, address) VALUES (?, 'a', 'b', ?, '', '')", at, "row").Error)
		}
		counts := func() map[string]int64 {
			found := map[string]int64{}
			for _, table := range []string{"idempotency_keys", "reconciliations", "alarms", "seen_transactions", "audit_log", "payment_days", "payments", "payment_events"} {
				var n int64
				require.NoError(t, f.reader.Table(table).Count(&n).Error)
				found[table] = n
			}
			return found
		}
		before := counts()
		drop := func(ages Ages) (batches int) {
			require.NoError(t, f.DropOld(ctx, ages, func(string) { batches++ }))
			return batches
		}
		ages := Ages{Audit: 365 * 24 * time.Hour, Reports: 90 * 24 * time.Hour, Alarms: 365 * 24 * time.Hour}
		drop(Ages{Reports: ages.Reports})
		require.Equal(t, before, counts(), "nothing is old, and 0 keeps the rest for ever")

		require.Error(t, f.writer.Exec("DELETE FROM audit_log").Error, "the young lines stay, whoever asks")
		require.Equal(t, before, counts())
		later := time.Now().Add(3 * 365 * 24 * time.Hour)
		require.Greater(t, drop(ages), 9+old/dropBatch-1)
		before["audit_log"] -= old
		require.Equal(t, before, counts(), "only what was old")

		f.now = func() time.Time { return toMillis(later) }
		drop(Ages{Reports: ages.Reports, Alarms: ages.Alarms})
		after := counts()
		require.Equal(t, map[string]int64{
			"idempotency_keys": 0, "reconciliations": 1, "alarms": 1, "seen_transactions": 0, "payment_days": 0,
			"audit_log": before["audit_log"], "payments": 1, "payment_events": 1,
		}, after)
		last, err := f.LastReconciliation(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 3, last.ID)
		_, err = f.PaymentOfKey(ctx, in)
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}
