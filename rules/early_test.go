package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A transfer that was mined before its payment was created is credited, and the payment waits for its payer all the same.
func TestAnEarlyTransferNeverPays(t *testing.T) {
	t.Parallel()
	p := NewPayment(testInput)
	early := confirmedTransfer("0xa", 50*models.USDT, 12)
	early.IsEarly = true
	p.ApplyTransfers(signal(early))
	credit, ok := p.Next(created).(Credit)
	require.True(t, ok, "%#v", p.Next(created))
	require.Equal(t, models.PaymentState{Status: models.StatusPending, AmountCredited: 50 * models.USDT, Version: 2}, credit.Input.State)
	require.Equal(t, []models.EventType{models.EventConfirming}, Events(p.Recorded(), credit.Input.State), "as any credit before the end")
	p.ApplyCreditResult(credit, models.CreditResult{RecordResult: models.RecordResult{Recorded: true}})
	require.IsType(t, Wait{}, p.Next(created))
	require.Contains(t, p.Details(p.Next(created)), "mined before the payment was created")

	paid := clone(p)
	paid.ApplyTransfers(signal(confirmedTransfer("0xb", 50*models.USDT, 12)))
	credit, ok = paid.Next(created).(Credit)
	require.True(t, ok)
	require.Equal(t, models.StatusPaid, credit.Input.State.Status)
	require.Equal(t, models.ExceptionOverpaid, credit.Input.State.Exception)
	require.Equal(t, "0xb", credit.Input.State.TxHash)
	paid.ApplyCreditResult(credit, models.CreditResult{RecordResult: models.RecordResult{Recorded: true}})
	gone := confirmedTransfer("0xb", 50*models.USDT, 0)
	gone.Canonical, gone.Revision = false, 2
	paid.ApplyTransfers(signal(gone))
	credit, ok = paid.Next(created).(Credit)
	require.True(t, ok)
	require.Equal(t, models.StatusPending, credit.Input.State.Status, "what is left does not keep it PAID")

	expire, ok := p.Next(testInput.ExpiresAt.Add(time.Hour)).(Expire)
	require.True(t, ok, "it does not keep the payment from expiring")
	require.Equal(t, models.StatusExpired, expire.Input.State.Status)
	require.Equal(t, models.ExceptionUnderpaid, expire.Input.State.Exception, "the operator decides")
}
