package api

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// exec runs an SQL statement on the database, bypassing the store.
func (f *fixture) exec(statement string, values ...any) {
	f.Helper()
	db, err := sql.Open("sqlite", "file:"+f.path+"?_pragma=busy_timeout(10000)")
	require.NoError(f, err)
	defer db.Close()
	result, err := db.ExecContext(f.Context(), statement, values...)
	require.NoError(f, err)
	rows, err := result.RowsAffected()
	require.NoError(f, err)
	require.Positive(f, rows, statement)
}

// approved returns a logged-in operator whose account is active.
func (f *fixture) approved(email string) *visitor {
	f.Helper()
	v := f.registered(email)
	admin := f.admin("approves-" + email)
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+v.me().ID+"/approve", fieldsOf{})
	return v
}

// order creates a payment with a session instead of credentials.
func (v *visitor) order() models.Payment {
	v.Helper()
	made := v.must(http.StatusOK, http.MethodPost, "/api/payment/create", fieldsOf{
		"amount": 5, "userId": "user_" + models.NewReference(), "network": "ERC20",
	})
	return v.row(parse[created](v.TB, made.body).PaymentID)
}

// routesUnder returns the calls under a path that require a login.
func (f *fixture) routesUnder(prefix string) (routes []string) {
	for _, route := range f.server.router.Routes() {
		last := route.Path[strings.LastIndexByte(route.Path, '/')+1:]
		if strings.HasPrefix(route.Path, prefix) && !slices.Contains([]string{"login", "logout", "register"}, last) {
			routes = append(routes, route.Method+" "+strings.NewReplacer(":id", models.NewID()).Replace(route.Path))
		}
	}
	return routes
}

func (v *visitor) route(route string) answer {
	v.Helper()
	method, path, _ := strings.Cut(route, " ")
	var body fieldsOf
	if method != http.MethodGet {
		body = fieldsOf{}
	}
	return v.do(method, path, body)
}

// Every call for admins refuses operators and strangers. Every call for operators refuses admins and strangers.
func TestEveryCallIsForItsRole(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	operator, admin, stranger := f.registered(newEmail), f.admin("admin@example.org"), f.visitor()
	for _, side := range []struct {
		prefix, code string
		least        int
		wrong        *visitor
	}{
		{"/api/admin/", "admins_only", 16, operator},
		{"/api/operator/", "operators_only", 10, admin},
		{"/api/team", "operators_only", 5, admin},
	} {
		routes := f.routesUnder(side.prefix)
		require.GreaterOrEqual(t, len(routes), side.least)
		for _, route := range routes {
			got := stranger.route(route)
			require.Equal(t, http.StatusUnauthorized, got.status, "%s: %s", route, got.body)
			require.Equal(t, "not_logged_in", parse[errorBody](t, got.body).Code, route)
			got = side.wrong.route(route)
			require.Equal(t, http.StatusForbidden, got.status, "%s: %s", route, got.body)
			require.Equal(t, side.code, parse[errorBody](t, got.body).Code, route)
		}
	}
	require.Equal(t, models.OperatorPending, operator.me().Status)
}

// Every call that changes something refuses requests from other sites before it reads anything: by Sec-Fetch-Site,
// and in older browsers by Origin.
func TestEveryChangeRefusesOtherSites(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	operator, admin := f.registered(newEmail), f.admin("admin@example.org")
	p := f.payment(f.account)
	checked := 0
	for _, v := range []*visitor{operator, admin, f.visitor()} {
		for _, route := range f.server.router.Routes() {
			isPeoples := isOfPeople(route.Path)
			if route.Method == http.MethodGet || !isPeoples &&
				(!strings.HasPrefix(route.Path, "/api/payment") || v != operator) {
				continue
			}
			name := route.Method + " " + strings.ReplaceAll(route.Path, ":id", p.ID)
			for _, attack := range []struct{ site, origin string }{
				{"cross-site", ""},
				{"same-site", ""},
				{"", "https://evil.example"},
				{"", "null"},
			} {
				v.site, v.origin = attack.site, attack.origin
				got := v.route(name)
				require.Equal(t, http.StatusForbidden, got.status, "%s: %s", name, got.body)
				require.Equal(t, "cross_origin", parse[errorBody](t, got.body).Code, name)
				checked++
			}
		}
	}
	require.GreaterOrEqual(t, checked, 200)
	operator.site, operator.origin = "", "http://paycow.test"
	operator.must(http.StatusNoContent, http.MethodPost, "/api/operator/logout", nil)
}

