package api

import (
	"context"
	"database/sql"
	"fmt"
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

// testKey makes an API key for test payments of an account's operator.
func (f *fixture) testKey(account apitest.Account) apitest.Account {
	f.Helper()
	return f.key(f.operatorID(account), models.Credential{Test: true})
}

// testPayment creates a test payment through the API and returns its id.
func (f *fixture) testPayment(key apitest.Account, outcome models.Outcome) string {
	f.Helper()
	got := f.call(key, http.MethodPost, createPath,
		fmt.Sprintf(`{"amount":50,"userId":"user_123456","network":"ERC20","metadata":{"simulate":%q}}`, outcome))
	require.Equal(f, http.StatusOK, got.status, got.body)
	made := parse[created](f, got.body)
	require.True(f, made.Test)
	return made.PaymentID
}

// runTests makes all steps of all test payments, as if their times had come.
func (f *fixture) runTests() {
	f.Helper()
	db, err := sql.Open("sqlite", f.path+"?_pragma=busy_timeout(5000)")
	require.NoError(f, err)
	defer db.Close()
	for {
		_, err := db.ExecContext(f.Context(), "UPDATE test_payments SET next_at = 1 WHERE next_at IS NOT NULL")
		require.NoError(f, err)
		due, err := f.store.DueTestPayments(f.Context(), 100)
		require.NoError(f, err)
		if len(due) == 0 {
			return
		}
		for _, id := range due {
			require.NoError(f, f.store.AdvanceTestPayment(f.Context(), id))
		}
	}
}

// fetch reads a path, which must succeed and match the document.
func (f *fixture) fetch(account apitest.Account, path string) answer {
	f.Helper()
	got := f.call(account, http.MethodGet, path, "")
	require.Equal(f, http.StatusOK, got.status, "%s: %s", path, got.body)
	return got
}

// Every outcome ends as it says, in every answer, and each answer says that it is a test.
func TestTestPaymentsThroughTheAPI(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	key := f.testKey(f.account)
	endpoint := f.endpoint(key, "")
	require.True(t, endpoint.Test)
	before := f.fetch(f.account, "/api/balance").body + f.fetch(f.account, "/api/ledger").body
	for outcome, want := range map[models.Outcome][2]string{
		models.OutcomePaid: {"PAID", ""}, models.OutcomeUnderpaid: {"EXPIRED", "UNDERPAID"},
		models.OutcomeOverpaid: {"PAID", "OVERPAID"}, models.OutcomeLate: {"EXPIRED", "PAID_LATE"},
		models.OutcomeReverted: {"EXPIRED", "REVERTED"}, models.OutcomeRejected: {"REJECTED", ""},
	} {
		id := f.testPayment(key, outcome)
		begun := parse[views.OperatorPayment](t, f.fetch(key, "/api/payment/"+id).body)
		require.Equal(t, models.StatusPending, begun.Status)
		f.runTests()
		public := parse[views.PublicPayment](t, f.call(apitest.Account{}, http.MethodGet, "/payment/data/"+id, "").body)
		full := parse[views.OperatorPayment](t, f.fetch(key, "/api/payment/"+id).body)
		require.Equal(t, full, func() views.OperatorPayment {
			same := parse[views.OperatorPayment](t, f.fetch(f.account, "/api/payment/"+id+"?test=true").body)
			same.ServerTime = full.ServerTime
			return same
		}(), "the live key reads it if it asks for a test payment")
		for _, shown := range []views.Payment{public.Payment, full.Payment} {
			require.True(t, shown.Test)
			require.Equal(t, want, [2]string{string(shown.Status), string(shown.Exception)}, outcome)
			require.Equal(t, begun.ExpiresAt, shown.ExpiresAt)
		}
		require.Empty(t, full.Ledger)
		for _, line := range full.Timeline {
			if line.Status == models.StatusExpired {
				require.False(t, time.Time(line.At).Before(time.Time(full.ExpiresAt)), outcome)
			}
		}
	}
	require.Equal(t, before, f.fetch(f.account, "/api/balance").body+f.fetch(f.account, "/api/ledger").body)
	require.Zero(t, f.starter.count(), "no workflow")
	require.Zero(t, f.engine.signals.Load()+f.engine.queries.Load())

	type list struct{ Payments []views.Payment }
	require.Len(t, parse[list](t, f.fetch(key, "/api/payments").body).Payments, 6)
	require.Len(t, parse[list](t, f.fetch(f.account, "/api/payments?test=true").body).Payments, 6)
	require.Len(t, parse[list](t, f.fetch(key, "/api/payments?status=PAID").body).Payments, 2)
	require.Empty(t, parse[list](t, f.fetch(f.account, "/api/payments").body).Payments)
	require.Empty(t, parse[list](t, f.fetch(f.other, "/api/payments?test=true").body).Payments)
	table := f.call(key, http.MethodGet, "/api/payments", "", "Accept", "text/csv").body
	require.Equal(t, 7, strings.Count(table, "\n"))
	require.Contains(t, strings.Split(table, "\n")[0], ",test")
	require.Equal(t, 6, strings.Count(table, ",true\r\n")+strings.Count(table, ",true\n"))
	require.JSONEq(t, `{"currency":"USDT","available":0.00,"pending":0.00,"test":true}`, f.fetch(key, "/api/balance").body)
	require.JSONEq(t, `{"entries":[],"nextCursor":null,"test":true}`, f.fetch(key, "/api/ledger").body)

	events := parse[eventList](t, f.fetch(key, "/api/events?limit=200").body).Events
	require.Greater(t, len(events), 15)
	for _, e := range events {
		require.True(t, e.Test)
		require.True(t, parse[views.OperatorPayment](t, string(e.Data)).Test)
	}
	require.Equal(t, events, parse[eventList](t, f.fetch(f.account, "/api/events?test=true&limit=200").body).Events)
	require.Empty(t, parse[eventList](t, f.fetch(f.account, "/api/events").body).Events)
	deliveries := parse[struct{ Deliveries []deliveryView }](t, f.fetch(key, "/api/webhook-deliveries?limit=200").body).Deliveries
	require.Len(t, deliveries, len(events))
	require.True(t, deliveries[0].Test)
	require.Contains(t, f.fetch(f.account, "/api/webhook-deliveries/"+deliveries[0].ID).body, `\"test\":true`)
	require.NotContains(t, f.fetch(f.account, "/api/webhook-deliveries").body, deliveries[0].ID)
	told := map[string]map[string]any{}
	for _, e := range parse[struct{ Events []map[string]any }](t, f.fetch(key, "/api/events?limit=200").body).Events {
		id := e["id"].(string)
		delete(e, "id") // a webhook has it in its header
		told[id] = e
	}
	for _, d := range deliveries {
		one := parse[struct{ Request struct{ Body string } }](t, f.fetch(key, "/api/webhook-deliveries/"+d.ID).body)
		require.Equal(t, told[d.EventID], parse[map[string]any](t, one.Request.Body), "a webhook has the form of the event")
	}
}

// Answers about real payments, keys' balances and events have no new field.
func TestAnswersOfRealPaymentsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	f.endpoint(f.account, "")
	p := f.payment(f.account)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`).status)
	for _, path := range []string{
		"/payment/data/" + p.ID, "/api/payment/" + p.ID, "/api/payments", "/api/events", "/api/webhook-deliveries", "/api/balance",
		"/api/ledger",
	} {
		require.NotContains(t, f.fetch(f.account, path).body, `"test"`, path)
	}
	require.NotContains(t, f.call(f.account, http.MethodPost, createPath, `{"amount":5,"userId":"u","network":"ERC20"}`).body, `"test"`)
	for _, d := range parse[struct{ Deliveries []deliveryView }](t, f.fetch(f.account, "/api/webhook-deliveries").body).Deliveries {
		require.NotContains(t, f.fetch(f.account, "/api/webhook-deliveries/"+d.ID).body, `\"test\"`)
	}
	table := f.call(f.account, http.MethodGet, "/api/payments", "", "Accept", "text/csv").body
	require.Equal(t, strings.Join(namesOf(paymentColumns), ","), strings.TrimSpace(strings.Split(table, "\n")[0]))
}

