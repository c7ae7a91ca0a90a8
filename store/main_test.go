package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/internal/secrets"
	"paycow/models"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onBoth runs a test on a fresh SQLite file and on a fresh Postgres database.
func onBoth(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newFixture(t, migratedSQLite(t)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, newPostgresFixture(t))
	})
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "paycow.db") }

// migratedSQLite is a copy of one file that has been migrated.
func migratedSQLite(t testing.TB) string {
	t.Helper()
	content, err := migratedFile()
	require.NoError(t, err)
	url := sqliteURL(t)
	require.NoError(t, os.WriteFile(strings.TrimPrefix(url, "sqlite:"), content, 0o600))
	return url
}

var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "paycow-store-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "paycow.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func newPostgresFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixture(t, pgtest.Start(t).NewDatabaseFrom(t, "migrated", migrate))
}

// migrate brings a database to the newest schema and closes it.
func migrate(url string) error {
	s, err := Open(context.Background(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(context.Background()), s.Close())
}

// fixture is a migrated store with an operator and a chain cursor at block 100.
type fixture struct {
	*Store
	url      string
	operator models.Operator
	tip      models.BlockRef
}

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newFixture(t testing.TB, url string) *fixture {
	t.Helper()
	f := &fixture{Store: open(t, url), url: url}
	f.operator = f.addOperator(t)
	f.tip = block(100, "main")
	require.NoError(t, f.InitCursor(t.Context(), models.NetworkERC20, f.tip, 100))
	_, err := f.SetTokenState(t.Context(), models.NetworkERC20, f.tip, nil)
	require.NoError(t, err)
	return f
}

func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	s.keys = testKeys
	return s
}

// testKeys are the keys of all tests. Tests of UseMasterKey bind the database to them.
var testKeys = ringOf(7)

// ringOf returns a keyring of a master key, and of earlier ones, each made of one byte.
func ringOf(current byte, previous ...byte) *secrets.Keyring {
	var earlier [][]byte
	for _, b := range previous {
		earlier = append(earlier, bytes.Repeat([]byte{b}, secrets.MasterKeyBytes))
	}
	keys, err := secrets.NewKeyring(bytes.Repeat([]byte{current}, secrets.MasterKeyBytes), earlier...)
	if err != nil {
		panic(err)
	}
	return keys
}

var operatorCount atomic.Int64

func (f *fixture) addOperator(t testing.TB) models.Operator {
	t.Helper()
	operator := models.Operator{
		ID: models.NewID(), Email: fmt.Sprintf("operator%d@example.com", operatorCount.Add(1)), Name: "Shop",
		Status: models.OperatorActive, PasswordHash: "$argon2id$", CreatedAt: epoch, UpdatedAt: epoch,
	}
	require.NoError(t, f.CreateOperator(t.Context(), operator, nil))
	return operator
}

// derive stands in for the account key: any injective function of the index will do.
func derive(index uint32) (string, error) { return fmt.Sprintf("0xAd%038d", index), nil }

// newPayment is what a payment of one confirmation is made from, so that a block's transfers can be credited at once.
func (f *fixture) newPayment() NewPayment {
	return NewPayment{
		ID: models.NewID(), Reference: models.NewReference(),
		OperatorID: f.operator.ID, UserID: "user_123456", Network: models.NetworkERC20, Currency: models.CurrencyUSDT,
		AmountRequested: 50 * models.USDT, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour), Confirmations: 1,
	}
}

// renamed is the same request with another id and reference, as a client's second try brings.
func renamed(in NewPayment) NewPayment {
	in.ID, in.Reference = models.NewID(), models.NewReference()
	return in
}

func (f *fixture) create(t testing.TB) models.Payment { return f.needing(t, 1) }

// needing makes a payment whose transfers need so many confirmations.
func (f *fixture) needing(t testing.TB, confirmations uint64) models.Payment {
	t.Helper()
	in := f.newPayment()
	in.Confirmations = confirmations
	p, created, err := f.CreatePayment(t.Context(), in, derive)
	require.NoError(t, err)
	require.True(t, created)
	return p
}