// The session of an operator whose account is not active shows why. One that is suspended reads, and changes nothing.
func TestSessionsOfOperatorsWhoMayNot(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	for status, code := range map[models.OperatorStatus]string{
		models.OperatorPending: "account_pending", models.OperatorSuspended: "account_suspended",
		models.OperatorRejected: "account_rejected",
	} {
		v := f.approved(strings.ToLower(string(status)) + "@example.org")
		p := v.order()
		f.exec("UPDATE operators SET status = ?, status_reason = 'because' WHERE id = ?", string(status), v.me().ID)
		password := fieldsOf{"password": goodPassword}
		for _, call := range []struct {
			method, path string
			body         fieldsOf
		}{
			{http.MethodPost, "/api/operator/credentials/reveal", password},
			{http.MethodPost, "/api/operator/credentials/rotate", fieldsOf{"password": goodPassword, "graceHours": 1}},
			{http.MethodGet, "/api/operator/stats", nil},
			{http.MethodGet, "/api/payments", nil},
			{http.MethodGet, "/api/balance", nil},
			{http.MethodGet, "/api/ledger", nil},
			{http.MethodGet, "/api/payment/" + p.ID, nil},
			{http.MethodPost, "/api/payment/" + p.ID + "/reject", fieldsOf{"reason": "x"}},
			{http.MethodPost, "/api/payment/" + p.ID + "/accept", nil},
			{http.MethodPost, "/api/payment/create", fieldsOf{"amount": 5, "userId": "u", "network": "ERC20"}},
		} {
			if status == models.OperatorSuspended && call.method == http.MethodGet {
				v.must(http.StatusOK, call.method, call.path, nil) // its money stays its own
				continue
			}
			got := v.must(http.StatusForbidden, call.method, call.path, call.body)
			require.Equal(t, code, parse[errorBody](t, got.body).Code, "%s %s", call.method, call.path)
		}
		require.Equal(t, status, v.me().Status)
		require.Equal(t, "because", v.me().StatusReason)
		again := f.visitor()
		again.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{
			"email": v.me().Email, "password": goodPassword,
		})
		require.Equal(t, models.StatusPending, f.row(p.ID).Status)
	}
}

// A suspended shop, by its session or with a key that has every scope, is refused each call of the router that changes
// something, except those that keep its account safe. It reads everything.
func TestASuspendedShopChangesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved("suspended@example.org")
	id := v.me().ID
	key := f.key(id, models.Credential{Scopes: allScopes()})
	f.exec("UPDATE operators SET status = ? WHERE id = ?", string(models.OperatorSuspended), id)
	const revoke = "DELETE " + keyPath
	account := []string{
		revoke, "DELETE /api/team/:id", "POST /api/account/password", "POST /api/operator/login", "POST /api/operator/logout",
		"POST /api/operator/register", "POST /api/operator/password", "POST /api/operator/sessions/end",
		"POST /api/operator/totp/start", "POST /api/operator/totp/enable", "POST /api/operator/totp/disable",
		"POST /api/operator/totp/recovery-codes",
	}
	bodies := map[string]fieldsOf{
		"POST /api/operator/credentials/rotate": {"password": goodPassword, "graceHours": 1},
	}
	refused := 0
	for _, route := range f.server.router.Routes() {
		name := route.Method + " " + route.Path
		if !strings.HasPrefix(route.Path, "/api/") || strings.HasPrefix(route.Path, "/api/admin/") {
			continue
		}
		path := strings.ReplaceAll(route.Path, ":id", models.NewID())
		_, isForKeys := scopeOfCall[name]
		if route.Method == http.MethodGet {
			require.NotEqual(t, http.StatusForbidden, v.do(route.Method, path, nil).status, name)
			if isForKeys {
				require.NotEqual(t, http.StatusForbidden, f.call(key, route.Method, path, "").status, name)
			}
			continue
		}
		if slices.Contains(account, name) {
			continue
		}
		body := bodies[name]
		if body == nil {
			body = fieldsOf{}
		}
		got := v.must(http.StatusForbidden, route.Method, path, body)
		require.Equal(t, "account_suspended", parse[errorBody](t, got.body).Code, name)
		if isForKeys {
			got = f.call(key, route.Method, path, "{}")
			require.Equal(t, "account_suspended", parse[errorBody](t, got.body).Code, name)
		}
		refused++
	}
	require.Greater(t, refused, 15)
	leaked, other := f.key(id, models.Credential{Name: "leaked"}), f.key(id, models.Credential{Name: "other"})
	v.must(http.StatusNoContent, http.MethodDelete, "/api/keys/"+leaked.APIKey, nil)
	require.Equal(t, http.StatusNoContent, f.call(key, http.MethodDelete, "/api/keys/"+other.APIKey, "").status)
	require.Equal(t, http.StatusUnauthorized, f.call(leaked, http.MethodGet, "/api/balance", "").status)
	require.Equal(t, http.StatusUnauthorized, f.call(other, http.MethodGet, "/api/balance", "").status)
}

