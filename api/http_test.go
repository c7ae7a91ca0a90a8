package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
)

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	for _, path := range []string{
		"/", "/healthz", "/readyz", "/openapi.json", "/payment/" + p.ID, "/payment/x",
		"/payment/data/" + p.ID, "/api/payments", "/nothing",
	} {
		header := f.call(f.account, http.MethodGet, path, "", "Origin", "https://evil.example").header
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "DENY", header.Get("X-Frame-Options"))
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, header.Get("Content-Security-Policy"), "unsafe")
		require.Regexp(t, "^[0-9a-f]{16}$", header.Get("X-Request-Id"))
		require.Empty(t, header.Get("Access-Control-Allow-Origin"))
		require.Empty(t, header.Get("Strict-Transport-Security"), "not over plain http")
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	page := f.call(f.account, http.MethodGet, "/payment/"+p.ID, "")
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Contains(t, page.body, p.DepositAddress)
	require.Contains(t, page.body, `http-equiv="refresh"`)
	require.NotContains(t, page.body, "user_123456", "the page is for the payer")
	for _, path := range []string{"/payment/" + models.NewID(), "/payment/x", "/payment/data", "/nothing"} {
		got := f.call(f.account, http.MethodGet, path, "")
		require.Equal(t, http.StatusNotFound, got.status, path)
		if path != "/payment/data" {
			require.Contains(t, got.body, "<h1>Not found</h1>")
			require.Contains(t, got.body, got.header.Get("X-Request-Id"))
		}
	}
	require.Contains(t, f.call(f.account, http.MethodGet, "/", "").body, "/openapi.json")
}

func TestPlainHTTPIsRefusedWhenThePublicAddressIsHTTPS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		trusted   bool
		protocol  []string
		isAllowed bool
		// seemsHTTPS is whether the request may have come over https, so that a redirect could lead back.
		seemsHTTPS bool
	}{
		{"plain", false, nil, false, false},
		{"header from a stranger", false, []string{"https"}, false, true},
		{"proxy over https", true, []string{"https"}, true, true},
		{"proxy over https, other spelling", true, []string{"HTTPS"}, true, true},
		{"proxy over http", true, []string{"http"}, false, false},
		{"proxy says nothing", true, nil, false, false},
		{"client's claim before the proxy's word", true, []string{"https, http"}, false, false},
		{"client's claim in a header of its own", true, []string{"https", "http"}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, func(config *Config) {
				config.PublicURL = "https://paycow.test"
				if c.trusted {
					config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
				}
			})
			get := func(path string) *http.Response {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
				require.NoError(t, err)
				request.Header = http.Header{
					"X-Api-Key": {f.account.APIKey}, "X-Api-Secret": {f.account.APISecret},
					"X-Forwarded-Proto": c.protocol,
				}
				response, err := http.DefaultTransport.RoundTrip(request)
				require.NoError(t, err)
				t.Cleanup(func() { _ = response.Body.Close() })
				return response
			}
			call, page := get("/api/balance"), get("/payment/"+models.NewID()+"?a=b")
			require.Equal(t, http.StatusOK, get("/healthz").StatusCode, "probes come over plain http")
			if c.isAllowed {
				require.Equal(t, http.StatusOK, call.StatusCode)
				require.Equal(t, http.StatusNotFound, page.StatusCode)
				require.Equal(t, strictTransport, call.Header.Get("Strict-Transport-Security"))
				return
			}
			require.Equal(t, http.StatusForbidden, call.StatusCode)
			require.Empty(t, call.Header.Get("Location"))
			body, err := io.ReadAll(call.Body)
			require.NoError(t, err)
			require.Equal(t, "https_required", parse[errorBody](t, string(body)).Code)
			require.Equal(t, http.StatusForbidden, get("/payment/data/"+models.NewID()).StatusCode)
			if c.seemsHTTPS {
				require.Equal(t, http.StatusForbidden, page.StatusCode, "a redirect would lead back here for ever")
				return
			}
			require.Equal(t, http.StatusPermanentRedirect, page.StatusCode)
			require.Regexp(t, `^https://paycow\.test/payment/[0-9a-f]{24}\?a=b$`, page.Header.Get("Location"))
			for _, path := range []string{"/", "/openapi.json"} {
				require.Equal(t, "https://paycow.test"+path, get(path).Header.Get("Location"))
			}
		})
	}
}

// A browser that reaches the gateway over https through a proxy that is not trusted is told so, and so is the log, once.
func TestAProxyThatIsNotTrustedMakesNoLoop(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.PublicURL = "https://paycow.test" })
	for _, header := range [][2]string{
		{"X-Forwarded-Proto", "https"},
		{"X-Forwarded-Ssl", "on"},
		{"Forwarded", "for=1.2.3.4;proto=https"},
		{"Sec-Fetch-Site", "none"},
	} {
		for _, path := range []string{"/", "/login.html", "/openapi.json", "/api/balance"} {
			got := f.call(f.account, http.MethodGet, path, "", header[0], header[1])
			require.Equal(t, http.StatusForbidden, got.status, "%s %v", path, header)
			require.Contains(t, got.body, "PAYCOW_TRUSTED_PROXIES")
		}
	}
	require.Equal(t, 1, strings.Count(f.log.String(), "put it into PAYCOW_TRUSTED_PROXIES"))
	require.Contains(t, f.log.String(), "address=127.0.0.1:")
}

func TestTLSOfOurOwnIsHTTPS(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.PublicURL = "HTTPS://paycow.test" })
	listener := httptest.NewTLSServer(f.server.Handler())
	defer listener.Close()
	response, err := listener.Client().Get(listener.URL + "/")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, strictTransport, response.Header.Get("Strict-Transport-Security"))
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	f := setup(t)
	apitest.BadInput(t, apitest.Target{
		BaseURL: f.url, Account: f.account, Other: f.other, MaxAmount: f.server.MaxAmount,
		Keys: f.key(f.operatorID(f.operator(models.OperatorActive)), models.Credential{Scopes: string(models.ScopeKeysWrite)}),
		Test: f.key(f.operatorID(f.operator(models.OperatorActive)), models.Credential{Test: true}),
		Inactive: []apitest.Inactive{
			{Account: f.operator(models.OperatorPending), Code: "account_pending"},
			{Account: f.operator(models.OperatorSuspended), Code: "account_suspended"},
			{Account: f.operator(models.OperatorRejected), Code: "account_rejected"},
		},
	})
}

// Some clients write the name of UTF-8 without its hyphen, and a base URL that ends with a slash leads to //api/….
func TestHabitsOfClients(t *testing.T) {
	t.Parallel()
	f := setup(t)
	body := `{"amount": 5, "userId": "u", "network": "ERC20"}`
	for _, charset := range []string{"utf8", "UTF8", "utf-8"} {
		got := f.call(f.account, http.MethodPost, createPath, body, "Content-Type", "application/json; charset="+charset)
		require.Equal(t, http.StatusOK, got.status, got.body)
	}
	got := f.call(f.account, http.MethodGet, "//api/balance", "")
	require.Equal(t, http.StatusNotFound, got.status)
	parse[map[string]any](t, got.body)
}
