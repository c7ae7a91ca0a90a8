package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

// A planted error of one micro-USDT is found wherever it is planted, and left as it is.
func TestBooksWithOnePlantedError(t *testing.T) {
	for name, plant := range map[string]struct {
		statement string
		check     string
	}{
		"the transfer's row":        {"UPDATE transfers SET credited_amount = credited_amount + 1, amount = amount + 1", models.CheckLedgerTransfers},
		"the payment's row":         {"UPDATE payments SET amount_credited = amount_credited + 1", models.CheckPaymentCredited},
		"a transfer off the chain":  {"UPDATE transfers SET canonical = false, updated_at = created_at", models.CheckCreditedCanonical},
		"a balance":                 {"UPDATE account_balances SET balance = balance + 1 WHERE account LIKE 'operator:%'", models.CheckRunningTotals},
		"a count":                   {"UPDATE payment_counts SET count = count + 1", models.CheckRunningTotals},
		"a credit that was not due": {"UPDATE transfers SET amount = amount - 1, updated_at = created_at", models.CheckCreditedCanonical},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				p := f.create(t)
				f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
				f.confirm(t, 11)
				credited, err := f.Credit(ctx, f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil))
				require.NoError(t, err)
				require.True(t, credited.Recorded)
				compare := func() []models.Difference { return f.compareAll(t) }
				require.Empty(t, compare())
				require.NoError(t, f.writer.Exec(plant.statement).Error)
				found := compare()
				require.NotEmpty(t, found)
				checks := []string{}
				for _, difference := range found {
					checks = append(checks, difference.Check)
				}
				require.Contains(t, checks, plant.check)
				require.Equal(t, found, compare(), "looking changes nothing")
			})
		})
	}
}

// compareAll compares everything, as a run by hand does.
func (f *fixture) compareAll(t testing.TB) []models.Difference {
	t.Helper()
	ctx := t.Context()
	due := BooksDue{Block: f.tip.Number, Before: time.Now().Add(time.Hour)}
	ids, err := f.PaymentsFrom(ctx, models.NetworkERC20, "", 1000)
	require.NoError(t, err)
	report, err := f.ComparePayments(ctx, ids, due)
	require.NoError(t, err)
	found := slices.Concat(report.Differences, report.Overdue)
	last, err := f.LastEntry(ctx)
	require.NoError(t, err)
	operators, err := f.OperatorsFrom(ctx, "", 1000)
	require.NoError(t, err)
	for _, compare := range []func() ([]models.Difference, error){
		func() ([]models.Difference, error) { return f.CompareUncredited(ctx, models.NetworkERC20, due) },
		func() ([]models.Difference, error) { return f.CompareEntries(ctx, 0, last) },
	} {
		more, err := compare()
		require.NoError(t, err)
		found = append(found, more...)
	}
	for _, id := range append(operators, "") {
		more, err := f.CompareTotals(ctx, id)
		require.NoError(t, err)
		found = append(found, more...)
	}
	return found
}

// creditedPayment is a payment that was paid and credited.
func (f *fixture) creditedPayment(t testing.TB, tx int) models.Payment {
	t.Helper()
	p := f.create(t)
	f.mine(t, "main", transferTo(p, tx, 50*models.USDT, models.BlockRef{}))
	f.confirm(t, 11)
	credited, err := f.Credit(t.Context(), f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil))
	require.NoError(t, err)
	require.True(t, credited.Recorded)
	return f.payment(t, p.ID)
}

// A PAID payment is covered by the ledger, or its operator accepted what the ledger holds.
func TestPaidIsCovered(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.creditedPayment(t, 1)
		require.Empty(t, f.compareAll(t))
		// The terms and the status cannot be changed like this; whoever owns the database can do it all the same.
		f.bypassTriggers(t, "UPDATE payments SET amount_requested = amount_requested + 1 WHERE id = ?", p.ID)
		found := f.compareAll(t)
		require.Len(t, found, 1)
		require.Equal(t, models.CheckPaidCovered, found[0].Check)
		require.Equal(t, "payment:"+p.ID, found[0].Subject)
	})
}

// A payment that was short within its tolerance is covered, but not by a millionth less.
func TestPaidWithinItsToleranceIsCovered(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.paidBy(t, f.tolerant(t), 49*models.USDT)
		require.Equal(t, models.StatusPaid, p.Status)
		require.Empty(t, f.compareAll(t))
		f.bypassTriggers(t, "UPDATE payments SET tolerance = tolerance - 1 WHERE id = ?", p.ID)
		found := f.compareAll(t)
		require.Len(t, found, 1)
		require.Equal(t, models.CheckPaidCovered, found[0].Check)
	})
}