// A session cannot reach another operator's data. If the headers hold credentials, they count instead of the session.
func TestSessionsSeeTheirOwnPaymentsOnly(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	mine, other := f.approved("mine@example.org"), f.approved("other@example.org")
	p := mine.order()
	f.startChain(100)
	f.moveChain(100, 101, transferTo(p, 5*models.USDT, 101))
	transfers, err := f.store.Transfers(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, transfers, 1)
	hash := transfers[0].TxHash
	for _, search := range []string{
		p.ID, p.Reference, p.UserID, p.DepositAddress, strings.ToLower(p.DepositAddress),
		hash, strings.ToUpper(hash),
	} {
		found := parse[paymentList](t, mine.must(http.StatusOK, http.MethodGet, "/api/payments?search="+search,
			nil).body).Payments
		require.Len(t, found, 1, search)
		require.Equal(t, p.ID, found[0].ID)
		require.Empty(t, parse[paymentList](t, other.must(http.StatusOK, http.MethodGet, "/api/payments?search="+search,
			nil).body).Payments, search)
	}
	require.NotContains(t, other.must(http.StatusOK, http.MethodGet, "/api/payments", nil).body, p.ID)
	for _, call := range []struct {
		method, path string
		body         fieldsOf
	}{
		{http.MethodGet, "", nil},
		{http.MethodPost, "/reject", fieldsOf{"reason": "x"}},
		{http.MethodPost, "/accept", nil},
	} {
		got := other.must(http.StatusNotFound, call.method, "/api/payment/"+p.ID+call.path, call.body)
		require.Equal(t, "payment_not_found", parse[errorBody](t, got.body).Code)
	}
	require.Equal(t, models.StatusPending, f.row(p.ID).Status)
	require.Equal(t, int64(0), parse[statsView](t,
		other.must(http.StatusOK, http.MethodGet, "/api/operator/stats", nil).body).Totals.Created)
	require.Equal(t, int64(1), parse[statsView](t,
		mine.must(http.StatusOK, http.MethodGet, "/api/operator/stats", nil).body).Totals.Created)

	cookie := sessionCookie + "=" + mine.cookie().Value
	require.Equal(t, http.StatusNotFound, f.call(f.other, http.MethodGet, "/api/payment/"+p.ID, "", "Cookie",
		cookie).status, "the headers' operator asks")
	broken := f.account
	broken.APISecret = "sk_wrong"
	got := f.call(broken, http.MethodGet, "/api/payment/"+p.ID, "", "Cookie", cookie)
	require.Equal(t, http.StatusUnauthorized, got.status, "a session must not cover up wrong credentials")
}

