package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// tolerant makes a payment of 50 USDT of which 49 are enough.
func (f *fixture) tolerant(t testing.TB) models.Payment {
	t.Helper()
	in := f.newPayment()
	in.AmountRequested, in.Tolerance = 50*models.USDT, models.USDT
	p, _, err := f.CreatePayment(t.Context(), in, derive)
	require.NoError(t, err)
	require.NoError(t, f.CheckAddress(t.Context(), f.payment(t, p.ID)))
	return p
}

// What is short by no more than the tolerance is PAID and credits what arrived. Of the exceptions only the right one is
// recorded, and what is missing may still come.
func TestAPaymentWithinItsToleranceIsPaid(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.tolerant(t)
		f.mine(t, "main", transferTo(p, 1, 49*models.USDT, models.BlockRef{}))
		in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		for _, wrong := range []models.Exception{models.ExceptionNone, models.ExceptionOverpaid, models.ExceptionAccepted} {
			lie := in
			lie.State.Exception = wrong
			result, err := f.Credit(ctx, lie)
			require.NoError(t, err)
			require.Equal(t, models.RefusedStatus, result.Refused, wrong)
		}
		result, err := f.Credit(ctx, in)
		require.NoError(t, err)
		require.True(t, result.Recorded)
		paid := f.payment(t, p.ID)
		require.Equal(t, models.StatusPaid, paid.Status)
		require.Equal(t, models.ExceptionUnderpaidAccepted, paid.Exception)
		f.requireBalance(t, 49*models.USDT, 0)
		f.requireBooked(t)
		_, err = f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: next(paid, func(s *models.PaymentState) {
			s.Status, s.Exception = models.StatusDetected, models.ExceptionNone
		})})
		require.NoError(t, err)
		require.Equal(t, models.StatusPaid, f.payment(t, p.ID).Status, "it stays PAID")
		require.Error(t, f.writer.Exec("UPDATE payments SET status = 'DETECTED' WHERE id = ?", p.ID).Error)

		f.mine(t, "main", transferTo(p, 2, models.USDT, models.BlockRef{}))
		var rest models.Transfer
		require.NoError(t, f.writer.Where("payment_id = ? AND credited_amount = 0", p.ID).Take(&rest).Error)
		result, err = f.Credit(ctx, f.creditInput(paid, []models.Transfer{rest}, nil))
		require.NoError(t, err)
		require.True(t, result.Recorded)
		require.Equal(t, models.ExceptionNone, f.payment(t, p.ID).Exception)
		f.requireBalance(t, 50*models.USDT, 0)
	})
}

// One millionth less than is enough is not PAID, whatever a workflow or a plain UPDATE says.
func TestAPaymentBelowItsToleranceIsNotPaid(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.tolerant(t)
		f.mine(t, "main", transferTo(p, 1, 49*models.USDT-1, models.BlockRef{}))
		in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		lie := in
		lie.State.Status, lie.State.Exception = models.StatusPaid, models.ExceptionUnderpaidAccepted
		result, err := f.Credit(ctx, lie)
		require.NoError(t, err)
		require.Equal(t, models.RefusedStatus, result.Refused)
		result, err = f.Credit(ctx, in)
		require.NoError(t, err)
		require.True(t, result.Recorded)
		require.Equal(t, models.StatusDetected, f.payment(t, p.ID).Status)
		require.Error(t, f.writer.Exec("UPDATE payments SET status = 'PAID' WHERE id = ?", p.ID).Error)
		require.Error(t, f.writer.Exec("UPDATE payments SET tolerance = 2000000 WHERE id = ?", p.ID).Error, "it is a term")
	})
}

// A tolerance that was written into the database by hand counts for nothing, nor does that of another operator.
func TestAPlantedToleranceCountsForNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		read := func(id string) models.Operator {
			o, err := f.Operator(ctx, id)
			require.NoError(t, err)
			return o
		}
		wanted := models.Tolerance{BasisPoints: 150}
		require.NoError(t, f.SetTolerance(ctx, f.operator.ID, wanted, did("tolerance_set")))
		require.Equal(t, wanted, f.ToleranceOf(ctx, read(f.operator.ID)))
		require.Len(t, f.audited(t, "tolerance_set"), 1)

		other := f.addOperator(t)
		require.NoError(t, f.writer.Exec(`UPDATE operators SET tolerance_basis_points = 150, tolerance_mac =
			(SELECT tolerance_mac FROM operators WHERE id = ?) WHERE id = ?`, f.operator.ID, other.ID).Error)
		require.True(t, f.ToleranceOf(ctx, read(other.ID)).IsNone(), "it is another's")
		require.NoError(t, f.writer.Exec("UPDATE operators SET tolerance_basis_points = 2000 WHERE id = ?", f.operator.ID).Error)
		require.True(t, f.ToleranceOf(ctx, read(f.operator.ID)).IsNone(), "it was changed")

		require.NoError(t, f.SetTolerance(ctx, f.operator.ID, models.Tolerance{}, did("tolerance_set")))
		require.True(t, f.ToleranceOf(ctx, read(f.operator.ID)).IsNone())
		require.ErrorIs(t, f.SetTolerance(ctx, "nobody", wanted, did("tolerance_set")), models.ErrNotFound)
	})
}
