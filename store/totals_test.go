package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/models"
)

// requireTotals checks that every running total is what a count of all rows gives.
func (f *fixture) requireTotals(t require.TestingT) {
	for what, query := range map[string]string{
		"balances": `SELECT count(*) FROM (SELECT account, SUM(amount) AS s FROM ledger_entries GROUP BY account) e
			LEFT JOIN (SELECT account, SUM(balance) AS s FROM account_balances GROUP BY account) b ON b.account = e.account
			WHERE b.s IS NULL OR b.s <> e.s`,
		"days of accounts": `SELECT count(*) FROM (SELECT account, SUM(amount) AS s FROM ledger_entries WHERE account LIKE 'operator:%' GROUP BY account) e
			LEFT JOIN (SELECT account, SUM(amount) AS s FROM account_days GROUP BY account) b ON b.account = e.account
			WHERE b.s IS NULL OR b.s <> e.s`,
		"payments": `SELECT count(*) FROM (SELECT operator_id, network, status, count(*) AS n FROM payments GROUP BY 1, 2, 3) p
			FULL OUTER JOIN (SELECT operator_id, network, status, SUM(count) AS n FROM payment_counts GROUP BY 1, 2, 3 HAVING SUM(count) <> 0) c
				ON c.operator_id = p.operator_id AND c.network = p.network AND c.status = p.status
			WHERE p.n IS NULL OR c.n IS NULL OR p.n <> c.n`,
		"days of payments": `SELECT count(*) FROM (SELECT operator_id, status, count(*) AS n FROM payments GROUP BY 1, 2) p
			FULL OUTER JOIN (SELECT operator_id, status, SUM(count) AS n FROM payment_days GROUP BY 1, 2 HAVING SUM(count) <> 0) c
				ON c.operator_id = p.operator_id AND c.status = p.status
			WHERE p.n IS NULL OR c.n IS NULL OR p.n <> c.n`,
	} {
		var wrong int64
		require.NoError(t, f.reader.Raw(query).Scan(&wrong).Error, what)
		require.Zero(t, wrong, what)
	}
}

// Whatever happens to payments, the running totals are the sums of the rows.
func TestRunningTotalsAreTheSums(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		operators := []models.Operator{f.operator, f.addOperator(t)}
		var payments []models.Payment
		n := 0
		rapid.Check(t, func(r *rapid.T) {
			for range rapid.IntRange(1, 4).Draw(r, "steps") {
				if len(payments) < 2 || rapid.Bool().Draw(r, "create") {
					in := f.newPayment()
					in.OperatorID = rapid.SampledFrom(operators).Draw(r, "operator").ID
					p, _, err := f.CreatePayment(t.Context(), in, derive)
					require.NoError(r, err)
					payments = append(payments, p)
					continue
				}
				p := f.payment(t, rapid.SampledFrom(payments).Draw(r, "payment").ID)
				if rapid.Bool().Draw(r, "record") {
					status := rapid.SampledFrom(models.Statuses()).Draw(r, "status")
					if status == models.StatusPaid {
						continue
					}
					_, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) { s.Status = status })})
					require.NoError(r, err)
					continue
				}
				n++
				f.mine(t, "main", transferTo(p, n, 50*models.USDT, models.BlockRef{}))
				transfers, err := f.Transfers(t.Context(), p.ID)
				require.NoError(r, err)
				_, err = f.Credit(t.Context(), f.creditInput(p, transfers[len(transfers)-1:], nil))
				require.NoError(r, err)
			}
		})
		f.requireTotals(t)
		for _, operator := range operators {
			available, _, err := f.Balance(t.Context(), operator.ID)
			require.NoError(t, err)
			require.Positive(t, available)
		}
	})
}

// Bookings of one operator, and changes of status back and forth, at once: no deadlock is left to the caller, and the
// totals are right.
func TestRunningTotalsUnderConcurrency(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		other := f.addOperator(t)
		const payments = 24
		made := make([]models.Payment, payments)
		var transfers []models.TokenTransfer
		for i := range made {
			in := f.newPayment()
			if i%2 == 1 {
				in.OperatorID = other.ID
			}
			made[i], _, _ = f.CreatePayment(t.Context(), in, derive)
			transfers = append(transfers, transferTo(made[i], i+1, 50*models.USDT, models.BlockRef{}))
		}
		f.mine(t, "main", transfers...)
		together(payments, func(i int) {
			p := made[i]
			ctx := withTimeout(t)
			for step := range 6 {
				_, err := f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
					s.Status = []models.Status{models.StatusDetected, models.StatusPending}[(step+i)%2]
				})})
				assert.NoError(t, err)
				p, _ = f.Payment(ctx, p.ID)
				_, _, err = f.CreatePayment(ctx, f.newPayment(), derive)
				assert.NoError(t, err)
			}
			rows, err := f.Transfers(ctx, p.ID)
			assert.NoError(t, err)
			result, err := f.Credit(ctx, f.creditInput(p, rows, nil))
			assert.NoError(t, err)
			assert.True(t, result.Recorded)
		})
		f.requireTotals(t)
		for _, id := range []string{f.operator.ID, other.ID} {
			available, _, err := f.Balance(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, payments/2*50*models.USDT, available)
		}
	})
}
