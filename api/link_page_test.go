package api

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// linkBrowser is a browser with a payment link open.
type linkBrowser struct {
	*fixture
	id     string
	client *http.Client
}

func (f *fixture) browser(linkID string) linkBrowser {
	f.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(f, err)
	return linkBrowser{f, linkID, &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (b linkBrowser) send(method, body string, headers ...string) answer {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), method, b.url+"/pay/"+b.id+"?lang=en", strings.NewReader(body))
	require.NoError(b, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.client.Do(request)
	require.NoError(b, err)
	return readAnswer(b, response)
}

func (b linkBrowser) opens() answer { b.Helper(); return b.send(http.MethodGet, "") }

// posts sends the form with the token of a page.
func (b linkBrowser) posts(token string, headers ...string) answer {
	b.Helper()
	return b.send(http.MethodPost, url.Values{"token": {token}}.Encode(), headers...)
}

var tokenOfPage = regexp.MustCompile(`name="token" value="([0-9a-f]{24})"`)

// token opens the link and returns the token of its page.
func (b linkBrowser) token() string {
	b.Helper()
	page := b.opens()
	require.Equal(b, http.StatusOK, page.status, page.body)
	found := tokenOfPage.FindStringSubmatch(page.body)
	require.NotNil(b, found, page.body)
	return found[1]
}

// pays opens the link, presses the button and returns the payment.
func (b linkBrowser) pays() models.Payment {
	b.Helper()
	return b.row(b.checkoutOf(b.posts(b.token())))
}

// checkoutOf returns the id of the payment to whose checkout page an answer leads.
func (b linkBrowser) checkoutOf(got answer) string {
	b.Helper()
	require.Equal(b, http.StatusSeeOther, got.status, got.body)
	found := regexp.MustCompile(`^http://paycow\.test/payment/([0-9a-f]{24})\?lang=en$`).FindStringSubmatch(got.header.Get("Location"))
	require.NotNil(b, found, got.header.Get("Location"))
	return found[1]
}

func (b linkBrowser) end(p models.Payment, status models.Status, received models.Amount) {
	b.Helper()
	b.record(p.ID, func(s *models.PaymentState) {
		s.Status, s.AmountReceived, s.AmountCredited = status, received, received
	})
}

// Opening a link creates nothing, however often. The button makes one payment, on the terms of the link, and the same
// browser comes back to it while it is open.
func TestALinkMakesAPaymentOnDemand(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l := f.link(f.account, "")
	b := f.browser(l.ID)
	for range 3 {
		page := b.opens()
		require.Contains(t, page.body, "Pay 50.00 USDT")
		require.Contains(t, page.body, "Invoice 7")
		require.NotContains(t, page.body, "<script")
		require.Less(t, len(page.body), 6000)
		require.Equal(t, "no-store", page.header.Get("Cache-Control"))
		require.Equal(t, "same-origin", page.header.Get("Referrer-Policy"))
	}
	require.Equal(t, http.StatusOK, b.send(http.MethodHead, "").status)
	require.Zero(t, f.starter.count())

	p := b.pays()
	require.Equal(t, 1, f.starter.count())
	require.Equal(t, []any{l.ID, l.UserID, 50 * models.USDT, "Invoice 7"}, []any{p.LinkID, p.UserID, p.AmountRequested, p.Description})
	require.Equal(t, p.ID, b.checkoutOf(b.opens()), "the same browser comes back")
	require.Equal(t, p.ID, b.checkoutOf(b.posts("")), "also when it sends an old page")
	require.NotEqual(t, p.ID, f.browser(l.ID).pays().ID, "another payer pays for another")

	b.end(p, models.StatusPaid, 50*models.USDT)
	require.Contains(t, b.opens().body, "Pay 50.00 USDT", "it can pay again")
	require.EqualValues(t, 1, f.linkNow(f.account, l.ID).Uses)
}

// On a device that several people use, the next one can pay as soon as money has come for the payment of the one before.
// Only a link that can be used offers the last payment.
func TestTheLastPaymentOfABrowser(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l := f.link(f.account, "")
	b := f.browser(l.ID)
	require.NotContains(t, b.opens().body, "Your last payment")
	p := b.pays()
	b.record(p.ID, func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusDetected, 50*models.USDT })
	page := b.opens()
	require.Contains(t, page.body, `<a href="http://paycow.test/payment/`+p.ID+`?lang=en">Your last payment</a>`)
	second := b.pays()
	require.NotEqual(t, p.ID, second.ID)
	require.Equal(t, second.ID, b.checkoutOf(b.opens()))
	b.record(second.ID, func(s *models.PaymentState) { s.AmountReceived = 7 })
	require.Contains(t, b.opens().body, second.ID, "a part has come")
	b.end(second, models.StatusPaid, 50*models.USDT)
	f.call(f.account, http.MethodPost, "/api/payment-links/"+l.ID+"/disable", "")
	page = b.opens()
	require.Contains(t, page.body, "This link can no longer be used")
	require.NotContains(t, page.body, second.ID)

	single := f.browser(f.link(f.account, `,"maxUses":1`).ID)
	p = single.pays()
	single.record(p.ID, func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusDetected, 50*models.USDT })
	require.Equal(t, p.ID, single.checkoutOf(single.opens()), "nobody else can use it")
}

