package store

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"paycow/models"
)

func did(action string) models.AuditEntry { return models.AuditEntry{Actor: "test", Action: action} }

// person is a new operator who can log in.
func (f *fixture) person(t testing.TB, email string) models.Account {
	t.Helper()
	isNew, err := f.RegisterOperator(t.Context(), models.Operator{
		ID: models.NewID(), Email: email, Name: "Shop", PasswordHash: "first password",
	}, "192.0.2.1")
	require.NoError(t, err)
	require.True(t, isNew)
	return f.account(t, email)
}

func (f *fixture) account(t testing.TB, email string) models.Account {
	t.Helper()
	account, err := f.AccountByEmail(t.Context(), models.RoleOperator, email)
	require.NoError(t, err)
	return account
}

func (f *fixture) logIn(ctx context.Context, account models.Account, token string) error {
	return f.CreateSession(ctx, account, models.Session{TokenHash: []byte(token)}, nil, did("logged_in"))
}

func (f *fixture) audited(t testing.TB, action string) []models.AuditEntry {
	t.Helper()
	entries, _, err := f.ListAudit(t.Context(), AuditFilter{Action: action, Limit: 100})
	require.NoError(t, err)
	return entries
}

// A login that checked a password or a second factor which is changed before its session is made must not get one.
func TestNoSessionOutlivesWhatItWasMadeWith(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		before := f.person(t, "a@example.org")
		other := f.person(t, "b@example.org")
		require.NoError(t, f.logIn(ctx, before, "old"))
		require.NoError(t, f.logIn(ctx, other, "other"))
		require.NoError(t, f.SetPassword(ctx, before, "second password", models.Session{TokenHash: []byte("new")}, did("password_changed")))
		require.ErrorIs(t, f.logIn(ctx, before, "late"), models.ErrNotFound, "its password is no longer the one that was checked")
		require.ErrorIs(t, f.SetPassword(ctx, before, "third", models.Session{TokenHash: []byte("third")}, did("password_changed")), models.ErrNotFound)
		for token, isAlive := range map[string]bool{"old": false, "late": false, "third": false, "new": true, "other": true} {
			session, err := f.Session(ctx, []byte(token))
			if !isAlive {
				require.ErrorIs(t, err, models.ErrNotFound, token)
				continue
			}
			require.NoError(t, err, token)
			require.Equal(t, models.RoleOperator, session.Role)
		}
		now := f.account(t, "a@example.org")
		require.NoError(t, f.OfferTOTP(ctx, now, []byte("sealed")))
		require.NoError(t, f.logIn(ctx, now, "offered"), "what is not confirmed changes nothing")
		offered := f.account(t, "a@example.org")
		require.NoError(t, f.EnableTOTP(ctx, offered, 7, did("totp_enabled")))
		require.ErrorIs(t, f.logIn(ctx, now, "without a code"), models.ErrNotFound)
		require.ErrorIs(t, f.OfferTOTP(ctx, now, []byte("another")), models.ErrNotFound)
		require.NoError(t, f.logIn(ctx, f.account(t, "a@example.org"), "with a code"))
		require.Len(t, f.audited(t, "logged_in"), 4)
		require.Len(t, f.audited(t, "password_changed"), 1)
	})
}

// A browser that logs in again gives up its old session.
func TestANewSessionTakesTheOldOnesPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		account := f.person(t, "a@example.org")
		require.NoError(t, f.logIn(ctx, account, "first"))
		require.NoError(t, f.CreateSession(ctx, account, models.Session{TokenHash: []byte("second")}, []byte("first"), did("logged_in")))
		_, err := f.Session(ctx, []byte("first"))
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.Session(ctx, []byte("second"))
		require.NoError(t, err)
		require.NoError(t, f.EndSession(ctx, []byte("second")))
		require.NoError(t, f.EndSession(ctx, []byte("second")), "twice is no error")
		_, err = f.Session(ctx, []byte("second"))
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