// A test key reaches nothing that is real, whatever id it has.
func TestATestKeyReachesNothingReal(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	key := f.testKey(f.account)
	live := f.endpoint(f.account, "")
	p := f.started(f.account)
	delivery := f.testDelivery(f.account, live.ID)
	for _, c := range [][3]string{
		{http.MethodGet, "/api/payment/" + p.ID, ""},
		{http.MethodPost, "/api/payment/" + p.ID + "/reject", `{"reason":"r"}`},
		{http.MethodPost, "/api/payment/" + p.ID + "/accept", ""},
		{http.MethodGet, endpointPath(live.ID), ""},
		{http.MethodPatch, endpointPath(live.ID), `{"enabled":false}`},
		{http.MethodDelete, endpointPath(live.ID), ""},
		{http.MethodPost, endpointPath(live.ID) + "/rotate-secret", ""},
		{http.MethodPost, endpointPath(live.ID) + "/test", ""},
		{http.MethodPost, endpointPath(live.ID) + "/redeliver-failed", `{"since":"2026-01-01T00:00:00Z"}`},
		{http.MethodGet, "/api/webhook-deliveries/" + delivery.ID, ""},
		{http.MethodPost, "/api/webhook-deliveries/" + delivery.ID + "/redeliver", ""},
	} {
		got := f.call(key, c[0], c[1], c[2])
		require.Equal(t, http.StatusNotFound, got.status, "%v: %s", c, got.body)
	}
	require.Equal(t, models.StatusPending, f.row(p.ID).Status)
	f.startChain(100)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	f.credit(p) // real money
	require.NotContains(t, f.fetch(f.account, "/api/balance").body, `"available":0.00`)
	require.JSONEq(t, `{"currency":"USDT","available":0.00,"pending":0.00,"test":true}`, f.fetch(key, "/api/balance").body)
	require.JSONEq(t, `{"entries":[],"nextCursor":null,"test":true}`, f.fetch(key, "/api/ledger").body)
	csv := f.call(key, http.MethodGet, "/api/ledger", "", "Accept", "text/csv").body
	require.Equal(t, 1, strings.Count(csv, "\r\n"), "only its header: %s", csv)
	require.Empty(t, parse[eventList](t, f.fetch(key, "/api/events?payment="+p.ID).body).Events)
	require.JSONEq(t, `{"deliveries":[],"nextCursor":null}`, f.fetch(key, "/api/webhook-deliveries").body)
	require.JSONEq(t, `{"endpoints":[]}`, f.fetch(key, "/api/webhook-endpoints").body)
	for _, c := range [][2]string{
		{http.MethodGet, "/api/keys"}, {http.MethodPost, "/api/keys"}, {http.MethodDelete, "/api/keys/" + f.account.APIKey},
	} {
		require.Equal(t, http.StatusForbidden, f.call(key, c[0], c[1], "").status, c)
	}
	// A row that gives it a scope, or that says that it is not for tests, makes it no key at all.
	for _, attack := range []string{"test = 0", "scopes = 'keys:write'", "test = 0, scopes = 'keys:write'"} {
		victim := f.testKey(f.account)
		f.exec("UPDATE credentials SET " + attack + " WHERE api_key = '" + victim.APIKey + "'")
		require.Equal(t, http.StatusUnauthorized, f.call(victim, http.MethodGet, "/api/balance", "").status, attack)
	}
	// Even a proven row would not let a test key make keys.
	wide := f.key(f.operatorID(f.account), models.Credential{Test: true, Scopes: "payments:read keys:write"})
	require.Equal(t, http.StatusForbidden, f.call(wide, http.MethodPost, "/api/keys", `{"name":"x","scopes":["payments:read"]}`).status)
}

