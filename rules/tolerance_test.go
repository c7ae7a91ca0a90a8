package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A payment whose input has a tolerance is PAID as soon as enough is credited, and tells both that and the exception.
func TestATolerancePays(t *testing.T) {
	t.Parallel()
	input := testInput
	input.Tolerance = 2 * models.USDT
	for _, test := range []struct {
		name      string
		received  models.Amount
		status    models.Status
		exception models.Exception
		events    []models.EventType
	}{
		{"a millionth too little", 48*models.USDT - 1, models.StatusDetected, models.ExceptionNone, []models.EventType{models.EventDetected}},
		{
			"just enough", 48 * models.USDT, models.StatusPaid, models.ExceptionUnderpaidAccepted,
			[]models.EventType{models.EventPaid, models.EventException},
		},
		{
			"a millionth short", 50*models.USDT - 1, models.StatusPaid, models.ExceptionUnderpaidAccepted,
			[]models.EventType{models.EventPaid, models.EventException},
		},
		{"all", 50 * models.USDT, models.StatusPaid, models.ExceptionNone, []models.EventType{models.EventPaid}},
		{"more", 50*models.USDT + 1, models.StatusPaid, models.ExceptionOverpaid, []models.EventType{models.EventPaid, models.EventException}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := NewPayment(input)
			p.ApplyTransfers(signal(confirmedTransfer("0xa", test.received, 12)))
			credit, ok := p.Next(created).(Credit)
			require.True(t, ok, "%#v", p.Next(created))
			require.Equal(t, test.status, credit.Input.State.Status)
			require.Equal(t, test.exception, credit.Input.State.Exception)
			require.Equal(t, test.received, credit.Input.State.AmountCredited, "never what was asked")
			require.Equal(t, test.events, Events(p.Recorded(), credit.Input.State))
		})
	}
}

// The transfer with which enough was there names the payment, and not one that came after it.
func TestWhatIsEnoughNamesThePayment(t *testing.T) {
	t.Parallel()
	input := testInput
	input.Tolerance = 2 * models.USDT
	for _, test := range []struct {
		first models.Amount
		named string
	}{{48 * models.USDT, "0xa"}, {48*models.USDT - 1, "0xb"}} {
		p := NewPayment(input)
		second := confirmedTransfer("0xb", 2*models.USDT, 12)
		second.Block.Number++
		p.ApplyTransfers(signal(confirmedTransfer("0xa", test.first, 12), second))
		credit, ok := p.Next(created).(Credit)
		require.True(t, ok)
		require.Equal(t, test.named, credit.Input.State.TxHash)
	}
}

// Enough with two confirmations is CONFIRMING.
func TestATolerancesConfirmations(t *testing.T) {
	t.Parallel()
	input := testInput
	input.Tolerance = 2 * models.USDT
	p := NewPayment(input)
	p.ApplyTransfers(signal(confirmedTransfer("0xa", 48*models.USDT, 2)))
	record, ok := p.Next(created).(Record)
	require.True(t, ok)
	require.Equal(t, models.StatusConfirming, record.Input.State.Status)
}