// Of many who change one thing at once, one does; of many who log in at once, each gets a session.
func TestManyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := withTimeout(t)
		const many = 20
		var isNew, enabled, changed atomic.Int64
		count := func(counter *atomic.Int64, ok bool) {
			if ok {
				counter.Add(1)
			}
		}
		together(many, func(i int) {
			ok, err := f.RegisterOperator(ctx, models.Operator{ID: models.NewID(), Email: "a@example.org", Name: "Shop", PasswordHash: fmt.Sprint(i)}, "")
			if err != nil {
				t.Errorf("registering: %v", err)
			}
			count(&isNew, ok)
		})
		require.Equal(t, int64(1), isNew.Load())
		require.Len(t, f.audited(t, "operator_registered"), 1)
		require.Len(t, f.audited(t, "operator_registered_again"), many-1)

		account := f.account(t, "a@example.org")
		together(many, func(i int) {
			if err := f.logIn(ctx, account, fmt.Sprint("token", i)); err != nil {
				t.Errorf("logging in: %v", err)
			}
		})
		for i := range many {
			_, err := f.Session(ctx, fmt.Append(nil, "token", i))
			require.NoError(t, err)
		}
		require.NoError(t, f.OfferTOTP(ctx, account, []byte("sealed")))
		offered := f.account(t, "a@example.org")
		together(many, func(int) { count(&enabled, f.EnableTOTP(ctx, offered, 7, did("totp_enabled")) == nil) })
		require.Equal(t, int64(1), enabled.Load())

		account = f.account(t, "a@example.org")
		together(many, func(i int) {
			err := f.SetPassword(ctx, account, fmt.Sprint("new", i), models.Session{TokenHash: fmt.Append(nil, "changed", i)}, did("password_changed"))
			count(&changed, err == nil)
		})
		require.Equal(t, int64(1), changed.Load())
		var alive int64
		require.NoError(t, f.read(ctx).Model(&models.Session{}).Where("account_id = ?", account.ID).Count(&alive).Error)
		require.Equal(t, int64(1), alive, "only whoever changed the password is still logged in")
	})
}

// A subject's tries count anew when its window is over; old rows go, also while many count at once.
func TestAttemptsOfTheWindowBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := withTimeout(t)
		now := epoch
		f.now = func() time.Time { return now }
		for i := range 20 {
			for want := range int64(3) {
				tries, until, err := f.CountAttempt(ctx, fmt.Sprint("subject", i))
				require.NoError(t, err)
				require.Equal(t, want+1, tries)
				require.Equal(t, epoch.Add(AttemptsWindow), until.UTC())
			}
		}
		now = epoch.Add(AttemptsWindow)
		together(20, func(i int) {
			// Each comes back while the others take the old rows away.
			tries, until, err := f.CountAttempt(ctx, fmt.Sprint("subject", 19-i))
			if err != nil || tries != 1 || !until.Equal(now.Add(AttemptsWindow)) {
				t.Errorf("tries %d until %s: %v", tries, until, err)
			}
		})
		now = now.Add(AttemptsWindow)
		_, _, err := f.CountAttempt(ctx, "last")
		require.NoError(t, err)
		var rows int64
		require.NoError(t, f.read(ctx).Model(&models.LoginAttempt{}).Count(&rows).Error)
		require.Equal(t, int64(1), rows)
	})
}

// Pages of operators hold each of them once, those who wait first, also when some are approved between two pages.
func TestOperatorsArePagedWhileTheyChange(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		const many = 9
		for i := range many {
			f.person(t, fmt.Sprintf("%d@example.org", i))
		}
		seen := map[string]int{}
		cursor := ""
		for page := 0; ; page++ {
			operators, next, err := f.ListOperators(ctx, OperatorFilter{Cursor: cursor, Limit: 3})
			require.NoError(t, err)
			for _, o := range operators {
				seen[o.ID]++
			}
			if page == 0 {
				for _, o := range operators {
					require.Equal(t, models.OperatorPending, o.Status)
				}
				_, err := f.ChangeOperator(ctx, operators[0].ID, []models.OperatorStatus{models.OperatorPending}, models.OperatorRejected, "no", nil, did("operator_rejected"))
				require.NoError(t, err)
			}
			if next == "" {
				break
			}
			cursor = next
		}
		require.Len(t, seen, many+1, "the fixture's own operator is one of them")
		for _, cursor := range []string{"x", encodeCursor("."), encodeCursor("2.1.x"), encodeCursor("1.1"), encodeCursor("1.-5." + models.NewID()), encodeCursor("0.01." + models.NewID())} {
			_, _, err := f.ListOperators(ctx, OperatorFilter{Cursor: cursor})
			require.ErrorIs(t, err, models.ErrBadCursor, cursor)
		}
	})
}