// A payment whose transfer a reorg took away still uses its link, and the payer finds it there.
func TestALinkAfterAReorg(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, end := range []func(*models.PaymentState){
		func(s *models.PaymentState) { s.Status, s.Exception = models.StatusExpired, models.ExceptionReverted },
		func(s *models.PaymentState) { s.Status, s.AmountCredited = models.StatusPaid, 50*models.USDT },
	} {
		l := f.link(f.account, `,"maxUses":1`)
		b := f.browser(l.ID)
		token := b.token()
		p := f.row(b.checkoutOf(b.posts(token)))
		b.record(p.ID, end)
		require.Equal(t, models.LinkUsedUp, f.linkNow(f.account, l.ID).Status)
		require.Equal(t, p.ID, b.checkoutOf(b.opens()))
		require.Contains(t, f.browser(l.ID).opens().body, "This link has been used already.")
		require.Equal(t, p.ID, b.checkoutOf(f.browser(l.ID).posts(token)), "its own page")
	}
}

// A return URL counts while the operator allows its origin.
func TestTheReturnURLOfALink(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.exec("UPDATE operators SET return_origins = 'https://shop.example' WHERE id = ?", f.operatorID(f.account))
	l := f.link(f.account, `,"returnUrl":"https://shop.example/a"`)
	require.Equal(t, "https://shop.example/a", f.browser(l.ID).pays().ReturnURL)
	f.exec("UPDATE operators SET return_origins = 'https://other.example' WHERE id = ?", f.operatorID(f.account))
	require.Empty(t, f.browser(l.ID).pays().ReturnURL)
}

func TestTheCookieOfALink(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l, other := f.link(f.account, ""), f.link(f.account, "")
	b := f.browser(l.ID)
	got := b.posts(b.token())
	cookie := got.header.Get("Set-Cookie")
	require.Contains(t, cookie, "Path=/pay/"+l.ID+";")
	require.Contains(t, cookie, "HttpOnly; SameSite=Lax")
	// A cookie leads to no payment that was not made through the link.
	stolen := "paycow_link_payment=" + b.checkoutOf(got)
	elsewhere := f.browser(other.ID)
	require.Equal(t, http.StatusOK, elsewhere.send(http.MethodGet, "", "Cookie", stolen).status)
	for _, odd := range []string{"x", models.NewID(), f.payment(f.account).ID} {
		require.Equal(t, http.StatusOK, f.browser(l.ID).send(http.MethodGet, "", "Cookie", "paycow_link_payment="+odd).status)
	}
}

func TestTheCookieOfALinkOverHTTPS(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) {
		c.PublicURL, c.TrustedProxies = "https://paycow.test", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	got := f.call(f.account, http.MethodPost, "/api/payment-links", `{"amount":50,"description":"Invoice 7"}`, "X-Forwarded-Proto", "https")
	b := f.browser(parse[linkView](t, got.body).ID)
	require.Contains(t, b.posts("", "X-Forwarded-Proto", "https").header.Get("Set-Cookie"), "; Secure")
}

// A page that is sent twice makes one payment: a payer who presses the button twice must not find the link in use.
func TestTheButtonPressedTwiceMakesOnePayment(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l := f.link(f.account, `,"maxUses":1`)
	b := f.browser(l.ID)
	token := b.token()
	b.client.Jar = nil
	var group sync.WaitGroup
	ids := make([]string, 5)
	for i := range ids {
		group.Go(func() { ids[i] = b.checkoutOf(b.posts(token)) })
	}
	group.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.EqualValues(t, 1, f.linkNow(f.account, l.ID).OpenPayments)
	b.end(f.row(ids[0]), models.StatusExpired, 0)
	again := b.posts(token)
	require.Equal(t, http.StatusSeeOther, again.status)
	require.Equal(t, "http://paycow.test/pay/"+l.ID+"?lang=en", again.header.Get("Location"), "an old page gets a new one")
}

// Two payers who use a link for one payment: one pays, the other is told so. If the payment ends unpaid, the link is
// free again; if it is paid, the link is used up, and the one who paid sees the receipt there.
func TestALinkForOnePayment(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l := f.link(f.account, `,"maxUses":1`)
	first, second := f.browser(l.ID), f.browser(l.ID)
	token := second.token()
	p := first.pays()
	refused := second.posts(token)
	require.Equal(t, http.StatusConflict, refused.status)
	require.Contains(t, refused.body, "A payment through this link is under way.")
	require.Contains(t, second.opens().body, "A payment through this link is under way.")
	first.end(p, models.StatusExpired, 0)
	paid := second.pays()
	require.Contains(t, first.opens().body, "A payment through this link is under way.", "its own has ended")
	second.end(paid, models.StatusPaid, 50*models.USDT)
	require.Contains(t, first.opens().body, "This link has been used already.")
	require.Equal(t, http.StatusConflict, first.posts("").status)
	require.Equal(t, paid.ID, second.checkoutOf(second.opens()))
	require.Equal(t, models.LinkUsedUp, f.linkNow(f.account, l.ID).Status)
	require.Equal(t, 2, f.starter.count())
}