// A session ends on time, whatever the browser's cookie says.
func TestSessionsRunOut(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.registered(newEmail)
	v.me()
	past := time.Now().Add(-time.Second).UnixMicro()
	f.exec("UPDATE sessions SET expires_at = ?", past)
	got := v.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	require.Equal(t, "not_logged_in", parse[errorBody](t, got.body).Code)
	v.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword})
	v.me()
	f.exec("UPDATE sessions SET seen_at = ?", time.Now().Add(-models.SessionIdle-time.Second).UnixMicro())
	v.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	v.must(http.StatusUnauthorized, http.MethodGet, "/api/payments", nil)
	v.must(http.StatusUnauthorized, http.MethodPost, "/api/operator/password", fieldsOf{
		"currentPassword": goodPassword, "newPassword": "a new long password",
	})
}

// The old key stops working at the end of its grace period.
func TestOldKeyStopsAfterItsGrace(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	reveal := func() map[string]string {
		return parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/reveal",
			fieldsOf{"password": goodPassword}).body)
	}
	status := func(key map[string]string) int {
		account := f.account
		account.APIKey, account.APISecret = key["apiKey"], key["apiSecret"]
		return f.call(account, http.MethodGet, "/api/balance", "").status
	}
	old := reveal()
	v.must(http.StatusBadRequest, http.MethodPost, "/api/operator/credentials/rotate", fieldsOf{"password": goodPassword})
	begin := time.Now()
	next := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/rotate",
		fieldsOf{"password": goodPassword, "graceHours": 48}).body)
	until, err := time.Parse(time.RFC3339, next["oldValidUntil"])
	require.NoError(t, err)
	require.WithinDuration(t, begin.Add(48*time.Hour), until, time.Minute)
	require.Equal(t, next["apiSecret"], reveal()["apiSecret"])
	require.Equal(t, http.StatusOK, status(old))
	f.exec("UPDATE credentials SET valid_until = ? WHERE api_key = ?", time.Now().Add(time.Minute).UnixMicro(),
		old["apiKey"])
	require.Equal(t, http.StatusOK, status(old))
	f.exec("UPDATE credentials SET valid_until = ? WHERE api_key = ?", time.Now().Add(-time.Millisecond).UnixMicro(),
		old["apiKey"])
	require.Equal(t, http.StatusUnauthorized, status(old))
	require.Equal(t, http.StatusOK, status(next))
	mixed := map[string]string{"apiKey": next["apiKey"], "apiSecret": old["apiSecret"]}
	require.Equal(t, http.StatusUnauthorized, status(mixed))
}

// Passwords may be long and in any script. A password that is too long, too short or contains NUL is refused, and no
// response repeats it.
func TestPasswordsOfEveryLength(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.registered(newEmail)
	current := goodPassword
	change := func(to string) answer {
		return v.do(http.MethodPost, "/api/operator/password", fieldsOf{"currentPassword": current, "newPassword": to})
	}
	for _, wrong := range []string{
		"", "elevenchars", strings.Repeat("пароль", 43), "with a NUL \x00 inside",
		strings.Repeat("я", 30), "my " + newEmail + " word",
	} {
		got := change(wrong)
		require.Equal(t, http.StatusBadRequest, got.status, "%q: %s", wrong, got.body)
		require.Equal(t, "newPassword", parse[errorBody](t, got.body).Field)
		if wrong != "" {
			require.NotContains(t, got.body, wrong)
		}
	}
	for _, right := range []string{strings.Repeat("пароль", 42) + "пара", "🐄 moo moo 🐄!", "twelve chars"} {
		require.Equal(t, http.StatusNoContent, change(right).status, right)
		f.visitor().must(http.StatusOK, http.MethodPost, "/api/operator/login",
			fieldsOf{"email": newEmail, "password": right})
		f.visitor().must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", fieldsOf{
			"email": newEmail, "password": strings.ToUpper(right),
		})
		current = right
	}
	for _, tooLong := range []string{strings.Repeat("a", 257), strings.Repeat("a", 60_000)} {
		f.visitor().must(http.StatusBadRequest, http.MethodPost, "/api/operator/login",
			fieldsOf{"email": newEmail, "password": tooLong})
	}
	f.visitor().must(http.StatusRequestEntityTooLarge, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": newEmail, "password": strings.Repeat("a", maxBodyBytes),
	})
	for _, email := range []string{
		"a\u202eb@example.org", "a\u200bb@example.org", "a b@example.org",
		"\"a b\"@example.org", strings.Repeat("a", 250) + "@example.org",
	} {
		v.must(http.StatusBadRequest, http.MethodPost, "/api/operator/register", fieldsOf{
			"email": email, "password": goodPassword, "name": "Shop",
		})
	}
}

