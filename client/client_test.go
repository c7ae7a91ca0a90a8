package client

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// gateway answers every request in one way, and keeps the last request.
type gateway struct {
	status     int
	kind, body string
	header     map[string]string
	request    *http.Request
	sent       string
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.request, g.sent = r, string(body)
	for name, value := range g.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", g.kind)
	w.WriteHeader(g.status)
	_, _ = io.WriteString(w, g.body)
}

// newClient returns a client of a server.
func newClient(t *testing.T, handler http.Handler) *ClientWithResponses {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(server.URL, "pk_1", "sk_1")
	require.NoError(t, err)
	return c
}

const balance = `{"currency":"USDT","available":9007199254740993.000001,"pending":0.10,"reserved":0.00}`

// An amount that a float64 cannot hold comes through unchanged, and an order is sent as it was given.
func TestAmountsAreExact(t *testing.T) {
	t.Parallel()
	g := &gateway{status: http.StatusOK, kind: "application/json; charset=utf-8", body: balance}
	c := newClient(t, g)
	answer, err := c.GetBalanceWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, "9007199254740993.000001", answer.JSON200.Available.String())
	require.True(t, answer.JSON200.Pending.Equal(decimal.RequireFromString("0.1")))
	require.Equal(t, "pk_1", g.request.Header.Get("x-api-key"))
	require.Equal(t, "sk_1", g.request.Header.Get("x-api-secret"))

	g.body = `{"paymentId":"648f3a9b2c1d4e5f60718293"}`
	created, err := c.CreatePaymentWithResponse(t.Context(), &CreatePaymentParams{IdempotencyKey: new("order 1")}, NewPayment{
		Amount: decimal.RequireFromString("9007199254.740993"), UserID: "u", Network: NewPaymentNetworkERC20,
		Metadata: &Metadata{"order": "A-17"},
	})
	require.NoError(t, err)
	require.Equal(t, "648f3a9b2c1d4e5f60718293", created.JSON200.PaymentID)
	require.Equal(t, "order 1", g.request.Header.Get("Idempotency-Key"))
	require.JSONEq(t, `{"amount":"9007199254.740993","userId":"u","network":"ERC20","metadata":{"order":"A-17"}}`, g.sent)
}

// Whatever is no success is an error that tells what is known, and a call without an error has its answer.
func TestAnswersThatAreNoSuccess(t *testing.T) {
	t.Parallel()
	const page, object = "text/html", "application/json"
	for name, c := range map[string]struct {
		gateway gateway
		want    Error
	}{
		"refused": {
			gateway{status: 422, kind: object, body: `{"msg":"No.","code":"idempotency_mismatch","requestId":"r1","field":"amount"}`},
			Error{StatusCode: 422, Code: "idempotency_mismatch", Message: "No.", RequestID: "r1", Field: "amount"},
		},
		"too many": {
			gateway{status: 429, kind: object, body: `{"code":"rate_limited"}`, header: map[string]string{"Retry-After": "7"}},
			Error{StatusCode: 429, Code: "rate_limited", RetryAfter: 7 * time.Second},
		},
		"a wait that is a date": {
			gateway{status: 503, kind: object, body: `{}`, header: map[string]string{"Retry-After": "Fri, 27 Nov 2026 08:00:00 GMT"}},
			Error{StatusCode: 503},
		},
		"a proxy's page":         {gateway{status: 502, kind: page, body: "<h1>Bad Gateway</h1>"}, Error{StatusCode: 502}},
		"a page with status 200": {gateway{status: 200, kind: page, body: balance}, Error{StatusCode: 200}},
		"no type":                {gateway{status: 200, body: balance}, Error{StatusCode: 200}},
		"another form":           {gateway{status: 500, kind: object, body: `{"msg":"No.","code":7}`}, Error{StatusCode: 500}},
		"cut off":                {gateway{status: 500, kind: object, body: `{"code":"inter`}, Error{StatusCode: 500}},
		"huge": {
			gateway{status: 500, kind: object, body: `{"code":"` + strings.Repeat("x", errorLimit) + `"}`}, Error{StatusCode: 500},
		},
		"a redirection": {
			gateway{status: 307, kind: page, header: map[string]string{"Location": "/elsewhere"}}, Error{StatusCode: 307},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := newClient(t, &c.gateway).GetBalanceWithResponse(t.Context())
			require.Nil(t, answer)
			var failure *Error
			require.ErrorAs(t, err, &failure)
			require.Equal(t, c.want, *failure)
			require.Equal(t, "/api/balance", c.gateway.request.URL.Path, "no redirection is followed")
			require.NotContains(t, err.Error(), "sk_1")
		})
	}
}

// A deleted thing has no body, and that is a success.
func TestAnswerWithoutBody(t *testing.T) {
	t.Parallel()
	answer, err := newClient(t, &gateway{status: http.StatusNoContent}).RevokeKeyWithResponse(t.Context(), "pk_2")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, answer.StatusCode())
}

