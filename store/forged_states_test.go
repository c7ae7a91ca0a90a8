package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// paidBy lets transfers come and confirms and credits each of them.
func (f *fixture) paidBy(t testing.TB, p models.Payment, amounts ...models.Amount) models.Payment {
	t.Helper()
	for _, amount := range amounts {
		f.mine(t, "main", transferTo(p, int(f.tip.Number), amount, models.BlockRef{}))
	}
	f.confirm(t, 12)
	transfers, err := f.Transfers(t.Context(), p.ID)
	require.NoError(t, err)
	result, err := f.Credit(t.Context(), f.creditInput(p, transfers, nil))
	require.NoError(t, err)
	require.True(t, result.Recorded, result.Refused)
	return f.payment(t, p.ID)
}

// expired lets a payment's window pass and records its expiry.
func (f *fixture) expired(t testing.TB, p models.Payment, exception models.Exception) models.Payment {
	t.Helper()
	f.pass(t, p)
	result, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
		s.Status, s.Exception = models.StatusExpired, exception
	})})
	require.NoError(t, err)
	require.True(t, result.Recorded, result.Refused)
	return f.payment(t, p.ID)
}

// received is what the rows say came for a payment.
func (f *fixture) received(t testing.TB, paymentID string) models.Amount {
	t.Helper()
	p := f.payment(t, paymentID)
	return honestState(f.Store, p, nil, nil).AmountReceived
}

// pass lets the chain be read past a payment's window.
func (f *fixture) pass(t testing.TB, p models.Payment) {
	t.Helper()
	for !f.tip.Time.After(p.ExpiresAt) {
		to := block(f.tip.Number+400, "main")
		require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, batch(f.tip, to, to.Number, nil)))
		f.tip = to
	}
}

