package api

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// fakeEngine replaces the workflow engine. It answers queries and carries out decisions on the row, unless a test
// replaces that.
type fakeEngine struct {
	store   *store.Store
	queries atomic.Int64
	signals atomic.Int64
	mutex   sync.Mutex
	query   func(ctx context.Context, paymentID string) (models.PaymentState, error)
	decide  func(ctx context.Context, payment models.Payment, status models.Status, decision models.DecisionSignal) error
	pingErr error
}

func (f *fakeEngine) QueryState(ctx context.Context, paymentID string) (models.PaymentState, error) {
	f.queries.Add(1)
	f.mutex.Lock()
	query := f.query
	f.mutex.Unlock()
	if query == nil {
		return models.PaymentState{}, models.ErrNotFound
	}
	return query(ctx, paymentID)
}

func (f *fakeEngine) onQuery(query func(ctx context.Context, paymentID string) (models.PaymentState, error)) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.query = query
}

func (f *fakeEngine) SignalReject(ctx context.Context, p models.Payment, d models.DecisionSignal) error {
	return f.signal(ctx, p, models.StatusRejected, d)
}

func (f *fakeEngine) SignalAccept(ctx context.Context, p models.Payment, d models.DecisionSignal) error {
	return f.signal(ctx, p, models.StatusPaid, d)
}

func (f *fakeEngine) signal(ctx context.Context, p models.Payment, status models.Status, d models.DecisionSignal) error {
	f.signals.Add(1)
	if f.decide != nil {
		return f.decide(ctx, p, status, d)
	}
	state := p.PaymentState
	state.Version, state.Status, state.Reason, state.Decision = state.Version+1, status, d.Reason, models.DecisionReject
	if status == models.StatusPaid {
		state.Exception, state.Decision = models.ExceptionAccepted, models.DecisionAccept
	}
	result, err := f.store.Record(ctx, models.RecordInput{PaymentID: p.ID, State: state})
	if err == nil && !result.Recorded {
		err = fmt.Errorf("the row has moved, or refuses: %s", result.Refused)
	}
	return err
}

func (f *fakeEngine) Ping(context.Context) error { return f.pingErr }

// fakeStarter counts how often it was notified.
type fakeStarter struct{ notified atomic.Int64 }

func (f *fakeStarter) Notify(models.Payment) { f.notified.Add(1) }

func (f *fakeStarter) count() int { return int(f.notified.Load()) }

// fakeAddresses derives a distinct address for each index.
type fakeAddresses struct{}

func (fakeAddresses) Address(index uint32) (string, error) {
	return fmt.Sprintf("0x%040x", index+1), nil
}

// fakeTestAddresses derives addresses that fakeAddresses never does.
type fakeTestAddresses struct{}

func (fakeTestAddresses) Address(index uint32) (string, error) {
	return fmt.Sprintf("0xb%039x", index+1), nil
}

// fixture is an API on a real database with two operators.
type fixture struct {
	testing.TB
	server  *Server
	url     string
	store   *store.Store
	path    string // of the SQLite database
	engine  *fakeEngine
	starter *fakeStarter
	log     *syncBuffer
	account apitest.Account
	other   apitest.Account
}

// syncBuffer is a log that can be read while it is being written.
type syncBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

var masterKey = func() *secrets.Keyring {
	keys, err := secrets.NewKeyring(bytes.Repeat([]byte{1}, secrets.MasterKeyBytes))
	if err != nil {
		panic(err)
	}
	return keys
}()

// cheapHash hashes a password with the smallest parameters of Argon2id, because the tests hash hundreds of passwords.
func cheapHash(password string) string {
	hash, err := argon2id.CreateHash(password, &argon2id.Params{
		Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
	if err != nil {
		panic(err)
	}
	return hash
}

func setup(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "api.db")
	f := setupOn(t, "sqlite:"+path, change...)
	f.path = path
	return f
}

// setupOn is setup with the database at a URL.
func setupOn(t testing.TB, databaseURL string, change ...func(*Config)) *fixture {
	t.Helper()
	log := &syncBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	db, err := store.Open(t.Context(), databaseURL, logger)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Migrate(t.Context()))
	require.NoError(t, db.UseMasterKey(t.Context(), masterKey, nil))
	db.UsePublicURL("http://paycow.test")
	f := &fixture{TB: t, store: db, engine: &fakeEngine{store: db}, starter: &fakeStarter{}, log: log}
	config := Config{
		Store: db, Engine: f.engine, Starter: f.starter, Addresses: fakeAddresses{}, PublicURL: "http://paycow.test/",
		Log: logger, TestAddresses: fakeTestAddresses{},
		DecisionWait: 5 * time.Second, MaxAmount: 1000 * models.USDT,
	}
	for _, c := range change {
		c(&config)
	}
	f.server = newServer(config, cheapHash)
	f.server.chain.lifetime = 0                 // tests see what they write at once,
	f.server.states.patience = 2 * queryTimeout // and what they let workflows answer
	listener := httptest.NewServer(answers.handler(t, f.server.Handler()))
	t.Cleanup(listener.Close)
	f.url = listener.URL
	f.account = f.operator(models.OperatorActive)
	f.other = f.operator(models.OperatorActive)
	return f
}

