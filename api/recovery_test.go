package api

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
)

// enableFactor gives a person a second factor and returns the recovery codes.
func (v *visitor) enableFactor(base string) (codes []string) {
	v.Helper()
	offer := parse[map[string]string](v.TB, v.must(http.StatusOK, http.MethodPost, base+"/totp/start",
		fieldsOf{"password": goodPassword}).body)
	code, err := secrets.TOTPCode(offer["secret"], secrets.TOTPStep(v.server.Clock()))
	require.NoError(v, err)
	return parse[map[string][]string](v.TB, v.must(http.StatusOK, http.MethodPost, base+"/totp/enable",
		fieldsOf{"code": code, "recoveryCodes": true}).body)["recoveryCodes"]
}

// Every call of admins, also one that is added later, refuses an admin without a second factor, except those that set it
// up.
func TestAdminsNeedASecondFactor(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock, func(c *Config) { c.AdminsNeedFactor = true })
	admin := f.admin("admin@example.org")
	open := map[string]bool{
		"GET /api/admin/me": true, "POST /api/admin/password": true, "POST /api/admin/totp/start": true,
		"POST /api/admin/totp/enable": true, "POST /api/admin/totp/disable": true, "POST /api/admin/totp/recovery-codes": true,
		"GET /api/admin/sessions": true, "POST /api/admin/sessions/end": true,
		"POST /api/admin/login": true, "POST /api/admin/logout": true,
	}
	walk := func(refused bool) {
		t.Helper()
		closed := 0
		for _, route := range f.server.router.Routes() {
			if !strings.HasPrefix(route.Path, "/api/admin/") || open[route.Method+" "+route.Path] {
				continue
			}
			closed++
			body := fieldsOf{}
			if route.Method == http.MethodGet {
				body = nil
			}
			got := admin.do(route.Method, strings.ReplaceAll(route.Path, ":id", models.NewID()), body)
			is := got.status == http.StatusForbidden && strings.Contains(got.body, `"second_factor_required"`)
			require.Equal(t, refused, is, "%s %s: %s", route.Method, route.Path, got.body)
		}
		require.Greater(t, closed, 20)
	}
	walk(true)
	require.Contains(t, admin.must(http.StatusOK, http.MethodGet, "/api/admin/me", nil).body, `"secondFactorRequired":true`)
	admin.must(http.StatusOK, http.MethodGet, "/api/admin/sessions", nil)
	operator := f.registered("shop@example.org")
	operator.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil)

	admin.enableFactor("/api/admin")
	me := admin.must(http.StatusOK, http.MethodGet, "/api/admin/me", nil).body
	require.Contains(t, me, `"secondFactorRequired":false`)
	require.Contains(t, me, `"recoveryCodesLeft":10`)
	walk(false)
}

// A recovery code does what a code of the app does, once. Of many at the same time with one code, one gets in.
func TestARecoveryCodeWorksOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	v := f.registered("shop@example.org")
	codes := v.enableFactor("/api/operator")
	login := func(code string) answer {
		return f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{
			"email": "shop@example.org", "password": goodPassword, "code": code,
		})
	}
	require.Equal(t, http.StatusOK, login(codes[0]).status)
	require.Equal(t, http.StatusUnauthorized, login(codes[0]).status, "a second time")
	require.Equal(t, http.StatusOK, login(strings.ToUpper(strings.ReplaceAll(codes[1], "-", " "))).status)
	for _, wrong := range []string{"aaaa-aaaa-aaaa-aaaa", codes[2][:18] + "?", "1234567"} {
		require.Equal(t, http.StatusUnauthorized, login(wrong).status, wrong)
	}
	var in atomic.Int32
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if login(codes[3]).status == http.StatusOK {
				in.Add(1)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, in.Load())
	require.Contains(t, v.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil).body, `"recoveryCodesLeft":7`)

	// New ones replace them, confirmed with one of them.
	next := parse[map[string][]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/totp/recovery-codes",
		fieldsOf{"password": goodPassword, "code": codes[4]}).body)["recoveryCodes"]
	require.Equal(t, http.StatusUnauthorized, login(codes[5]).status)
	v.must(http.StatusForbidden, http.MethodPost, "/api/operator/totp/disable", fieldsOf{"password": goodPassword, "code": codes[5]})
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/disable", fieldsOf{"password": goodPassword, "code": next[0]})
	require.Contains(t, v.me().Status, "PENDING")
	got := f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{"email": "shop@example.org", "password": goodPassword})
	require.Equal(t, http.StatusOK, got.status, "the factor is off")
}

// Whoever can write the database cannot give an account the recovery codes of another one.
func TestRecoveryCodesBelongToTheirAccount(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	thief, victim := f.registered("thief@example.org"), f.registered("victim@example.org")
	codes := thief.enableFactor("/api/operator")
	victim.enableFactor("/api/operator")
	f.exec(`UPDATE operators SET recovery_sealed = (SELECT recovery_sealed FROM operators WHERE id = ?) WHERE id = ?`,
		thief.me().ID, victim.me().ID)
	got := f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{
		"email": "victim@example.org", "password": goodPassword, "code": codes[0],
	})
	require.NotEqual(t, http.StatusOK, got.status)
	require.NotContains(t, got.body, "recovery")
}

// Wrong recovery codes and wrong codes of the app count together, wherever they are tried.
func TestWrongRecoveryCodesCount(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	v := f.registered("shop@example.org")
	codes := v.enableFactor("/api/operator")
	try := func(code string) int {
		return f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{
			"email": "shop@example.org", "password": goodPassword, "code": code,
		}).status
	}
	for i := range maxAttemptsPerAccount / 2 {
		v.must(http.StatusForbidden, http.MethodPost, "/api/operator/totp/disable",
			fieldsOf{"password": goodPassword, "code": "aaaa-aaaa-aaaa-aaaa"})
		require.Equal(t, http.StatusUnauthorized, try([]string{"000000", "bbbb-bbbb-bbbb-bbbb"}[i%2]))
	}
	require.Equal(t, http.StatusTooManyRequests, try(codes[0]))
	require.Contains(t, v.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil).body, `"recoveryCodesLeft":10`)
}