// Whoever reaches Temporal's port can schedule RecordPayment with any state. What the rows contradict is refused, and the
// refusal carries the truth.
func TestRecordRefusesWhatTheRowsContradict(t *testing.T) {
	type payment func(t *testing.T, f *fixture) models.Payment
	fresh := func(t *testing.T, f *fixture) models.Payment { return f.create(t) }
	seen := func(amount models.Amount) payment {
		return func(t *testing.T, f *fixture) models.Payment {
			p := f.create(t)
			f.mine(t, "main", transferTo(p, 1, amount, models.BlockRef{}))
			return p
		}
	}
	credited := func(amounts ...models.Amount) payment {
		return func(t *testing.T, f *fixture) models.Payment { return f.paidBy(t, f.create(t), amounts...) }
	}
	late := func(t *testing.T, f *fixture) models.Payment {
		p := f.create(t)
		f.pass(t, p)
		p = f.expired(t, p, models.ExceptionNone)
		f.mine(t, "main", transferTo(p, 77, p.AmountRequested, models.BlockRef{}))
		f.confirm(t, 12)
		result, err := f.Credit(t.Context(), f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil))
		require.NoError(t, err)
		require.True(t, result.Recorded, result.Refused)
		return f.payment(t, p.ID)
	}
	rejected := func(t *testing.T, f *fixture) models.Payment {
		p := f.create(t)
		result, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
			s.Status, s.Decision, s.Reason = models.StatusRejected, models.DecisionReject, "fraud"
		})})
		require.NoError(t, err)
		require.True(t, result.Recorded, result.Refused)
		return f.payment(t, p.ID)
	}
	underpaid := func(t *testing.T, f *fixture) models.Payment {
		return f.expired(t, f.paidBy(t, f.create(t), 49*models.USDT), models.ExceptionUnderpaid)
	}
	for name, c := range map[string]struct {
		payment payment
		forge   func(*models.PaymentState)
		why     models.Refusal
	}{
		"PAID, nothing came":  {fresh, func(s *models.PaymentState) { s.Status = models.StatusPaid }, models.RefusedStatus},
		"PAID, 1000 received": {fresh, func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusPaid, 1000*models.USDT }, models.RefusedAmounts},
		"PAID, 1000 credited": {fresh, func(s *models.PaymentState) {
			s.Status, s.AmountReceived, s.AmountCredited = models.StatusPaid, 1000*models.USDT, 1000*models.USDT
		}, models.RefusedAmounts},
		"PAID, only seen":      {seen(50 * models.USDT), func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusPaid, 50*models.USDT }, models.RefusedStatus},
		"PAID, one unit short": {credited(50*models.USDT - 1), func(s *models.PaymentState) { s.Status = models.StatusPaid }, models.RefusedStatus},
		"PAID, accepted without a row": {underpaid, func(s *models.PaymentState) {
			s.Status, s.Exception, s.Decision = models.StatusPaid, models.ExceptionAccepted, models.DecisionAccept
		}, models.RefusedDecision},
		"accepted, nothing came": {fresh, func(s *models.PaymentState) {
			s.Status, s.Exception, s.Decision = models.StatusPaid, models.ExceptionAccepted, models.DecisionAccept
		}, models.RefusedDecision},
		"PAID, but late":                {late, func(s *models.PaymentState) { s.Status, s.Exception = models.StatusPaid, models.ExceptionNone }, models.RefusedStatus},
		"PAID, but rejected":            {rejected, func(s *models.PaymentState) { s.Status, s.Decision = models.StatusPaid, "" }, models.RefusedDecision},
		"a rejection is taken back":     {rejected, func(s *models.PaymentState) { s.Status, s.Decision = models.StatusPending, "" }, models.RefusedDecision},
		"a rejection with another word": {rejected, func(s *models.PaymentState) { s.Status = models.StatusExpired }, models.RefusedStatus},
		"un-paid":                       {credited(50 * models.USDT), func(s *models.PaymentState) { s.Status = models.StatusPending }, models.RefusedStatus},
		"un-paid and nothing credited": {credited(50 * models.USDT), func(s *models.PaymentState) {
			s.Status, s.AmountReceived, s.AmountCredited = models.StatusPending, 0, 0
		}, models.RefusedAmounts},
		"PAID is rejected":             {credited(50 * models.USDT), func(s *models.PaymentState) { s.Status, s.Decision = models.StatusRejected, models.DecisionReject }, models.RefusedDecision},
		"PAID expires":                 {credited(50 * models.USDT), func(s *models.PaymentState) { s.Status, s.Exception = models.StatusExpired, models.ExceptionUnderpaid }, models.RefusedStatus},
		"overpaid, but exact":          {credited(50 * models.USDT), func(s *models.PaymentState) { s.Exception = models.ExceptionOverpaid }, models.RefusedStatus},
		"DETECTED, nothing came":       {fresh, func(s *models.PaymentState) { s.Status = models.StatusDetected }, models.RefusedStatus},
		"CONFIRMING, a unit came":      {seen(1), func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusConfirming, 1 }, models.RefusedStatus},
		"a transfer that is not there": {fresh, func(s *models.PaymentState) { s.TxHash, s.LastBlock = txHash(9), 101 }, models.RefusedAmounts},
		"a transfer's other block": {seen(5), func(s *models.PaymentState) {
			s.Status, s.AmountReceived, s.TxHash, s.LastBlock = models.StatusDetected, 5, txHash(1), 7
		}, models.RefusedAmounts},
		"a transfer is hidden":          {seen(5), func(s *models.PaymentState) { s.Reason = "x" }, models.RefusedAmounts},
		"REVERTED, nothing was removed": {fresh, func(s *models.PaymentState) { s.Exception = models.ExceptionReverted }, models.RefusedStatus},
		"REJECTED without a decision":   {fresh, func(s *models.PaymentState) { s.Status = models.StatusRejected }, models.RefusedStatus},
		"UNDERPAID, nothing came":       {fresh, func(s *models.PaymentState) { s.Status, s.Exception = models.StatusExpired, models.ExceptionUnderpaid }, models.RefusedStatus},
		"EXPIRED within the window":     {fresh, func(s *models.PaymentState) { s.Status = models.StatusExpired }, models.RefusedWindow},
		"expired is reopened":           {underpaid, func(s *models.PaymentState) { s.Status, s.Exception = models.StatusPending, models.ExceptionNone }, models.RefusedStatus},
		"an unknown status":             {fresh, func(s *models.PaymentState) { s.Status = "SETTLED" }, models.RefusedStatus},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				p := c.payment(t, f)
				for range 2 { // a repeat changes nothing
					result, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, c.forge)})
					require.NoError(t, err)
					require.False(t, result.Recorded)
					require.Equal(t, c.why, result.Refused)
					require.NotNil(t, result.Snapshot)
					require.Equal(t, p.PaymentState, result.Snapshot.State)
				}
				require.Equal(t, p.PaymentState, f.payment(t, p.ID).PaymentState)
				events, err := timelineOf(f.reader, p.ID)
				require.NoError(t, err)
				require.Len(t, events, int(p.Version))
			})
		})
	}
}

