package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

const (
	goodPassword = "correct horse battery"
	newEmail     = "shop@example.org"
)

// visitor is a person's browser.
type visitor struct {
	*fixture
	client *http.Client
	site   string // Sec-Fetch-Site, "" for none
	origin string // "" for none
	from   string // X-Forwarded-For, "" for none
}

func (f *fixture) visitor() *visitor {
	f.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(f, err)
	return &visitor{fixture: f, client: &http.Client{Jar: jar}, site: "same-origin"}
}

// do sends a request like the pages' scripts.
func (v *visitor) do(method, path string, body map[string]any) answer {
	v.Helper()
	if body == nil {
		return v.upload(method, path, nil)
	}
	return v.upload(method, path, []byte(mustJSON(v.TB, body)), "Content-Type", "application/json")
}

// upload sends a request with any content.
func (v *visitor) upload(method, path string, content []byte, headers ...string) answer {
	v.Helper()
	request, err := http.NewRequestWithContext(v.Context(), method, v.url+path, bytes.NewReader(content))
	require.NoError(v, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	if v.site != "" {
		request.Header.Set("Sec-Fetch-Site", v.site)
	}
	if v.origin != "" {
		request.Header.Set("Origin", v.origin)
	}
	if v.from != "" {
		request.Header.Set("X-Forwarded-For", v.from)
	}
	response, err := v.client.Do(request)
	require.NoError(v, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(v, err)
	return answer{response.StatusCode, response.Header, string(text)}
}

func mustJSON(t testing.TB, value any) string {
	t.Helper()
	body, err := json.Marshal(value)
	require.NoError(t, err)
	return string(body)
}

func (v *visitor) must(status int, method, path string, body map[string]any) answer {
	v.Helper()
	got := v.do(method, path, body)
	require.Equal(v, status, got.status, "%s %s: %s", method, path, got.body)
	return got
}

func (v *visitor) cookie() *http.Cookie {
	v.Helper()
	address, err := url.Parse(v.url)
	require.NoError(v, err)
	for _, cookie := range v.client.Jar.Cookies(address) {
		if cookie.Name == sessionCookie {
			return cookie
		}
	}
	return nil
}

type fieldsOf = map[string]any

func (f *fixture) admin(email string) *visitor {
	f.Helper()
	require.NoError(f, f.store.CreateAdmin(f.Context(), models.Admin{
		ID: models.NewID(), Email: email, PasswordHash: cheapHash(goodPassword),
	}))
	v := f.visitor()
	v.must(http.StatusOK, http.MethodPost, "/api/admin/login", fieldsOf{"email": email, "password": goodPassword})
	return v
}

// registered returns a new operator who is logged in.
func (f *fixture) registered(email string) *visitor {
	f.Helper()
	v := f.visitor()
	v.must(http.StatusAccepted, http.MethodPost, "/api/operator/register", fieldsOf{
		"email": email, "name": "Shop", "website": "https://shop.example",
	})
	f.setPassword(email)
	v.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": strings.ToUpper(email), "password": goodPassword,
	})
	return v
}

// setPassword does to an operator what following the link does.
func (f *fixture) setPassword(email string) {
	f.Helper()
	ctx, now := f.Context(), time.Now()
	account, err := f.store.AccountByEmail(ctx, models.RoleOperator, strings.ToLower(email))
	require.NoError(f, err)
	link := models.PasswordLink{
		TokenHash: []byte(account.ID), Role: account.Role, AccountID: account.ID, ExpiresAt: now.Add(time.Hour),
	}
	entry := models.AuditEntry{Actor: "test", Action: "test"}
	require.NoError(f, f.store.PutPasswordLink(ctx, link, entry))
	require.NoError(f, f.store.UsePasswordLink(ctx, link.TokenHash, account, cheapHash(goodPassword), entry))
}

func (v *visitor) me() meView {
	v.Helper()
	got := v.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil)
	return parse[meView](v.TB, got.body)
}

func withKey(c *Config) { c.MasterKey = masterKey }

// stoppedClock stops the server's clock, so that a code stays valid however long a test takes.
func stoppedClock(c *Config) {
	now := time.Now()
	c.Clock = func() time.Time { return now }
}