// A success that is not documented for a call is an error, so no call without an error lacks its answer.
func TestSuccessesThatAreNotDocumented(t *testing.T) {
	t.Parallel()
	const object, table = "application/json", "text/csv; charset=utf-8; header=present"
	list := func(c *ClientWithResponses) error {
		_, err := c.ListEventsWithResponse(t.Context(), nil)
		return err
	}
	ledger := func(c *ClientWithResponses) error {
		_, err := c.ListLedgerWithResponse(t.Context(), nil)
		return err
	}
	create := func(c *ClientWithResponses) error {
		_, err := c.CreateKeyWithResponse(t.Context(), NewKey{})
		return err
	}
	revoke := func(c *ClientWithResponses) error {
		_, err := c.RevokeKeyWithResponse(t.Context(), "pk_2")
		return err
	}
	raw := func(c *ClientWithResponses) error {
		response, err := c.ListEvents(t.Context(), nil)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	for name, c := range map[string]struct {
		call   func(*ClientWithResponses) error
		status int
		kind   string
		fails  bool
	}{
		"a list":                        {list, 200, object, false},
		"a list without a body":         {list, 204, "", true},
		"a list that was only accepted": {list, 202, object, true},
		"a list that was made":          {list, 201, object, true},
		"a list of another origin":      {list, 203, object, true},
		"a part of a list":              {list, 206, object, true},
		"a list as a table":             {list, 200, table, true},
		"a ledger as a table, unasked":  {ledger, 200, table, true},
		"a raw answer":                  {raw, 202, object, true},
		"a key that was made":           {create, 201, object, false},
		"a key that was there":          {create, 200, object, true},
		"a revoked key":                 {revoke, 204, "", false},
		"a revoked key with a body":     {revoke, 200, object, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gateway{status: c.status, kind: c.kind}
			if c.status != http.StatusNoContent {
				g.body = `{"events":[]}`
			}
			err := c.call(newClient(t, g))
			if !c.fails {
				require.NoError(t, err)
				return
			}
			var failure *Error
			require.ErrorAs(t, err, &failure)
			require.Equal(t, Error{StatusCode: c.status}, *failure)
		})
	}
}

// Whoever asks for CSV gets it.
func TestCSV(t *testing.T) {
	t.Parallel()
	g := &gateway{status: http.StatusOK, kind: "text/csv; charset=utf-8; header=present", body: "id\n1\n"}
	answer, err := newClient(t, g).ListLedgerWithResponse(t.Context(), nil, func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept", "text/csv")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, g.body, string(answer.Body))
}

// An installation may be in a folder of its host.
func TestAddresses(t *testing.T) {
	t.Parallel()
	g := &gateway{status: http.StatusOK, kind: "application/json", body: `{"_id":"p1"}`}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	for _, folder := range []string{"", "/", "/pay", "/pay/", "/api", "/a%2Fb/{c}", "//"} {
		c, err := New(server.URL+folder, "pk_1", "sk_1")
		require.NoError(t, err)
		for _, id := range []string{"648f3a9b2c1d4e5f60718293", "a/b", "a b?c", "ö"} {
			answer, err := c.GetPaymentWithResponse(t.Context(), id, nil)
			require.NoError(t, err, folder+" "+id)
			require.Equal(t, "p1", answer.JSON200.ID)
			_, err = c.RevokeKeyWithResponse(t.Context(), id)
			require.Error(t, err, "this call's success is another")
		}
	}
	_, err := New("http://a b", "pk_1", "sk_1")
	require.Error(t, err)
}

// An id that holds a slash stays one part of the path.
func TestPathsAreEscaped(t *testing.T) {
	t.Parallel()
	g := &gateway{status: 404, kind: "application/json", body: `{}`}
	_, err := newClient(t, g).GetPaymentWithResponse(t.Context(), "../keys?x=1#y", nil)
	require.Error(t, err)
	require.Equal(t, "/api/payment/..%2Fkeys%3Fx=1%23y", g.request.URL.EscapedPath())
}

// A message is believed only with the endpoint's own signature, fresh, and with a real secret.
func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	const body = `{"type":"payment.paid","timestamp":"2026-11-27T08:00:00.000Z","schema":1,"data":{"_id":"p1","amountReceived":50.10}}`
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of 32 bytes for this test!"))
	signed := func(secret, id, body string, at time.Time) http.Header {
		signer, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		signature, err := signer.Sign(id, at, []byte(body))
		require.NoError(t, err)
		return http.Header{
			"Webhook-Id": {id}, "Webhook-Signature": {signature},
			"Webhook-Timestamp": {decimal.NewFromInt(at.Unix()).String()},
		}
	}
	now := time.Now()
	event, err := VerifyWebhook(secret, signed(secret, "e1", body, now), []byte(body))
	require.NoError(t, err)
	require.Equal(t, "e1", event.ID)
	require.Equal(t, EventTypePaymentPaid, event.Type)
	payment, ok, err := event.Payment()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "p1", payment.ID)
	require.Equal(t, "50.1", payment.AmountReceived.String())

	otherID := signed(secret, "e1", body, now)
	otherID.Set("webhook-id", "e2")
	for name, header := range map[string]http.Header{
		"nothing": {}, "old": signed(secret, "e1", body, now.Add(-6*time.Minute)), "another id": otherID,
		"another body": signed(secret, "e1", body+" ", now),
	} {
		_, err := VerifyWebhook(secret, header, []byte(body))
		require.ErrorIs(t, err, ErrNoWebhook, name)
	}
	for _, none := range []string{"", "whsec_", "whsec_QQ==", "no base64"} {
		forged := http.Header{}
		if key, err := standardwebhooks.NewWebhook(none); err == nil {
			signature, err := key.Sign("e1", now, []byte(body))
			require.NoError(t, err)
			forged = http.Header{
				"Webhook-Id": {"e1"}, "Webhook-Signature": {signature},
				"Webhook-Timestamp": {decimal.NewFromInt(now.Unix()).String()},
			}
		}
		_, err := VerifyWebhook(none, forged, []byte(body))
		require.ErrorContains(t, err, "the secret is not that of a webhook endpoint", none)
	}
	_, ok, err = Event{Type: "endpoint.disabled", Data: []byte(`{"id":"e"}`)}.Payment()
	require.NoError(t, err)
	require.False(t, ok)
	_, _, err = Event{Type: "payment.paid", Data: []byte(`{`)}.Payment()
	require.Error(t, err)
}
