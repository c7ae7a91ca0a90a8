package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Sums that were read before the last booking do not decide: they are read again first, also before a decision is
// recorded. Older sums than those that are known change nothing.
func TestSumsOlderThanTheRowAreReadAgain(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	p.ApplyTransfers(signal(confirmedTransfer("0xa", 50*models.USDT, 12)))
	credit, ok := p.Next(created).(Credit)
	require.True(t, ok)
	p.ApplyCreditResult(credit, models.CreditResult{RecordResult: models.RecordResult{Recorded: true}})
	require.Equal(t, models.StatusPaid, p.Recorded().Status)
	paid := p.Recorded()

	stale := models.Crowd{
		Version: 1, Changes: 9, Head: 112, WindowEnd: testInput.ExpiresAt, Transfers: 9, Confirmed: 1,
		ConfirmedAmount: 50 * models.USDT, Received: 50 * models.USDT, MinedInTime: 50 * models.USDT, UncreditedInTime: 1,
	}
	p.ApplyTransfers(models.TransfersSignal{Crowd: &stale})
	require.IsType(t, Load{}, p.Next(created), "they lack the credit")
	fresh := stale
	fresh.Version, fresh.Confirmed, fresh.ConfirmedAmount, fresh.UncreditedInTime = paid.Version, 0, 0, 0
	fresh.Credited, fresh.CreditedInTime = 50*models.USDT, 50*models.USDT
	fresh.TxHash, fresh.LastBlock = paid.TxHash, paid.LastBlock
	p.ApplySnapshot(models.PaymentSnapshot{State: paid, Crowd: &fresh})
	require.IsType(t, End{}, p.Next(created))
	p.ApplyTransfers(models.TransfersSignal{Crowd: &stale})
	require.Equal(t, models.StatusPaid, p.state().Status)
}

// A late transfer that the nodes do not confirm yet does not keep the payment from expiring.
func TestAHeldTransferDoesNotDelayTheExpiry(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	late := confirmedTransfer("0xa", 50*models.USDT, 12)
	late.Block.Time = testInput.ExpiresAt.Add(time.Second)
	p.ApplyTransfers(signal(late))
	now := created.Add(time.Minute)
	credit, ok := p.Next(now).(Credit)
	require.True(t, ok)
	p.ApplyCreditResult(credit, models.CreditResult{
		Unverified: []models.UnverifiedTransfer{{TransferKey: late.TransferKey, Reason: "one node says so"}},
	})
	for record, ok := p.Next(now).(Record); ok; record, ok = p.Next(now).(Record) {
		p.ApplyRecordResult(record, models.RecordResult{Recorded: true})
	}
	require.IsType(t, Credit{}, p.Next(now), "before the end of the window")
	require.IsType(t, Expire{}, p.Next(testInput.ExpiresAt.Add(time.Hour)))
}
