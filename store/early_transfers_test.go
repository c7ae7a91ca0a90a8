package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// heal stores a transfer that the first reading left out.
func (f *fixture) heal(t testing.TB, transfer models.TokenTransfer) models.Transfer {
	t.Helper()
	added, err := f.Heal(t.Context(), models.NetworkERC20, []models.TokenTransfer{transfer})
	require.NoError(t, err)
	require.Equal(t, 1, added)
	row := models.Transfer{}
	require.NoError(t, ofKey(f.read(t.Context()), transfer.TransferKey).Take(&row).Error)
	return row
}

func (f *fixture) earlyAlarms(t testing.TB) (subjects []string) {
	t.Helper()
	alarms, err := f.OpenAlarms(t.Context(), models.NetworkERC20)
	require.NoError(t, err)
	for _, alarm := range alarms {
		if alarm.Kind == models.AlarmEarlyTransfer {
			subjects = append(subjects, alarm.Subject)
		}
	}
	return subjects
}

// Money that was mined before the payment was created is credited with an alarm, and no state that it would pay for is
// recorded.
func TestATransferFromBeforeThePaymentNeverPaysIt(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.confirm(t, 20)
		p := f.create(t)
		require.Equal(t, f.tip.Number, p.CreatedAfter)
		row := f.heal(t, transferTo(p, 1, 50*models.USDT, block(106, "main")))
		due, err := f.DueSignals(t.Context(), models.NetworkERC20, f.tip.Number, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, f.tip.Number, due[0].LastBefore)
		snapshot, err := f.Snapshot(t.Context(), p.ID)
		require.NoError(t, err)
		require.True(t, snapshot.Transfers[0].IsEarly)

		in := f.creditInput(p, []models.Transfer{row}, nil)
		require.Equal(t, models.StatusPaid, in.State.Status, "what a workflow that knows nothing of it would say")
		for _, status := range []models.Status{models.StatusPaid, models.StatusConfirming, models.StatusDetected} {
			in.State.Status = status
			for _, received := range []models.Amount{0, 50 * models.USDT} {
				in.State.AmountReceived = received
				result, err := f.Credit(t.Context(), in)
				require.NoError(t, err)
				require.NotEmpty(t, result.Refused, "%s, received %s", status, received)
			}
		}
		f.requireBalance(t, 0, 50*models.USDT)
		require.Empty(t, f.earlyAlarms(t))
		in.State.Status, in.State.AmountReceived = models.StatusPending, 0
		in.State.TxHash, in.State.LastBlock = "", 0
		result, err := f.Credit(t.Context(), in)
		require.NoError(t, err)
		require.True(t, result.Recorded, "%+v", result)
		f.requireBalance(t, 50*models.USDT, 0)
		f.requireBooked(t)
		require.Equal(t, []string{p.ID}, f.earlyAlarms(t))
		facts, err := f.PaymentFacts(t.Context(), f.payment(t, p.ID))
		require.NoError(t, err)
		require.True(t, facts.Transfers[0].IsEarly(facts.LastBefore))
		report, err := f.ComparePayments(t.Context(), []string{p.ID}, BooksDue{Before: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		require.Empty(t, report.Differences)

		// It does not keep the payment from expiring, and its payer may still pay.
		end := block(f.tip.Number+400, "main")
		require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, batch(f.tip, end, end.Number, nil)))
		f.tip = end
		_, err = f.SetTokenState(t.Context(), models.NetworkERC20, f.tip, nil)
		require.NoError(t, err)
		expired, err := f.Expire(t.Context(), models.ExpireInput{
			PaymentID: p.ID, Network: p.Network, ExpiresAt: p.ExpiresAt,
			State: next(f.payment(t, p.ID), func(s *models.PaymentState) {
				s.Status, s.Exception = models.StatusExpired, models.ExceptionUnderpaid
			}),
		})
		require.NoError(t, err)
		require.True(t, expired.Recorded, "%+v", expired)
	})
}