// A live key that does not ask for a test payment reads and decides none: a test key that leaks must not make a shop
// believe that it was paid. A key that asks for one gets no real one.
func TestALiveKeyMeetsTestsOnlyIfItAsks(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	key := f.testKey(f.account)
	p := f.started(f.account)
	id := f.testPayment(key, models.OutcomeUnderpaid)
	calls := func(by apitest.Account, id, query string) (statuses [3]int) {
		for i, c := range [3][3]string{
			{http.MethodGet, "", ""}, {http.MethodPost, "/accept", `{"reason":"r"}`}, {http.MethodPost, "/reject", `{"reason":"r"}`},
		} {
			statuses[i] = f.call(by, c[0], "/api/payment/"+id+c[1]+query, c[2]).status
		}
		return statuses
	}
	f.runTests()
	before := f.fetch(key, "/api/payment/"+id).body
	for _, query := range []string{"", "?test=false"} {
		require.Equal(t, [3]int{404, 404, 404}, calls(f.account, id, query), "the live key")
	}
	for _, query := range []string{"", "?test=true"} {
		require.Equal(t, [3]int{404, 404, 404}, calls(f.other, id, query), "of another operator")
		require.Equal(t, [3]int{404, 404, 404}, calls(f.testKey(f.other), id, query))
		require.Equal(t, [3]int{404, 404, 404}, calls(key, p.ID, query), "a real payment with a test key")
	}
	require.Equal(t, [3]int{404, 404, 404}, calls(f.account, p.ID, "?test=true"), "a real payment is no test")
	require.Equal(t, [3]int{403, 403, 403}, calls(key, id, "?test=false"))
	same := parse[views.OperatorPayment](t, before)
	after := parse[views.OperatorPayment](t, f.fetch(key, "/api/payment/"+id).body)
	after.ServerTime = same.ServerTime
	require.Equal(t, same, after, "nothing was decided")
	require.Equal(t, models.StatusPending, f.row(p.ID).Status)
	require.Zero(t, f.engine.signals.Load())
	require.Equal(t, [3]int{200, 200, 409}, calls(f.account, id, "?test=true"))
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodGet, "/api/payment/"+p.ID+"?test=false", "").status)
}