// A blocked network address cannot use up the attempts of the accounts it names, and a blocked account does not
// affect people who are logged in. X-Forwarded-For counts only from a trusted proxy.
func TestLimitsCannotBeUsedAgainstOthers(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	owner := f.visitor()
	owner.from = "198.51.100.1"
	owner.must(http.StatusAccepted, http.MethodPost, "/api/operator/register", fieldsOf{
		"email": newEmail, "password": goodPassword, "name": "Shop",
	})
	login := func(v *visitor, email, password string) answer {
		return v.do(http.MethodPost, "/api/operator/login", fieldsOf{"email": email, "password": password})
	}
	f.setPassword(newEmail)
	require.Equal(t, http.StatusOK, login(owner, newEmail, goodPassword).status)

	attacker := f.visitor()
	attacker.from = "203.0.113.9"
	var group sync.WaitGroup
	for i := range maxAttemptsPerNetwork {
		group.Go(func() { login(attacker, fmt.Sprintf("%d@example.org", i), "wrong password") })
	}
	group.Wait()
	for range maxAttemptsPerAccount + 2 {
		require.Equal(t, http.StatusTooManyRequests, login(attacker, newEmail, "wrong password").status)
	}
	elsewhere := f.visitor()
	elsewhere.from = "198.51.100.2"
	require.Equal(t, http.StatusOK, login(elsewhere, newEmail, goodPassword).status,
		"the refused tries did not count for the account")

	// From many addresses: the owner's device is let through, and other places are as long as it is a few.
	for i := range maxAttemptsPerAccount + 2 {
		attacker.from = fmt.Sprintf("203.0.113.%d", 100+i)
		login(attacker, newEmail, "wrong password")
	}
	elsewhere = f.visitor()
	elsewhere.from = "198.51.100.3"
	require.Equal(t, http.StatusOK, login(elsewhere, newEmail, goodPassword).status, "ten wrong passwords lock nobody out")
	for i := range maxAttemptsFromAnywhere {
		attacker.from = fmt.Sprintf("203.0.%d.%d", 114+i/50, i%50)
		login(attacker, newEmail, "wrong password")
	}
	elsewhere = f.visitor()
	elsewhere.from = "198.51.100.4"
	limited := login(elsewhere, newEmail, goodPassword)
	require.Equal(t, http.StatusTooManyRequests, limited.status, "guessing from everywhere is slowed down")
	require.NotEmpty(t, limited.header.Get("Retry-After"))
	owner.from = "198.51.100.5"
	require.Equal(t, http.StatusOK, login(owner, newEmail, goodPassword).status, "a known device, from wherever it is")
	require.Equal(t, http.StatusUnauthorized, login(owner, newEmail, "wrong password").status)
	for range maxAttemptsPerAccount {
		login(owner, newEmail, "wrong password")
	}
	require.Equal(t, http.StatusTooManyRequests, login(owner, newEmail, goodPassword).status, "a stolen device guesses no longer")

	entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: "login_limited"})
	require.NoError(t, err)
	require.Len(t, entries, 2, "once a window for each counter")
	for _, entry := range entries {
		require.Equal(t, "operator:"+owner.me().ID, entry.Subject)
	}
	entries, _, err = f.store.ListAudit(t.Context(), store.AuditFilter{Action: "address_limited"})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "203.0.113.9", entries[0].Address)
}

