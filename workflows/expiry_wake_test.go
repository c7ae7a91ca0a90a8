package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// A payment whose expiry waits for the chain asks again when it is woken by a signal without transfers, and not only when
// its own rare repetition comes.
func TestAWakeEndsTheWaitForTheChain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.db.Scanned = false
	asked := 0
	b.RegisterActivityWithOptions(func(ctx context.Context, input models.ExpireInput) (models.ExpireResult, error) {
		asked++
		result, err := b.db.ExpirePayment(ctx, input)
		if input.AwaitScan && !result.ScannedPast {
			return result, temporal.NewApplicationErrorWithOptions("not yet", "NotScannedPast", temporal.ApplicationErrorOptions{NextRetryDelay: 24 * time.Hour})
		}
		return result, err
	}, activity.RegisterOptions{Name: models.ActivityExpirePayment, DisableAlreadyRegisteredCheck: true})
	woken := 3 * time.Hour
	b.at(2*time.Hour, func() { b.SignalWorkflow(models.SignalTransfers, models.TransfersSignal{}) }) // woken too early
	b.at(woken, func() {
		b.db.Scanned = true
		b.SignalWorkflow(models.SignalTransfers, models.TransfersSignal{})
	})
	require.Equal(t, models.StatusExpired, b.run(testInput).Status)
	require.Less(t, b.Now().Sub(created), woken+time.Minute)
	require.LessOrEqual(t, asked, 6)
}

// An acceptance of a version that the row never has reads the row once and is dropped: the workflow does not spin.
func TestAnAcceptanceOfAVersionThatNeverComesDoesNotSpin(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]int64{"the next": 3, "a hundred more": 102, "the highest": 1<<63 - 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			loads, records := 0, 0
			b.RegisterActivityWithOptions(func(ctx context.Context, id string) (models.PaymentSnapshot, error) {
				loads++
				require.Less(t, loads, 20, "the workflow spins")
				return b.db.LoadPayment(ctx, id)
			}, activity.RegisterOptions{Name: models.ActivityLoadPayment, DisableAlreadyRegisteredCheck: true})
			b.RegisterActivityWithOptions(func(ctx context.Context, input models.RecordInput) (models.RecordResult, error) {
				records++
				return b.db.RecordPayment(ctx, input)
			}, activity.RegisterOptions{Name: models.ActivityRecordPayment, DisableAlreadyRegisteredCheck: true})
			for minute := range 5 {
				b.at(time.Duration(minute+1)*time.Minute, func() {
					b.SignalWorkflow(models.SignalAccept, models.DecisionSignal{Reason: "by hand", Version: version})
				})
			}
			b.arrive(transfer(0, 49*models.USDT, 10*time.Minute), 10*time.Minute) // too little
			require.Equal(t, models.ExceptionUnderpaid, b.run(testInput).Exception, "and is not accepted later by the row reaching that version")
			require.LessOrEqual(t, loads, 12)
			require.LessOrEqual(t, records, 5)
		})
	}
}
