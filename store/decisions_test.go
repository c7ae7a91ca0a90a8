package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/models"
)

func (f *fixture) decide(t testing.TB, p models.Payment, kind models.Decision) models.PaymentDecision {
	t.Helper()
	d, err := f.Decide(t.Context(), p.OperatorID, models.PaymentDecision{
		PaymentID: p.ID, Kind: kind, Version: p.Version, Reason: "fine", Actor: "operator:" + p.OperatorID, Via: "key pk_1",
		Address: "192.0.2.7",
	})
	require.NoError(t, err)
	return d
}

// accept records an acceptance.
func (f *fixture) accept(t testing.TB, p models.Payment) models.RecordResult {
	t.Helper()
	result, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
		s.Status, s.Exception, s.Decision, s.Reason = models.StatusPaid, models.ExceptionAccepted, models.DecisionAccept, "fine"
	})})
	require.NoError(t, err)
	return result
}

func TestAnAcceptanceNeedsItsRow(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.expired(t, f.paidBy(t, f.create(t), 49*models.USDT), models.ExceptionUnderpaid)
		other := f.expired(t, f.paidBy(t, f.create(t), 49*models.USDT), models.ExceptionUnderpaid)
		require.Equal(t, models.RefusedDecision, f.accept(t, p).Refused)
		f.decide(t, other, models.DecisionAccept)
		require.Equal(t, models.RefusedDecision, f.accept(t, p).Refused, "another payment's acceptance")
		f.decide(t, p, models.DecisionReject)
		require.Equal(t, models.RefusedDecision, f.accept(t, p).Refused, "a rejection is no acceptance")

		first := f.decide(t, p, models.DecisionAccept)
		require.Equal(t, 49*models.USDT, first.AmountCredited)
		require.Equal(t, first, f.decide(t, p, models.DecisionAccept), "a repeat")
		require.Len(t, f.audited(t, "payment_accepted"), 2)
		result := f.accept(t, p)
		require.True(t, result.Recorded, result.Refused)
		stored, err := f.Decisions(ctx, p.ID)
		require.NoError(t, err)
		require.Len(t, stored, 2)
		for _, d := range stored {
			require.NotNil(t, d.SettledAt, d.Kind)
		}
		for _, forged := range []string{
			"UPDATE payment_decisions SET reason = 'x'", "UPDATE payment_decisions SET amount_credited = 0",
			"UPDATE payment_decisions SET settled_at = NULL", "UPDATE payment_decisions SET kind = 'ACCEPT' WHERE kind = 'REJECT'",
			"DELETE FROM payment_decisions",
		} {
			require.Error(t, f.writer.Exec(forged).Error, forged)
		}
		_, err = f.Decide(ctx, "another operator", models.PaymentDecision{PaymentID: p.ID, Kind: models.DecisionAccept, Version: p.Version + 1})
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.Decide(ctx, p.OperatorID, models.PaymentDecision{PaymentID: p.ID, Kind: models.DecisionAccept, Version: p.Version})
		require.ErrorIs(t, err, models.ErrNotPossible, "the payment has moved on")
	})
}

// An operator who accepted 49 USDT has not accepted the 0.000001 that a reorg leaves of them.
func TestAnAcceptanceIsOfTheAmountThatWasCredited(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.expired(t, f.paidBy(t, f.create(t), 1, 49*models.USDT), models.ExceptionUnderpaid)
		f.decide(t, p, models.DecisionAccept)
		transfers, err := f.Transfers(t.Context(), p.ID)
		require.NoError(t, err)
		require.NoError(t, f.Disprove(t.Context(), models.NetworkERC20, []models.TokenTransfer{{TransferKey: transfers[1].TransferKey, To: p.DepositAddress, Amount: transfers[1].Amount, Block: transfers[1].Block()}}, "gone"))
		transfers, err = f.Transfers(t.Context(), p.ID)
		require.NoError(t, err)
		in := f.creditInput(p, nil, transfers[1:])
		result, err := f.Credit(t.Context(), in)
		require.NoError(t, err)
		require.True(t, result.Recorded, result.Refused)
		p = f.payment(t, p.ID)
		require.EqualValues(t, 1, p.AmountCredited)
		require.Equal(t, models.RefusedDecision, f.accept(t, p).Refused)
		f.decide(t, p, models.DecisionAccept)
		require.True(t, f.accept(t, p).Recorded)
	})
}

