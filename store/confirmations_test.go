package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// giveConfirmations mines until a transfer in that block has so many confirmations.
func (f *fixture) giveConfirmations(t testing.TB, block models.BlockRef, confirmations uint64) {
	t.Helper()
	for models.Confirmations(f.tip.Number, block.Number) < confirmations {
		f.mine(t, "main")
	}
}

// Nothing is credited one confirmation early, whatever the caller says: neither a transfer of a payment of which nothing
// is confirmed, nor one beside another that is, nor one of a crowded payment. A reversal waits for nothing.
func TestNothingIsCreditedOneConfirmationEarly(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		usual, deep := f.needing(t, 12), f.needing(t, 64)
		before := f.tip
		first := f.mine(t, "main", transferTo(usual, 1, 20*models.USDT, models.BlockRef{}), transferTo(deep, 2, 20*models.USDT, models.BlockRef{}))
		credit := func(p models.Payment, transfers ...models.Transfer) error {
			in := f.creditInput(f.payment(t, p.ID), transfers, nil)
			in.Confirmations = 1 // the row decides
			result, err := f.Credit(ctx, in)
			require.Equal(t, err == nil, result.Recorded)
			return err
		}
		f.giveConfirmations(t, first, 11)
		require.ErrorIs(t, credit(usual, f.transfer(t, usual.ID)), models.ErrNotConfirmedYet)
		f.giveConfirmations(t, first, 12)
		require.NoError(t, credit(usual, f.transfer(t, usual.ID)))
		require.ErrorIs(t, credit(deep, f.transfer(t, deep.ID)), models.ErrNotConfirmedYet)
		f.giveConfirmations(t, first, 63)
		require.ErrorIs(t, credit(deep, f.transfer(t, deep.ID)), models.ErrNotConfirmedYet)
		second := f.mine(t, "main", transferTo(deep, 3, 30*models.USDT, models.BlockRef{}))
		rows, err := f.Transfers(ctx, deep.ID)
		require.NoError(t, err)
		require.ErrorIs(t, credit(deep, rows...), models.ErrNotConfirmedYet, "one of two")
		f.requireBalance(t, 20*models.USDT, 50*models.USDT)
		require.NoError(t, credit(deep, rows[0]))
		require.NotEqual(t, models.StatusPaid, f.payment(t, deep.ID).Status)
		f.giveConfirmations(t, second, 63)
		require.ErrorIs(t, credit(deep, rows[1]), models.ErrNotConfirmedYet)
		f.giveConfirmations(t, second, 64)
		require.NoError(t, credit(deep, rows[1]))
		require.Equal(t, models.StatusPaid, f.payment(t, deep.ID).Status)

		f.rewind(t, before)
		removed := f.transfer(t, usual.ID)
		result, err := f.Credit(ctx, f.creditInput(f.payment(t, usual.ID), nil, []models.Transfer{removed}))
		require.NoError(t, err)
		require.True(t, result.Recorded, "a reversal")
		f.requireBooked(t)
	})
}

// The transfers of a crowded payment are credited at the payment's own number, and none of a page that holds one too new.
func TestACrowdIsNotCreditedEarly(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.needing(t, 30)
		mined := f.mine(t, "main", dust(p, 1, 10, 7)...)
		rows, err := f.Transfers(ctx, p.ID)
		require.NoError(t, err)
		f.giveConfirmations(t, mined, 29)
		page, _, err := f.TransfersToCredit(ctx, p, 0, 100)
		require.NoError(t, err)
		require.Empty(t, page)
		_, _, err = f.Settle(ctx, p.ID, rows, nil)
		require.ErrorIs(t, err, models.ErrNotConfirmedYet)
		f.requireBalance(t, 0, 70)
		f.giveConfirmations(t, mined, 30)
		page, _, err = f.TransfersToCredit(ctx, p, 0, 100)
		require.NoError(t, err)
		require.Len(t, page, 10)
		_, booked, err := f.Settle(ctx, p.ID, page, nil)
		require.NoError(t, err)
		require.Equal(t, 10, booked)
		f.requireBalance(t, 70, 0)
	})
}