// A device is known for one account until its password changes, and its cookie logs nobody in.
func TestKnownDevices(t *testing.T) {
	t.Parallel()
	key := masterKey
	otherKeys, err := secrets.NewKeyring([]byte(strings.Repeat("x", secrets.MasterKeyBytes)))
	require.NoError(t, err)
	account := models.Account{Role: models.RoleAdmin, ID: "a", PasswordHash: "h"}
	token := secrets.NewDeviceToken(account, key)
	id := secrets.DeviceID(token, account, key)
	require.Len(t, id, 32)
	require.Empty(t, secrets.DeviceID(token, models.Account{Role: models.RoleOperator, ID: "a", PasswordHash: "h"}, key))
	require.Empty(t, secrets.DeviceID(token, models.Account{Role: models.RoleAdmin, ID: "b", PasswordHash: "h"}, key))
	require.Empty(t, secrets.DeviceID(token, models.Account{Role: models.RoleAdmin, ID: "a", PasswordHash: "other"}, key))
	require.Empty(t, secrets.DeviceID(token, account, otherKeys))
	require.Empty(t, secrets.DeviceID(token[1:], account, key))
	require.Empty(t, secrets.DeviceID("", account, key))
	require.Empty(t, secrets.DeviceID(token, account, nil))
	require.Empty(t, secrets.NewDeviceToken(account, nil))
	require.NotEqual(t, id, secrets.DeviceID(secrets.NewDeviceToken(account, key), account, key))
}

// Registering does not use up anybody's attempts to log in.
func TestRegistrationsHaveTheirOwnLimit(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	f.registered(newEmail)
	attacker := f.visitor()
	register := func(email string) int {
		return attacker.do(http.MethodPost, "/api/operator/register",
			fieldsOf{"email": email, "password": goodPassword, "name": "x"}).status
	}
	for range maxRegistrations - 1 { // one is the owner's, from the same address
		require.Equal(t, http.StatusAccepted, register(newEmail))
	}
	require.Equal(t, http.StatusTooManyRequests, register("other@example.org"))
	require.Equal(t, http.StatusOK, f.visitor().do(http.MethodPost, "/api/operator/login",
		fieldsOf{"email": newEmail, "password": goodPassword}).status)
}

// However many passwords are to be checked at once, a core is left, few wait, and the rest is refused at once.
func TestHashingHasABudget(t *testing.T) {
	t.Parallel()
	for cores, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 3, 64: 4} {
		require.Equal(t, want, hashers(cores), "%d cores", cores)
	}
	release, running, most := make(chan struct{}), atomic.Int64{}, atomic.Int64{}
	p := newPasswords(func(string) string { return "x" })
	p.hash = func(string) string {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-release
		running.Add(-1)
		return "x"
	}
	var group sync.WaitGroup
	refused := make(chan error, 2*maxWaiting)
	for range 2 * maxWaiting {
		group.Go(func() {
			_, err := p.hashed(t.Context(), "password")
			refused <- err
		})
	}
	for range maxWaiting {
		require.ErrorContains(t, <-refused, "busy")
	}
	close(release)
	group.Wait()
	for range maxWaiting {
		require.NoError(t, <-refused)
	}
	require.EqualValues(t, cap(p.turns), most.Load())
}

// A failed login leaves a line that says whose account and from where, and no secret.
func TestFailedLoginsAreLogged(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	owner := f.registered(newEmail)
	id := owner.me().ID
	v := f.visitor()
	v.from = "203.0.113.77"
	for _, email := range []string{newEmail, "my password by mistake"} {
		require.Equal(t, http.StatusUnauthorized, v.do(http.MethodPost, "/api/operator/login",
			fieldsOf{"email": email, "password": "guess of a password"}).status)
	}
	log := f.log.String()
	require.Contains(t, log, "account=operator:"+id+" address=203.0.113.77")
	require.Contains(t, log, "account=operator:unknown address=203.0.113.77")
	require.NotContains(t, log, "guess of a password")
	require.NotContains(t, log, "my password by mistake")
}

func TestForwardedAddressOfAStrangerIsNotBelieved(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	for i := range maxAttemptsPerNetwork + 1 {
		v := f.visitor()
		v.from = fmt.Sprintf("203.0.113.%d", i)
		got := v.do(http.MethodPost, "/api/admin/login", fieldsOf{
			"email": fmt.Sprintf("%d@example.org", i), "password": "wrong password",
		})
		want := http.StatusUnauthorized
		if i == maxAttemptsPerNetwork {
			want = http.StatusTooManyRequests
		}
		require.Equal(t, want, got.status, "%d: %s", i, got.body)
	}
}

