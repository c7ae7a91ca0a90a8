package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// key makes an API key with the limits, past the API.
func (f *fixture) key(operatorID string, limits models.Credential) apitest.Account {
	f.Helper()
	next, secret, err := secrets.NewCredential(operatorID, masterKey)
	require.NoError(f, err)
	next.Name, next.Scopes, next.Networks, next.ExpiresAt = limits.Name, limits.Scopes, limits.Networks, limits.ExpiresAt
	next.Test = limits.Test
	if next.Name == "" {
		next.Name = next.APIKey
	}
	require.NoError(f, f.store.CreateCredential(f.Context(), next, "", models.AuditEntry{Actor: "t", Action: "key_created"}))
	return apitest.Account{APIKey: next.APIKey, APISecret: secret}
}

// documentedScopes returns the scope that the document names for each call that takes an API key, as
// "POST /api/payment/:id/reject".
func documentedScopes(t *testing.T) map[string]models.Scope {
	t.Helper()
	scopes := map[string]models.Scope{}
	for path, operations := range loadDocument(t).at(t, "paths") {
		for method, operation := range operations.(map[string]any) {
			for _, way := range operation.(map[string]any)["security"].([]any) {
				named, takesKey := way.(map[string]any)["apiKey"].([]any)
				if !takesKey {
					continue
				}
				call := strings.ToUpper(method) + " " + strings.NewReplacer("{", ":", "}", "").Replace(path)
				require.Len(t, named, 1, "%s names one scope", call)
				scopes[call] = models.Scope(named[0].(string))
			}
		}
	}
	return scopes
}

// The document and the table name the same scopes, and a key gets 403 for each call whose scope it lacks, before
// anything else of the request is looked at.
func TestAKeyMakesOnlyTheCallsOfItsScopes(t *testing.T) {
	t.Parallel()
	f := setup(t)
	documented := documentedScopes(t)
	require.Equal(t, scopeOfCall, documented)
	id := f.operatorID(f.account)
	before := f.call(f.account, http.MethodGet, "/api/payments", "").body
	for _, scope := range models.Scopes() {
		key := f.key(id, models.Credential{Scopes: string(scope)})
		for call, needed := range documented {
			method, path, _ := strings.Cut(call, " ")
			got := f.call(key, method, strings.ReplaceAll(path, ":id", "x"), "{")
			if needed == scope {
				require.NotContains(t, got.body, "missing_scope", "%s with %s", call, scope)
				require.NotEqual(t, http.StatusForbidden, got.status, "%s with %s: %s", call, scope, got.body)
				continue
			}
			require.Equal(t, http.StatusForbidden, got.status, "%s with %s", call, scope)
			require.Equal(t, errorBody{
				Msg: "This API key does not have the scope " + string(needed) + ".", Code: "missing_scope",
				RequestID: got.header.Get("X-Request-Id"),
			}, parse[errorBody](t, got.body))
		}
	}
	require.Equal(t, before, f.call(f.account, http.MethodGet, "/api/payments", "").body)
	for _, write := range []string{"POST " + createPath, "POST /api/payment/:id/reject", "POST /api/payment/:id/accept"} {
		require.Equal(t, models.ScopePaymentsWrite, documented[write])
	}
	for call := range documented { // whatever changes something is out of reach of a key that reads payments
		if !strings.HasPrefix(call, "GET ") {
			require.NotEqual(t, models.ScopePaymentsRead, documented[call], call)
		}
	}
}

// A key that states no scopes does what every key did before there were scopes.
func TestAKeyWithoutScopesDoesWhatKeysDid(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for call, scope := range scopeOfCall {
		method, path, _ := strings.Cut(call, " ")
		got := f.call(f.account, method, strings.ReplaceAll(path, ":id", "x"), "")
		if scope == models.ScopeKeysWrite {
			require.Equal(t, http.StatusForbidden, got.status, call)
		} else {
			require.NotEqual(t, http.StatusForbidden, got.status, call)
		}
	}
}

// Every call behind authenticate is in the table.
func TestEveryOperatorCallHasAScope(t *testing.T) {
	t.Parallel()
	f := setup(t)
	found := map[string]bool{}
	for _, route := range f.server.router.Routes() {
		got := f.call(apitest.Account{}, route.Method, strings.ReplaceAll(route.Path, ":id", "x"), "")
		if got.status == http.StatusUnauthorized && parse[errorBody](t, got.body).Code == errUnauthorized.code {
			found[route.Method+" "+route.Path] = true
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(scopeOfCall)), slices.Collect(maps.Keys(found)))
}

