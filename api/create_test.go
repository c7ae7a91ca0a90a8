package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 12, 21, 30, 0, 123_456_789, time.UTC)
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	got := f.call(f.account, http.MethodPost, "/api/payment/create",
		`{"amount": 50.00, "userId": "user_123456", "network": "ERC20"}`,
		"Content-Type", "application/json; charset=UTF-8")
	require.Equal(t, http.StatusOK, got.status, got.body)
	made := parse[created](t, got.body)
	url := "http://paycow.test/payment/" + made.SessionID
	require.Equal(t, fmt.Sprintf(`{"sessionId":"%s","paymentId":"%s","paymentUrl":"%s","checkoutUrl":"%s","paymentReference":"%s",`+
		`"depositAddress":"%s","expiresAt":"2026-03-12T22:30:00.123Z"}`,
		made.SessionID, made.SessionID, url, url, made.PaymentReference, made.DepositAddress), got.body)
	require.Regexp(t, "^[0-9a-f]{24}$", made.SessionID)
	require.Regexp(t, "^[0-9a-f]{16}$", made.PaymentReference)
	row := f.row(made.SessionID)
	require.Equal(t, 50*models.USDT, row.AmountRequested)
	require.Equal(t, models.StatusPending, row.Status)
	require.Equal(t, f.operatorID(f.account), row.OperatorID)
	require.Equal(t, 1, f.starter.count())
	require.Zero(t, f.engine.queries.Load()+f.engine.signals.Load(), "create must not wait for the engine")
}

func TestCreateAmountsAreExact(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.MinAmount = 1 })
	for text, want := range map[string]models.Amount{
		"50": 50_000_000, "50.0": 50_000_000, "5e1": 50_000_000, "50.000000": 50_000_000, "500000000e-7": 50_000_000,
		`"50.00"`: 50_000_000,
		`"5E+1"`:  50_000_000, "0.000001": 1, "1e-6": 1, "0.1": 100_000, "0.3": 300_000, "999.999999": 999_999_999,
		"1000": 1_000_000_000,
	} {
		got := f.call(f.account, http.MethodPost, "/api/payment/create",
			`{"amount":`+text+`,"userId":"ü€𝄞 =1+1","network":"ERC20","currency":"USDT"}`)
		require.Equal(t, http.StatusOK, got.status, got.body)
		row := f.row(parse[created](t, got.body).SessionID)
		require.Equal(t, want, row.AmountRequested, text)
		require.Equal(t, "ü€𝄞 =1+1", row.UserID)
		data := f.call(f.account, http.MethodGet, "/payment/data/"+row.ID, "")
		require.Contains(t, data.body, `"amountRequested":`+want.String()+`,"amountReceived":0.00,`)
	}
}

func TestCreateTakesTheLongestInput(t *testing.T) {
	t.Parallel()
	f := setup(t)
	body := `{"amount":1,"userId":"` + strings.Repeat("𝄞", 256) + `","network":"ERC20"}`
	body += strings.Repeat(" ", maxBodyBytes-len(body))
	got := f.call(f.account, http.MethodPost, "/api/payment/create", body, "Idempotency-Key", strings.Repeat("~", 255))
	require.Equal(t, http.StatusOK, got.status, got.body)
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	f := setup(t)
	create := func(body, key string) answer {
		return f.call(f.account, http.MethodPost, "/api/payment/create", body, "Idempotency-Key", key)
	}
	first := create(`{"amount":50.00,"userId":"u","network":"ERC20"}`, "order 1")
	require.Equal(t, http.StatusOK, first.status)
	require.Empty(t, first.header.Get("Idempotent-Replayed"))
	for _, sameMeaning := range []string{
		`{"amount":50.00,"userId":"u","network":"ERC20"}`,
		`{"network":"ERC20","currency":"USDT","userId":"\u0075","amount":"5e1"}`,
	} {
		again := create(sameMeaning, "order 1")
		require.Equal(t, first.body, again.body)
		require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	}
	for _, another := range []string{
		`{"amount":50.01,"userId":"u","network":"ERC20"}`,
		`{"amount":50,"userId":"v","network":"ERC20"}`,
	} {
		refused := create(another, "order 1")
		require.Equal(t, http.StatusUnprocessableEntity, refused.status)
		require.Equal(t, "idempotency_mismatch", parse[errorBody](t, refused.body).Code)
	}
	require.NotEqual(t, first.body, create(`{"amount":50.00,"userId":"u","network":"ERC20"}`, "order 2").body)
	others := f.call(f.other, http.MethodPost, "/api/payment/create", `{"amount":50.00,"userId":"u","network":"ERC20"}`,
		"Idempotency-Key", "order 1")
	require.Equal(t, http.StatusOK, others.status)
	require.NotEqual(t, first.body, others.body, "a key belongs to its operator")
}

