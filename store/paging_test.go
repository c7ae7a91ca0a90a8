package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"paycow/models"
)

// sqlKeeper keeps the statements that run.
type sqlKeeper struct {
	quietLogger
	statements []string
}

func (k *sqlKeeper) LogMode(logger.LogLevel) logger.Interface { return k }

func (k *sqlKeeper) Trace(_ context.Context, _ time.Time, text func() (string, int64), _ error) {
	statement, _ := text()
	k.statements = append(k.statements, statement)
}

// The lists and figures of the pages read through indexes, never a whole large table.
func TestPagesReadThroughIndexes(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.fill(t, 5000)
		kept := &sqlKeeper{}
		read := *f.Store
		read.reader = f.reader.Session(&gorm.Session{Logger: kept})
		now := time.Now()
		last, err := f.LastEntry(ctx)
		require.NoError(t, err)
		twoPages := func(filter PaymentFilter) error {
			_, next, err := read.ListPayments(ctx, filter)
			require.NotEmpty(t, next)
			if err == nil {
				filter.Cursor = next
				_, _, err = read.ListPayments(ctx, filter)
			}
			return err
		}
		stranger := f.addOperator(t)
		var plans strings.Builder
		for name, call := range map[string]func() error{
			"search of an operator": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, Search: "user_17"})
				return err
			},
			"search of an admin": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{EveryOperator: true, Search: "user_17"})
				return err
			},
			"everybody's payments": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{EveryOperator: true})
				return err
			},
			"payments of one of many operators": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{OperatorID: stranger.ID})
				return err
			},
			"an operator's exceptions": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, Exception: models.ExceptionUnderpaid})
				return err
			},
			"a user's payments": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, UserID: "user_1"})
				return err
			},
			"the last funded payment": func() error {
				_, err := read.UnpaidRun(ctx, f.operator.ID, 10)
				return err
			},
			"everybody's exceptions": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{EveryOperator: true, Exception: models.ExceptionUnderpaid})
				return err
			},
			"everybody's rejected": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{EveryOperator: true, Status: models.StatusRejected})
				return err
			},
			"payments by their metadata": func() error {
				return twoPages(PaymentFilter{OperatorID: f.operator.ID, MetadataKey: "source", MetadataValue: new("web"), From: now.AddDate(0, -1, 0)})
			},
			"payments by a metadata key": func() error {
				return twoPages(PaymentFilter{OperatorID: f.operator.ID, MetadataKey: "source", From: now.AddDate(0, -1, 0)})
			},
			"figures": func() error {
				_, err := read.OperatorFigures(ctx, f.operator.ID, 7)
				return err
			},
			"what one person did": func() error {
				_, _, err := read.ListAudit(ctx, AuditFilter{Who: "admin:a@example.org"})
				return err
			},
			"what was done of one kind": func() error {
				_, _, err := read.ListAudit(ctx, AuditFilter{Action: "logged_in", From: now.AddDate(0, -1, 0), To: now})
				return err
			},
			"operators that wait": func() error {
				waiting := true
				_, _, err := read.ListOperators(ctx, OperatorFilter{Waiting: &waiting})
				return err
			},
			"totals of an operator": func() error {
				_, _, err := read.TotalPayments(ctx, PaymentFilter{OperatorID: f.operator.ID})
				return err
			},
			"totals of a status": func() error {
				_, _, err := read.TotalPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, Status: models.StatusPaid, From: now.AddDate(0, -1, 0)})
				return err
			},
			"totals of an entry": func() error {
				_, _, err := read.TotalPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, MetadataKey: "source"})
				return err
			},
			"what was done to one account": func() error {
				_, _, err := read.ListAudit(ctx, AuditFilter{About: f.operator.Email, From: now.AddDate(0, -1, 0), To: now})
				return err
			},
			"a search by parts": func() error {
				return twoPages(PaymentFilter{OperatorID: f.operator.ID, Search: "ser_1", Part: "ser_1"})
			},
			"figures of the network": func() error {
				_, err := read.NetworkFigures(ctx, models.NetworkERC20)
				return err
			},
			"a balance": func() error {
				_, _, err := read.Balance(ctx, f.operator.ID)
				return err
			},
			"operators with their figures": func() error {
				_, _, err := read.ListOperators(ctx, OperatorFilter{})
				return err
			},
			"what changed": func() error {
				_, err := read.ChangedPayments(ctx, now, last-10, "", 100)
				return err
			},
			"payments compared": func() error {
				ids, err := read.PaymentsFrom(ctx, models.NetworkERC20, "8", 100)
				if err == nil {
					_, err = read.ComparePayments(ctx, ids, BooksDue{Before: now})
				}
				return err
			},
			"open payments": func() error {
				_, err := read.OpenPayments(ctx, models.NetworkERC20, now, "", 1000)
				return err
			},
			"signalled transfers": func() error {
				_, err := read.SignalledUncredited(ctx, models.NetworkERC20, now, 100)
				return err
			},
			"due signals": func() error {
				_, err := read.DueSignals(ctx, models.NetworkERC20, 1<<40, 100)
				return err
			},
			"transfers without their credit": func() error {
				_, err := read.CompareUncredited(ctx, models.NetworkERC20, BooksDue{Block: 1 << 40, Before: now})
				return err
			},
			"entries compared": func() error {
				_, err := read.CompareEntries(ctx, last-100, last)
				return err
			},
			"balances compared": func() error {
				_, err := read.ExpectedBalances(ctx, models.NetworkERC20, 1<<40, "0xAd", 100)
				return err
			},
			"queues": func() error {
				_, err := read.QueueFigures(ctx, 100)
				return err
			},
		} {
			kept.statements = nil
			require.NoError(t, call(), name)
			require.NotEmpty(t, kept.statements, name)
			for _, statement := range kept.statements {
				plan := f.plan(t, statement)
				plans.WriteString(plan)
				statement = models.Shorten(statement, 300)
				if name == "operators that wait" && strings.Contains(statement, "'PENDING'") {
					require.Contains(t, plan, "operators_by_status", statement)
				}
				if strings.Contains(name, "metadata") { // read in order, so that a page costs what it holds
					require.NotContains(t, plan, "Sort", statement)
					require.NotContains(t, plan, "TEMP B-TREE", statement)
					require.NotRegexp(t, "SCAN m|Seq Scan on payment_metadata", plan, statement)
				}
				for _, table := range []string{"payments", "transfers", "ledger_entries", "audit_log"} {
					require.NotContains(t, plan, "Seq Scan on "+table, "%s: %s", name, statement)
					for line := range strings.Lines(plan) {
						require.False(t, strings.HasPrefix(line, "SCAN "+table) && !strings.Contains(line, "INDEX"), "%s: %s\n%s", name, statement, plan)
						require.NotRegexp(t, "SEARCH (e|ledger_entries) USING INDEX ledger_entries_by_(time|account) .account=..$", strings.TrimSpace(line), "%s: %s\n%s", name, statement, plan)
						if name == "open payments" {
							require.False(t, strings.Contains(line, table) && !strings.Contains(line, "payments_open") && !strings.Contains(line, "payments_by_status_and_time (status=?"), "%s: %s\n%s", name, statement, plan)
						}
					}
				}
			}
		}
		f.requireIndexesRead(t, plans.String())
	})
}