func TestAKeyComesFromItsNetworksUntilItsEnd(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := f.operatorID(f.account)
	balance := func(key apitest.Account) answer { return f.call(key, http.MethodGet, "/api/balance", "") }
	for networks, want := range map[string]int{
		"127.0.0.0/8": 200, "0.0.0.0/0": 200, "10.0.0.0/8 127.0.0.1/32": 200, "10.0.0.0/8": 403, "::/0": 403, "::1/128": 403, "unreadable": 403,
	} {
		got := balance(f.key(id, models.Credential{Networks: networks}))
		require.Equal(t, want, got.status, networks)
		if want == http.StatusForbidden {
			require.Equal(t, "network_not_allowed", parse[errorBody](t, got.body).Code)
		}
	}
	// Without the secret nobody learns whether there are networks.
	key := f.key(id, models.Credential{Networks: "10.0.0.0/8"})
	require.Equal(t, http.StatusUnauthorized, balance(apitest.Account{APIKey: key.APIKey, APISecret: "sk_wrong"}).status)

	for after, want := range map[time.Duration]int{time.Hour: 200, -time.Millisecond: 401} {
		end := time.Now().Add(after)
		require.Equal(t, want, balance(f.key(id, models.Credential{ExpiresAt: &end})).status, after)
	}
}

// The dashboard makes, shows, rotates and revokes keys; each step is in the audit log.
func TestKeysInTheDashboard(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.registered("keys@example.org")
	admin := f.admin("admin@example.org")
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+v.me().ID+"/approve", fieldsOf{})
	wanted := fieldsOf{
		"name": "Reports", "scopes": []string{"payments:read", "payments:read"}, "networks": []string{"127.0.0.0/8", "127.0.0.0/8"},
		"expiresAt": "2100-01-01T00:00:00+01:00",
	}
	v.must(http.StatusBadRequest, http.MethodPost, "/api/keys", wanted) // no password
	wanted["password"] = "wrong password"
	v.must(http.StatusForbidden, http.MethodPost, "/api/keys", wanted)
	wanted["password"] = goodPassword
	got := v.must(http.StatusCreated, http.MethodPost, "/api/keys", wanted)
	require.Equal(t, "no-store", got.header.Get("Cache-Control"))
	made := parse[newKeyView](t, got.body)
	require.Equal(t, []models.Scope{models.ScopePaymentsRead}, made.Scopes)
	require.Equal(t, []string{"127.0.0.0/8"}, made.Networks)
	key := apitest.Account{APIKey: made.APIKey, APISecret: made.APISecret}
	require.Equal(t, http.StatusOK, f.call(key, http.MethodGet, "/api/balance", "").status)
	require.Equal(t, http.StatusForbidden, f.call(key, http.MethodPost, createPath, "{}").status)
	require.Equal(t, "name_taken", parse[errorBody](t, v.must(http.StatusConflict, http.MethodPost, "/api/keys", wanted).body).Code)

	list := func() []keyView {
		got := v.must(http.StatusOK, http.MethodGet, "/api/keys", nil)
		require.NotContains(t, got.body, "sk_")
		return parse[struct{ Keys []keyView }](t, got.body).Keys
	}
	listed := list()
	require.Len(t, listed, 2)
	require.Equal(t, "Reports", listed[0].Name)
	require.NotNil(t, listed[0].LastUsedAt)
	require.Empty(t, listed[1].Name)

	// The published calls are about the main key, unless another is named.
	main := v.me().APIKey
	require.Equal(t, listed[1].ID, *main)
	shown := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/reveal",
		fieldsOf{"password": goodPassword, "apiKey": made.ID}).body)
	require.Equal(t, made.APISecret, shown["apiSecret"])
	next := parse[map[string]string](t, v.must(http.StatusOK, http.MethodPost, "/api/operator/credentials/rotate",
		fieldsOf{"password": goodPassword, "apiKey": made.ID, "graceHours": 1}).body)
	require.Equal(t, main, v.me().APIKey, "the main key stays")
	require.Equal(t, http.StatusOK, f.call(key, http.MethodGet, "/api/balance", "").status, "the old key works for an hour")
	rotated := apitest.Account{APIKey: next["apiKey"], APISecret: next["apiSecret"]}
	require.Equal(t, http.StatusOK, f.call(rotated, http.MethodGet, "/api/balance", "").status)
	require.Equal(t, http.StatusForbidden, f.call(rotated, http.MethodPost, createPath, "{}").status, "no wider than the old one")
	listed = list()
	require.Len(t, listed, 3)
	require.True(t, listed[1].IsReplaced)
	require.Equal(t, made.ExpiresAt, listed[0].ExpiresAt)

	d := loadDocument(t)
	gone := fieldsOf{"password": goodPassword, "apiKey": "pk_unknown", "graceHours": 1}
	d.checkAnswer(t, http.MethodPost, "/api/operator/credentials/rotate",
		v.must(http.StatusNotFound, http.MethodPost, "/api/operator/credentials/rotate", gone))
	delete(gone, "graceHours")
	d.checkAnswer(t, http.MethodPost, "/api/operator/credentials/reveal",
		v.must(http.StatusNotFound, http.MethodPost, "/api/operator/credentials/reveal", gone))

	stranger := f.registered("stranger@example.org")
	admin.must(http.StatusOK, http.MethodPost, "/api/admin/operators/"+stranger.me().ID+"/approve", fieldsOf{})
	stranger.must(http.StatusNotFound, http.MethodDelete, "/api/keys/"+rotated.APIKey, nil)
	for _, account := range []apitest.Account{rotated, key} {
		v.must(http.StatusNoContent, http.MethodDelete, "/api/keys/"+account.APIKey, nil)
		require.Equal(t, http.StatusUnauthorized, f.call(account, http.MethodGet, "/api/balance", "").status)
	}
	require.Len(t, list(), 1)
	actions := []string{}
	entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Limit: 200})
	require.NoError(t, err)
	for _, entry := range entries {
		if strings.Contains(entry.Detail, made.APIKey) || strings.Contains(entry.Detail, rotated.APIKey) {
			actions = append(actions, entry.Action)
		}
		require.NotContains(t, entry.Detail, "sk_")
	}
	require.Equal(t, []string{"key_revoked", "key_revoked", "credential_rotated", "secret_revealed", "key_created"}, actions)
}

