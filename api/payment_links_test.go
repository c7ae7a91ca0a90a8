package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
	"paycow/store"
	"paycow/views"
)

// link creates a payment link of 50 USDT. more are other fields, such as `,"maxUses":1`.
func (f *fixture) link(account apitest.Account, more string) linkView {
	f.Helper()
	got := f.call(account, http.MethodPost, "/api/payment-links", `{"amount":50,"description":"Invoice 7"`+more+`}`)
	require.Equal(f, http.StatusCreated, got.status, got.body)
	return parse[linkView](f, got.body)
}

func (f *fixture) linkNow(account apitest.Account, id string) linkView {
	f.Helper()
	got := f.call(account, http.MethodGet, "/api/payment-links/"+id, "")
	require.Equal(f, http.StatusOK, got.status, got.body)
	return parse[linkView](f, got.body)
}

type linkList struct {
	Links      []linkView `json:"links"`
	NextCursor *string    `json:"nextCursor"`
}

func TestPaymentLinks(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.exec("UPDATE operators SET return_origins = 'https://shop.example' WHERE id = ?", f.operatorID(f.account))
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	full := f.link(f.account, `,"userId":"u","returnUrl":"https://shop.example/a","metadata":{"k":"v"},"expiresIn":600,"maxUses":2,"activeUntil":"`+
		until.Format(time.RFC3339Nano)+`"`)
	uses, expiresIn, back := int64(2), int64(600), "https://shop.example/a"
	require.Equal(t, linkView{
		ID: full.ID, URL: "http://paycow.test/pay/" + full.ID, Status: models.LinkActive, Amount: 50 * models.USDT, Currency: "USDT",
		Network: "ERC20", Description: "Invoice 7", UserID: "u", ReturnURL: &back, Metadata: models.Metadata{"k": "v"}, ExpiresIn: &expiresIn,
		ActiveUntil: (*instant)(&until), MaxUses: &uses, CreatedAt: full.CreatedAt,
	}, full)
	require.Equal(t, full, f.linkNow(f.account, full.ID))
	least := f.link(f.account, "")
	require.Regexp(t, "^link_[0-9a-f]{24}$", least.UserID, "its payments are found by it")
	require.NotContains(t, least.UserID, least.ID, "whoever knows the id can use the link")
	require.NotEqual(t, least.UserID, models.PaymentLink{ID: full.ID}.PayerID(), "each link has its own")

	first := parse[linkList](t, f.call(f.account, http.MethodGet, "/api/payment-links?limit=1", "").body)
	require.Equal(t, []linkView{least}, first.Links)
	second := parse[linkList](t, f.call(f.account, http.MethodGet, "/api/payment-links?limit=1&cursor="+*first.NextCursor, "").body)
	require.Equal(t, linkList{Links: []linkView{full}}, second)

	for _, call := range [][2]string{{http.MethodGet, ""}, {http.MethodPost, "/disable"}} {
		require.Equal(t, http.StatusNotFound, f.call(f.other, call[0], "/api/payment-links/"+full.ID+call[1], "").status, "another operator's")
	}
	require.Empty(t, parse[linkList](t, f.call(f.other, http.MethodGet, "/api/payment-links", "").body).Links)

	p := f.browser(full.ID).pays()
	require.Equal(t, []any{"u", back, models.Metadata{"k": "v"}, full.ID, 10 * time.Minute}, []any{p.UserID, p.ReturnURL, p.Metadata, p.LinkID, p.ExpiresAt.Sub(p.CreatedAt)})
	require.EqualValues(t, 1, f.linkNow(f.account, full.ID).OpenPayments)
	view := parse[views.OperatorPayment](t, f.call(f.account, http.MethodGet, "/api/payment/"+p.ID, "").body)
	require.Equal(t, full.ID, *view.LinkID)
	require.NotContains(t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body, "linkId")
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`).status)
	events, _, err := f.store.ListEvents(t.Context(), store.EventFilter{OperatorID: f.operatorID(f.account)})
	require.NoError(t, err)
	require.Equal(t, full.ID, *parse[views.OperatorPayment](t, events[0].Data).LinkID)
	message, err := json.Marshal(views.NewEventMessage(events[0]))
	require.NoError(t, err)
	f.isMessage(message)

	got := f.call(f.account, http.MethodPost, "/api/payment-links/"+full.ID+"/disable", "")
	require.Equal(t, models.LinkDisabled, parse[linkView](t, got.body).Status)
	require.Equal(t, got.body, f.call(f.account, http.MethodPost, "/api/payment-links/"+full.ID+"/disable", "").body)
}

func TestIdempotencyKeysOfLinks(t *testing.T) {
	t.Parallel()
	f := setup(t)
	create := func(account apitest.Account, body string) answer {
		return f.call(account, http.MethodPost, "/api/payment-links", body, "Idempotency-Key", "key")
	}
	first := create(f.account, `{"amount":5,"description":"Tea"}`)
	again := create(f.account, `{ "description": "Tea", "amount": "5.00" }`)
	require.Equal(t, first.body, again.body)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	for _, more := range []string{
		`"amount":6`, `"amount":5,"userId":"u"`, `"amount":5,"maxUses":1`, `"amount":5,"expiresIn":300`, `"amount":5,"metadata":{"k":"v"}`,
		`"amount":5,"returnUrl":"https://shop.example/"`, `"amount":5,"activeUntil":"2100-01-01T00:00:00Z"`,
	} {
		got := create(f.account, `{"description":"Tea",`+more+`}`)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, more)
	}
	require.NotEqual(t, first.body, create(f.other, `{"amount":5,"description":"Tea"}`).body)
}

// A repeated call gets its link, whatever the operator's limits and origins and the time have become.
func TestARepeatedCallGetsItsLink(t *testing.T) {
	t.Parallel()
	var later time.Duration
	f := setup(t, func(c *Config) {
		c.OwnClock, c.Clock = true, func() time.Time { return time.Now().Add(later) }
	})
	origins := func(list string) {
		f.exec("UPDATE operators SET return_origins = ? WHERE id = ?", list, f.operatorID(f.account))
	}
	origins("https://shop.example")
	body := `{"amount":5,"description":"Tea","returnUrl":"https://shop.example/","activeUntil":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`
	create := func(key, body string) answer {
		return f.call(f.account, http.MethodPost, "/api/payment-links", body, "Idempotency-Key", key)
	}
	first := create("first", body)
	require.Equal(t, http.StatusCreated, first.status, first.body)
	for name, change := range map[string]func(){
		"amount must be at least":       func() { f.exec("UPDATE operators SET min_amount = 6000000 WHERE id = ?", f.operatorID(f.account)) },
		"returnUrl must be at":          func() { origins("https://other.example") },
		"activeUntil must be a time in": func() { later = 2 * time.Hour },
	} {
		later = 0
		origins("https://shop.example")
		f.exec("UPDATE operators SET min_amount = NULL WHERE id = ?", f.operatorID(f.account))
		change()
		again := create("first", body)
		require.Equal(t, http.StatusCreated, again.status, again.body)
		require.Equal(t, parse[linkView](t, first.body).ID, parse[linkView](t, again.body).ID)
		require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
		require.Equal(t, http.StatusUnprocessableEntity, create("first", `{"amount":5.5,"description":"Tea","returnUrl":"https://shop.example/"}`).status)
		refused := create("second", body)
		require.Equal(t, http.StatusBadRequest, refused.status)
		require.Contains(t, refused.body, name)
	}
}

// A link whose row was changed makes no payment, shows nothing of what it says to payers, and says so to its operator.
func TestAnAlteredLink(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l := f.link(f.account, "")
	f.exec("UPDATE payment_links SET amount = 77000000, description = 'Gold' WHERE id = ?", l.ID)
	require.Equal(t, models.LinkAltered, f.linkNow(f.account, l.ID).Status)
	page := f.browser(l.ID).opens()
	require.Contains(t, page.body, "Please contact the shop.")
	operator, err := f.store.Operator(t.Context(), f.operatorID(f.account))
	require.NoError(t, err)
	for _, forged := range []string{"77", "Gold", operator.Name, "/logos/"} {
		require.NotContains(t, strings.SplitN(page.body, "<title", 2)[1], forged)
	}
	require.Equal(t, http.StatusConflict, f.browser(l.ID).posts("").status)
	require.Zero(t, f.starter.count())
}

func TestTooManyLinks(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l := f.link(f.account, "")
	f.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO payment_links (id, operator_id, amount, description, user_id, return_url, metadata, expires_in, max_uses, open_payments, uses,
			request_hash, created_at, updated_at, mac)
		SELECT 'n' || i, operator_id, amount, description, user_id, return_url, metadata, expires_in, max_uses, 0, 0, request_hash, created_at, updated_at, mac
		FROM payment_links, n WHERE id = ?`, models.MaxPaymentLinks-1, l.ID)
	got := f.call(f.account, http.MethodPost, "/api/payment-links", `{"amount":5,"description":"Tea"}`)
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, "too_many_links", parse[errorBody](t, got.body).Code)
	f.call(f.account, http.MethodPost, "/api/payment-links/"+l.ID+"/disable", "")
	f.link(f.account, "")
}