// The dashboard shows a payment by its id, whatever kind it is.
func TestASessionReadsTestPaymentsByTheirIDs(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	account := v.credentials()
	live, id := f.payment(account).ID, f.testPayment(f.testKey(account), models.OutcomeUnderpaid)
	f.runTests()
	get := func(id, query string) int { return v.do(http.MethodGet, "/api/payment/"+id+query, nil).status }
	require.Equal(t, []int{200, 200, 404, 200}, []int{get(id, ""), get(id, "?test=true"), get(id, "?test=false"), get(live, "")})
	v.must(http.StatusOK, http.MethodPost, "/api/payment/"+id+"/accept", fieldsOf{"reason": "r"})
}

// Decisions work as on real payments.
func TestDecisionsOnTestPaymentsThroughTheAPI(t *testing.T) {
	t.Parallel()
	f := setup(t)
	key := f.testKey(f.account)
	for _, by := range []apitest.Account{key, f.account} {
		open, short := f.testPayment(key, models.OutcomeLate), f.testPayment(key, models.OutcomeUnderpaid)
		code := func(id, call, body string, status int) string {
			got := f.call(by, http.MethodPost, "/api/payment/"+id+"/"+call+"?test=true", body)
			require.Equal(t, status, got.status, got.body)
			if status != http.StatusOK {
				return parse[errorBody](t, got.body).Code
			}
			view := parse[views.OperatorPayment](t, got.body)
			require.True(t, view.Test)
			return string(view.Status) + " " + string(view.Exception)
		}
		require.Equal(t, "payment_still_open", code(open, "accept", "", http.StatusConflict))
		require.Equal(t, "REJECTED ", code(open, "reject", `{"reason":"r"}`, http.StatusOK))
		require.Equal(t, "payment_already_rejected", code(open, "reject", `{"reason":"r"}`, http.StatusConflict))
		f.runTests()
		require.Equal(t, "payment_already_expired", code(short, "reject", `{"reason":"r"}`, http.StatusConflict))
		require.Equal(t, "PAID ACCEPTED", code(short, "accept", `{"reason":"near enough"}`, http.StatusOK))
		require.Equal(t, "payment_already_paid", code(short, "accept", "", http.StatusConflict))
		require.Equal(t, http.StatusNotFound, f.call(f.other, http.MethodPost, "/api/payment/"+short+"/accept", "").status)
		require.Equal(t, http.StatusNotFound, f.call(f.testKey(f.other), http.MethodGet, "/api/payment/"+short, "").status)
	}
	require.Zero(t, f.engine.signals.Load())
}