// A key that makes keys makes none that can do more than itself.
// An admin sees an operator's keys and revokes one: the others go on, and no other operator's key is reached.
func TestAnAdminRevokesOneKey(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	shop, other := f.approved("shop@example.org"), f.approved("other@example.org")
	admin := f.admin("admin@example.org")
	leaked := f.key(shop.me().ID, models.Credential{Name: "Leaked"})
	kept := f.key(shop.me().ID, models.Credential{Name: "Kept"})
	uses := func(key apitest.Account) int { return f.call(key, http.MethodGet, "/api/balance", "").status }
	pathOf := func(v *visitor) string { return "/api/admin/operators/" + v.me().ID + "/keys" }
	path, confirmed := pathOf(shop), fieldsOf{"password": goodPassword}
	list := func() (names []string) {
		got := admin.must(http.StatusOK, http.MethodGet, path, nil)
		require.NotContains(t, got.body, "sk_")
		for _, key := range parse[struct{ Keys []keyView }](t, got.body).Keys {
			names = append(names, key.Name)
		}
		return names
	}
	require.ElementsMatch(t, []string{"", "Leaked", "Kept"}, list())

	revoke := func(v *visitor, status int, path string, body fieldsOf) {
		t.Helper()
		v.must(status, http.MethodPost, path+"/"+leaked.APIKey+"/revoke", body)
	}
	for _, v := range []*visitor{shop, other} { // whose own key it is has the dashboard for it
		v.must(http.StatusForbidden, http.MethodGet, path, nil)
		revoke(v, http.StatusForbidden, path, confirmed)
	}
	f.visitor().must(http.StatusUnauthorized, http.MethodGet, path, nil)
	revoke(f.visitor(), http.StatusUnauthorized, path, confirmed)
	revoke(admin, http.StatusBadRequest, path, fieldsOf{})
	revoke(admin, http.StatusForbidden, path, fieldsOf{"password": "wrong"})
	revoke(admin, http.StatusNotFound, pathOf(other), confirmed)
	for _, id := range []string{models.NewID(), "x"} {
		admin.must(http.StatusNotFound, http.MethodGet, "/api/admin/operators/"+id+"/keys", nil)
		revoke(admin, http.StatusNotFound, "/api/admin/operators/"+id+"/keys", confirmed)
	}
	for _, key := range []string{"pk_unknown", "%00", "%C3%A9", strings.Repeat("k", maxCredentialBytes+1)} {
		admin.must(http.StatusNotFound, http.MethodPost, path+"/"+key+"/revoke", confirmed)
	}
	require.Equal(t, http.StatusOK, uses(leaked))

	revoke(admin, http.StatusOK, path, confirmed)
	require.Equal(t, http.StatusUnauthorized, uses(leaked), "at once")
	require.Equal(t, http.StatusOK, uses(kept))
	require.ElementsMatch(t, []string{"", "Kept"}, list())
	revoke(admin, http.StatusNotFound, path, confirmed)
	entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: "key_revoked", Limit: 200})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "operator:"+shop.me().ID, entries[0].Subject)
	require.Regexp(t, "^admin:", entries[0].Actor)
	require.Contains(t, entries[0].Detail, leaked.APIKey)
}

