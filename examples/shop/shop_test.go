package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"paycow/client"
)

const (
	orderID   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	paymentID = "648f3a9b2c1d4e5f60718293"
)

// newShop returns a shop with one order of 12.50 USDT, whose payment is made.
func newShop(t *testing.T) *shop {
	t.Helper()
	b, err := openBooks(t.Context(), filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	t.Cleanup(b.close)
	_, err = b.addOrder(t.Context(), orderID, "A mug", decimal.RequireFromString("12.50"))
	require.NoError(t, err)
	require.NoError(t, b.setPayment(t.Context(), orderID, client.CreatedPayment{PaymentID: paymentID, CheckoutURL: "https://p.example/1"}))
	return &shop{books: b, log: slog.New(slog.DiscardHandler)}
}

// told is an event of the order's payment.
type told struct {
	second  int // when it happened
	changes int // of the payment by then
	status  client.Status
	except  client.Exception
}

func (o told) event(id string) client.Event {
	payment := client.OperatorPayment{
		ID: paymentID, Status: o.status, AmountRequested: decimal.RequireFromString("12.5"), Metadata: client.Metadata{"order": orderID},
		Timeline: make([]client.TimelineEntry, o.changes),
	}
	if o.except != "" {
		payment.Exception = &o.except
	}
	data, err := json.Marshal(payment)
	if err != nil {
		panic(err)
	}
	return client.Event{ID: id, Type: "payment.paid", Timestamp: time.Unix(1_800_000_000+int64(o.second), 0), Schema: 1, Data: data}
}

func (s *shop) marks(t *testing.T) (marks []string) {
	t.Helper()
	rows, err := s.books.db.QueryContext(t.Context(), `SELECT mark FROM markings WHERE order_id = ? ORDER BY id`, orderID)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var mark string
		require.NoError(t, rows.Scan(&mark))
		marks = append(marks, mark)
	}
	require.NoError(t, rows.Err())
	return marks
}

// The newest event counts, whatever the order in which events come, and a change of it is marked once.
func TestMarks(t *testing.T) {
	t.Parallel()
	const pending, paid, expired = client.StatusPENDING, client.StatusPAID, client.StatusEXPIRED
	for name, c := range map[string]struct {
		events    []told
		marks     []string
		says, hid string
	}{
		"paid":      {[]told{{1, 2, client.StatusDETECTED, ""}, {2, 3, paid, ""}}, []string{"paid"}, "Thank you", "<button>Pay"},
		"only seen": {[]told{{1, 2, client.StatusDETECTED, ""}}, nil, "on its way", "Paid"},
		"told twice under two ids": {
			[]told{{2, 3, paid, ""}, {2, 3, paid, ""}, {3, 4, paid, ""}}, []string{"paid"}, "Thank you", "<button>Pay",
		},
		"paid, told before it was seen": {[]told{{2, 3, paid, ""}, {1, 2, client.StatusDETECTED, ""}}, []string{"paid"}, "Thank you", "its way"},
		"two changes in one millisecond": {
			[]told{{1, 4, paid, ""}, {1, 3, client.StatusCONFIRMING, ""}}, []string{"paid"}, "Thank you", "confirmed",
		},
		"underpaid": {[]told{{1, 3, expired, client.ExceptionUNDERPAID}}, nil, "less than the price", "Thank you"},
		"underpaid and accepted": {
			[]told{{1, 3, expired, client.ExceptionUNDERPAID}, {2, 4, paid, client.ExceptionACCEPTED}}, []string{"paid"}, "Thank you", "less than",
		},
		"overpaid": {[]told{{1, 3, paid, client.ExceptionOVERPAID}}, []string{"paid"}, "More than the price", "less than"},
		"taken back": {
			[]told{{1, 3, paid, ""}, {2, 4, pending, client.ExceptionREVERTED}}, []string{"paid", "unpaid"}, "took your payment back", "Thank you",
		},
		"taken back, told in the wrong order": {
			[]told{{2, 4, pending, client.ExceptionREVERTED}, {1, 3, paid, ""}}, nil, "took your payment back", "Thank you",
		},
		"taken back and paid again": {
			[]told{{1, 3, paid, ""}, {2, 4, pending, client.ExceptionREVERTED}, {3, 5, paid, ""}}, []string{"paid", "unpaid", "paid"}, "Thank you", "back",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			for i, what := range c.events {
				for range 2 { // each event comes twice
					_, err := s.books.take(t.Context(), what.event(strconv.Itoa(i)))
					require.NoError(t, err)
				}
			}
			require.Equal(t, c.marks, s.marks(t))
			page := httptest.NewRecorder()
			s.handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/orders/"+orderID, nil))
			require.Contains(t, page.Body.String(), c.says)
			require.NotContains(t, page.Body.String(), c.hid)
		})
	}
}