// Without the metadata the outcome is paid. An idempotency key works among test payments, and does not meet real ones.
func TestCreatingTestPayments(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	key := f.testKey(f.account)
	const body = `{"amount":50,"userId":"u","network":"ERC20","expiresIn":600}`
	send := func(by apitest.Account, body string) answer {
		return f.call(by, http.MethodPost, createPath, body, headerIdempotencyKey, "one")
	}
	first, second, live := send(key, body), send(key, body), send(f.account, body)
	require.Equal(t, first.body, second.body)
	require.Equal(t, "true", second.header.Get("Idempotent-Replayed"))
	made := parse[created](t, first.body)
	require.True(t, made.Test)
	require.Empty(t, live.header.Get("Idempotent-Replayed"))
	require.False(t, parse[created](t, live.body).Test)
	require.Equal(t, http.StatusUnprocessableEntity, send(key, strings.Replace(body, "50", "51", 1)).status)
	view := parse[views.Payment](t, f.fetch(key, "/api/payment/"+made.PaymentID).body)
	require.Equal(t, 600*time.Second, time.Time(view.ExpiresAt).Sub(time.Time(view.CreatedAt)))
	require.Equal(t, "0xb"+strings.Repeat("0", 38)+"1", made.DepositAddress, "an address of its own branch")
	f.runTests()
	require.Equal(t, models.StatusPaid, parse[views.Payment](t, f.fetch(key, "/api/payment/"+made.PaymentID).body).Status)

	// Elsewhere than in development the metadata of a live key is free text.
	got := f.call(f.account, http.MethodPost, createPath,
		`{"amount":50,"userId":"u","network":"ERC20","metadata":{"simulate":"whatever"}}`)
	require.Equal(t, http.StatusOK, got.status)
	require.NotContains(t, got.body, `"test"`)
	require.Equal(t, models.StatusPending, f.row(parse[created](t, got.body).PaymentID).Status)
}

// In development the metadata makes a test payment of any key.
func TestMetadataMakesTestsInDevelopment(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.TestByMetadata = true })
	id := f.testPayment(f.account, models.OutcomeLate)
	f.runTests()
	require.Equal(t, models.ExceptionPaidLate, parse[views.Payment](t, f.fetch(f.account, "/api/payment/"+id).body).Exception)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodPost, "/api/payment/"+id+"/accept", "").status)
	require.Equal(t, http.StatusNotFound, f.call(f.account, http.MethodGet, "/api/payment/"+id+"?test=false", "").status)
	f.payment(f.account) // without the metadata it is a real one
	got := f.call(f.account, http.MethodPost, createPath, `{"amount":5,"userId":"u","network":"ERC20","metadata":{"simulate":"x"}}`)
	require.Equal(t, http.StatusBadRequest, got.status)
}