// checkKeysOfOperator checks the answers to an admin who reads an operator's API keys and revokes one, then all.
func checkKeysOfOperator(
	t *testing.T, admin *visitor, id string, confirmed fieldsOf,
	try func(*visitor, int, string, string, fieldsOf, ...string) answer,
) {
	t.Helper()
	const list, all = "/api/admin/operators/{id}/keys", "/api/admin/operators/{id}/revoke-keys"
	const revoke = list + "/{key}/revoke"
	keys := parse[struct{ Keys []keyView }](t, try(admin, 200, http.MethodGet, list, nil, id).body).Keys
	try(admin, 404, http.MethodGet, list, nil, models.NewID())
	try(admin, 200, http.MethodPost, revoke, confirmed, id, keys[0].ID)
	try(admin, 404, http.MethodPost, revoke, confirmed, id, keys[0].ID)
	try(admin, 200, http.MethodPost, all, confirmed, id)
	try(admin, 404, http.MethodPost, all, confirmed, models.NewID())
}

func TestAKeyMakesNoWiderKey(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	end := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	maker := f.key(f.operatorID(f.account), models.Credential{
		Scopes: "payments:read keys:write", Networks: "127.0.0.0/8 2001:db8::/32", ExpiresAt: &end,
	})
	for body, want := range map[string]int{
		`"scopes":["payments:read"],"networks":["127.1.0.0/16"],"expiresAt":"2090-01-01T00:00:00Z"`:               201,
		`"scopes":["keys:write"],"networks":["127.0.0.0/8","2001:db8:1::/48"],"expiresAt":"2080-01-01T00:00:00Z"`: 201,
		`"scopes":["payments:write"],"networks":["127.1.0.0/16"],"expiresAt":"2090-01-01T00:00:00Z"`:              403,
		`"networks":["127.1.0.0/16"],"expiresAt":"2090-01-01T00:00:00Z"`:                                          403,
		`"scopes":["payments:read"],"expiresAt":"2090-01-01T00:00:00Z"`:                                           403,
		`"scopes":["payments:read"],"networks":["126.0.0.0/7"],"expiresAt":"2090-01-01T00:00:00Z"`:                403,
		`"scopes":["payments:read"],"networks":["127.0.0.0/8","10.0.0.0/8"],"expiresAt":"2090-01-01T00:00:00Z"`:   403,
		`"scopes":["payments:read"],"networks":["127.1.0.0/16"]`:                                                  403,
		`"scopes":["payments:read"],"networks":["127.1.0.0/16"],"expiresAt":"2090-01-01T00:00:01Z"`:               403,
	} {
		got := f.call(maker, http.MethodPost, "/api/keys", fmt.Sprintf(`{"name":%q,%s}`, models.NewID(), body))
		require.Equal(t, want, got.status, "%s: %s", body, got.body)
	}
}

// Whatever begins after a revocation was answered is refused, and no key that a revoked key made outlives it unseen.
func TestRevokeAgainstUse(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	id := f.operatorID(f.account)
	for range 5 {
		maker := f.key(id, models.Credential{Scopes: "payments:read payments:write keys:write"})
		var group sync.WaitGroup
		revoked := make(chan struct{})
		for worker := range 4 {
			group.Go(func() {
				for turn := range 1000 {
					var isAfter bool
					select {
					case <-revoked:
						isAfter = true
					default:
					}
					path, body := createPath, `{"amount":1,"userId":"u","network":"ERC20"}`
					if worker == 0 {
						path, body = "/api/keys", fmt.Sprintf(`{"name":"%s %d","scopes":["payments:read"]}`, maker.APIKey[:20], turn)
					}
					got := f.call(maker, http.MethodPost, path, body)
					if isAfter && got.status != http.StatusUnauthorized || got.status >= http.StatusInternalServerError {
						f.Errorf("status %d: %s", got.status, got.body)
					}
					if isAfter {
						return
					}
				}
			})
		}
		require.Eventually(t, func() bool { return len(f.keysNamed(id, maker.APIKey[:20])) > 0 }, time.Minute, time.Millisecond)
		require.NoError(t, f.store.RevokeCredential(t.Context(), id, maker.APIKey, "", models.AuditEntry{Actor: "t", Action: "key_revoked"}))
		made := f.keysNamed(id, maker.APIKey[:20])
		close(revoked)
		group.Wait()
		require.Equal(t, made, f.keysNamed(id, maker.APIKey[:20]), "no key is made after the revocation")
		for _, key := range made {
			require.NoError(t, f.store.RevokeCredential(t.Context(), id, key, "", models.AuditEntry{Actor: "t", Action: "key_revoked"}))
		}
	}
}

func (f *fixture) keysNamed(operatorID, prefix string) (keys []string) {
	f.Helper()
	all, err := f.store.KeysOf(f.Context(), operatorID)
	require.NoError(f, err)
	for _, key := range all {
		if strings.HasPrefix(key.Name, prefix+" ") {
			keys = append(keys, key.APIKey)
		}
	}
	return keys
}