// The life of an operator: register, wait, get approved, reveal the secret, take payments, get suspended and
// reactivated.
func TestOperatorsWay(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.TemporalUIURL, c.TemporalNamespace = "https://temporal.example", "paycow" })
	operator, admin := f.registered(newEmail), f.admin("admin@example.org")
	require.Equal(t, models.OperatorPending, operator.me().Status)
	require.Nil(t, operator.me().APIKey)
	require.Contains(t, operator.must(http.StatusForbidden, http.MethodGet, "/api/payments", nil).body, "account_pending")
	operator.must(http.StatusForbidden, http.MethodPost, "/api/operator/credentials/reveal",
		fieldsOf{"password": goodPassword})
	id := operator.me().ID
	list := admin.must(http.StatusOK, http.MethodGet, "/api/admin/operators?status=PENDING", nil)
	require.Contains(t, list.body, newEmail)
	admin.must(http.StatusConflict, http.MethodPost, "/api/admin/operators/"+id+"/suspend", fieldsOf{"reason": "x"})
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/approve", fieldsOf{"reason": "known shop"})
	admin.must(http.StatusConflict, http.MethodPost, "/api/admin/operators/"+id+"/approve", fieldsOf{"reason": "again"})
	require.Equal(t, "known shop", operator.me().StatusReason)
	require.NotNil(t, operator.me().APIKey)

	require.Contains(t, operator.must(http.StatusForbidden, http.MethodPost, "/api/operator/credentials/reveal",
		fieldsOf{"password": "wrong"}).body, "wrong_password")
	shown := parse[map[string]string](t, operator.must(http.StatusOK, http.MethodPost,
		"/api/operator/credentials/reveal", fieldsOf{"password": goodPassword}).body)
	require.Equal(t, *operator.me().APIKey, shown["apiKey"])
	account := f.account
	account.APIKey, account.APISecret = shown["apiKey"], shown["apiSecret"]
	p := f.payment(account)
	require.Contains(t, operator.must(http.StatusOK, http.MethodGet, "/api/payments", nil).body, p.ID)
	for _, search := range []string{p.ID, p.Reference, p.UserID, strings.ToLower(p.DepositAddress)} {
		require.Contains(t, operator.must(http.StatusOK, http.MethodGet, "/api/payments?search="+search, nil).body, p.ID)
	}
	require.NotContains(t, operator.must(http.StatusOK, http.MethodGet, "/api/payments?search=0x12", nil).body, p.ID)
	operator.must(http.StatusOK, http.MethodPost, "/api/payment/"+p.ID+"/reject", fieldsOf{"reason": "no"})
	require.Contains(t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/payments?search="+p.Reference, nil).body,
		`"workflowUrl":"https://temporal.example/namespaces/paycow/workflows/payment%2F`+p.ID+`"`)
	admin.must(http.StatusOK, http.MethodGet, "/api/admin/payment/"+p.ID, nil)

	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/suspend", fieldsOf{"reason": "complaints"})
	require.Equal(t, http.StatusOK, f.call(account, http.MethodGet, "/api/payments", "").status)
	require.Equal(t, http.StatusForbidden, f.call(account, http.MethodPost, createPath, `{}`).status)
	operator.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	operator.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword})
	require.Equal(t, models.OperatorSuspended, operator.me().Status, "who is suspended may see why")
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/reactivate", fieldsOf{})
	admin.must(http.StatusBadRequest, http.MethodPost, "/api/admin/operators/"+id+"/suspend", fieldsOf{})
	require.Equal(t, http.StatusOK, f.call(account, http.MethodGet, "/api/payments", "").status)

	log := admin.must(http.StatusOK, http.MethodGet, "/api/admin/audit", nil).body
	for _, action := range []string{
		"operator_registered", "logged_in", "operator_approved", "secret_revealed",
		"operator_suspended", "operator_reactivated",
	} {
		require.Contains(t, log, `"`+action+`"`)
	}
	require.Contains(t, log, `"address":"127.0.0.1"`)
	for _, secret := range []string{goodPassword, account.APISecret, operator.cookie().Value} {
		require.NotContains(t, log+f.log.String()+operator.must(http.StatusOK, http.MethodGet, "/api/operator/me",
			nil).body, secret)
	}
}