// So many test payments can be created in a day, whatever the limits of real payments are.
func TestTestPaymentsOfADayAreLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.MaxOpen, c.MaxUnpaid, c.MaxTests = 1, 1, 3 })
	key := f.testKey(f.account)
	f.payment(f.account)
	first := f.call(key, http.MethodPost, createPath, goodOrder, headerIdempotencyKey, "first")
	for range 2 {
		f.testPayment(key, models.OutcomePaid)
	}
	again := f.call(key, http.MethodPost, createPath, goodOrder, headerIdempotencyKey, "first")
	require.Equal(t, first.body, again.body, "a repeated call counts for nothing")
	got := f.call(key, http.MethodPost, createPath, goodOrder)
	require.Equal(t, http.StatusTooManyRequests, got.status, got.body)
	require.Equal(t, "too_many_tests", parse[errorBody](t, got.body).Code)
	require.NotEmpty(t, got.header.Get("Retry-After"))
}

// So are the test events that are asked for, of each side.
func TestTestEventsOfADayAreLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.MaxTests = 2 })
	key := f.testKey(f.account)
	live := f.endpoint(f.account, "")
	for range 2 {
		f.testDelivery(f.account, live.ID)
	}
	got := f.call(f.account, http.MethodPost, endpointPath(live.ID)+"/test", "")
	require.Equal(t, http.StatusTooManyRequests, got.status, got.body)
	require.Equal(t, "too_many_tests", parse[errorBody](t, got.body).Code)
	f.testDelivery(key, f.endpoint(key, "").ID)
}

const goodOrder = `{"amount":50,"userId":"u","network":"ERC20"}`

// The smallest possible amount cannot be paid by half.
func TestTheSmallestTestPayment(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.MinAmount = 1 })
	key := f.testKey(f.account)
	for outcome, status := range map[string]int{"underpaid": http.StatusBadRequest, "overpaid": http.StatusOK, "paid": http.StatusOK} {
		got := f.call(key, http.MethodPost, createPath,
			`{"amount":0.000001,"userId":"u","network":"ERC20","metadata":{"simulate":"`+outcome+`"}}`)
		require.Equal(t, status, got.status, got.body)
	}
	f.runTests()
	for _, p := range parse[struct{ Payments []views.Payment }](t, f.fetch(key, "/api/payments").body).Payments {
		require.Equal(t, p.Exception == models.ExceptionOverpaid, p.AmountReceived > p.AmountRequested)
		require.Equal(t, models.StatusPaid, p.Status)
	}
}

// A live key and a person manage endpoints of both sides, each under its own list.
func TestEndpointsOfBothSides(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	key := f.testKey(f.account)
	live, byLive, byTest := f.endpoint(f.account, ""), f.endpoint(f.account, `,"test":true`), f.endpoint(key, `,"test":true`)
	require.Equal(t, []bool{false, true, true}, []bool{live.Test, byLive.Test, byTest.Test})
	ids := func(by apitest.Account, query string) (ids []string) {
		for _, e := range parse[struct{ Endpoints []endpointView }](t, f.fetch(by, "/api/webhook-endpoints"+query).body).Endpoints {
			ids = append(ids, e.ID)
		}
		return ids
	}
	require.Equal(t, []string{live.ID}, ids(f.account, ""))
	require.Equal(t, []string{live.ID}, ids(f.account, "?test=false"))
	require.ElementsMatch(t, []string{byLive.ID, byTest.ID}, ids(f.account, "?test=true"))
	require.ElementsMatch(t, []string{byLive.ID, byTest.ID}, ids(key, ""))
	require.Empty(t, ids(f.testKey(f.other), ""))
	for _, by := range []apitest.Account{f.account, key} {
		for _, c := range [][3]string{
			{http.MethodPatch, "", `{"description":"Tests"}`},
			{http.MethodPost, "/rotate-secret", `{"overlapHours":0}`},
			{http.MethodPost, "/test", ""},
			{http.MethodPost, "/redeliver-failed", `{"since":"2026-01-01T00:00:00Z"}`},
			{http.MethodGet, "", ""},
		} {
			got := f.call(by, c[0], endpointPath(byTest.ID)+c[1], c[2])
			require.Less(t, got.status, 300, "%v %s", c, got.body)
		}
	}
	delivery := f.testDelivery(key, byTest.ID)
	require.True(t, delivery.Test)
	require.Contains(t, f.fetch(key, "/api/webhook-deliveries/"+delivery.ID).body, `\"test\":true`, "the message says so")
	require.Equal(t, http.StatusNoContent, f.call(key, http.MethodDelete, endpointPath(byLive.ID), "").status)
	require.Equal(t, http.StatusNotFound, f.call(f.other, http.MethodDelete, endpointPath(byTest.ID), "").status)
	require.Equal(t, http.StatusNoContent, f.call(f.account, http.MethodDelete, endpointPath(byTest.ID), "").status)
}