// operator creates an operator and returns its credentials.
func (f *fixture) operator(status models.OperatorStatus) apitest.Account {
	f.Helper()
	now := time.Now().UTC()
	operator := models.Operator{
		ID: models.NewID(), Name: "Shop", Status: status, PasswordHash: "x", CreatedAt: now, UpdatedAt: now,
	}
	operator.Email = operator.ID + "@example.org"
	credential, secret, err := secrets.NewCredential(operator.ID, masterKey)
	require.NoError(f, err)
	credential.CreatedAt = now
	require.NoError(f, f.store.CreateOperator(f.Context(), operator, &credential))
	return apitest.Account{APIKey: credential.APIKey, APISecret: secret}
}

// operatorID returns the id of an account's operator.
func (f *fixture) operatorID(account apitest.Account) string {
	f.Helper()
	credential, _, err := f.store.Credential(f.Context(), account.APIKey)
	require.NoError(f, err)
	return credential.OperatorID
}

// answer is an HTTP response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
}

// call sends a request with the account's credentials. headers holds alternating names and values.
func (f *fixture) call(account apitest.Account, method, path, body string, headers ...string) answer {
	f.Helper()
	request, err := http.NewRequestWithContext(f.Context(), method, f.url+path, strings.NewReader(body))
	require.NoError(f, err)
	request.Header.Set("x-api-key", account.APIKey)
	request.Header.Set("x-api-secret", account.APISecret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	require.NoError(f, err)
	return readAnswer(f, response)
}

// readAnswer reads a response to its end.
func readAnswer(t testing.TB, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(text)}
}

// payment creates a payment of 50 USDT through the API and returns its row.
func (f *fixture) payment(account apitest.Account) models.Payment {
	f.Helper()
	got := f.call(account, http.MethodPost, "/api/payment/create",
		`{"amount":50.00,"userId":"user_123456","network":"ERC20"}`)
	require.Equal(f, http.StatusOK, got.status, got.body)
	return f.row(parse[created](f, got.body).PaymentID)
}

// started creates a payment whose workflow has been started.
func (f *fixture) started(account apitest.Account) models.Payment {
	f.Helper()
	p := f.payment(account)
	require.NoError(f, f.store.MarkStarted(f.Context(), []string{p.ID}, time.Now()))
	return f.row(p.ID)
}

func (f *fixture) row(id string) models.Payment {
	f.Helper()
	row, err := f.store.Payment(f.Context(), id)
	require.NoError(f, err)
	return row
}

// record plants the payment's next state as it is, whether the rows support it or not: the tests are about showing it.
func (f *fixture) record(id string, change func(*models.PaymentState)) models.Payment {
	f.Helper()
	state := f.row(id).PaymentState
	state.Version++
	change(&state)
	plant(f.Context(), f, f.path, id, state)
	return f.row(id)
}

// plant writes a payment's state and its event past all checks.
func plant(ctx context.Context, t require.TestingT, path, id string, state models.PaymentState) {
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	var trigger string
	require.NoError(t, tx.QueryRowContext(ctx, "SELECT sql FROM sqlite_master WHERE name = 'payments_paid_is_covered'").Scan(&trigger))
	now := time.Now().UnixMicro()
	for _, statement := range []struct {
		text   string
		values []any
	}{
		{"DROP TRIGGER payments_paid_is_covered", nil},
		{
			`UPDATE payments SET status = ?, exception = ?, amount_received = ?, amount_credited = ?, tx_hash = ?, last_block = ?,
				decision = ?, reason = ?, version = ?, updated_at = ? WHERE id = ?`,
			[]any{
				state.Status, state.Exception, int64(state.AmountReceived), int64(state.AmountCredited), state.TxHash, state.LastBlock,
				state.Decision, state.Reason, state.Version, now, id,
			},
		},
		{
			`INSERT INTO payment_events (payment_id, version, status, exception, amount_received, amount_credited, tx_hash, reason, created_at)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			[]any{
				id, state.Version, state.Status, state.Exception, int64(state.AmountReceived), int64(state.AmountCredited), state.TxHash,
				state.Reason, now,
			},
		},
		{trigger, nil},
	} {
		_, err = tx.ExecContext(ctx, statement.text, statement.values...)
		require.NoError(t, err, statement.text)
	}
	require.NoError(t, tx.Commit())
}

// parse decodes a response.
func parse[T any](t require.TestingT, body string) T {
	var value T
	require.NoError(t, json.Unmarshal([]byte(body), &value), body)
	return value
}

// hexHash returns a number in the form of a hash.
func hexHash(n uint64) string { return fmt.Sprintf("0x%064x", n) }