// Somebody who knows the password cannot guess the code, neither at login nor when disabling the second factor.
func TestCodesCannotBeTried(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	v := f.registered(newEmail)
	offer := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/totp/start",
		fieldsOf{"password": goodPassword}).body)
	step := secrets.TOTPStep(f.server.Clock())
	code, err := secrets.TOTPCode(offer["secret"], step)
	require.NoError(t, err)
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/enable", fieldsOf{"code": code[:3] + " " + code[3:]})
	far, err := secrets.TOTPCode(offer["secret"], step+1000)
	require.NoError(t, err)
	for _, call := range []struct {
		path string
		body fieldsOf
	}{
		{"/api/operator/totp/disable", fieldsOf{"password": goodPassword, "code": far}},
		{"/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword, "code": far}},
	} {
		refused := 0
		for range maxAttemptsPerAccount + 3 {
			from := v
			if strings.HasSuffix(call.path, "login") {
				from = f.visitor()
			}
			got := from.do(http.MethodPost, call.path, call.body)
			require.Contains(t, []int{http.StatusForbidden, http.StatusUnauthorized, http.StatusTooManyRequests},
				got.status, got.body)
			if got.status == http.StatusTooManyRequests {
				refused++
			}
		}
		require.GreaterOrEqual(t, refused, 3, call.path)
	}
	require.True(t, v.me().TOTPEnabled)
}

// If twenty people register one address at once, one account is created. If twenty log in at once, nobody gets
// another's session, and only a few passwords are hashed at a time.
func TestTwentyAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	const many = 20
	var group sync.WaitGroup
	statuses := make([]int, many)
	for i := range many {
		group.Go(func() {
			email := newEmail
			if i >= maxAttemptsPerAccount { // the limit of one account is another test's
				email = "second@example.org"
			}
			statuses[i] = f.visitor().do(http.MethodPost, "/api/operator/register",
				fieldsOf{"email": email, "password": goodPassword, "name": fmt.Sprint("Shop ", i)}).status
		})
	}
	group.Wait()
	require.Equal(t, slices.Repeat([]int{http.StatusAccepted}, many), statuses)
	operators, _, err := f.store.ListOperators(t.Context(), store.OperatorFilter{
		Search: "@example.org", Status: models.OperatorPending,
	})
	require.NoError(t, err)
	require.Len(t, operators, 2)

	f.setPassword(newEmail)
	f.setPassword("second@example.org")
	f.exec("DELETE FROM login_attempts")
	visitors := make([]*visitor, many)
	for i := range many {
		visitors[i] = f.visitor()
		group.Go(func() {
			email := newEmail
			if i >= many/2 {
				email = "second@example.org"
			}
			statuses[i] = visitors[i].do(http.MethodPost, "/api/operator/login",
				fieldsOf{"email": email, "password": goodPassword}).status
		})
	}
	group.Wait()
	require.Equal(t, slices.Repeat([]int{http.StatusOK}, many), statuses)
	tokens := map[string]bool{}
	for i, v := range visitors {
		tokens[v.cookie().Value] = true
		require.Equal(t, i >= many/2, v.me().Email == "second@example.org")
	}
	require.Len(t, tokens, many)
	require.Equal(t, hashers(runtime.GOMAXPROCS(0)), cap(f.server.passwords.turns))
}

