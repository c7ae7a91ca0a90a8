package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Whoever reaches Temporal's port can schedule any activity with any input. What an input claims about the payment counts
// for nothing: the rows say whom it pays, how deep, by when and how much is at stake.
func TestForgedInputsGetNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	p, thief := b.payment(), b.payment()
	first, second := transferTo(p, 1), transferTo(p, 2)
	first.Amount, second.Amount = 30*models.USDT, 40*models.USDT
	b.mine(first, second)
	for range 11 {
		b.mine()
	}
	paid := models.PaymentState{
		Status: models.StatusPaid, Version: 2, AmountReceived: 1000 * models.USDT, AmountCredited: 1000 * models.USDT,
	}
	recorded, err := b.RecordPayment(ctx, models.RecordInput{PaymentID: p.ID, State: paid})
	require.NoError(t, err)
	require.False(t, recorded.Recorded)
	require.Equal(t, models.RefusedAmounts, recorded.Refused)
	require.Len(t, recorded.Snapshot.Transfers, 2)

	expired, err := b.ExpirePayment(ctx, models.ExpireInput{
		PaymentID: thief.ID, Network: "nowhere", ExpiresAt: block(1).Time,
		State: models.PaymentState{Status: models.StatusExpired, Version: 2},
	})
	require.NoError(t, err)
	require.False(t, expired.Recorded)
	require.Equal(t, models.ExpiryWaitScan, expired.Wait)

	snapshot, err := b.LoadPayment(ctx, p.ID)
	require.NoError(t, err)
	credit := models.CreditInput{
		PaymentID: p.ID, OperatorID: "thief", DepositAddress: thief.DepositAddress, Confirmations: 1, AtStake: 1,
		Credits: snapshot.Transfers[:1], State: paid,
	}
	result, err := b.CreditPayment(ctx, credit)
	require.NoError(t, err)
	require.False(t, result.Recorded)
	require.Equal(t, models.RefusedAmounts, result.Refused)
	require.Len(t, b.verifier.asked, 1)
	asked := b.verifier.asked[0]
	require.Equal(t, p.DepositAddress, asked.DepositAddress)
	require.EqualValues(t, 12, asked.Confirmations)
	require.Equal(t, 70*models.USDT, asked.AtStake, "all of the payment's transfers, not the one to be credited")

	// The same transfer for another payment.
	credit.PaymentID, credit.State = thief.ID, paid
	result, err = b.CreditPayment(ctx, credit)
	require.NoError(t, err)
	require.False(t, result.Recorded)
	available, _, err := b.store.Balance(ctx, b.operator)
	require.NoError(t, err)
	require.Zero(t, available)
}