// An event about something else marks nothing, and does not stand in the way of those that follow.
func TestEventsOfOthers(t *testing.T) {
	t.Parallel()
	change := func(do func(*client.OperatorPayment)) client.Event {
		event := told{1, 3, client.StatusPAID, ""}.event("other")
		payment, _, err := event.Payment()
		require.NoError(t, err)
		do(&payment)
		event.Data, err = json.Marshal(payment)
		require.NoError(t, err)
		return event
	}
	for name, event := range map[string]client.Event{
		"without an order":  change(func(p *client.OperatorPayment) { p.Metadata = nil }),
		"an unknown order":  change(func(p *client.OperatorPayment) { p.Metadata["order"] = "X" }),
		"another payment":   change(func(p *client.OperatorPayment) { p.ID = "748f3a9b2c1d4e5f60718293" }),
		"another amount":    change(func(p *client.OperatorPayment) { p.AmountRequested = decimal.RequireFromString("0.01") }),
		"not of a payment":  {ID: "other", Type: "endpoint.disabled", Data: []byte(`{"id":"x"}`)},
		"of a type unknown": {ID: "other", Type: "refund.sent", Data: []byte(`[]`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			mark, err := s.books.take(t.Context(), event)
			require.NoError(t, err)
			require.Empty(t, mark)
			require.Empty(t, s.marks(t))
			_, err = s.books.take(t.Context(), told{1, 3, client.StatusPAID, ""}.event("own"))
			require.NoError(t, err)
			require.Equal(t, []string{"paid"}, s.marks(t))
		})
	}
}

// A test payment is no money: nothing is paid with it, unless the shop was started for tests.
func TestTestPayments(t *testing.T) {
	t.Parallel()
	event := func(id string, what told) client.Event {
		event := what.event(id)
		payment, _, err := event.Payment()
		require.NoError(t, err)
		payment.Test, payment.AmountReceived = new(client.OperatorPaymentTestTrue), payment.AmountRequested
		event.Data, err = json.Marshal(payment)
		require.NoError(t, err)
		return event
	}
	page := func(s *shop) string {
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders/"+orderID, nil))
		return w.Body.String()
	}
	const says = "This was a test; nothing was paid."
	for name, what := range map[string]told{
		"seen": {1, 2, client.StatusDETECTED, ""}, "paid": {1, 3, client.StatusPAID, ""},
		"overpaid":  {1, 3, client.StatusPAID, client.ExceptionOVERPAID},
		"accepted":  {1, 4, client.StatusPAID, client.ExceptionACCEPTED},
		"too late":  {1, 3, client.StatusEXPIRED, client.ExceptionPAIDLATE},
		"cancelled": {1, 3, client.StatusREJECTED, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			mark, err := s.books.take(t.Context(), event("e", what))
			require.NoError(t, err)
			require.Empty(t, mark)
			require.Empty(t, s.marks(t))
			shown := page(s)
			require.Contains(t, shown, says)
			for _, no := range []string{"Thank you", "<button>Pay", "Received", "write to you"} {
				require.NotContains(t, shown, no)
			}
		})
	}
	t.Run("a shop for tests", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.books.takesTests = true
		mark, err := s.books.take(t.Context(), event("e", told{1, 3, client.StatusPAID, ""}))
		require.NoError(t, err)
		require.Equal(t, "paid", mark)
		require.Contains(t, page(s), "Thank you")

		s.books.takesTests = false
		mark, err = s.books.take(t.Context(), event("f", told{2, 4, client.StatusPAID, client.ExceptionOVERPAID}))
		require.NoError(t, err)
		require.Equal(t, "unpaid", mark, "the shop goes live")
		require.Contains(t, page(s), says)
	})
}

