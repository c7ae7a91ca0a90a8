package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A transfer that a reorg removed is not credited, whatever number of confirmations it had.
func TestARemovedTransferIsNotCredited(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	n := confirmedTransfer("0xa", 50*models.USDT, testInput.Confirmations)
	n.Canonical = false
	p.ApplyTransfers(signal(n))
	_, ok := p.Next(created).(Credit)
	require.False(t, ok)
	require.Empty(t, p.credits())
	p.held[n.TransferKey] = "too few nodes agree"
	require.Empty(t, p.heldCredits())
}

// A late transfer that no quorum confirms does not keep the payment from its end: the expiry is asked for first, and the
// transfer is awaited afterwards.
func TestAHeldTransferDoesNotPutOffTheExpiry(t *testing.T) {
	t.Parallel()
	after := testInput.ExpiresAt.Add(time.Hour)
	p := NewPayment(testInput)
	late := confirmedTransfer("0xa", 50*models.USDT, testInput.Confirmations)
	late.Block.Time = testInput.ExpiresAt.Add(time.Minute)
	p.ApplyTransfers(signal(late))
	credit, ok := p.Next(created).(Credit)
	require.True(t, ok)
	p.ApplyCreditResult(credit, models.CreditResult{
		Unverified: []models.UnverifiedTransfer{{TransferKey: late.TransferKey, Reason: "too few nodes agree"}},
	})
	for {
		record, ok := p.Next(after).(Record)
		if !ok {
			break
		}
		p.ApplyRecordResult(record, models.RecordResult{Recorded: true})
	}
	require.NotEmpty(t, p.heldCredits())
	require.IsType(t, Expire{}, p.Next(after))
	require.IsType(t, Credit{}, p.Next(testInput.ExpiresAt), "before the end it is awaited")
}