// A rejection may come as a signal that an admin typed. The audit log says so.
func TestARejectionByHandIsAudited(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		reject := func(p models.Payment) {
			result, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
				s.Status, s.Decision, s.Reason = models.StatusRejected, models.DecisionReject, "fraud"
			})})
			require.NoError(t, err)
			require.True(t, result.Recorded, result.Refused)
		}
		p := f.create(t)
		reject(p)
		entries := f.audited(t, "payment_rejected")
		require.Len(t, entries, 1)
		require.Equal(t, models.ActorTemporal, entries[0].Actor)
		require.Equal(t, "payment:"+p.ID, entries[0].Subject)
		require.Contains(t, entries[0].Detail, "by hand")

		p = f.create(t)
		f.decide(t, p, models.DecisionReject)
		reject(p)
		entries = f.audited(t, "payment_rejected")
		require.Len(t, entries, 2)
		require.Equal(t, "operator:"+p.OperatorID, entries[0].Actor)
		require.Equal(t, "192.0.2.7", entries[0].Address)
	})
}

func TestWaitingDecisions(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		now := epoch
		f.now = func() time.Time { return now }
		p := f.create(t)
		d := f.decide(t, p, models.DecisionReject)
		waiting := func() int {
			found, err := f.WaitingDecisions(ctx, 10)
			require.NoError(t, err)
			for _, w := range found {
				require.Equal(t, p.ID, w.Payment.ID)
				require.Equal(t, d.Reason, w.Decision.Signal().Reason)
			}
			return len(found)
		}
		require.Zero(t, waiting(), "the process that stored it signals")
		sent := 0
		for range 24 * 360 {
			now = now.Add(10 * time.Second)
			if waiting() > 0 {
				sent++
				require.NoError(t, f.DeferDecision(ctx, d))
			}
		}
		require.Greater(t, sent, 5)
		require.Less(t, sent, 20, "a workflow that cannot work is not flooded in a day")
		require.NoError(t, f.DropDecision(ctx, d))
		now = now.Add(100 * 24 * time.Hour)
		require.Zero(t, waiting())
	})
}

// Decisions from before the table are taken over, so that a PAID payment that was accepted stays one.
func TestMigratedDecisions(t *testing.T) {
	check := func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url)
		provider, err := s.migrationProvider()
		require.NoError(t, err)
		_, err = provider.UpTo(ctx, 20261126049999)
		require.NoError(t, err)
		require.NoError(t, s.writer.Exec(`INSERT INTO operators (id, email, name, status, password_hash, created_at, updated_at)
			VALUES ('op', 'a@example.org', 'Shop', 'ACTIVE', 'x', ?, ?)`, epoch, epoch).Error)
		for _, row := range [][]any{{"yes", "PAID", "ACCEPTED", "ACCEPT", 3}, {"no", "REJECTED", "", "REJECT", 2}, {"open", "PENDING", "", "", 1}} {
			require.NoError(t, s.writer.Exec(`INSERT INTO payments (id, operator_id, user_id, reference, network, currency, amount_requested, deposit_address,
				address_index, created_at, expires_at, status, exception, amount_received, amount_credited, tx_hash, last_block, decision, reason, version, updated_at)
				VALUES (?, 'op', 'u', ?, 'ERC20', 'USDT', 50, ?, 0, ?, ?, ?, ?, 0, 0, '', 0, ?, 'why', ?, ?)`,
				row[0], row[0], row[0], epoch, epoch, row[1], row[2], row[3], row[4], epoch.Add(time.Hour)).Error)
		}
		require.NoError(t, s.Migrate(ctx))
		for id, kind := range map[string]models.Decision{"yes": models.DecisionAccept, "no": models.DecisionReject} {
			decisions, err := s.Decisions(ctx, id)
			require.NoError(t, err)
			require.Len(t, decisions, 1)
			require.Equal(t, kind, decisions[0].Kind)
			require.Equal(t, "why", decisions[0].Reason)
			require.Equal(t, "operator:op", decisions[0].Actor)
			require.NotNil(t, decisions[0].SettledAt)
		}
		decisions, err := s.Decisions(ctx, "open")
		require.NoError(t, err)
		require.Empty(t, decisions)
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); check(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); check(t, pgtest.Start(t).NewDatabase(t)) })
}