// EXPIRED is written by Record and Credit only through the checks that Expire makes.
func TestEveryWayToExpireIsChecked(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.paidBy(t, f.create(t), 1)
		expire := func() models.RecordResult {
			result, err := f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
				s.Status, s.Exception = models.StatusExpired, models.ExceptionUnderpaid
			})})
			require.NoError(t, err)
			return result
		}
		require.Equal(t, models.RefusedWindow, expire().Refused, "the window has not ended")

		// Read past the window, but not agreed on.
		to := block(f.tip.Number+400, "main")
		unagreed := batch(f.tip, to, to.Number, nil)
		unagreed.Agreed = false
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, unagreed))
		f.tip = to
		require.Equal(t, models.RefusedWindow, expire().Refused, "the quorum has not agreed")
		require.NoError(t, f.SetAgreed(ctx, models.NetworkERC20, to))

		alarm := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Message: "m"}
		require.NoError(t, f.Raise(ctx, alarm))
		require.Equal(t, models.RefusedWindow, expire().Refused, "crediting is halted")
		require.NoError(t, f.Resolve(ctx, models.NetworkERC20, alarm.Kind, "", models.ActorSystem, "over"))

		require.NoError(t, f.writer.Exec(`UPDATE transfers SET block_time = ?`, p.ExpiresAt).Error)
		second := transferTo(p, 900, 1, models.BlockRef{})
		f.mine(t, "main", second)
		require.NoError(t, f.writer.Exec(`UPDATE transfers SET block_time = ? WHERE tx_hash = ?`, p.ExpiresAt, second.TxHash).Error)
		state := next(p, func(s *models.PaymentState) {
			s.Status, s.Exception, s.AmountReceived = models.StatusExpired, models.ExceptionUnderpaid, 2
		})
		result, err := f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: state})
		require.NoError(t, err)
		require.Equal(t, models.RefusedStatus, result.Refused, "a transfer of the window is not credited yet")
		require.NoError(t, f.writer.Exec(`DELETE FROM transfers WHERE tx_hash = ?`, second.TxHash).Error)
		require.True(t, expire().Recorded)
	})
}

// A credit that is right with a state that is not books nothing.
func TestCreditRefusesAForgedState(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 1, models.BlockRef{}))
		f.confirm(t, 12)
		in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		in.State.Status = models.StatusPaid
		result, err := f.Credit(t.Context(), in) // PAID for one micro-USDT
		require.NoError(t, err)
		require.Equal(t, models.RefusedStatus, result.Refused)
		require.Equal(t, p.PaymentState, result.Snapshot.State)
		require.Zero(t, result.Snapshot.Transfers[0].CreditedAmount)
		f.requireBalance(t, 0, 1)
		f.requireBooked(t)
		in.State.Status = models.StatusDetected
		result, err = f.Credit(t.Context(), in)
		require.NoError(t, err)
		require.True(t, result.Recorded)
		f.requireBalance(t, 1, 0)
	})
}

// Whoever has the database's password and no more than SQL cannot make a payment PAID or change what was agreed with the
// payer: a trigger refuses it.
func TestTheDatabaseRefusesForgedPayments(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, other := f.paidBy(t, f.needing(t, 12), 50*models.USDT-1), f.create(t)
		paid := f.paidBy(t, f.create(t), 50*models.USDT)
		for _, forged := range []string{
			"UPDATE payments SET status = 'PAID' WHERE id = @id",
			"UPDATE payments SET status = 'PAID', amount_credited = amount_requested, amount_received = amount_requested WHERE id = @id",
			"UPDATE payments SET status = 'PAID', decision = 'ACCEPT', exception = 'ACCEPTED' WHERE id = @id",
			"UPDATE payments SET status = 'PAID', amount_requested = 1 WHERE id = @id",
			"UPDATE payments SET amount_requested = 1 WHERE id = @id",
			"UPDATE payments SET operator_id = @operator WHERE id = @id",
			"UPDATE payments SET deposit_address = '0xThief' WHERE id = @id",
			"UPDATE payments SET deposit_address = (SELECT deposit_address FROM payments WHERE id = @other), address_index = (SELECT address_index FROM payments WHERE id = @other) WHERE id = @id",
			"UPDATE payments SET address_index = 7000 WHERE id = @id",
			"UPDATE payments SET confirmations = 1 WHERE id = @id",
			"UPDATE payments SET expires_at = created_at WHERE id = @id",
			"UPDATE payments SET created_at = expires_at WHERE id = @id",
			"UPDATE payments SET network = 'TRC20' WHERE id = @id",
			"UPDATE payments SET currency = 'USDC' WHERE id = @id",
			"UPDATE payments SET id = 'x' WHERE id = @other",
			"UPDATE payments SET status = 'PENDING', exception = 'REVERTED' WHERE id = @paid",
			"UPDATE payments SET status = 'EXPIRED' WHERE id = @paid",
			"UPDATE payments SET status = 'REJECTED', decision = 'REJECT' WHERE id = @paid",
			"DELETE FROM payments WHERE id = @other",
			`INSERT INTO payments (id, operator_id, user_id, reference, network, currency, amount_requested, deposit_address, address_index, created_at, expires_at,
				status, exception, amount_received, amount_credited, tx_hash, last_block, decision, reason, version, updated_at)
				SELECT 'forged', operator_id, user_id, 'forged', network, currency, amount_requested, deposit_address, address_index, created_at, expires_at,
				'PAID', '', amount_requested, amount_requested, '', 0, '', '', 1, updated_at FROM payments WHERE id = @id`,
		} {
			err := f.writer.Exec(forged, map[string]any{
				"id": p.ID, "other": other.ID, "paid": paid.ID, "operator": f.addOperator(t).ID,
			}).Error
			require.Error(t, err, forged)
		}
		if f.engine == engineSQLite {
			replaced := other
			replaced.AmountRequested = 1
			require.Error(t, f.writer.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Create(&replaced).Error)
			require.Error(t, f.writer.Exec("UPDATE OR REPLACE payments SET reference = ? WHERE id = ?", p.Reference, other.ID).Error)
		}
		require.Equal(t, p, f.payment(t, p.ID))
		require.Equal(t, other, f.payment(t, other.ID))
		require.Equal(t, paid, f.payment(t, paid.ID))

		// Who may change the schema gets past the triggers, and reconciliation tells.
		f.unguard(t)
		require.Empty(t, f.compareAll(t))
		require.NoError(t, f.writer.Exec("UPDATE payments SET status = 'EXPIRED' WHERE id = ?", paid.ID).Error)
		found := f.compareAll(t)
		require.NotEmpty(t, found)
		require.Equal(t, models.CheckPaidCovered, found[0].Check)
		require.NoError(t, f.MarkStarted(ctx, []string{p.ID}, time.Now()), "what changes may change")
	})
}

