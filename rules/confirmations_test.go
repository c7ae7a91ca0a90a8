package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Each transfer of a payment needs the payment's own number, whatever others need: in time, one of several, late, and
// after a rejection.
func TestEachTransferNeedsThePaymentsOwnNumber(t *testing.T) {
	t.Parallel()
	input := testInput
	input.Confirmations = 64
	credits := func(p *Payment) (keys []string) {
		if credit, ok := p.Next(created).(Credit); ok {
			require.EqualValues(t, 64, credit.Input.Confirmations)
			for _, n := range credit.Input.Credits {
				keys = append(keys, n.TxHash)
			}
		}
		return keys
	}
	late := confirmedTransfer("0xc", models.USDT, 64)
	late.Block.Time = input.ExpiresAt.Add(1)
	for name, state := range map[string]models.PaymentState{
		"open":     {Status: models.StatusPending},
		"rejected": {Status: models.StatusRejected, Decision: models.DecisionReject},
		"ended":    {Status: models.StatusExpired},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPayment(input)
			p.ApplySnapshot(models.PaymentSnapshot{State: state})
			p.ApplyTransfers(signal(confirmedTransfer("0xa", 20*models.USDT, 63), confirmedTransfer("0xb", 30*models.USDT, 12)))
			require.Empty(t, credits(p))
			p.ApplyTransfers(signal(confirmedTransfer("0xa", 20*models.USDT, 64)))
			require.Equal(t, []string{"0xa"}, credits(p))
			p.ApplyTransfers(signal(late))
			require.ElementsMatch(t, []string{"0xa", "0xc"}, credits(p))
			p.ApplyTransfers(signal(confirmedTransfer("0xb", 30*models.USDT, 64)))
			require.Len(t, credits(p), 3)
		})
	}
}