// A shop for tests uses the key for tests of paycow dev, and does not fall back to the other one.
func TestCredentialsOfDev(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dev.json")
	write := func(operator string) {
		require.NoError(t, os.WriteFile(file, []byte(`{"apiUrl":"http://p.example","operator":`+operator+`}`), 0o600))
	}
	write(`{"apiKey":"pk_1","apiSecret":"sk_1","testApiKey":"pk_2","testApiSecret":"sk_2"}`)
	found, err := readCredentials(file, false)
	require.NoError(t, err)
	require.Equal(t, credentials{"http://p.example", "pk_1", "sk_1"}, found)
	found, err = readCredentials(file, true)
	require.NoError(t, err)
	require.Equal(t, credentials{"http://p.example", "pk_2", "sk_2"}, found)
	write(`{"apiKey":"pk_1","apiSecret":"sk_1","testApiKey":"","testApiSecret":""}`)
	_, err = readCredentials(file, true)
	require.Error(t, err)
}

// When the marking fails, the event is not taken either, so its repeat marks.
func TestAnEventIsTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, err := s.books.db.ExecContext(t.Context(), `CREATE TRIGGER full BEFORE INSERT ON markings BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	require.NoError(t, err)
	event := told{1, 3, client.StatusPAID, ""}.event("e")
	_, err = s.books.take(t.Context(), event)
	require.ErrorContains(t, err, "disk full")
	o, err := readOrder(t.Context(), s.books.db, orderID)
	require.NoError(t, err)
	require.False(t, o.IsPaid())
	_, err = s.books.db.ExecContext(t.Context(), `DROP TRIGGER full`)
	require.NoError(t, err)
	mark, err := s.books.take(t.Context(), event)
	require.NoError(t, err)
	require.Equal(t, "paid", mark)
}

// A repeat is known by its id, whatever it says.
func TestARepeatIsKnownByItsID(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, what := range []told{{1, 2, client.StatusDETECTED, ""}, {2, 3, client.StatusPAID, ""}} {
		mark, err := s.books.take(t.Context(), what.event("e"))
		require.NoError(t, err)
		require.Empty(t, mark)
	}
	require.Empty(t, s.marks(t))
}

// The same event from many sides at once is marked once.
func TestOneEventFromManySides(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := s.books.take(t.Context(), told{1, 3, client.StatusPAID, ""}.event(strconv.Itoa(i%2)))
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, []string{"paid"}, s.marks(t))
}

// Only what PayCow signed is taken.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	s, log := newShop(t), &strings.Builder{}
	s.log = slog.New(slog.NewTextHandler(log, nil))
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of 32 bytes for this test!"))
	post := func(signWith, id string, event client.Event) int {
		body, err := json.Marshal(event)
		require.NoError(t, err)
		key, err := standardwebhooks.NewWebhook(signWith)
		require.NoError(t, err)
		now := time.Now()
		signature, err := key.Sign(id, now, body)
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodPost, "/webhooks", strings.NewReader(string(body)))
		r.Header.Set("webhook-id", id)
		r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		r.Header.Set("webhook-signature", signature)
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r)
		return w.Code
	}
	event := told{1, 3, client.StatusPAID, ""}.event("in the body")
	require.Equal(t, http.StatusInternalServerError, post("", "e", event), "no secret yet")
	require.NoError(t, set(t.Context(), s.books.db, settingSecret, secret))
	require.Equal(t, http.StatusBadRequest, post("whsec_QUJD", "e", event))
	require.Empty(t, s.marks(t))
	require.NotContains(t, log.String(), "verified")
	require.Equal(t, http.StatusNoContent, post(secret, "e", event))
	require.Contains(t, log.String(), `msg="webhook verified" type=payment.paid event=e`)
	require.Equal(t, http.StatusNoContent, post(secret, "e", event), "a repeat is a success")
	require.Equal(t, []string{"paid"}, s.marks(t))
	require.NoError(t, s.books.db.Close())
	require.Equal(t, http.StatusInternalServerError, post(secret, "f", event), "PayCow must send it again")
}

// gateway is a PayCow that makes payments by key, and loses some of its answers.
type gateway struct {
	refuse  bool
	byKey   map[string]string
	request map[string]any
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	if err := json.NewDecoder(r.Body).Decode(&g.request); err != nil {
		panic(err)
	}
	if g.byKey[key] == "" {
		g.byKey[key] = fmt.Sprintf("%024x", len(g.byKey)+1)
	}
	if g.refuse { // after the payment was made
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"paymentId":%q,"checkoutUrl":"https://p.example/%s"}`, g.byKey[key], g.byKey[key])
}