// block names a block of a branch; its time is 12 seconds a block, block 100 standing at epoch.
func block(number uint64, branch string) models.BlockRef {
	return models.BlockRef{
		Number: number, Hash: fmt.Sprintf("0x%s%0*d", hexOf(branch), 64-len(hexOf(branch)), number),
		Time: epoch.Add(time.Duration(int64(number)-100) * 12 * time.Second),
	}
}

func hexOf(text string) string { return fmt.Sprintf("%x", text) }

func txHash(n int) string { return fmt.Sprintf("0x%064x", n) }

func transferTo(p models.Payment, tx int, amount models.Amount, in models.BlockRef) models.TokenTransfer {
	return models.TokenTransfer{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(tx)}, From: "0xPayer", To: p.DepositAddress,
		Amount: amount, LogIndex: 3, Block: in,
	}
}

// mine advances the cursor by one block of the branch that holds the transfers.
func (f *fixture) mine(t testing.TB, branch string, transfers ...models.TokenTransfer) models.BlockRef {
	t.Helper()
	next := block(f.tip.Number+1, branch)
	for i := range transfers {
		transfers[i].Block = next
	}
	require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, batch(f.tip, next, next.Number, transfers)))
	f.tip = next
	return next
}

func (f *fixture) rewind(t testing.TB, to models.BlockRef) {
	t.Helper()
	require.NoError(t, f.RewindAgreed(t.Context(), models.NetworkERC20, f.tip, to, models.BlockRef{}))
	f.tip = to
}

func (f *fixture) transfer(t testing.TB, paymentID string) models.Transfer {
	t.Helper()
	transfers, err := f.Transfers(t.Context(), paymentID)
	require.NoError(t, err)
	require.Len(t, transfers, 1)
	return transfers[0]
}

func (f *fixture) payment(t testing.TB, id string) models.Payment {
	t.Helper()
	p, err := f.Payment(t.Context(), id)
	require.NoError(t, err)
	return p
}

// next is the state that follows the payment's, with a change.
func next(p models.Payment, change func(*models.PaymentState)) models.PaymentState {
	state := p.PaymentState
	state.Version++
	change(&state)
	return state
}

func (f *fixture) creditInput(p models.Payment, credits, reversals []models.Transfer) models.CreditInput {
	in := models.CreditInput{
		PaymentID: p.ID, OperatorID: p.OperatorID, DepositAddress: p.DepositAddress, Confirmations: 12,
		State: honestState(f.Store, p, credits, reversals),
	}
	for _, transfer := range credits {
		in.Credits = append(in.Credits, transfer.Notice(f.tip.Number, 0))
	}
	for _, transfer := range reversals {
		in.Reversals = append(in.Reversals, transfer.Notice(f.tip.Number, 0))
	}
	return in
}

