package store

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"paycow/models"
)

// rawBooking tries to write a ledger transaction past this package's own checks.
func rawBooking(db *gorm.DB, paymentID, id string, amounts []models.Amount) error {
	return db.Transaction(func(tx *gorm.DB) error {
		if err := rawEntries(tx, id, amounts); err != nil {
			return err
		}
		return rawHeader(tx, paymentID, id)
	})
}

func rawEntries(tx *gorm.DB, id string, amounts []models.Amount) error {
	for i, amount := range amounts {
		err := tx.Exec("INSERT INTO ledger_entries (transaction_id, account, amount, created_at) VALUES (?, ?, ?, ?)",
			id, fmt.Sprintf("account:%d", i), amount, epoch).Error
		if err != nil {
			return err
		}
	}
	return nil
}

func rawHeader(tx *gorm.DB, paymentID, id string) error {
	return tx.Exec("INSERT INTO ledger_transactions (id, external_id, kind, payment_id, created_at) VALUES (?, ?, 'CREDIT', ?, ?)",
		id, "fact:"+id, paymentID, epoch).Error
}

type ledgerImage struct {
	Entries, Transactions int64
	Sum                   models.Amount
}

func imageOf(t require.TestingT, db *gorm.DB) (image ledgerImage) {
	require.NoError(t, db.Raw(`SELECT (SELECT count(*) FROM ledger_entries) AS entries, (SELECT count(*) FROM ledger_transactions) AS transactions,
		(SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM ledger_entries) AS sum`).Scan(&image).Error)
	return image
}

// TestLedgerRefusesEveryCheat writes random sets of entries with raw SQL: the balanced ones stand, all others leave nothing
// behind, and what stands cannot be touched.
func TestLedgerRefusesEveryCheat(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		paymentID := f.create(t).ID
		db := f.writer
		rapid.Check(t, func(r *rapid.T) {
			amounts := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) models.Amount {
				return models.Amount(rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(-1<<58, 1<<58)).Draw(r, "amount"))
			}), 0, 5).Draw(r, "amounts")
			if rapid.Bool().Draw(r, "balance them") {
				sum := models.Amount(0)
				for _, amount := range amounts {
					sum = sum.AddSaturating(amount)
				}
				if sum != math.MinInt64 {
					amounts = append(amounts, -sum)
				}
			}
			isFair := len(amounts) >= 2
			sum := models.Amount(0)
			for _, amount := range amounts {
				isFair = isFair && amount != 0
				var err error
				if sum, err = sum.Add(amount); err != nil {
					isFair = false
				}
			}
			isFair = isFair && sum == 0
			before, id := imageOf(r, db), models.NewID()
			err := rawBooking(db, paymentID, id, amounts)
			if isFair {
				require.NoError(r, err)
				before.Transactions++
				before.Entries += int64(len(amounts))
			} else if err == nil { // sums beyond 64 bits may still come to zero in Postgres, whose sum is exact
				require.Zero(r, imageOf(r, db).Sum)
				return
			}
			require.Equal(r, before, imageOf(r, db))
			for _, cheat := range []string{
				"UPDATE ledger_entries SET amount = amount + 1 WHERE transaction_id = ?", "UPDATE ledger_entries SET account = 'mine' WHERE transaction_id = ?",
				"DELETE FROM ledger_entries WHERE transaction_id = ?", "UPDATE ledger_transactions SET payment_id = payment_id WHERE id = ?",
				"DELETE FROM ledger_transactions WHERE id = ?",
				"INSERT INTO ledger_entries (transaction_id, account, amount, created_at) SELECT id, 'mine', 5, created_at FROM ledger_transactions WHERE id = ?",
			} {
				err := db.Exec(cheat, id).Error
				if isFair {
					require.Error(r, err, cheat)
				}
				require.Equal(r, before, imageOf(r, db), cheat)
			}
		})
	})
}

func TestAppendOnlyTables(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		_, err := f.Credit(t.Context(), f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil))
		require.NoError(t, err)
		before := imageOf(t, f.writer)
		statements := []string{
			"DELETE FROM ledger_entries", "DELETE FROM ledger_transactions", "UPDATE ledger_entries SET amount = 0", "UPDATE ledger_transactions SET kind = 'REVERSAL'",
			"DELETE FROM payment_events", "UPDATE payment_events SET status = 'PAID'", "DELETE FROM deposit_addresses", "UPDATE deposit_addresses SET address = 'mine'",
			"DELETE FROM payments", "DELETE FROM operators",
			// an entry without a header, and one that is no whole number
			"INSERT INTO ledger_entries (transaction_id, account, amount, created_at) SELECT 'none', account, amount, created_at FROM ledger_entries",
			// the same fact twice
			"INSERT INTO ledger_transactions SELECT id, external_id, kind, payment_id, created_at FROM ledger_transactions",
		}
		if f.engine == enginePostgres {
			statements = append(statements, "TRUNCATE ledger_entries CASCADE", "TRUNCATE ledger_transactions CASCADE", "TRUNCATE payment_events", "TRUNCATE deposit_addresses",
				`INSERT INTO ledger_transactions SELECT id, external_id, kind, payment_id, created_at FROM ledger_transactions
					ON CONFLICT (id) DO UPDATE SET kind = 'REVERSAL'`,
				`INSERT INTO ledger_entries OVERRIDING SYSTEM VALUE SELECT id, transaction_id, account, amount, created_at FROM ledger_entries
					ON CONFLICT (id) DO UPDATE SET amount = 9`)
		} else {
			statements = append(statements,
				"INSERT OR REPLACE INTO ledger_transactions SELECT id, external_id, 'REVERSAL', payment_id, created_at FROM ledger_transactions",
				"INSERT OR REPLACE INTO ledger_entries SELECT id, 'other', account, amount, created_at FROM ledger_entries",
				"INSERT OR REPLACE INTO payment_events SELECT payment_id, version, 'PAID', '', 0, 0, '', '', created_at FROM payment_events",
				"INSERT OR REPLACE INTO deposit_addresses SELECT address, payment_id, address_index + 1, created_at FROM deposit_addresses",
				"UPDATE OR REPLACE ledger_entries SET id = 1", "UPDATE OR IGNORE ledger_entries SET amount = 9",
				"INSERT INTO ledger_entries (transaction_id, account, amount, created_at) VALUES ('half', 'a', 0.5, 0)")
		}
		for _, statement := range statements {
			require.Error(t, f.writer.Exec(statement).Error, statement)
		}
		require.Equal(t, before, imageOf(t, f.writer))
		events, err := timelineOf(f.reader, p.ID)
		require.NoError(t, err)
		require.Len(t, events, 2)
	})
}