// An honest payer's transfer pays although a reorg mines it in a block that is not above the one that had been read when
// the payment was created.
func TestAReorgMakesNoTransferEarly(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.confirm(t, 10)
		old := f.create(t)
		f.rewind(t, block(104, "main"))
		f.mine(t, "side")
		f.mine(t, "side")
		p := f.create(t)
		require.EqualValues(t, 106, p.CreatedAfter)
		require.EqualValues(t, 1, p.CreatedRewinds)
		before := func(p models.Payment) uint64 {
			number, err := lastBefore(f.read(t.Context()), p)
			require.NoError(t, err)
			return number
		}
		require.EqualValues(t, 104, before(old))
		require.EqualValues(t, 106, before(p), "an older reorg is none of its business")
		f.confirm2(t, "side", 4)
		f.rewind(t, block(108, "side"))
		require.EqualValues(t, 106, before(p), "a reorg above it")
		f.rewind(t, block(105, "side"))
		require.EqualValues(t, 105, before(p))
		require.EqualValues(t, 104, before(old))
		mined := f.mine(t, "other", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		require.EqualValues(t, 106, mined.Number)
		f.confirm2(t, "other", 3)
		f.rewind(t, block(108, "other"))
		require.EqualValues(t, 105, before(p), "the deepest counts")
		f.confirm2(t, "other2", 12)
		row := f.transfer(t, p.ID)
		result, err := f.Credit(t.Context(), f.creditInput(p, []models.Transfer{row}, nil))
		require.NoError(t, err)
		require.True(t, result.Recorded)
		require.Equal(t, models.StatusPaid, f.payment(t, p.ID).Status)
		require.Empty(t, f.earlyAlarms(t))
		var kept int64
		require.NoError(t, f.read(t.Context()).Model(&rewind{}).Count(&kept).Error)
		require.EqualValues(t, 3, kept, "104, 105 and 108")
	})
}

// When a reorg takes the money that paid it away, early money does not keep the payment PAID, in the rules of the
// database either.
func TestEarlyMoneyDoesNotKeepAPaymentPaid(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.confirm(t, 20)
		p := f.create(t)
		fork := f.tip
		early := f.heal(t, transferTo(p, 1, 50*models.USDT, block(106, "main")))
		paying := transferTo(p, 2, 50*models.USDT, models.BlockRef{})
		f.mine(t, "main", paying)
		var row models.Transfer
		require.NoError(t, f.read(ctx).Where("payment_id = ? AND tx_hash = ?", p.ID, paying.TxHash).Take(&row).Error)
		in := f.creditInput(p, []models.Transfer{early, row}, nil)
		in.State.AmountReceived = 50 * models.USDT
		in.State.TxHash, in.State.LastBlock = row.TxHash, row.BlockNumber
		result, err := f.Credit(ctx, in)
		require.NoError(t, err)
		require.True(t, result.Recorded, "%+v", result)
		require.Equal(t, models.StatusPaid, f.payment(t, p.ID).Status)

		f.rewind(t, fork)
		require.NoError(t, f.read(ctx).Where("payment_id = ? AND tx_hash = ?", p.ID, paying.TxHash).Take(&row).Error)
		require.False(t, row.Canonical)
		in = f.creditInput(f.payment(t, p.ID), nil, []models.Transfer{row})
		in.State.Status, in.State.Exception, in.State.AmountReceived = models.StatusPending, models.ExceptionReverted, 0
		in.State.TxHash, in.State.LastBlock = "", 0
		result, err = f.Credit(ctx, in)
		require.NoError(t, err)
		require.True(t, result.Recorded, "%+v", result)
		require.Equal(t, models.StatusPending, f.payment(t, p.ID).Status)
		f.requireBalance(t, 50*models.USDT, 0)
	})
}

// A payment from before this was noted is judged as it was then, and nobody else can move the block.
func TestTheBlockOfCreationIsProved(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		require.NoError(t, f.CheckTerms(p))
		for _, change := range []func(*models.Payment){
			func(p *models.Payment) { p.CreatedAfter = 0 },
			func(p *models.Payment) { p.CreatedAfter-- },
			func(p *models.Payment) { p.CreatedRewinds++ },
		} {
			changed := p
			change(&changed)
			require.ErrorIs(t, f.CheckTerms(changed), models.ErrPaymentAltered)
		}
		old := p
		old.CreatedAfter = 0
		old.MAC = testKeys.MAC(proofOfPayment, termsOf(old)...)
		require.NoError(t, f.writer.Model(&models.Payment{}).Where("id = ?", p.ID).Updates(map[string]any{"created_after": 0, "mac": old.MAC}).Error)
		row := f.heal(t, transferTo(p, 1, 50*models.USDT, block(90, "main")))
		result, err := f.Credit(t.Context(), f.creditInput(p, []models.Transfer{row}, nil))
		require.NoError(t, err)
		require.True(t, result.Recorded)
		require.Equal(t, models.StatusPaid, f.payment(t, p.ID).Status)
	})
}