// honestState is the state that follows from the rows of a payment once these transfers are booked: what an honest
// workflow would record.
func honestState(s *Store, p models.Payment, credits, reversals []models.Transfer) models.PaymentState {
	transfers, err := s.Transfers(context.Background(), p.ID)
	if err != nil {
		panic(err)
	}
	state := p.PaymentState
	state.Version++
	state.AmountReceived, state.AmountCredited = 0, 0
	inTime, mined, removed, open := models.Amount(0), models.Amount(0), false, false
	for _, transfer := range transfers {
		if slices.ContainsFunc(reversals, func(r models.Transfer) bool { return r.TransferKey == transfer.TransferKey }) {
			transfer.CreditedAmount = 0
		}
		if slices.ContainsFunc(credits, func(c models.Transfer) bool { return c.TransferKey == transfer.TransferKey }) {
			transfer.CreditedAmount = transfer.Amount
		}
		isInTime := !transfer.BlockTime.After(p.ExpiresAt)
		counts := cmp.Or(transfer.CreditedAmount, transfer.Amount)
		if !transfer.Canonical && transfer.CreditedAmount == 0 {
			removed, counts = true, 0
		}
		state.AmountReceived += counts
		state.AmountCredited += transfer.CreditedAmount
		if isInTime {
			inTime += transfer.CreditedAmount
			mined += counts
			open = open || transfer.Canonical && transfer.CreditedAmount == 0
		}
	}
	state.Exception = models.ExceptionNone
	if removed {
		state.Exception = models.ExceptionReverted
	}
	switch {
	case state.Decision == models.DecisionReject:
		state.Status = models.StatusRejected
		if state.AmountCredited > 0 {
			state.Exception = models.ExceptionAfterReject
		}
	case inTime >= p.Enough():
		state.Status, state.Exception = models.StatusPaid, models.ExceptionNone
		switch {
		case state.AmountCredited > p.AmountRequested:
			state.Exception = models.ExceptionOverpaid
		case state.AmountCredited < p.AmountRequested:
			state.Exception = models.ExceptionUnderpaidAccepted
		}
	case p.Status == models.StatusExpired && !open:
		state.Status = models.StatusExpired
		switch {
		case state.AmountCredited > inTime:
			state.Exception = models.ExceptionPaidLate
		case state.AmountCredited > 0:
			state.Exception = models.ExceptionUnderpaid
		}
	case mined > 0:
		state.Status = models.StatusDetected
	default:
		state.Status = models.StatusPending
	}
	return state
}

func (f *fixture) requireBalance(t testing.TB, available, pending models.Amount) {
	t.Helper()
	gotAvailable, gotPending, err := f.Balance(t.Context(), f.operator.ID)
	require.NoError(t, err)
	require.Equal(t, available, gotAvailable, "available")
	require.Equal(t, pending, gotPending, "pending")
}

// requireBooked checks that the ledger balances and holds what the transfers say is credited.
func (f *fixture) requireBooked(t testing.TB) {
	t.Helper()
	var unbalanced int64
	db := f.read(t.Context())
	require.NoError(t, db.Raw(`SELECT count(*) FROM (SELECT transaction_id FROM ledger_entries GROUP BY transaction_id HAVING SUM(amount) <> 0 OR COUNT(*) < 2) x`).Scan(&unbalanced).Error)
	require.Zero(t, unbalanced, "unbalanced ledger transactions")
	var entries, transfers models.Amount
	require.NoError(t, db.Raw(`SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM ledger_entries WHERE account LIKE 'operator:%'`).Scan(&entries).Error)
	require.NoError(t, db.Raw(`SELECT CAST(COALESCE(SUM(credited_amount), 0) AS bigint) FROM transfers`).Scan(&transfers).Error)
	require.Equal(t, transfers, entries, "the ledger against the credited transfers")
}

// together runs fn n times at once and waits for all.
func together(n int, fn func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wg.Wait()
}

// withTimeout is for calls that must not wait for ever when the code under test is wrong.
func withTimeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// batch is what a follower with a quorum of one has read.
func batch(from, to models.BlockRef, head uint64, transfers []models.TokenTransfer) models.BlockBatch {
	return models.BlockBatch{From: from, To: to, Head: head, Agreed: true, Transfers: transfers}
}

// confirm lets so many blocks follow.
func (f *fixture) confirm(t testing.TB, blocks int) {
	t.Helper()
	for range blocks {
		f.mine(t, "main")
	}
}

func did(action string) models.AuditEntry { return models.AuditEntry{Actor: "test", Action: action} }

// person is a new operator who can log in.
func (f *fixture) person(t testing.TB, email string) models.Account {
	t.Helper()
	isNew, err := f.RegisterOperator(t.Context(), models.Operator{ID: models.NewID(), Email: email, Name: "Shop"}, "192.0.2.1")
	require.NoError(t, err)
	require.True(t, isNew)
	account := f.account(t, email)
	link := models.PasswordLink{
		TokenHash: []byte(email), Role: account.Role, AccountID: account.ID, ExpiresAt: time.Now().Add(time.Hour),
	}
	require.NoError(t, f.PutPasswordLink(t.Context(), link, did("link")))
	require.NoError(t, f.UsePasswordLink(t.Context(), link.TokenHash, account, "first password", did("password")))
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