func TestBookRefusesUnbalanced(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		header := models.LedgerTransaction{ID: models.NewID(), ExternalID: "fact", Kind: models.LedgerCredit, PaymentID: p.ID, CreatedAt: epoch}
		legs := func(amounts ...models.Amount) (legs []models.LedgerEntry) {
			for _, amount := range amounts {
				legs = append(legs, models.LedgerEntry{Account: "a", Amount: amount})
			}
			return legs
		}
		try := func(header models.LedgerTransaction, legs []models.LedgerEntry) error {
			return f.write(t.Context(), func(tx *gorm.DB) error { return book(tx, header, legs) })
		}
		for _, amounts := range [][]models.Amount{{}, {1}, {0}, {1, -2}, {5, 5}} {
			require.ErrorIs(t, try(header, legs(amounts...)), models.ErrLedgerUnbalanced, "%v", amounts)
		}
		require.ErrorIs(t, try(header, legs(math.MaxInt64, 1, math.MinInt64)), models.ErrAmountRange)
		require.NoError(t, try(header, legs(3, -2, -1)))
		header.ID = models.NewID()
		require.ErrorIs(t, try(header, legs(3, -3)), models.ErrAlreadyExists, "one fact, one booking")
	})
}

// TestConcurrentSessionsCannotCheat lets one session write entries behind the back of another that closes the same ledger
// transaction. Only Postgres has such sessions: SQLite has one writer.
func TestConcurrentSessionsCannotCheat(t *testing.T) {
	t.Parallel()
	f := newPostgresFixture(t)
	paymentID := f.create(t).ID
	for _, isolation := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		for _, smuggled := range [][]models.Amount{{5}, {5, -5}} {
			for _, honestCommitsFirst := range []bool{true, false} {
				name := fmt.Sprintf("%s, %v, honest first: %v", isolation, smuggled, honestCommitsFirst)
				id := models.NewID()
				begin := func() *gorm.DB {
					tx := f.writer.Session(&gorm.Session{Context: withTimeout(t)}).Begin()
					require.NoError(t, tx.Exec("SET TRANSACTION ISOLATION LEVEL "+isolation).Error)
					require.NoError(t, tx.Exec("SELECT 1").Error) // the snapshot of the two higher levels is taken here
					return tx
				}
				honest, cheat := begin(), begin()
				if honestCommitsFirst {
					require.NoError(t, rawEntries(honest, id, []models.Amount{7, -7}), name)
					require.NoError(t, rawHeader(honest, paymentID, id), name)
				} else {
					require.NoError(t, rawEntries(cheat, id, smuggled), name)
				}
				var wg sync.WaitGroup
				var cheatErr, honestErr error
				if honestCommitsFirst {
					wg.Go(func() { // waits for the honest session
						if cheatErr = rawEntries(cheat, id, smuggled); cheatErr == nil {
							cheatErr = cheat.Commit().Error
						} else {
							cheat.Rollback()
						}
					})
					f.awaitLockWait(t)
					honestErr = honest.Commit().Error
				} else {
					wg.Go(func() { // waits for the cheat
						if honestErr = rawEntries(honest, id, []models.Amount{7, -7}); honestErr == nil {
							honestErr = rawHeader(honest, paymentID, id)
						}
						if honestErr == nil {
							honestErr = honest.Commit().Error
						} else {
							honest.Rollback()
						}
					})
					f.awaitLockWait(t)
					cheatErr = cheat.Commit().Error // there is no header to belong to
				}
				wg.Wait()
				require.NoError(t, honestErr, name)
				require.Error(t, cheatErr, name)
				var amounts []models.Amount
				require.NoError(t, f.writer.Raw("SELECT amount FROM ledger_entries WHERE transaction_id = ? ORDER BY id", id).Scan(&amounts).Error)
				require.Equal(t, []models.Amount{7, -7}, amounts, name)
			}
		}
	}
}

// awaitLockWait returns once some session waits for a lock.
func (f *fixture) awaitLockWait(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting int64
		err := f.writer.Raw("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&waiting).Error
		return assert.NoError(t, err) && waiting > 0
	}, 10*time.Second, 5*time.Millisecond)
}