// The operator, the network and the end of the window are the row's, whatever an input claims.
func TestExpireTakesNothingFromItsInput(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		result, err := f.Expire(t.Context(), models.ExpireInput{
			PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: epoch.Add(-time.Hour),
			State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
		})
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitScan, result.Wait)
		f.pass(t, p)
		for name, forge := range map[string]func(*models.PaymentState){
			"PAID":     func(s *models.PaymentState) { s.Status = models.StatusPaid },
			"accepted": func(s *models.PaymentState) { s.Status, s.Decision = models.StatusExpired, models.DecisionAccept },
			"received": func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusExpired, 1 },
		} {
			result, err = f.Expire(t.Context(), models.ExpireInput{PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt, State: next(p, forge)})
			require.NoError(t, err)
			require.False(t, result.Recorded, name)
			require.NotEmpty(t, result.Refused, name)
			require.NotNil(t, result.Snapshot, name)
		}
		// Another network's cursor, which an attacker names, counts for nothing.
		require.NoError(t, f.InitCursor(t.Context(), "TRC20", block(100, "main"), 100))
		result, err = f.Expire(t.Context(), models.ExpireInput{
			PaymentID: p.ID, Network: "TRC20", ExpiresAt: p.ExpiresAt,
			State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
		})
		require.NoError(t, err)
		require.True(t, result.Recorded, "the payment's own network has been read past the window")
	})
}

// While a follower's transaction is storing a transfer of the window, an expiry waits for it: cursor, pauses and transfers are
// of one moment. (On SQLite writers wait for each other anyway.)
func TestAnExpiryWaitsForTheFollowersTransaction(t *testing.T) {
	t.Parallel()
	f := newPostgresFixture(t)
	for name, expire := range map[string]func(p models.Payment) (bool, error){
		"Expire": func(p models.Payment) (bool, error) {
			result, err := f.Expire(withTimeout(t), models.ExpireInput{
				PaymentID: p.ID, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
			})
			return result.Recorded, err
		},
		"Record": func(p models.Payment) (bool, error) {
			result, err := f.Record(withTimeout(t), models.RecordInput{
				PaymentID: p.ID, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
			})
			return result.Recorded, err
		},
	} {
		p := f.create(t)
		f.pass(t, p)
		follower := f.writer.Begin()
		_, err := lockCursor(follower, models.NetworkERC20)
		require.NoError(t, err)
		type answer struct {
			recorded bool
			err      error
		}
		answers := make(chan answer, 1)
		go func() {
			recorded, err := expire(p)
			answers <- answer{recorded, err}
		}()
		select {
		case <-answers:
			t.Fatalf("%s did not wait", name)
		case <-time.After(300 * time.Millisecond):
		}
		inTime := models.BlockRef{Number: f.tip.Number + 1, Hash: block(101, "main").Hash, Time: block(101, "main").Time}
		transfer := transferTo(p, int(f.tip.Number), p.AmountRequested, inTime)
		rows, err := f.ownTransfers(follower, models.NetworkERC20, []models.TokenTransfer{transfer})
		require.NoError(t, err)
		require.NoError(t, storeTransfers(follower, rows))
		require.NoError(t, follower.Commit().Error)
		got := <-answers
		require.NoError(t, got.err)
		require.False(t, got.recorded, "%s recorded an expiry although a transfer came in time", name)
	}
}