// The old key works for the requested grace period and no longer. Two concurrent rotations create one new key.
func TestRotation(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	operator, admin := f.registered(newEmail), f.admin("admin@example.org")
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+operator.me().ID+"/approve",
		fieldsOf{"reason": "ok"})
	rotate := func(hours int) answer {
		return operator.do(http.MethodPost, "/api/operator/credentials/rotate", fieldsOf{
			"password": goodPassword, "graceHours": hours,
		})
	}
	works := func(key map[string]string) bool {
		account := f.account
		account.APIKey, account.APISecret = key["apiKey"], key["apiSecret"]
		return f.call(account, http.MethodGet, "/api/balance", "").status == http.StatusOK
	}
	first := parse[map[string]string](t, operator.must(http.StatusOK, http.MethodPost,
		"/api/operator/credentials/reveal", fieldsOf{"password": goodPassword}).body)
	second := parse[map[string]string](t, rotate(24).body)
	require.True(t, works(first))
	require.True(t, works(second))
	third := parse[map[string]string](t, rotate(0).body)
	require.False(t, works(first), "what is older than the old key ends with it")
	require.False(t, works(second))
	require.True(t, works(third))
	for _, hours := range []int{-1, 169} {
		require.Equal(t, http.StatusBadRequest, rotate(hours).status)
	}
	var group sync.WaitGroup
	statuses := make([]int, 4)
	for i := range statuses {
		group.Go(func() { statuses[i] = rotate(1).status })
	}
	group.Wait()
	credentials, err := f.store.CredentialsOf(t.Context(), operator.me().ID)
	require.NoError(t, err)
	current := 0
	for _, credential := range credentials {
		if credential.ValidUntil == nil {
			current++
		}
	}
	require.Equal(t, 1, current, "statuses %v", statuses)
}

// No response reveals which addresses are registered, and registering an address again changes nothing.
func TestRegisterRevealsNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.visitor()
	register := func(password string) answer {
		return v.must(http.StatusAccepted, http.MethodPost, "/api/operator/register", fieldsOf{
			"email": newEmail, "password": password, "name": "Shop",
		})
	}
	first, second := register(goodPassword), register("another password")
	require.Equal(t, first.body, second.body)
	wrong := v.must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": newEmail, "password": "another password",
	})
	unknown := v.must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": "who@example.org", "password": goodPassword,
	})
	require.Equal(t, withoutRequestID(t, wrong.body), withoutRequestID(t, unknown.body))
	for name, body := range map[string]fieldsOf{
		"no address":    {"email": "shop", "password": goodPassword, "name": "Shop"},
		"a name in it":  {"email": "Shop <shop@example.org>", "password": goodPassword, "name": "Shop"},
		"short":         {"email": "a@b.example", "password": "short", "name": "Shop"},
		"one letter":    {"email": "a@b.example", "password": strings.Repeat("a", 20), "name": "Shop"},
		"holds address": {"email": "a@b.example", "password": "a@b.example!", "name": "Shop"},
		"NUL":           {"email": "a@b.example", "password": goodPassword + "\x00", "name": "Shop"},
		"too long":      {"email": "a@b.example", "password": strings.Repeat("ab", 200), "name": "Shop"},
		"no name":       {"email": "a@b.example", "password": goodPassword},
		"unknown field": {"email": "a@b.example", "password": goodPassword, "name": "Shop", "status": "ACTIVE"},
		"website": {
			"email": "a@b.example", "password": goodPassword, "name": "Shop",
			"website": "javascript:alert(1)",
		},
		"password number": {"email": "a@b.example", "password": 12345678901, "name": "Shop"},
	} {
		got := v.do(http.MethodPost, "/api/operator/register", body)
		require.Equal(t, http.StatusBadRequest, got.status, "%s: %s", name, got.body)
		require.NotContains(t, got.body, goodPassword)
	}
	_, err := f.store.OperatorByEmail(t.Context(), "a@b.example")
	require.ErrorIs(t, err, models.ErrNotFound)
}