// bypassTriggers changes a row as the owner of the database can.
func (f *fixture) bypassTriggers(t testing.TB, statement string, values ...any) {
	t.Helper()
	if f.engine == enginePostgres {
		require.NoError(t, f.writer.Transaction(func(tx *gorm.DB) error {
			if err := tx.Exec("SET LOCAL session_replication_role = replica").Error; err != nil {
				return err
			}
			return tx.Exec(statement, values...).Error
		}))
		return
	}
	var triggers []struct{ Name, SQL string }
	require.NoError(t, f.writer.Raw("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'payments'").Scan(&triggers).Error)
	for _, trigger := range triggers {
		require.NoError(t, f.writer.Exec("DROP TRIGGER "+trigger.Name).Error)
	}
	require.NoError(t, f.writer.Exec(statement, values...).Error)
	for _, trigger := range triggers {
		require.NoError(t, f.writer.Exec(trigger.SQL).Error)
	}
}

// A transfer that waits for its credit differs only when the credit is due: after the payment's own confirmations, and of
// a payment above the limit after its block is final.
func TestUncreditedTransfersAreJudgedByWhatTheyWaitFor(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		small, large := f.needing(t, 12), f.needing(t, 12)
		mined := f.mine(t, "main", transferTo(small, 1, 50*models.USDT, models.BlockRef{}), transferTo(large, 2, 51*models.USDT, models.BlockRef{}))
		differ := func(due BooksDue) []string {
			found, err := f.CompareUncredited(ctx, models.NetworkERC20, due)
			require.NoError(t, err)
			subjects := []string{}
			for _, d := range found {
				subjects = append(subjects, d.Subject)
			}
			return subjects
		}
		late := time.Now().Add(time.Hour)
		both := []string{"transfer:1:" + txHash(1) + ":0", "transfer:1:" + txHash(2) + ":0"}
		require.Empty(t, differ(BooksDue{Block: mined.Number + 11, Before: late}))
		require.Equal(t, both, differ(BooksDue{Block: mined.Number + 12, Before: late}))
		require.Empty(t, differ(BooksDue{Block: mined.Number + 12}), "it was read just now")
		limit := BooksDue{Block: mined.Number + 95, Before: late, FinalizedAbove: 50 * models.USDT, FinalBlock: mined.Number - 1}
		require.Equal(t, both[:1], differ(limit), "the other one waits for finality")
		limit.FinalBlock++
		require.Equal(t, both, differ(limit))
	})
}

// Open differences stay until a run that made their check no longer finds them.
func TestFindings(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		settle := func(notMade []string, found ...models.Difference) []models.Difference {
			open, full, err := f.SettleFindings(t.Context(), models.NetworkERC20, found, notMade)
			require.NoError(t, err)
			require.False(t, full)
			return open
		}
		one := models.Difference{Check: "a", Subject: "payment:1", Detail: "1"}
		two := models.Difference{Check: "b", Subject: "payment:1", Detail: "2"}
		require.Equal(t, []models.Difference{one, two}, settle(nil, one, two, one))
		one.Detail = "more"
		require.Equal(t, []models.Difference{one, two}, settle([]string{"b"}, one))
		require.Equal(t, []models.Difference{two}, settle([]string{"b"}))
		require.Empty(t, settle([]string{"a"}))
		var many []models.Difference
		for i := range FindingLimit + 1 {
			many = append(many, models.Difference{Check: "a", Subject: fmt.Sprint("payment:", i)})
		}
		open, full, err := f.SettleFindings(t.Context(), models.NetworkERC20, many, nil)
		require.NoError(t, err)
		require.True(t, full)
		require.Len(t, open, FindingLimit)
	})
}

// A report is not lost when the database gives its transaction up, unless that happens every time.
func TestReportIsStoredDespiteADeadlock(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		failures := maxAttempts - 1
		err := f.writer.Callback().Create().Before("gorm:create").Register("deadlock", func(tx *gorm.DB) {
			if failures > 0 {
				failures--
				_ = tx.AddError(&pgconn.PgError{Code: "40P01"})
			}
		})
		require.NoError(t, err)
		report := models.Reconciliation{Network: models.NetworkERC20, StartedAt: epoch, FinishedAt: epoch, BlockNumber: 7}
		require.NoError(t, f.PutReconciliation(t.Context(), report))
		last, err := f.LastReconciliation(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 7, last.BlockNumber)

		failures = maxAttempts
		require.ErrorContains(t, f.PutReconciliation(t.Context(), report), "40P01")
		require.Zero(t, failures)
	})
}