// requireIndexesRead checks that plans read each index of payments, because each is paid for with each payment. Not
// counted are the keys, what installations need that are older than the proofs, and of two that fit equally well the one
// that was not chosen.
func (f *fixture) requireIndexesRead(t *testing.T, plans string) {
	t.Helper()
	list, notChosen := "SELECT indexname FROM pg_indexes WHERE tablename = 'payments'", "payments_by_exception"
	if f.engine == engineSQLite {
		list = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'payments' AND sql IS NOT NULL"
		notChosen = "payments_open"
	}
	var indexes []string
	require.NoError(t, f.read(t.Context()).Raw(list).Scan(&indexes).Error)
	exempt := []string{"payments_pkey", "payments_reference_key", "payments_without_mac", notChosen}
	for _, index := range indexes {
		if !slices.Contains(exempt, index) {
			require.Regexp(t, index+`\b`, plans, "no statement reads it")
		}
	}
}

// plan is how the database would run a statement. Postgres must read through indexes if it can: it reads a large part of a
// small table faster without.
func (f *fixture) plan(t *testing.T, statement string) string {
	t.Helper()
	explain := "EXPLAIN "
	if f.engine == engineSQLite {
		explain = "EXPLAIN QUERY PLAN "
	}
	var plan strings.Builder
	require.NoError(t, f.read(t.Context()).Transaction(func(tx *gorm.DB) error {
		if f.engine == enginePostgres {
			require.NoError(t, tx.Exec("SET LOCAL enable_seqscan = off").Error)
		}
		rows, err := tx.Raw(explain + statement).Rows()
		require.NoError(t, err)
		defer rows.Close()
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			cells := make([]any, len(columns))
			for i := range cells {
				cells[i] = new(string)
			}
			require.NoError(t, rows.Scan(cells...))
			plan.WriteString(*cells[len(cells)-1].(*string) + "\n")
		}
		return rows.Err()
	}))
	return plan.String()
}