// Logging in takes an e-mail address in every form that registering and creating an operator take. A text that is not
// an e-mail address is answered and limited like an unknown account.
func TestLoginNormalisesTheAddress(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.visitor()
	login := func(email, password string) answer {
		return v.do(http.MethodPost, "/api/operator/login", fieldsOf{"email": email, "password": password})
	}
	const typed = "  New.Shop@EXAMPLE.org "
	v.must(http.StatusAccepted, http.MethodPost, "/api/operator/register", fieldsOf{
		"email": typed, "name": "Shop",
	})
	f.setPassword(strings.TrimSpace(typed))
	for _, email := range []string{typed, "new.shop@example.org", "NEW.SHOP@EXAMPLE.ORG"} {
		require.Equal(t, http.StatusOK, login(email, goodPassword).status, email)
	}
	const created = " Created@Example.org"
	normal, err := models.NormalEmail(created)
	require.NoError(t, err)
	require.NoError(t, f.store.CreateOperator(t.Context(), models.Operator{
		ID: models.NewID(), Email: normal, Status: models.OperatorActive, PasswordHash: cheapHash(goodPassword),
	}, nil))
	require.Equal(t, http.StatusOK, login(created, goodPassword).status)

	unknown := login("who@example.org", goodPassword)
	require.Equal(t, http.StatusUnauthorized, unknown.status)
	for _, text := range []string{"shop", "Shop <new.shop@example.org>", "new.shop@example.org, who@example.org", " "} {
		got := login(text, goodPassword)
		require.Equal(t, http.StatusUnauthorized, got.status, text)
		require.Equal(t, withoutRequestID(t, unknown.body), withoutRequestID(t, got.body), text)
	}
	for range maxAttemptsPerAccount - 1 {
		require.Equal(t, http.StatusUnauthorized, login("shop", goodPassword).status)
	}
	require.Equal(t, http.StatusTooManyRequests, login("shop", goodPassword).status)
	require.Equal(t, http.StatusUnauthorized, login("another", goodPassword).status)
}

func withoutRequestID(t *testing.T, body string) map[string]any {
	t.Helper()
	parsed := parse[map[string]any](t, body)
	delete(parsed, "requestId")
	return parsed
}

// Too many attempts are refused, whether or not the account exists and even if they are concurrent. One network
// address cannot try many accounts without limit.
func TestLoginIsLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	f.registered(newEmail)
	for _, email := range []string{newEmail, "who@example.org"} {
		v := f.visitor()
		var group sync.WaitGroup
		var mutex sync.Mutex
		counts := map[int]int{}
		for range maxAttemptsPerAccount + 6 {
			group.Go(func() {
				got := v.do(http.MethodPost, "/api/operator/login", fieldsOf{"email": email, "password": "wrong password"})
				mutex.Lock()
				defer mutex.Unlock()
				counts[got.status]++
				if got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			})
		}
		group.Wait()
		require.Equal(t, map[int]int{http.StatusUnauthorized: maxAttemptsPerAccount, http.StatusTooManyRequests: 6},
			counts, email)
		require.Equal(t, http.StatusTooManyRequests, v.do(http.MethodPost, "/api/operator/login",
			fieldsOf{"email": email, "password": goodPassword}).status)
	}
	v := f.visitor()
	limited := false
	for i := range maxAttemptsPerNetwork {
		got := v.do(http.MethodPost, "/api/operator/login", fieldsOf{
			"email": fmt.Sprintf("%d@example.org", i), "password": "wrong password",
		})
		limited = limited || got.status == http.StatusTooManyRequests
	}
	require.True(t, limited, "a network address has its own limit")
}

