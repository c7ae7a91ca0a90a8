package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/views"
)

// openStream follows a payment's page and returns a function that reads the next event's name and data.
func (f *fixture) openStream(id string, header http.Header) (response *http.Response, next func() (event, data string)) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 30*time.Second)
	f.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/payment/"+id+"/events?lang=en", nil)
	require.NoError(f, err)
	maps.Copy(request.Header, header)
	response, err = http.DefaultClient.Do(request)
	require.NoError(f, err)
	f.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return response, func() (event, data string) {
		for lines.Scan() {
			switch line := lines.Text(); {
			case line == "":
				if event != "" {
					return event, data
				}
			case strings.HasPrefix(line, "event:"):
				event = strings.TrimPrefix(line, "event:")
			case strings.HasPrefix(line, "data:"):
				require.NoError(f, json.Unmarshal([]byte(strings.TrimPrefix(line, "data:")), &data))
			}
		}
		return "end", ""
	}
}

func TestOpenPageIsUpdated(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	response, next := f.openStream(p.ID, nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream; charset=utf-8", response.Header.Get("Content-Type"))
	event, data := next()
	require.Equal(t, "state", event)
	require.Contains(t, data, `data-status="PENDING"`)
	require.NotContains(t, data, "<html")
	f.record(p.ID, func(s *models.PaymentState) {
		s.Status, s.AmountReceived, s.TxHash, s.LastBlock = models.StatusDetected, p.AmountRequested, "0x12", 100
	})
	_, data = next()
	require.Contains(t, data, `data-status="DETECTED"`)
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusPaid })
	_, data = next()
	require.Contains(t, data, `data-status="PAID"`)
	require.Contains(t, data, `data-final="true"`)
	f.server.EndStreams()
	event, _ = next()
	require.Equal(t, "end", event, "a process that ends lets its pages go")
	response, _ = f.openStream(p.ID, nil)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
}

// All followers together cause one read per second, and none once they have gone.
func TestFollowersShareOneRead(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	followers := f.server.followers
	var pages []*follower
	for range maxFollowersPerNetwork {
		page, err := followers.add(p.ID, "192.0.2.1")
		require.NoError(t, err)
		pages = append(pages, page)
	}
	_, err := followers.add(p.ID, "192.0.2.1")
	require.ErrorIs(t, err, errTooManyFollowers)
	other, err := followers.add(p.ID, "192.0.2.2")
	require.NoError(t, err)
	pages = append(pages, other)
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusDetected })
	for _, page := range pages {
		select {
		case <-page.news:
		case <-time.After(10 * time.Second):
			t.Fatal("a page was not notified")
		}
		followers.remove(page)
		followers.remove(page) // a second time changes nothing
	}
	require.Zero(t, followers.count)
	require.Empty(t, followers.byNetwork)
	require.Eventually(t, func() bool {
		followers.mutex.Lock()
		defer followers.mutex.Unlock()
		return !followers.watching && len(followers.seen) == 0
	}, 10*time.Second, 20*time.Millisecond, "nobody is left to watch for")
}

func TestStreamOfUnknownPayments(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, id := range []string{models.NewID(), "x", strings.Repeat("A", 24)} {
		response, _ := f.openStream(id, nil)
		require.Equal(t, http.StatusNotFound, response.StatusCode, id)
	}
	require.Zero(t, f.server.followers.count)
}

func TestCheckoutSpeaksTheBrowsersLanguage(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := f.payment(f.account).ID
	for _, c := range []struct{ query, accept, tag string }{
		{"", "", "en"},
		{"", "de-AT,en;q=0.5", "de"},
		{"?lang=ar", "de", "ar"},
		{"?lang=%3Cscript%3E", "", "en"},
	} {
		response := f.get("/payment/"+id+c.query, http.Header{"Accept-Language": {c.accept}})
		require.Equal(t, c.tag, response.Header.Get("Content-Language"))
		require.Contains(t, response.Header.Get("Vary"), "Accept-Language")
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), `<html lang="`+c.tag+`"`)
	}
}

// get sends a request without credentials. The transport does not decompress the body.
func (f *fixture) get(path string, header http.Header) *http.Response {
	f.Helper()
	request, err := http.NewRequestWithContext(f.Context(), http.MethodGet, f.url+path, nil)
	require.NoError(f, err)
	request.Header = header
	response, err := (&http.Transport{DisableCompression: true}).RoundTrip(request)
	require.NoError(f, err)
	f.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// A payer's first visit is small, caches what it can, and loads nothing else.
func TestFirstVisitIsSmall(t *testing.T) {
	t.Parallel()
	f := setup(t)
	gzipped := http.Header{"Accept-Encoding": {"gzip"}}
	page := f.get("/payment/"+f.payment(f.account).ID, gzipped)
	require.Equal(t, "gzip", page.Header.Get("Content-Encoding"))
	small, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	unzip, err := gzip.NewReader(bytes.NewReader(small))
	require.NoError(t, err)
	text, err := io.ReadAll(unzip)
	require.NoError(t, err)
	assets := regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, assets, 2, "a style and a script")
	total := len(small)
	for _, asset := range assets {
		answer := f.get(asset[1], gzipped)
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.Contains(t, answer.Header.Get("Cache-Control"), "immutable")
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		total += len(body)
	}
	require.Less(t, total, 40_000)
	t.Logf("first visit: %d bytes in %d answers", total, 1+len(assets))
	require.Equal(t, http.StatusNotFound, f.get("/assets/000000000000/checkout.js", http.Header{}).StatusCode)
}

