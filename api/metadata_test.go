package api

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
	"paycow/views"
)

// order creates a payment with more fields than the required ones, and returns the answer.
func (f *fixture) order(more fieldsOf, headers ...string) answer {
	f.Helper()
	body := fieldsOf{"amount": 50, "userId": "u", "network": "ERC20"}
	maps.Copy(body, more)
	text, err := json.Marshal(body)
	require.NoError(f, err)
	return f.call(f.account, http.MethodPost, "/api/payment/create", string(text), headers...)
}

func (f *fixture) orderID(more fieldsOf) string {
	f.Helper()
	made := f.order(more)
	require.Equal(f, http.StatusOK, made.status, made.body)
	return parse[created](f, made.body).PaymentID
}

// What a shop attaches to a payment comes back in every view of its own, unchanged, and payers see the description only.
func TestMetadataComesBack(t *testing.T) {
	t.Parallel()
	f := setup(t)
	metadata := models.Metadata{"order": "A-17", "__proto__": "", "k\"<&>": "=1+1", strings.Repeat("🐄", 40): strings.Repeat("ü", 500)}
	for i := len(metadata); i < models.MaxMetadataEntries; i++ {
		metadata[fmt.Sprint("key ", i)] = "only-for-the-shop"
	}
	id := f.orderID(fieldsOf{"description": "Two <b>cows</b> & \u200fمرحبا", "metadata": metadata})
	plain := f.orderID(fieldsOf{"metadata": models.Metadata{}})

	full := parse[views.OperatorPayment](t, f.call(f.account, http.MethodGet, "/api/payment/"+id, "").body)
	require.Equal(t, "Two <b>cows</b> & \u200fمرحبا", *full.Description)
	require.Equal(t, metadata, full.Metadata)
	require.Contains(t, f.call(f.account, http.MethodGet, "/api/payment/"+plain, "").body, `"description":null,"metadata":{}`)
	listed := parse[paymentList](t, f.call(f.account, http.MethodGet, "/api/payments", "").body).Payments
	require.Equal(t, metadata, listed[1].Metadata)
	require.Equal(t, full.Description, listed[1].Description)
	csv := f.call(f.account, http.MethodGet, "/api/payments", "", "Accept", "text/csv").body
	require.Contains(t, csv, "Two <b>cows</b> &")
	require.Contains(t, csv, `""order"":""A-17""`)

	for _, path := range []string{"/payment/data/" + id, "/payment/" + id} {
		public := f.call(f.account, http.MethodGet, path, "").body
		require.NotContains(t, public, "only-for-the-shop", path)
		require.NotContains(t, public, "A-17", path)
	}
	require.NotContains(t, f.call(f.account, http.MethodGet, "/payment/data/"+id, "").body, "cows", "exactly the published fields")
	page := f.call(f.account, http.MethodGet, "/payment/"+id, "").body
	require.Contains(t, page, html.EscapeString("Two <b>cows</b> & "))
	require.NotContains(t, page, "<b>")
}

// A list finds payments by one entry of their metadata, page by page, and each operator its own only.
func TestMetadataFindsPayments(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var want []string
	for range 3 {
		want = append([]string{f.orderID(fieldsOf{"metadata": models.Metadata{"cart [1]": "a&b=c ü", "x": ""}})}, want...)
	}
	f.orderID(fieldsOf{"metadata": models.Metadata{"cart [1]": "a"}})
	f.orderID(nil)
	find := func(account apitest.Account, key, value, more string) (ids []string, next *string) {
		got := f.call(account, http.MethodGet, "/api/payments?"+url.QueryEscape("metadata["+key+"]")+"="+url.QueryEscape(value)+more, "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		list := parse[paymentList](t, got.body)
		for _, p := range list.Payments {
			ids = append(ids, p.ID)
		}
		return ids, list.NextCursor
	}
	first, next := find(f.account, "cart [1]", "a&b=c ü", "&limit=2")
	require.NotNil(t, next)
	rest, next := find(f.account, "cart [1]", "a&b=c ü", "&limit=2&cursor="+*next)
	require.Nil(t, next)
	require.ElementsMatch(t, want, append(first, rest...))
	found, _ := find(f.account, "x", "", "&status=PENDING&userId=u")
	require.Len(t, found, 3)
	for _, nothing := range [][2]string{{"cart [1]", "a&b=c"}, {"cart", "a"}, {"x", "%"}} {
		found, _ = find(f.account, nothing[0], nothing[1], "")
		require.Empty(t, found)
	}
	found, _ = find(f.other, "x", "", "")
	require.Empty(t, found)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodGet, "/api/payments?metadata[x]=", "").status, "brackets as they are")

	// By key alone, also page by page and as CSV.
	list := func(account apitest.Account, query string) paymentList {
		got := f.call(account, http.MethodGet, "/api/payments?metadataKey="+query, "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		return parse[paymentList](t, got.body)
	}
	cart := url.QueryEscape("cart [1]")
	page := list(f.account, cart+"&limit=3")
	require.Len(t, page.Payments, 3)
	require.Len(t, list(f.account, cart+"&limit=3&cursor="+*page.NextCursor).Payments, 1)
	require.Len(t, list(f.account, "x").Payments, 3, "the empty value is one")
	require.Empty(t, list(f.account, "x&status=PAID").Payments)
	require.Empty(t, list(f.account, "cart").Payments)
	require.Empty(t, list(f.other, "x").Payments)
	csv := f.call(f.account, http.MethodGet, "/api/payments?metadataKey="+cart, "", "Accept", "text/csv").body
	require.Equal(t, 1+4, strings.Count(csv, "\r\n"))
}