// An order has one payment, also when the answer to the first attempt was lost and the form is sent again.
func TestOneOrderOnePayment(t *testing.T) {
	t.Parallel()
	s, g := newShop(t), &gateway{refuse: true, byKey: map[string]string{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	var err error
	s.paycow, err = client.New(server.URL, "k", "s")
	require.NoError(t, err)
	id := "BCDEFGHIJKLMNOPQRSTUVWXYZ2"
	post := func(path string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r)
		return w
	}
	form := url.Values{"order": {id}, "product": {"mug"}}
	require.Equal(t, "/orders/"+id, post("/order", form).Header().Get("Location"), "PayCow cannot be reached")
	page := httptest.NewRecorder()
	s.handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/orders/"+id, nil))
	require.Contains(t, page.Body.String(), `action="/orders/`+id+`/pay"`)
	g.refuse = false
	checkout := post("/orders/"+id+"/pay", nil).Header().Get("Location")
	require.Equal(t, "https://p.example/000000000000000000000001", checkout)
	require.Equal(t, checkout, post("/order", form).Header().Get("Location"))
	require.Equal(t, map[string]string{id: "000000000000000000000001"}, g.byKey)
	require.Equal(t, map[string]any{"order": id}, g.request["metadata"])
	require.Equal(t, "12.5", g.request["amount"])

	for _, bad := range []url.Values{{"order": {id}, "product": {"car"}}, {"order": {"x"}, "product": {"mug"}}, {}} {
		require.Equal(t, http.StatusBadRequest, post("/order", bad).Code)
	}
	require.Equal(t, http.StatusNotFound, post("/orders/x/pay", nil).Code)
}

// endpoints is a PayCow that has webhook endpoints.
type endpoints struct {
	list []client.WebhookEndpoint
	made int
	sent []string // the changes
}

func (e *endpoints) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/api/webhook-endpoints/")
	at := slices.IndexFunc(e.list, func(known client.WebhookEndpoint) bool { return known.ID == id })
	var body map[string]any
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			panic(err)
		}
	}
	status, answer := http.StatusOK, any(map[string]any{"endpoints": e.list})
	switch r.Method {
	case http.MethodPost:
		e.made++
		made := client.WebhookEndpoint{
			ID: fmt.Sprintf("made %d", e.made), URL: body["url"].(string), Description: body["description"].(string), Enabled: true,
		}
		e.list = append(e.list, made)
		status, answer = http.StatusCreated, client.CreatedWebhookEndpoint{ID: made.ID, Secret: "secret of " + made.ID}
	case http.MethodPatch:
		e.sent = append(e.sent, fmt.Sprint(id, body))
		e.list[at].Enabled, e.list[at].DisabledReason = true, nil
		answer = e.list[at]
	case http.MethodDelete:
		e.list = slices.Delete(e.list, at, at+1)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

// The shop keeps one endpoint of its own, and touches none of others.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	const here, elsewhere, own, other = "https://shop.example/webhooks", "https://b.example/", endpointDescription, "The books"
	on := func(id, url, description string) client.WebhookEndpoint {
		return client.WebhookEndpoint{ID: id, URL: url, Description: description, Enabled: true}
	}
	off := func(id string, reason *string) client.WebhookEndpoint {
		return client.WebhookEndpoint{ID: id, URL: here, Description: own, DisabledReason: reason}
	}
	for name, c := range map[string]struct {
		known  string // to the shop
		list   []client.WebhookEndpoint
		want   []string // the endpoints in the end
		sent   []string
		logged string
	}{
		"the first start":           {"", nil, []string{"made 1"}, nil, ""},
		"nothing to do":             {"a", []client.WebhookEndpoint{on("a", here, own)}, []string{"a"}, nil, ""},
		"renamed in the dashboard":  {"a", []client.WebhookEndpoint{on("a", here, other)}, []string{"a"}, nil, ""},
		"deleted in the dashboard":  {"a", nil, []string{"made 1"}, nil, ""},
		"moved in the dashboard":    {"a", []client.WebhookEndpoint{on("a", elsewhere, own)}, []string{"a", "made 1"}, nil, ""},
		"one of another service":    {"", []client.WebhookEndpoint{on("b", here, other)}, []string{"b", "made 1"}, nil, ""},
		"one without a description": {"", []client.WebhookEndpoint{on("b", here, "")}, []string{"b", "made 1"}, nil, ""},
		"another shop":              {"", []client.WebhookEndpoint{on("b", elsewhere, own)}, []string{"b", "made 1"}, nil, ""},
		"the secret was lost": {
			"", []client.WebhookEndpoint{on("b", here, other), on("a", here, own)}, []string{"b", "made 1"}, nil, "endpoint=a",
		},
		"disabled after 410": {
			"a", []client.WebhookEndpoint{off("a", new("It answered 410 Gone."))}, []string{"a"}, []string{"amap[enabled:true]"}, "endpoint=a",
		},
		"disabled in the dashboard": {"a", []client.WebhookEndpoint{off("a", nil)}, []string{"a"}, nil, ""},
		"another was disabled":      {"a", []client.WebhookEndpoint{off("b", new("x")), on("a", here, own)}, []string{"b", "a"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, e, log := newShop(t), &endpoints{list: c.list}, &strings.Builder{}
			server := httptest.NewServer(e)
			t.Cleanup(server.Close)
			var err error
			s.paycow, err = client.New(server.URL, "k", "s")
			require.NoError(t, err)
			s.webhookURL, s.log = here, slog.New(slog.NewTextHandler(log, nil))
			require.NoError(t, set(t.Context(), s.books.db, settingEndpoint, c.known))
			for range 2 { // the second time, nothing is left to do
				require.NoError(t, s.keepEndpoint(t.Context()))
			}
			var ids []string
			for _, endpoint := range e.list {
				ids = append(ids, endpoint.ID)
			}
			require.Equal(t, c.want, ids)
			require.Equal(t, c.sent, e.sent)
			require.Contains(t, log.String(), c.logged)
			if c.logged == "" {
				require.Empty(t, log.String())
			}
			known, err := s.books.setting(t.Context(), settingEndpoint)
			require.NoError(t, err)
			require.Contains(t, c.want, known)
			if e.made > 0 {
				secret, err := s.books.setting(t.Context(), settingSecret)
				require.NoError(t, err)
				require.Equal(t, "secret of "+known, secret)
			}
		})
	}
}
