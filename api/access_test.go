package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
)

// TestAfterAnIncident takes an operator's access away in every way, and gives it back with a link that works once.
func TestAfterAnIncident(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	owner := f.approved(newEmail)
	id := owner.me().ID
	keys := parse[map[string]string](t, owner.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/reveal",
		fieldsOf{"password": goodPassword}).body)
	useKey := func() int {
		return f.public("/api/balance", "x-api-key", keys["apiKey"], "x-api-secret", keys["apiSecret"]).status
	}
	require.Equal(t, http.StatusOK, useKey())
	admin := f.admin("root@example.org")
	act := func(status int, what string) answer {
		t.Helper()
		return admin.must(status, http.MethodPost, "/api/admin/operators/"+id+"/"+what, fieldsOf{"password": goodPassword})
	}
	admin.must(http.StatusForbidden, http.MethodPost, "/api/admin/operators/"+id+"/revoke-keys", fieldsOf{"password": "wrong"})
	require.Equal(t, http.StatusOK, useKey(), "not without the admin's password")
	owner.must(http.StatusForbidden, http.MethodPost, "/api/admin/operators/"+id+"/revoke-keys", fieldsOf{"password": goodPassword})

	require.Equal(t, map[string]int{"revoked": 1}, parse[map[string]int](t, act(http.StatusOK, "revoke-keys").body))
	require.Equal(t, http.StatusUnauthorized, useKey(), "at once")
	require.Equal(t, map[string]int{"revoked": 0}, parse[map[string]int](t, act(http.StatusOK, "revoke-keys").body))

	// The owner makes a new key, and of several attempts at once one counts. They may also come one after the other.
	rotate := fieldsOf{"password": goodPassword, "graceHours": 0}
	made := make([]int, 4)
	for range 10 {
		var rotating sync.WaitGroup
		for i := range made {
			rotating.Go(func() { made[i] = owner.do(http.MethodPost, "/api/operator/credentials/rotate", rotate).status })
		}
		rotating.Wait()
		slices.Sort(made)
		require.Equal(t, http.StatusOK, made[0], made)
		if made[3] != http.StatusOK {
			break
		}
	}
	require.Equal(t, http.StatusConflict, made[3], made)
	keys = parse[map[string]string](t, owner.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/reveal",
		fieldsOf{"password": goodPassword}).body)
	require.Equal(t, http.StatusOK, useKey())

	// A suspension ends the sessions; the owner can log in and read why, and the key only reads.
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/suspend", fieldsOf{"reason": "a leak"})
	owner.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	require.Equal(t, http.StatusOK, useKey())
	owner.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword})
	owner.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil)
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+id+"/reactivate", fieldsOf{})

	act(http.StatusOK, "end-sessions")
	owner.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)

	link := parse[map[string]string](t, act(http.StatusOK, "password-link").body)["url"]
	_, token, _ := strings.Cut(link, "#")
	require.True(t, strings.HasPrefix(link, "http://paycow.test/password.html#"), link)
	newer := parse[map[string]string](t, act(http.StatusOK, "password-link").body)["url"]
	_, newToken, _ := strings.Cut(newer, "#")
	use := func(token, password string) int {
		return f.visitor().do(http.MethodPost, "/api/account/password", fieldsOf{"token": token, "newPassword": password}).status
	}
	require.Equal(t, http.StatusForbidden, use(token, "another long password"), "a newer link replaced it")
	require.Equal(t, http.StatusBadRequest, use(newToken, "short"))
	var group sync.WaitGroup
	statuses := make([]int, 5)
	for i := range statuses {
		group.Go(func() { statuses[i] = use(newToken, fmt.Sprintf("another long password %d", i)) })
	}
	group.Wait()
	won := -1
	for i, status := range statuses {
		if status == http.StatusOK {
			require.Equal(t, -1, won, "twice")
			won = i
		}
	}
	require.NotEqual(t, -1, won, statuses)
	login := func(password string) int {
		return owner.do(http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": password}).status
	}
	require.Equal(t, http.StatusUnauthorized, login(goodPassword))
	require.Equal(t, http.StatusOK, login(fmt.Sprintf("another long password %d", won)))
	require.Equal(t, http.StatusForbidden, use(newToken, "yet another long password"), "once")

	// Whoever can write rows cannot make a link.
	_, err := f.store.AccountByID(t.Context(), models.RoleOperator, id)
	require.NoError(t, err)
	planted, hash := secrets.NewSessionToken()
	f.exec("INSERT INTO password_links (token_hash, role, account_id, created_at, expires_at) VALUES (?, 'admin', ?, 0, 9999999999999999)",
		hash, "0123456789abcdef01234567")
	require.Equal(t, http.StatusForbidden, use(planted, "yet another long password"))

	for range maxAttemptsPerAccount + 1 {
		f.visitor().do(http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": "wrong"})
	}
	stranger := f.visitor()
	try := func() int {
		return stranger.do(http.MethodPost, "/api/operator/login",
			fieldsOf{"email": newEmail, "password": fmt.Sprintf("another long password %d", won)}).status
	}
	require.Equal(t, http.StatusTooManyRequests, try())
	act(http.StatusOK, "unlock")
	require.Equal(t, http.StatusOK, try())
}

// TestAdminsAreDisabled disables admins until one is left, who cannot be disabled.
func TestAdminsAreDisabled(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	first, second := f.admin("a@example.org"), f.admin("b@example.org")
	list := parse[struct{ Admins []adminAccountView }](t, first.must(http.StatusOK, http.MethodGet, "/api/admin/admins", nil).body).Admins
	require.Len(t, list, 2)
	act := func(v *visitor, status, which int, what string) {
		t.Helper()
		v.must(status, http.MethodPost, "/api/admin/admins/"+list[which].ID+"/"+what, fieldsOf{"password": goodPassword})
	}
	act(first, http.StatusOK, 1, "disable")
	second.must(http.StatusUnauthorized, http.MethodGet, "/api/admin/me", nil)
	second.must(http.StatusUnauthorized, http.MethodPost, "/api/admin/login", fieldsOf{"email": "b@example.org", "password": goodPassword})
	act(first, http.StatusConflict, 0, "disable")
	act(first, http.StatusOK, 1, "enable")
	second.must(http.StatusOK, http.MethodPost, "/api/admin/login", fieldsOf{"email": "b@example.org", "password": goodPassword})

	// Two who disable each other at once do not leave nobody.
	var group sync.WaitGroup
	group.Go(func() {
		first.do(http.MethodPost, "/api/admin/admins/"+list[1].ID+"/disable", fieldsOf{"password": goodPassword})
	})
	group.Go(func() {
		second.do(http.MethodPost, "/api/admin/admins/"+list[0].ID+"/disable", fieldsOf{"password": goodPassword})
	})
	group.Wait()
	admins, err := f.store.Admins(t.Context())
	require.NoError(t, err)
	enabled := 0
	for _, admin := range admins {
		if admin.DisabledAt == nil {
			enabled++
		}
	}
	require.Equal(t, 1, enabled)
}

// TestOwnSessions lists the sessions of an account and ends one, then all others.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.registered(newEmail)
	login := fieldsOf{"email": newEmail, "password": goodPassword}
	var others []*visitor
	for range 3 {
		other := f.visitor()
		other.must(http.StatusOK, http.MethodPost, "/api/operator/login", login)
		others = append(others, other)
	}
	sessions := func(v *visitor) []sessionView {
		return parse[struct{ Sessions []sessionView }](t, v.must(http.StatusOK, http.MethodGet, "/api/operator/sessions", nil).body).Sessions
	}
	require.Len(t, sessions(v), 4)
	for _, s := range sessions(others[0]) {
		if s.IsCurrent {
			v.must(http.StatusNoContent, http.MethodPost, "/api/operator/sessions/end", fieldsOf{"id": s.ID})
		}
	}
	others[0].must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	others[1].must(http.StatusOK, http.MethodGet, "/api/operator/me", nil)
	stranger := f.registered("stranger@example.org")
	v2 := sessions(v)
	stranger.must(http.StatusNotFound, http.MethodPost, "/api/operator/sessions/end", fieldsOf{"id": v2[0].ID})
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/sessions/end", fieldsOf{})
	others[1].must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	require.Len(t, sessions(v), 1)
	stranger.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil)
}