// The test faucet pays the missing amount. Other sites cannot trigger it, and without a faucet the route does not
// exist.
func TestFaucet(t *testing.T) {
	t.Parallel()
	type order struct {
		address string
		amount  models.Amount
	}
	var paid []order
	f := setup(t, func(c *Config) {
		c.Faucet = func(_ context.Context, address string, amount models.Amount) (string, error) {
			paid = append(paid, order{address, amount})
			return "0x12", nil
		}
	})
	p := f.payment(f.account)
	f.record(p.ID, func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusDetected, 20*models.USDT })
	post := func(site string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			f.url+"/payment/"+p.ID+"/faucet?lang=de", nil)
		require.NoError(t, err)
		request.Header.Set("Sec-Fetch-Site", site)
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		return response
	}
	require.Equal(t, http.StatusForbidden, post("cross-site").StatusCode)
	require.Empty(t, paid)
	answer := post("same-origin")
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	require.True(t, strings.HasSuffix(answer.Header.Get("Location"), "/payment/"+p.ID+"?lang=de&sent"))
	require.Equal(t, []order{{p.DepositAddress, p.AmountRequested - 20*models.USDT}}, paid)
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusExpired })
	require.Equal(t, http.StatusConflict, post("same-origin").StatusCode)

	without := setup(t)
	require.Equal(t, http.StatusNotFound, without.call(without.account, http.MethodPost,
		"/payment/"+without.payment(without.account).ID+"/faucet", "").status)
}

// After a reorg the page still names the transaction that is gone.
func TestCheckoutKeepsTheTransactionAfterAReorg(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.record(p.ID, func(s *models.PaymentState) {
		s.Status, s.AmountReceived, s.TxHash = models.StatusDetected, 50*models.USDT, hexHash(7)
	})
	f.record(p.ID, func(s *models.PaymentState) {
		s.Status, s.AmountReceived, s.TxHash, s.Exception = models.StatusPending, 0, "", models.ExceptionReverted
	})
	require.Contains(t, f.call(f.account, http.MethodGet, "/payment/"+p.ID, "").body, hexHash(7))
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusRejected })
	require.NotContains(t, f.call(f.account, http.MethodGet, "/payment/"+p.ID, "").body, hexHash(7),
		"a declined payment names no transaction that does not exist")
}

// The page of a paid payment says when it was paid.
func TestCheckoutSaysWhenItWasPaid(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	require.NotContains(t, f.call(f.account, http.MethodGet, "/payment/"+p.ID, "").body, "<time")
	f.record(p.ID, func(s *models.PaymentState) { s.Status, s.AmountReceived = models.StatusPaid, p.AmountRequested })
	require.Contains(t, f.call(f.account, http.MethodGet, "/payment/"+p.ID, "").body, "<time datetime=")
}

// A pending transfer is shown on the page and counts nowhere.
func TestCheckoutShowsAPendingTransfer(t *testing.T) {
	t.Parallel()
	var later atomic.Int64
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return time.Now().Add(time.Duration(later.Load())) } })
	p := f.payment(f.account)
	require.NoError(t, f.store.NoteSeen(t.Context(), models.NetworkERC20, []models.SeenTransfer{
		{TxHash: hexHash(1), To: p.DepositAddress, Amount: 50 * models.USDT},
	}))
	page := f.call(f.account, http.MethodGet, "/payment/"+p.ID, "").body
	require.Contains(t, page, `A transfer of <data value="50.00"><bdi dir="ltr">50.00</bdi></data> USDT was seen on the network.`)
	require.NotContains(t, page, "data-call", "nobody pays twice")
	view := parse[views.PublicPayment](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body)
	require.Equal(t, models.StatusPending, view.Status)
	require.Zero(t, view.AmountReceived)
	stamps, err := f.server.followers.stamps(t.Context(), []string{p.ID})
	require.NoError(t, err)

	// A transfer that is in no block for long may have failed: the page asks again, and those that are open learn of it.
	later.Store(int64(expectedFor))
	require.Contains(t, f.call(f.account, http.MethodGet, "/payment/"+p.ID, "").body, "data-call")
	after, err := f.server.followers.stamps(t.Context(), []string{p.ID})
	require.NoError(t, err)
	require.NotEqual(t, stamps, after)
}