// A link that cannot be used says so in plain words, and makes no payment.
func TestALinkThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	off := map[string]string{
		"restored": "Please try again later.", "many open": "Please try again later.", "suspended": "Please contact the shop.", "disabled": "Please contact the shop.",
		"over": "This link has expired.", "smallest amount": "Please contact the shop.", "full": "Please try again later.",
	}
	for name, words := range off {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var later time.Duration
			f := setup(t, func(c *Config) {
				c.MaxOpen, c.OwnClock = 1, true
				if name == "many open" {
					c.MaxOpen = 0
				}
				c.Clock = func() time.Time { return time.Now().Add(later) }
			})
			l := f.link(f.account, `,"activeUntil":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"`)
			token, want := f.browser(l.ID).token(), http.StatusConflict
			switch name {
			case "restored":
				alarm := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmDatabaseRestored, Subject: "s"}
				require.NoError(t, f.store.Raise(t.Context(), alarm))
				want = http.StatusServiceUnavailable
			case "many open":
				f.exec("UPDATE payment_links SET open_payments = ? WHERE id = ?", models.MaxOpenOfLink, l.ID)
			case "suspended":
				f.exec("UPDATE operators SET status = 'SUSPENDED' WHERE id = ?", f.operatorID(f.account))
			case "disabled":
				f.call(f.account, http.MethodPost, "/api/payment-links/"+l.ID+"/disable", "")
			case "over":
				later = 2 * time.Hour
			case "smallest amount":
				f.exec("UPDATE operators SET min_amount = 51000000 WHERE id = ?", f.operatorID(f.account))
				want = http.StatusBadRequest
			case "full":
				f.browser(l.ID).pays()
				want = http.StatusTooManyRequests
			}
			before := f.starter.count()
			got := f.browser(l.ID).posts(token)
			require.Equal(t, want, got.status, got.body)
			require.Contains(t, got.body, words)
			require.Equal(t, before, f.starter.count())
			if want == http.StatusConflict {
				require.Contains(t, f.browser(l.ID).opens().body, words)
			}
		})
	}
}

// Payers can take no more than half of what an operator may have open, so that the operator's server can go on.
func TestLinksLeaveRoomForTheShop(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.MaxOpen, c.MaxUnpaid = 4, 2 })
	l := f.link(f.account, "")
	for range 2 {
		f.browser(l.ID).pays()
	}
	b := f.browser(l.ID)
	got := b.posts(b.token())
	require.Equal(t, http.StatusTooManyRequests, got.status)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	f.payment(f.account)
	f.payment(f.account)
}

func TestPaymentsThroughLinksAreLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) {
		c.RatePerNetwork, c.TrustedProxies = 1000, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	l := f.link(f.account, "")
	for range linkPaymentsPerNetwork {
		f.browser(l.ID).pays()
	}
	b := f.browser(l.ID)
	got := b.posts(b.token())
	require.Equal(t, http.StatusTooManyRequests, got.status)
	require.Contains(t, got.body, "Please try again later.")
	seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, seconds)
	require.Equal(t, http.StatusOK, b.opens().status, "the page can be read")
	require.Equal(t, linkPaymentsPerNetwork, f.starter.count())

	// A whole IPv6 /48 has four times as many, however many networks it has.
	other := f.browser(f.link(f.account, "").ID)
	from := func(site, network int) answer {
		other.client.Jar = nil
		return other.posts("", "X-Forwarded-For", fmt.Sprintf("2001:db8:%x:%x::1", site, network))
	}
	for i := range networksPerSite * linkPaymentsPerNetwork {
		other.checkoutOf(from(1, i))
	}
	require.Equal(t, http.StatusTooManyRequests, from(1, 9999).status)
	other.checkoutOf(from(2, 1))
}

func TestOtherSitesUseNoLink(t *testing.T) {
	t.Parallel()
	f := setup(t)
	l := f.link(f.account, "")
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		require.Equal(t, http.StatusForbidden, f.browser(l.ID).posts("", header[0], header[1]).status)
	}
	require.Equal(t, http.StatusSeeOther, f.browser(l.ID).posts("", "Origin", "http://paycow.test").status)
	for _, id := range []string{models.NewID(), "x", "%00"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			require.Equal(t, http.StatusNotFound, f.browser(id).send(method, "").status, id)
		}
	}
	form := url.Values{"token": {models.NewID()}, "more": {strings.Repeat("x", maxFormBytes)}}.Encode()
	first := f.browser(l.ID).checkoutOf(f.browser(l.ID).send(http.MethodPost, form))
	require.NotEqual(t, first, f.browser(l.ID).checkoutOf(f.browser(l.ID).send(http.MethodPost, form)), "no token is read from a form that is too large")
}