// What an operator looks for is found among its own payments only; admins find everybody's.
func TestSearchStaysWithTheOperator(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		mine := f.create(t)
		f.mine(t, "main", transferTo(mine, 7, 50*models.USDT, models.BlockRef{}))
		stranger := f.addOperator(t)
		for _, search := range []string{mine.ID, mine.Reference, mine.UserID, mine.DepositAddress, txHash(7)} {
			for operator, want := range map[string]int{f.operator.ID: 1, stranger.ID: 0, "": 0} {
				found, _, err := f.ListPayments(ctx, PaymentFilter{OperatorID: operator, Search: search})
				require.NoError(t, err)
				require.Len(t, found, want, "%s for %q", search, operator)
			}
			found, _, err := f.ListPayments(ctx, PaymentFilter{EveryOperator: true, Search: search})
			require.NoError(t, err)
			require.Len(t, found, 1, search)
		}
		for _, search := range []string{"%", "_", mine.ID[:23], mine.Reference + "0", "' OR '1'='1"} {
			found, _, err := f.ListPayments(ctx, PaymentFilter{EveryOperator: true, Search: search})
			require.NoError(t, err)
			require.Empty(t, found, search)
		}
	})
}

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
			"everybody's exceptions": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{EveryOperator: true, Exception: models.ExceptionUnderpaid})
				return err
			},
			"everybody's rejected": func() error {
				_, _, err := read.ListPayments(ctx, PaymentFilter{EveryOperator: true, Status: models.StatusRejected})
				return err
			},
			"figures": func() error {
				_, err := read.OperatorFigures(ctx, f.operator.ID, 7)
				return err
			},
			"what one person did": func() error {
				_, _, err := read.ListAudit(ctx, AuditFilter{Actor: "admin:a@example.org"})
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
				for _, table := range []string{"payments", "transfers", "ledger_entries", "audit_log"} {
					require.NotContains(t, plan, "Seq Scan on "+table, "%s: %s", name, statement)
					for line := range strings.Lines(plan) {
						require.False(t, strings.HasPrefix(line, "SCAN "+table) && !strings.Contains(line, "INDEX"), "%s: %s\n%s", name, statement, plan)
					}
				}
			}
		}
	})
}

// plan is how the database would run a statement.
func (f *fixture) plan(t *testing.T, statement string) string {
	t.Helper()
	explain := "EXPLAIN "
	if f.engine == engineSQLite {
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := f.read(t.Context()).Raw(explain + statement).Rows()
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var plan strings.Builder
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(string)
		}
		require.NoError(t, rows.Scan(cells...))
		plan.WriteString(*cells[len(cells)-1].(*string) + "\n")
	}
	require.NoError(t, rows.Err())
	return plan.String()
}

// fill gives the fixture's operator many payments, credits and lines of the audit log, over a hundred days.
func (f *fixture) fill(t *testing.T, many int) {
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
			DepositAddress: fmt.Sprint("0xfill", i), AddressIndex: uint32(i), CreatedAt: at, UpdatedAt: at, ExpiresAt: at, WorkflowStartedAt: &at,
		}
		transfers[i] = models.Transfer{
			TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(i)}, PaymentID: payments[i].ID, Amount: 1, BlockNumber: uint64(i), BlockTime: at, Canonical: true,
			CreditedAmount: 1, Revision: 1, CreatedAt: at, UpdatedAt: at,
		}
		entries[i] = models.AuditEntry{At: at, Actor: fmt.Sprint("admin:", i%100), Action: "logged_in"}
	}
	require.NoError(t, f.writer.CreateInBatches(payments, 200).Error)
	require.NoError(t, f.writer.CreateInBatches(transfers, 200).Error)
	require.NoError(t, f.writer.Table("audit_log").CreateInBatches(entries, 200).Error)
	require.NoError(t, f.writer.Transaction(func(tx *gorm.DB) error {
		for i := 0; i < many; i += 250 {
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
			if err := tx.Exec("INSERT INTO ledger_transactions (id, external_id, kind, payment_id, created_at) VALUES " + strings.Join(values, ", ")).Error; err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, f.writer.Exec("ANALYZE").Error)
	stats, err := f.OperatorFigures(t.Context(), f.operator.ID, 7)
	require.NoError(t, err)
	require.Positive(t, stats.Volume)
	require.Positive(t, stats.ByStatus[models.StatusPaid])
}