// A session ends at logout, at a change of the password, and on time. A stolen cookie is then useless. Requests from
// other sites are refused.
func TestSessions(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	first, second := f.registered(newEmail), f.visitor()
	stolen := first.cookie()
	require.NotNil(t, stolen)
	second.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": newEmail, "password": goodPassword,
	})
	require.NotEqual(t, stolen.Value, second.cookie().Value)
	with := func(cookie string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/api/operator/me", nil)
		require.NoError(t, err)
		request.AddCookie(&http.Cookie{Name: sessionCookie, Value: cookie})
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		return response.StatusCode
	}
	require.Equal(t, http.StatusOK, with(stolen.Value))
	for _, wrong := range []string{"", "x", strings.Repeat("x", 5000), stolen.Value + "x", stolen.Value[1:]} {
		require.Equal(t, http.StatusUnauthorized, with(wrong))
	}
	first.must(http.StatusNoContent, http.MethodPost, "/api/operator/logout", nil)
	require.Equal(t, http.StatusUnauthorized, with(stolen.Value), "the server ends it, not only the browser")
	require.Nil(t, first.cookie())

	old := second.cookie().Value
	second.must(http.StatusForbidden, http.MethodPost, "/api/operator/password", fieldsOf{
		"currentPassword": "wrong", "newPassword": "a new long password",
	})
	second.must(http.StatusNoContent, http.MethodPost, "/api/operator/password", fieldsOf{
		"currentPassword": goodPassword, "newPassword": "a new long password",
	})
	require.Equal(t, http.StatusUnauthorized, with(old))
	require.Equal(t, http.StatusOK, with(second.cookie().Value))
	first.must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": newEmail, "password": goodPassword,
	})

	second.site = "cross-site"
	require.Contains(t, second.must(http.StatusForbidden, http.MethodPost, "/api/operator/logout", nil).body,
		"cross_origin")
	require.Contains(t, second.must(http.StatusForbidden, http.MethodPost, "/api/payment/"+models.NewID()+"/reject",
		fieldsOf{"reason": "x"}).body, "cross_origin")
	require.Contains(t, second.must(http.StatusForbidden, http.MethodPost, "/api/operator/login",
		fieldsOf{"email": newEmail, "password": "a new long password"}).body, "cross_origin")

	admin := f.admin("admin@example.org")
	second.site = "same-origin"
	require.Contains(t, second.must(http.StatusForbidden, http.MethodGet, "/api/admin/operators", nil).body, "admins_only")
	require.Contains(t, admin.must(http.StatusForbidden, http.MethodGet, "/api/operator/me", nil).body, "operators_only")
	require.Contains(t, admin.must(http.StatusForbidden, http.MethodGet, "/api/payments", nil).body, "operators_only")
	f.visitor().must(http.StatusUnauthorized, http.MethodGet, "/api/admin/audit", nil)
	f.visitor().must(http.StatusUnauthorized, http.MethodPost, "/api/admin/login", fieldsOf{
		"email": newEmail, "password": "a new long password",
	})
}

// The cookie of an installation with https cannot be set by another host or over plain http.
func TestCookieOverHTTPS(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) {
		c.PublicURL = "https://pay.example"
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	require.NoError(t, f.store.CreateAdmin(t.Context(), models.Admin{
		ID: models.NewID(), Email: "a@example.org", PasswordHash: cheapHash(goodPassword),
	}))
	got := f.call(f.account, http.MethodPost, "/api/admin/login",
		mustJSON(t, fieldsOf{"email": "a@example.org", "password": goodPassword}), "X-Forwarded-Proto", "https")
	require.Equal(t, http.StatusOK, got.status, got.body)
	cookie := got.header.Get("Set-Cookie")
	for _, part := range []string{secureSessionCookie + "=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"} {
		require.Contains(t, cookie, part)
	}
	require.NotContains(t, cookie, "Domain")
}