// TestSecondFactorProtectsMore turns on a second factor: other sessions end, and the key, its rotation and the return
// origins need a code, which works once.
func TestSecondFactorProtectsMore(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock)
	v := f.approved(newEmail)
	other := f.visitor()
	other.must(http.StatusOK, http.MethodPost, "/api/operator/login", fieldsOf{"email": newEmail, "password": goodPassword})
	offer := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/totp/start",
		fieldsOf{"password": goodPassword}).body)
	step := secrets.TOTPStep(f.server.Clock())
	code := func(after int64) string {
		code, err := secrets.TOTPCode(offer["secret"], step+after)
		require.NoError(t, err)
		return code
	}
	v.must(http.StatusNoContent, http.MethodPost, "/api/operator/totp/enable", fieldsOf{"code": code(-1)})
	other.must(http.StatusUnauthorized, http.MethodGet, "/api/operator/me", nil)
	const reveal, rotate, settings = "/api/operator/credentials/reveal", "/api/operator/credentials/rotate", "/api/operator/settings"
	v.must(http.StatusBadRequest, http.MethodPost, reveal, fieldsOf{"password": goodPassword})
	v.must(http.StatusForbidden, http.MethodPost, reveal, fieldsOf{"password": goodPassword, "code": code(500)})
	v.must(http.StatusOK, http.MethodPost, reveal, fieldsOf{"password": goodPassword, "code": code(0)})
	v.must(http.StatusForbidden, http.MethodPost, rotate, fieldsOf{"password": goodPassword, "code": code(0), "graceHours": 0})
	change := fieldsOf{"name": "Shop", "returnOrigins": []string{"https://evil.example"}}
	v.must(http.StatusBadRequest, http.MethodPut, settings, change)
	change["code"] = code(1)
	v.must(http.StatusOK, http.MethodPut, settings, change)
	delete(change, "code")
	v.must(http.StatusOK, http.MethodPut, settings, change) // nothing that needs one has changed
}

// TestAdminsSessionsAreShort compares how long the sessions of both roles live.
func TestAdminsSessionsAreShort(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	admin, operator := f.admin("root@example.org"), f.registered(newEmail)
	later := models.AdminSessionIdle + 1e9
	f.exec("UPDATE sessions SET seen_at = seen_at - ?", later.Microseconds())
	admin.must(http.StatusUnauthorized, http.MethodGet, "/api/admin/me", nil)
	operator.must(http.StatusOK, http.MethodGet, "/api/operator/me", nil)
}
