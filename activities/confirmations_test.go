package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Where the nodes are ahead of the database, such as after a reorg, the credit waits as one that a node does not confirm.
func TestACreditWaitsForTheDatabasesConfirmations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	for range 10 {
		b.mine()
	}
	snapshot, err := b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	input := models.CreditInput{
		PaymentID: p.ID, OperatorID: b.operator, Confirmations: 11, Credits: snapshot.Transfers,
		State: models.PaymentState{Status: models.StatusPaid, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, Version: 2},
	}
	result, err := b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.False(t, result.Recorded)
	require.Equal(t, []models.UnverifiedTransfer{{TransferKey: input.Credits[0].TransferKey, Reason: models.ErrNotConfirmedYet.Error()}}, result.Unverified)
	input.Await = true
	_, err = b.CreditPayment(t.Context(), input)
	require.ErrorContains(t, err, models.ErrNotConfirmedYet.Error(), "tried again until it is confirmed")
	b.mine()
	result, err = b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.True(t, result.Recorded, result.Refused)
}
