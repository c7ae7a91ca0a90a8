package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// The booking of a late transfer is cancelled because a reorg removes the transfer. What is known then looks like what was
// recorded before, and the booking may have been made all the same: the row must be read before the payment ends.
func TestTheRowIsReadAfterAnInterruption(t *testing.T) {
	t.Parallel()
	n := models.TransferNotice{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: "0xa"}, Amount: 50 * models.USDT, Canonical: true, Revision: 3, Confirmations: 12,
		Block: models.BlockRef{Number: 400, Time: testInput.ExpiresAt.Add(time.Minute)},
	}
	p := NewPayment(testInput)
	p.ApplySnapshot(models.PaymentSnapshot{ // an earlier reorg had removed it, and it was mined again
		State:     models.PaymentState{Status: models.StatusExpired, Exception: models.ExceptionReverted, Version: 5},
		Transfers: []models.TransferNotice{n},
	})
	now := testInput.ExpiresAt.Add(time.Hour)
	require.IsType(t, Credit{}, p.Next(now))
	n.Revision, n.Canonical, n.Confirmations = 4, false, 0
	p.ApplyTransfers(models.TransfersSignal{Transfers: []models.TransferNotice{n}})
	p.ApplyInterruption()
	require.IsType(t, Load{}, p.Next(now))
}

// Signals are not applied between the question whether a payment can expire and the wait for the answer, and while the token
// is paused the payment waits although the end of its window seems to lie ahead.
func TestExpiryIsOneQuestion(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	now := testInput.ExpiresAt.Add(time.Minute)
	asked, ok := p.Next(now).(Expire)
	require.True(t, ok)
	require.False(t, asked.Input.AwaitScan)
	p.ApplyExpireResult(asked, models.ExpireResult{WindowEnd: now.Add(time.Hour)}, now)
	require.True(t, p.TakesSignals(), "the window is longer, so there is nothing to wait for yet")
	require.Equal(t, Wait{Until: now.Add(time.Hour + 30*time.Second), ExpiresAt: testInput.ExpiresAt}, p.Next(now))

	now = now.Add(2 * time.Hour)
	asked, ok = p.Next(now).(Expire)
	require.True(t, ok)
	p.ApplyExpireResult(asked, models.ExpireResult{WindowEnd: now.Add(time.Hour), Paused: true, Wait: models.ExpiryWaitPaused}, now)
	require.False(t, p.TakesSignals())
	waits, ok := p.Next(now).(AwaitScan)
	require.True(t, ok)
	require.True(t, waits.Input.AwaitScan)
	require.Equal(t, asked.Input.State, waits.Input.State)
	p.ApplyScanResult(waits, models.ExpireResult{ScannedPast: true, RecordResult: models.RecordResult{Recorded: true}})
	require.True(t, p.TakesSignals())
	require.Equal(t, End{State: asked.Input.State}, p.Next(now))
}