func TestHundredCreatesWithOneKey(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const calls = 100
	bodies := make([]string, calls)
	var group sync.WaitGroup
	for i := range calls {
		group.Go(func() {
			bodies[i] = f.call(f.account, http.MethodPost, "/api/payment/create",
				`{"amount":50,"userId":"u","network":"ERC20"}`, "Idempotency-Key", "k").body
		})
	}
	group.Wait()
	for _, body := range bodies {
		require.Equal(t, bodies[0], body)
	}
	require.NotEmpty(t, parse[created](t, bodies[0]).SessionID, bodies[0])
	list := parse[paymentList](t, f.call(f.account, http.MethodGet, "/api/payments", "").body)
	require.Len(t, list.Payments, 1)
}

// misplacedAddresses derives other addresses than those in the rows.
type misplacedAddresses struct{}

func (misplacedAddresses) Address(index uint32) (string, error) {
	return fmt.Sprintf("0x%040x", index+77), nil
}

func TestAChangedAddressIsNeverShown(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.server.Addresses = misplacedAddresses{}
	f.server.addresses.Purge()
	for _, path := range []string{"/payment/data/" + p.ID, "/api/payment/" + p.ID, "/payment/" + p.ID} {
		got := f.call(f.account, http.MethodGet, path, "")
		require.Equal(t, http.StatusInternalServerError, got.status, path)
		require.NotContains(t, got.body, p.DepositAddress)
	}
	list := f.call(f.account, http.MethodGet, "/api/payments", "")
	require.Contains(t, list.body, `"depositAddress":null`)
	csv := f.call(f.account, http.MethodGet, "/api/payments", "", "Accept", "text/csv")
	require.NotContains(t, csv.body, p.DepositAddress)
	require.Contains(t, f.log.String(), "deposit address")
	require.Contains(t, f.log.String(), "level=ERROR")
}

// A lowered maximum applies to new payments only: a repeated call still returns the payment created before.
func TestRepeatedCreateAboveALoweredMaximum(t *testing.T) {
	t.Parallel()
	f := setup(t)
	create := func(amount, key string) answer {
		return f.call(f.account, http.MethodPost, "/api/payment/create",
			`{"amount":`+amount+`,"userId":"u","network":"ERC20"}`, "Idempotency-Key", key)
	}
	first := create("900", "k")
	require.Equal(t, http.StatusOK, first.status)
	f.server.MaxAmount = 100 * models.USDT
	again := create("900.00", "k")
	require.Equal(t, http.StatusOK, again.status, again.body)
	require.Equal(t, first.body, again.body)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, http.StatusUnprocessableEntity, create("901", "k").status, "another body")
	for _, refused := range []answer{
		create("900", "new"),
		f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":900,"userId":"u","network":"ERC20"}`),
	} {
		require.Equal(t, http.StatusBadRequest, refused.status)
		require.Equal(t, "amount must be at most 100.00 USDT.", parse[errorBody](t, refused.body).Msg)
	}
	require.EqualValues(t, models.DefaultReservedAddresses+1, f.payment(f.account).AddressIndex, "a refused amount uses no address up")
}