// A code is required only after the right password, each code works once, and disabling the second factor takes both.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	v := f.registered(newEmail)
	v.must(http.StatusForbidden, http.MethodPost, "/api/operator/totp/start", fieldsOf{"password": "wrong"})
	v.must(http.StatusConflict, http.MethodPost, "/api/operator/totp/enable", fieldsOf{"code": "000000"})
	offer := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/totp/start",
		fieldsOf{"password": goodPassword}).body)
	require.Contains(t, offer["uri"], "otpauth://totp/PayCow:")
	require.Contains(t, offer["qrSvg"], "<svg")
	code := func(step int64) string {
		text, err := secrets.TOTPCode(offer["secret"], step)
		require.NoError(t, err)
		return text
	}
	step := secrets.TOTPStep(f.server.Clock())
	v.must(http.StatusForbidden, http.MethodPost, "/api/operator/totp/enable", fieldsOf{"code": code(step + 100)})
	require.False(t, v.me().TOTPEnabled)
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/enable", fieldsOf{"code": code(step - 1)})
	require.True(t, v.me().TOTPEnabled)

	login := func(with string) answer {
		body := fieldsOf{"email": newEmail, "password": goodPassword}
		if with != "" {
			body["code"] = with
		}
		return f.visitor().do(http.MethodPost, "/api/operator/login", body)
	}
	require.Contains(t, login("").body, "totp_required")
	require.Contains(t, f.visitor().do(http.MethodPost, "/api/operator/login",
		fieldsOf{"email": newEmail, "password": "wrong"}).body, "login_failed")
	require.Contains(t, login(code(step-1)).body, "login_failed", "the code that enabled it is used up")
	var group sync.WaitGroup
	statuses := make([]int, 5)
	for i := range statuses {
		group.Go(func() { statuses[i] = login(code(step)).status })
	}
	group.Wait()
	require.ElementsMatch(t, []int{200, 401, 401, 401, 401}, statuses, "a code is good once")
	v.must(http.StatusForbidden, http.MethodPost, "/api/operator/totp/disable", fieldsOf{
		"password": goodPassword, "code": code(step),
	})
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/disable", fieldsOf{
		"password": goodPassword, "code": code(step + 1),
	})
	require.Equal(t, http.StatusOK, login("").status)
}

// The return URL must be at an origin that the operator has allowed.
func TestReturnURL(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.PublicURL = "http://paycow.test" })
	v := f.registered(newEmail)
	f.admin("admin@example.org").must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+v.me().ID+"/approve",
		fieldsOf{"reason": "ok"})
	settings := func(origins ...string) answer {
		return v.do(http.MethodPut, "/api/operator/settings", fieldsOf{
			"name": "Shop", "website": "", "returnOrigins": origins,
		})
	}
	for _, wrong := range []string{
		"https://shop.example/path", "http://shop.example", "javascript:alert(1)",
		"https://user@shop.example", "shop.example", "https://shop.example?x", "",
	} {
		require.Equal(t, http.StatusBadRequest, settings(wrong).status, wrong)
	}
	require.Equal(t, http.StatusOK, settings("https://Shop.example/", "https://shop.example",
		"http://localhost:3000").status)
	require.Equal(t, []string{"https://shop.example", "http://localhost:3000"}, v.me().ReturnOrigins)
	order := func(returnURL string) answer {
		return v.do(http.MethodPost, "/api/payment/create", fieldsOf{
			"amount": 5, "userId": "u", "network": "ERC20", "returnUrl": returnURL,
		})
	}
	made := order("https://shop.example/orders/7?paid=1#done")
	require.Equal(t, http.StatusOK, made.status, made.body)
	require.Equal(t, "https://shop.example/orders/7?paid=1#done", f.row(parse[created](t, made.body).PaymentID).ReturnURL)
	for _, wrong := range []string{
		"https://evil.example/", "https://shop.example.evil.example/",
		"https://shop.example@evil.example/", "http://shop.example/", "https://shop.example:444/",
		"javascript:alert(1)", "/relative", "",
	} {
		require.Equal(t, http.StatusBadRequest, order(wrong).status, wrong)
	}
	require.Equal(t, http.StatusBadRequest, settings(make([]string, 21)...).status)
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.registered(newEmail)
	f.admin("admin@example.org").must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+v.me().ID+"/approve",
		fieldsOf{"reason": "ok"})
	order := func() string {
		return parse[created](t, v.must(http.StatusOK, http.MethodPost, "/api/payment/create",
			fieldsOf{"amount": 5, "userId": "u", "network": "ERC20"}).body).PaymentID
	}
	for _, status := range []models.Status{
		models.StatusPaid, models.StatusPaid, models.StatusExpired,
		models.StatusConfirming,
	} {
		f.record(order(), func(s *models.PaymentState) { s.Status = status })
	}
	stats := parse[statsView](t, v.must(http.StatusOK, http.MethodGet, "/api/operator/stats?days=7", nil).body)
	require.Len(t, stats.Days, 7)
	require.Equal(t, int64(4), stats.Days[6].Created)
	require.Equal(t, int64(2), stats.Days[6].Paid)
	require.Equal(t, int64(1), stats.Totals.Open)
	require.InDelta(t, 2.0/3, *stats.Totals.Conversion, 1e-9)
	for _, days := range []string{"0", "367", "x", "1.5"} {
		v.must(http.StatusBadRequest, http.MethodGet, "/api/operator/stats?days="+days, nil)
	}
}