// Keys for tests are listed as such, and rotating or copying one makes no other kind.
func TestKeysForTests(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	maker := f.key(f.operatorID(f.account), models.Credential{Scopes: "payments:read payments:write webhooks:write keys:write"})
	got := f.call(maker, http.MethodPost, "/api/keys", `{"name":"tests","test":true}`)
	require.Equal(t, http.StatusCreated, got.status, got.body)
	made := parse[newKeyView](t, got.body)
	require.True(t, made.Test)
	require.Equal(t, models.TestScopes(), made.Scopes)
	listed := map[string]bool{}
	for _, k := range parse[struct{ Keys []keyView }](t, f.fetch(maker, "/api/keys").body).Keys {
		listed[k.ID] = k.Test
	}
	require.True(t, listed[made.ID])
	require.False(t, listed[maker.APIKey])
	key := apitest.Account{APIKey: made.APIKey, APISecret: made.APISecret}
	f.testPayment(key, models.OutcomePaid)
	require.Equal(t, http.StatusBadRequest, f.call(maker, http.MethodPost, "/api/keys",
		`{"name":"wide","test":true,"scopes":["payments:read","keys:write"]}`).status)
	require.Equal(t, http.StatusCreated, f.call(maker, http.MethodPost, "/api/keys",
		`{"name":"narrow","test":true,"scopes":["payments:read"]}`).status)
	narrow := models.Credential{Test: true, Scopes: "payments:read"}
	require.False(t, narrow.Covers(models.Credential{Scopes: "payments:read"}), "a test key makes no other kind")
}

// An id of a test payment opens no door that leads to real money: not the faucet, and not the admin's pages.
func TestOtherDoorsForTestPayments(t *testing.T) {
	t.Parallel()
	paid := 0
	f := setup(t, withKey, func(c *Config) {
		c.Faucet = func(context.Context, string, models.Amount) (string, error) { paid++; return "", nil }
	})
	id := f.testPayment(f.testKey(f.account), models.OutcomePaid)
	require.Equal(t, http.StatusConflict, f.call(apitest.Account{}, http.MethodPost, "/payment/"+id+"/faucet", "").status)
	require.Zero(t, paid)
	admin := f.admin("admin@example.org")
	require.Equal(t, http.StatusNotFound, admin.do(http.MethodGet, "/api/admin/payment/"+id, nil).status)
	require.NotContains(t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/payments", nil).body, id)
	payments, _, err := f.store.ListPayments(t.Context(), store.PaymentFilter{EveryOperator: true})
	require.NoError(t, err)
	require.Empty(t, payments)

	shop := f.approved("stats@example.org")
	f.testPayment(f.key(shop.me().ID, models.Credential{Test: true}), models.OutcomePaid)
	f.runTests()
	stats := parse[statsView](t, shop.must(http.StatusOK, http.MethodGet, "/api/operator/stats", nil).body)
	require.Zero(t, stats.Totals.Created)
	require.Contains(t, shop.must(http.StatusOK, http.MethodGet, "/api/payments?test=true", nil).body, `"test":true`)
	require.JSONEq(t, `{"payments":[],"nextCursor":null}`, shop.must(http.StatusOK, http.MethodGet, "/api/payments", nil).body)
}