// The same Idempotency-Key with another description, metadata or time to expiry is another order.
func TestOptionalFieldsAreInTheFingerprint(t *testing.T) {
	t.Parallel()
	f := setup(t)
	base := fieldsOf{"description": "d", "metadata": models.Metadata{"k": "v", "l": "w"}, "expiresIn": 600}
	with := func(name string, value any) fieldsOf {
		changed := maps.Clone(base)
		if changed[name] = value; value == nil {
			delete(changed, name)
		}
		return changed
	}
	first := f.order(base, "Idempotency-Key", "k")
	require.Equal(t, http.StatusOK, first.status, first.body)
	again := f.call(f.account, http.MethodPost, "/api/payment/create",
		`{"metadata":{"l":"w","k":"\u0076"},"expiresIn":6e2,"userId":"u","network":"ERC20","amount":50,"description":"d"}`, "Idempotency-Key", "k")
	require.Equal(t, first.body, again.body)
	for _, other := range []fieldsOf{
		with("description", "e"), with("description", nil), with("metadata", models.Metadata{"k": "v"}), with("metadata", nil),
		with("metadata", models.Metadata{"k": "w", "l": "v"}), with("metadata", models.Metadata{"k": "v", "l": "w", "m": ""}),
		with("expiresIn", 601), with("expiresIn", nil),
	} {
		require.Equal(t, http.StatusUnprocessableEntity, f.order(other, "Idempotency-Key", "k").status, other)
	}

	// No two different orders have the same meaning, and orders without the new fields keep the hash that stored keys have.
	seen := map[string]order{}
	for _, o := range []order{
		{},
		{ReturnURL: "https://x"},
		{Description: "expiresIn"},
		{Description: "metadata"},
		{ExpiresIn: 600 * time.Second},
		{Metadata: models.Metadata{"a": "b"}},
		{Description: `metadata`, Metadata: models.Metadata{"a": "b"}},
		{Description: "600", ExpiresIn: 600 * time.Second},
		{ReturnURL: "https://x", Description: "d"},
	} {
		hash := string(o.hash())
		require.NotContains(t, seen, hash)
		seen[hash] = o
	}
	before := order{Amount: 50 * models.USDT, UserID: "u", Network: "ERC20", Currency: "USDT"}
	require.Equal(t, "435a966daf46980e", fmt.Sprintf("%x", before.hash())[:16])
}

// expiresIn replaces the configured window, within its bounds, and a clock that is wrong by a large part of it counts.
func TestExpiresIn(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	for _, want := range []time.Duration{5 * time.Minute, 24 * time.Hour, f.server.PaymentWindow} {
		more := fieldsOf{"expiresIn": want.Seconds()}
		if want == f.server.PaymentWindow {
			more = nil
		}
		made := parse[created](t, f.order(more).body)
		row := f.row(made.PaymentID)
		require.Equal(t, want, row.ExpiresAt.Sub(row.CreatedAt))
		require.Equal(t, row.ExpiresAt.UTC(), time.Time(made.ExpiresAt))
	}
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, models.BlockRef{Number: 100, Hash: "0x64", Time: clock}, 100))
	clock = clock.Add(-2 * time.Minute)
	require.Equal(t, http.StatusOK, f.order(nil).status)
	require.Equal(t, http.StatusOK, f.order(fieldsOf{"expiresIn": 86400}).status)
	require.Equal(t, http.StatusServiceUnavailable, f.order(fieldsOf{"expiresIn": 300}).status, "it would be over in three minutes")
}

// A row whose description or metadata was changed is shown to nobody.
func TestChangedDescriptionIsNeverShown(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]string{
		"description": "UPDATE payments SET description = 'thief' WHERE id = ?1",
		"metadata":    `UPDATE payments SET metadata = '{"order":"thief"}' WHERE id = ?1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			id := f.orderID(fieldsOf{"description": "Tea", "metadata": models.Metadata{"order": "1"}})
			require.Equal(t, http.StatusOK, f.call(f.account, http.MethodGet, "/payment/"+id, "").status)
			f.sql(attack, id)
			for _, path := range []string{"/payment/" + id, "/payment/data/" + id, "/api/payment/" + id, "/api/payments"} {
				require.NotContains(t, f.call(f.account, http.MethodGet, path, "").body, "thief", path)
			}
		})
	}
}

// A name that reorders text is refused, because payers read it.
func TestShopNameIsPlainText(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.registered(newEmail)
	for _, wrong := range []string{"Shop\u202egnp.", "\u2067Shop", "Shop\n", "", strings.Repeat("S", 101)} {
		got := v.do(http.MethodPut, "/api/operator/settings", fieldsOf{"name": wrong, "returnOrigins": []string{}})
		require.Equal(t, http.StatusBadRequest, got.status, wrong)
		require.Equal(t, "name", parse[errorBody](t, got.body).Field)
		got = f.visitor().do(http.MethodPost, "/api/operator/register", fieldsOf{"email": "x@example.org", "name": wrong})
		require.Equal(t, http.StatusBadRequest, got.status, wrong)
	}
}