// healthAnswer is what the admin page reads about the installation's health.
type healthAnswer struct {
	Status string
	Checks map[string]check
	Chain  struct {
		Head, Read, Agreed, Finalized, LagBlocks uint64
		ReadAt                                   *instant
	}
	Nodes                         []struct{ Name, State string }
	Queues                        struct{ Unstarted, Unsignalled int64 }
	WatcherURL, ReconciliationURL *string
}

// Admins see the payments of all operators, each with its operator and, if Temporal's web UI is configured, its
// workflow.
func TestAdminsSeeEverybodysPayments(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) {
		c.TemporalUIURL, c.TemporalNamespace = "https://temporal.example",
			"pay/cow"
	})
	admin := f.admin("admin@example.org")
	first, second := f.payment(f.account), f.payment(f.other)
	f.record(second.ID, func(s *models.PaymentState) {
		s.Status, s.Exception = models.StatusExpired,
			models.ExceptionUnderpaid
	})
	type listed struct {
		ID            string `json:"_id"`
		OperatorID    string
		OperatorEmail string
		WorkflowURL   *string
	}
	list := func(query string) (ids []string) {
		payments := parse[struct{ Payments []listed }](t, admin.must(http.StatusOK, http.MethodGet,
			"/api/admin/payments"+query, nil).body).Payments
		for _, p := range payments {
			ids = append(ids, p.ID)
			require.Equal(t, p.OperatorID+"@example.org", p.OperatorEmail)
			require.Equal(t, "https://temporal.example/namespaces/pay%2Fcow/workflows/payment%2F"+p.ID, *p.WorkflowURL)
		}
		return ids
	}
	require.ElementsMatch(t, []string{first.ID, second.ID}, list(""))
	require.Equal(t, []string{first.ID}, list("?operatorId="+first.OperatorID))
	require.Equal(t, []string{second.ID}, list("?status=EXPIRED"))
	require.Equal(t, []string{second.ID}, list("?exception=UNDERPAID"))
	require.Equal(t, []string{second.ID}, list("?search="+second.Reference))
	require.Empty(t, list("?operatorId="+first.OperatorID+"&search="+second.Reference))
	require.Empty(t, list("?operatorId="+models.NewID()))
	admin.must(http.StatusBadRequest, http.MethodGet, "/api/admin/payments?status=paid", nil)
	admin.must(http.StatusBadRequest, http.MethodGet, "/api/admin/payments?operator=x", nil)
	one := parse[map[string]any](t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/payment/"+second.ID, nil).body)
	require.Equal(t, second.OperatorID, one["operatorId"])
	require.Equal(t, second.OperatorID+"@example.org", one["operatorEmail"])
	require.Contains(t, one, "transfers")
	admin.must(http.StatusNotFound, http.MethodGet, "/api/admin/payment/"+models.NewID(), nil)
	require.NotContains(t, f.call(f.account, http.MethodGet, "/api/payment/"+first.ID, "").body, "workflowUrl")
	require.Contains(t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/me", nil).body,
		`"temporalUiUrl":"https://temporal.example"`)
}