// The audit log records what people do to accounts, with actor and network address. No secret appears in it, in the
// log, or in any response that is not meant to reveal it.
func TestAuditOfPeople(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock, func(c *Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	v := f.approved(newEmail)
	v.from = "198.51.100.7"
	admin := f.visitor()
	admin.from = "198.51.100.8"
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/login", fieldsOf{
		"email": "approves-" + newEmail, "password": goodPassword,
	})
	secret := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/reveal",
		fieldsOf{"password": goodPassword}).body)
	next := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/rotate",
		fieldsOf{"password": goodPassword, "graceHours": 0}).body)
	offer := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/totp/start",
		fieldsOf{"password": goodPassword}).body)
	step := secrets.TOTPStep(f.server.Clock())
	codes := make([]string, 2)
	for i := range codes {
		var err error
		codes[i], err = secrets.TOTPCode(offer["secret"], step+int64(i))
		require.NoError(t, err)
	}
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/enable", fieldsOf{"code": codes[0]})
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/disable", fieldsOf{
		"password": goodPassword, "code": codes[1],
	})
	oldToken := v.cookie().Value
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/password", fieldsOf{
		"currentPassword": goodPassword, "newPassword": "a new long password",
	})
	v.must(http.StatusOK, http.MethodPut, "/api/operator/settings", fieldsOf{
		"name": "Other", "website": "", "returnOrigins": []string{"https://shop.example"},
	})
	v.must(http.StatusUnauthorized, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": newEmail, "password": "a mistyped password",
	})
	require.NoError(t, f.store.Raise(t.Context(), models.Alarm{
		Network: models.NetworkERC20, Kind: models.AlarmBooksDiffer, Message: "x",
	}))
	alarms := parse[struct{ Alarms []alarmView }](t, admin.must(http.StatusOK, http.MethodGet,
		"/api/admin/alarms?open=true", nil).body).Alarms
	admin.must(http.StatusNoContent, http.MethodPost, fmt.Sprintf("/api/admin/alarms/%d/resolve", alarms[0].ID),
		fieldsOf{"resolution": "looked"})
	id := v.me().ID
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/suspend", fieldsOf{"reason": "complaints"})
	v.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": "a new long password"})

	log := admin.must(http.StatusOK, http.MethodGet, "/api/admin/audit?limit=200", nil).body
	for _, want := range []struct{ action, actor, subject, address string }{
		{"secret_revealed", "operator:" + id, "operator:" + id, v.from},
		{"credential_rotated", "operator:" + id, "operator:" + id, v.from},
		{"totp_enabled", "operator:" + id, "operator:" + id, v.from},
		{"totp_disabled", "operator:" + id, "operator:" + id, v.from},
		{"password_changed", "operator:" + id, "operator:" + id, v.from},
		{"settings_changed", "operator:" + id, "operator:" + id, v.from},
		{"alarm_resolved", "admin:approves-" + newEmail, fmt.Sprintf("alarm:%d", alarms[0].ID), admin.from},
		{"operator_suspended", "admin:approves-" + newEmail, "operator:" + id, admin.from},
	} {
		entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: want.action})
		require.NoError(t, err)
		require.Len(t, entries, 1, want.action)
		require.Equal(t, want.actor, entries[0].Actor)
		require.Equal(t, want.subject, entries[0].Subject)
		require.Equal(t, want.address, entries[0].Address)
	}
	everything := log + f.log.String() + v.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil).body +
		v.must(http.StatusOK, http.MethodGet, "/api/operator/settings", nil).body +
		admin.must(http.StatusOK, http.MethodGet, "/api/admin/operators", nil).body
	for name, hidden := range map[string]string{
		"password": goodPassword, "new password": "a new long password", "mistyped password": "a mistyped password",
		"old secret": secret["apiSecret"], "secret": next["apiSecret"],
		"second factor": offer["secret"], "old token": oldToken, "token": v.cookie().Value, "a hash": "argon2id",
	} {
		require.NotEmpty(t, hidden)
		require.NotContains(t, everything, hidden, name)
	}
}

// Changing the password ends all other sessions, including those of stolen cookies.
func TestPasswordChangeEndsOtherBrowsers(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	first := f.registered(newEmail)
	second := f.visitor()
	second.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{
		"email": newEmail, "password": goodPassword,
	})
	other := f.registered("other@example.org")
	before := first.cookie().Value
	first.must(http.StatusNoContent, http.MethodPost, "/api/operator/password", fieldsOf{
		"currentPassword": goodPassword, "newPassword": "a new long password",
	})
	require.NotEqual(t, before, first.cookie().Value)
	first.me()
	other.me()
	second.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	thief := f.visitor()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	address, err := url.Parse(f.url)
	require.NoError(t, err)
	jar.SetCookies(address, []*http.Cookie{{Name: sessionCookie, Value: before}})
	thief.client.Jar = jar
	thief.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
}

func allScopes() string {
	var scopes []string
	for _, scope := range models.Scopes() {
		scopes = append(scopes, string(scope))
	}
	return strings.Join(scopes, " ")
}
