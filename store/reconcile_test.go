package store

import (
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
				compare := func() []models.Difference {
					report, err := f.CompareBooks(ctx, models.NetworkERC20, f.tip.Number, time.Now().Add(time.Hour))
					require.NoError(t, err)
					return report.Differences
				}
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

// A report is not lost when the database gives its transaction up, unless that happens every time.
func TestReportIsStoredDespiteADeadlock(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		failures := maxAttempts - 1
		err := f.writer.Callback().Create().Before("gorm:create").Register("deadlock", func(tx *gorm.DB) {
			if failures > 0 {
				failures--
				_ = tx.AddError(&pgconn.PgError{Code: pgDeadlockDetected})
			}
		})
		require.NoError(t, err)
		report := models.Reconciliation{Network: models.NetworkERC20, StartedAt: epoch, FinishedAt: epoch, BlockNumber: 7}
		require.NoError(t, f.PutReconciliation(t.Context(), report))
		last, err := f.LastReconciliation(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 7, last.BlockNumber)

		failures = maxAttempts
		require.ErrorContains(t, f.PutReconciliation(t.Context(), report), pgDeadlockDetected)
		require.Zero(t, failures)
	})
}