func TestAdminsSeeHealthAndAlarms(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	admin := f.admin("admin@example.org")
	health := func() healthAnswer {
		return parse[healthAnswer](t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/health", nil).body)
	}
	before := health()
	require.Equal(t, "not_ready", before.Status)
	require.Nil(t, before.Chain.ReadAt, "nothing was read yet")
	require.Empty(t, before.Nodes)
	require.Nil(t, before.WatcherURL)
	require.Nil(t, before.ReconciliationURL)
	f.startChain(100)
	f.reportNodes(time.Now(), models.NodeOK, models.NodeLying)
	f.payment(f.account)
	after := health()
	require.Equal(t, uint64(100), after.Chain.Read)
	require.NotNil(t, after.Chain.ReadAt)
	require.Len(t, after.Nodes, 2)
	require.Equal(t, []string{string(models.NodeOK), string(models.NodeLying)},
		[]string{after.Nodes[0].State, after.Nodes[1].State})
	require.Equal(t, int64(1), after.Queues.Unstarted)
	for query, step := range map[string]int64{"": 720, "?hours=1": 60, "?hours=5": 180, "?hours=48": 1440} {
		history := parse[healthHistoryView](t,
			admin.must(http.StatusOK, http.MethodGet, "/api/admin/health/history"+query, nil).body)
		require.Equal(t, step, history.StepSeconds, query)
		require.LessOrEqual(t, time.Time(history.To).Sub(time.Time(history.From)).Seconds(), float64(120*step), query)
		require.Len(t, history.Watcher, 1)
		require.NotNil(t, history.Watcher[0].LagSeconds)
		require.Nil(t, history.Watcher[0].LatencyMillis)
		require.Len(t, history.Nodes, 2)
		require.Equal(t, "https://node.internal", history.Nodes[0].Name)
		require.Nil(t, history.Nodes[0].Points[0].LagSeconds, "no block of it is known")
		require.Zero(t, *history.Nodes[0].Points[0].LatencyMillis)
		require.False(t, time.Now().Before(time.Time(history.Nodes[0].Points[0].At)))
	}
	require.NoError(t, f.store.Raise(t.Context(), models.Alarm{
		Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Message: "deep",
	}))
	open := parse[struct{ Alarms []alarmView }](t, admin.must(http.StatusOK, http.MethodGet,
		"/api/admin/alarms?open=true", nil).body)
	require.Len(t, open.Alarms, 1)
	require.True(t, open.Alarms[0].HaltsCrediting)
	path := fmt.Sprintf("/api/admin/alarms/%d/resolve", open.Alarms[0].ID)
	admin.must(http.StatusBadRequest, http.MethodPost, path, fieldsOf{"resolution": ""})
	admin.must(http.StatusNoContent, http.MethodPost, path, fieldsOf{"resolution": "looked at it"})
	admin.must(http.StatusNotFound, http.MethodPost, path, fieldsOf{"resolution": "again"})
	closed := parse[struct{ Alarms []alarmView }](t, admin.must(http.StatusOK, http.MethodGet,
		"/api/admin/alarms?open=false", nil).body)
	require.Equal(t, "admin:admin@example.org", *closed.Alarms[0].ResolvedBy)
	require.Contains(t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/audit?action=alarm_resolved", nil).body,
		"looked at it")
	admin.must(http.StatusNotFound, http.MethodPost, "/api/admin/operators/"+models.NewID()+"/approve",
		fieldsOf{"reason": "x"})
	admin.must(http.StatusBadRequest, http.MethodGet, "/api/admin/operators?cursor=zzz", nil)
}

// The pages of every list for admins contain each row once.
func TestListsOfAdminsArePaged(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	admin := f.admin("admin@example.org")
	for range 5 {
		f.operator(models.OperatorPending)
		f.payment(f.account)
	}
	for _, list := range []struct{ path, id string }{{"operators", "id"}, {"payments", "_id"}, {"audit", "id"}} {
		seen, cursor := map[any]bool{}, ""
		for {
			answer := parse[map[string]any](t, admin.must(http.StatusOK, http.MethodGet,
				"/api/admin/"+list.path+"?limit=2"+cursor, nil).body)
			for name, rows := range answer {
				if name == "nextCursor" {
					continue
				}
				for _, row := range rows.([]any) {
					id := row.(map[string]any)[list.id]
					require.False(t, seen[id], "%s %v twice", list.path, id)
					seen[id] = true
				}
			}
			if answer["nextCursor"] == nil {
				break
			}
			cursor = "&cursor=" + answer["nextCursor"].(string)
		}
		if list.path != "audit" {
			require.GreaterOrEqual(t, len(seen), 5, list.path)
		}
	}
	_, _, err := f.store.ListOperators(t.Context(), store.OperatorFilter{Search: "100%_\\"})
	require.NoError(t, err)
}