// Each payment is signalled, and overdue, by its own number.
func TestEachPaymentHasItsOwnMilestones(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		usual, deep := f.needing(t, 12), f.needing(t, 64)
		f.mine(t, "main", transferTo(usual, 1, 50*models.USDT, models.BlockRef{}), transferTo(deep, 2, 50*models.USDT, models.BlockRef{}))
		mined, told := f.tip.Number, map[string][]uint64{}
		for f.tip.Number < mined+63 {
			due, err := f.DueSignals(t.Context(), models.NetworkERC20, f.tip.Number, 10)
			require.NoError(t, err)
			for _, d := range due {
				told[d.Payment.ID] = append(told[d.Payment.ID], f.tip.Number-mined+1)
				require.NoError(t, f.MarkSignalled(t.Context(), d.Transfers, f.tip.Number, d.Payment.Confirmations))
			}
			f.mine(t, "main")
		}
		due, err := f.DueSignals(t.Context(), models.NetworkERC20, f.tip.Number, 10)
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 2, 12}, told[usual.ID][:3])
		require.Equal(t, []uint64{1, 2}, told[deep.ID])
		require.Contains(t, []string{due[0].Payment.ID, due[len(due)-1].Payment.ID}, deep.ID, "with 64")
		overdue, err := f.CompareUncredited(t.Context(), models.NetworkERC20, BooksDue{Block: mined + 12, Before: f.now().Add(1e12)})
		require.NoError(t, err)
		require.Len(t, overdue, 1)
		require.Contains(t, overdue[0].Subject, txHash(1))
	})
}

// Steps that were written into the database by hand are refused, and so is their absence: the lower number of the
// installation would count. What was never set asks for nothing.
func TestConfirmationStepsNeedTheirProof(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		of := func(id string) (models.ConfirmationSteps, error) {
			o, err := f.Operator(ctx, id)
			require.NoError(t, err)
			return f.ConfirmationsOf(o)
		}
		none, err := of(f.operator.ID)
		require.NoError(t, err)
		require.Empty(t, none)
		wanted := models.ConfirmationSteps{{From: 1000 * models.USDT, Confirmations: 24}, {From: 10_000*models.USDT + 1, Confirmations: 64}}
		set := func(steps models.ConfirmationSteps) {
			require.NoError(t, f.SetConfirmations(ctx, f.operator.ID, steps, 12, did("confirmations_set")))
			got, err := of(f.operator.ID)
			require.NoError(t, err)
			require.Equal(t, steps, got)
		}
		set(wanted)
		require.Len(t, f.audited(t, "confirmations_set"), 1)

		other := f.addOperator(t)
		for _, planted := range []string{
			"confirmation_steps = (SELECT confirmation_steps FROM operators WHERE id = @id)",
			"confirmation_steps_mac = (SELECT confirmation_steps_mac FROM operators WHERE id = @id)",
			`confirmation_steps = '[{"from":1.00,"confirmations":1}]'`, "confirmation_steps = 'x'", "confirmation_steps = '{}'",
		} {
			require.NoError(t, f.writer.Exec("UPDATE operators SET "+planted+" WHERE id = @other",
				map[string]any{"id": f.operator.ID, "other": other.ID}).Error)
			_, err := of(other.ID)
			require.ErrorIs(t, err, models.ErrStepsAltered, planted)
		}
		for _, edited := range []string{
			`'[]'`, `'[{"from":1000.00,"confirmations":13},{"from":10000.000001,"confirmations":64}]'`, `'null'`,
			`'[{"from":1000.00,"confirmations":24}]'`, `'[{"from":10000.000001,"confirmations":64}]'`, `'['`, `''`,
		} {
			require.NoError(t, f.writer.Exec("UPDATE operators SET confirmation_steps = "+edited+" WHERE id = ?", f.operator.ID).Error)
			_, err := of(f.operator.ID)
			require.ErrorIs(t, err, models.ErrStepsAltered, edited)
		}
		require.Error(t, f.writer.Exec("UPDATE operators SET confirmation_steps = '[]', confirmation_steps_mac = ? WHERE id = ?",
			[]byte{}, f.operator.ID).Error, "as though they had never been set")
		if f.engine == engineSQLite {
			require.ErrorContains(t, f.writer.Exec(`INSERT OR REPLACE INTO operators (id, email, name, status, password_hash, created_at, updated_at)
				SELECT id, email, name, status, password_hash, created_at, updated_at FROM operators WHERE id = ?`, f.operator.ID).Error, "already has this row")
		} else {
			f.create(t)
			require.Error(t, f.writer.Exec("DELETE FROM operators WHERE id = ?", f.operator.ID).Error, "its payments keep it")
		}
		set(nil)
		set(wanted)
		require.ErrorIs(t, f.SetConfirmations(ctx, "nobody", wanted, 12, did("confirmations_set")), models.ErrNotFound)
		var wrong *models.StepError
		require.ErrorAs(t, f.SetConfirmations(ctx, f.operator.ID, wanted, 25, did("confirmations_set")), &wrong)
		require.Equal(t, models.StepError{Step: 1, Fault: models.StepConfirmations}, *wrong)
		kept, err := of(f.operator.ID)
		require.NoError(t, err)
		require.Equal(t, wanted, kept)
	})
}
