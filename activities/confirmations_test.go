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

// A transfer that needs more blocks does not hold up the reversal of another one.
func TestACreditThatWaitsHoldsUpNoReversal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	for range 11 {
		b.mine()
	}
	snapshot, err := b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	paid := models.PaymentState{Status: models.StatusPaid, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, Version: 2}
	input := models.CreditInput{PaymentID: p.ID, OperatorID: b.operator, Credits: snapshot.Transfers, State: paid}
	result, err := b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.True(t, result.Recorded, result.Refused)

	require.NoError(t, b.store.RewindAgreed(t.Context(), models.NetworkERC20, b.cursor, block(100), models.BlockRef{}))
	b.cursor = block(100)
	b.mine(transferTo(p, 2))
	snapshot, err = b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	input = models.CreditInput{PaymentID: p.ID, OperatorID: b.operator, Await: true, State: models.PaymentState{
		Status: models.StatusPaid, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, Version: 3,
	}}
	for _, transfer := range snapshot.Transfers {
		if transfer.Canonical {
			input.Credits = append(input.Credits, transfer)
		} else {
			input.Reversals = append(input.Reversals, transfer)
		}
	}
	result, err = b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.Len(t, result.Unverified, 1)
	require.Equal(t, input.Credits[0].TransferKey, result.Unverified[0].TransferKey)
	require.Equal(t, models.ErrNotConfirmedYet.Error(), result.Unverified[0].Reason)

	input.Credits = nil
	input.State = models.PaymentState{Status: models.StatusDetected, Exception: models.ExceptionReverted, AmountReceived: 50 * models.USDT, Version: 3}
	result, err = b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.True(t, result.Recorded, result.Refused)
	available, _, err := b.store.Balance(t.Context(), b.operator)
	require.NoError(t, err)
	require.Zero(t, available)
}