// entriesOf gives payments one entry of metadata that all of them have.
func entriesOf(payments []models.Payment) []models.MetadataEntry {
	entries := make([]models.MetadataEntry, len(payments))
	for i, p := range payments {
		entries[i] = models.MetadataEntry{OperatorID: p.OperatorID, Name: "source", Value: "web", CreatedAt: p.CreatedAt, PaymentID: p.ID}
	}
	return entries
}

// fill gives the fixture's operator many payments, credits and lines of the audit log, over a hundred days.
func (f *fixture) fill(t testing.TB, many int) {
	t.Helper()
	now := f.now()
	payments := make([]models.Payment, many)
	transfers := make([]models.Transfer, many)
	entries := make([]models.AuditEntry, many)
	for i := range payments {
		at := now.Add(-time.Duration(i) * (100 * 24 * time.Hour / time.Duration(many)))
		payments[i] = models.Payment{
			PaymentState: models.PaymentState{Status: models.StatusPaid, Version: 1}, Confirmations: 12, ID: models.NewID(), OperatorID: f.operator.ID, Reference: models.NewReference(),
			Network: models.NetworkERC20, Currency: models.CurrencyUSDT, UserID: fmt.Sprint("user_", i%500), AmountRequested: 1,
			MAC: []byte{}, DepositAddress: fmt.Sprint("0xfill", i), AddressIndex: uint32(i), CreatedAt: at, UpdatedAt: at, ExpiresAt: at, WorkflowStartedAt: &at,
		}
		transfers[i] = models.Transfer{
			TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(i)}, PaymentID: payments[i].ID, Amount: 1, BlockNumber: uint64(i), BlockTime: at, Canonical: true,
			CreditedAmount: 1, Revision: 1, CreatedAt: at, UpdatedAt: at,
		}
		entries[i] = models.AuditEntry{At: at, Actor: fmt.Sprint("admin:", i%100), Action: "logged_in"}
	}
	unguard := "DROP TRIGGER payments_begin_unpaid" // rows that are PAID from the start leave no dead ones for the planner
	if f.engine == enginePostgres {
		unguard = "ALTER TABLE payments DISABLE TRIGGER payments_begin_unpaid"
	}
	require.NoError(t, f.writer.Exec(unguard).Error)
	require.NoError(t, f.writer.CreateInBatches(payments, 200).Error)
	require.NoError(t, f.writer.CreateInBatches(entriesOf(payments), 200).Error)
	require.NoError(t, f.writer.CreateInBatches(transfers, 200).Error)
	require.NoError(t, f.writer.Table("audit_log").CreateInBatches(entries, 200).Error)
	for i := 0; i < many; i += 250 {
		require.NoError(t, f.writer.Transaction(func(tx *gorm.DB) error {
			var values []string
			for j := i; j < i+250; j++ {
				id, at := "fill"+fmt.Sprint(j), payments[j].CreatedAt
				text := at.Format("'2006-01-02 15:04:05.000Z'")
				if f.engine == engineSQLite {
					text = fmt.Sprint(at.UnixMicro())
				}
				values = append(values, fmt.Sprintf("('%s', '%s', 5, %s), ('%s', '%s', -5, %s)", id, models.OperatorAvailableAccount(f.operator.ID), text, id, "chain:deposits", text))
			}
			if err := tx.Exec("INSERT INTO ledger_entries (transaction_id, account, amount, created_at) VALUES " + strings.Join(values, ", ")).Error; err != nil {
				return err
			}
			values = values[:0]
			for j := i; j < i+250; j++ {
				text := payments[j].CreatedAt.Format("'2006-01-02 15:04:05.000Z'")
				if f.engine == engineSQLite {
					text = fmt.Sprint(payments[j].CreatedAt.UnixMicro())
				}
				values = append(values, fmt.Sprintf("('fill%d', 'fill%d', 'CREDIT', '%s', %s)", j, j, payments[j].ID, text))
			}
			return tx.Exec("INSERT INTO ledger_transactions (id, external_id, kind, payment_id, created_at) VALUES " + strings.Join(values, ", ")).Error
		}))
	}
	if f.engine == enginePostgres { // which does that by itself; nobody does it for SQLite
		require.NoError(t, f.writer.Exec("ANALYZE").Error)
	}
	stats, err := f.OperatorFigures(t.Context(), f.operator.ID, 7)
	require.NoError(t, err)
	require.Positive(t, stats.Volume)
	require.Positive(t, stats.ByStatus[models.StatusPaid])
}

// A cursor that an earlier release handed out still names the same row.
func TestCursorsKeepTheirForm(t *testing.T) {
	at := time.UnixMilli(1_795_000_000_123).UTC()
	const id = "0123456789abcdef01234567"
	payment := models.Payment{ID: id, CreatedAt: at}
	waiting := models.Operator{ID: id, CreatedAt: at, Status: models.OperatorPending}
	active := models.Operator{ID: id, CreatedAt: at, Status: models.OperatorActive}
	for _, c := range []struct {
		text   string
		cursor string
		values []any
		parse  func(cursor string) ([]any, error)
	}{
		{"1795000000123." + id, paymentOrder.cursor(payment), []any{at, id}, paymentOrder.parse},
		{"1.1795000000123." + id, operatorOrder.cursor(waiting), []any{int64(1), at, id}, operatorOrder.parse},
		{"0.1795000000123." + id, operatorOrder.cursor(active), []any{int64(0), at, id}, operatorOrder.parse},
		{"42", ledgerOrder.cursor(models.LedgerLine{LedgerEntry: models.LedgerEntry{ID: 42}}), []any{int64(42)}, ledgerOrder.parse},
		{"42", auditOrder.cursor(models.AuditEntry{ID: 42}), []any{int64(42)}, auditOrder.parse},
		{"42", alarmOrder.cursor(models.Alarm{ID: 42}), []any{int64(42)}, alarmOrder.parse},
	} {
		require.Equal(t, base64.RawURLEncoding.EncodeToString([]byte(c.text)), c.cursor)
		values, err := c.parse(c.cursor)
		require.NoError(t, err)
		require.Equal(t, c.values, values)
		for _, other := range []string{"", ".", c.text + ".", "." + c.text, "0" + c.text, "+" + c.text, "-1", "x", c.text + "x"} {
			_, err := c.parse(encodeCursor(other))
			require.ErrorIs(t, err, models.ErrBadCursor, "%q", other)
		}
	}
}

// Pages of alarms and of the audit log hold each line once, newest first, whatever their size.
func TestPagesOfAlarmsAndAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		const many = 7
		for i := range many {
			require.NoError(t, f.Raise(ctx, models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmNodeLying, Subject: fmt.Sprint(i), Message: "m"}))
		}
		require.NoError(t, f.Resolve(ctx, models.NetworkERC20, models.AlarmNodeLying, "3", "cli", "done"))
		open, resolved := true, false
		for name, c := range map[string]struct {
			filter AlarmFilter
			want   []string
		}{
			"all":             {AlarmFilter{Network: models.NetworkERC20}, []string{"6", "5", "4", "3", "2", "1", "0"}},
			"open":            {AlarmFilter{Network: models.NetworkERC20, Open: &open}, []string{"6", "5", "4", "2", "1", "0"}},
			"resolved":        {AlarmFilter{Network: models.NetworkERC20, Open: &resolved}, []string{"3"}},
			"another network": {AlarmFilter{Network: "TRC20"}, nil},
		} {
			for _, limit := range []int{1, 2, 3, 6, 7, 0} {
				c.filter.Limit, c.filter.Cursor = limit, ""
				var got []string
				for {
					page, next, err := f.ListAlarms(ctx, c.filter)
					require.NoError(t, err)
					for _, alarm := range page {
						got = append(got, alarm.Subject)
					}
					if next == "" {
						break
					}
					require.Len(t, page, limit)
					c.filter.Cursor = next
				}
				require.Equal(t, c.want, got, "%s, %d a page", name, limit)
			}
		}
		filter := AuditFilter{Action: "alarm_raised", Limit: 3}
		var ids []int64
		for {
			page, next, err := f.ListAudit(ctx, filter)
			require.NoError(t, err)
			for _, entry := range page {
				ids = append(ids, entry.ID)
			}
			if next == "" {
				break
			}
			filter.Cursor = next
		}
		require.Len(t, ids, many)
		require.True(t, slices.IsSortedFunc(ids, func(a, b int64) int { return cmp.Compare(b, a) }), "newest first")
	})
}
