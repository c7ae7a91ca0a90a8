package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/models"
	"paycow/store"
)

// endpoint makes a webhook endpoint of an operator. more are further fields, such as `,"enabled":false`.
func (f *fixture) endpoint(account apitest.Account, more string) newEndpointView {
	f.Helper()
	got := f.call(account, http.MethodPost, "/api/webhook-endpoints", `{"url":"https://shop.example/hook"`+more+`}`)
	require.Equal(f, http.StatusCreated, got.status, got.body)
	return parse[newEndpointView](f.TB, got.body)
}

func endpointPath(id string) string { return "/api/webhook-endpoints/" + id }

// stored returns an endpoint and the secrets that sign now.
func (f *fixture) storedEndpoint(id string) (models.WebhookEndpoint, []string) {
	f.Helper()
	endpoint, err := f.store.WebhookEndpoint(f.Context(), id)
	require.NoError(f, err)
	secrets, err := f.store.WebhookSecrets(endpoint, f.server.Clock())
	require.NoError(f, err)
	return endpoint, secrets
}

func TestWebhookEndpoints(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	got := f.call(f.account, http.MethodPost, "/api/webhook-endpoints",
		`{"url":"HTTPS://Shop.Example/hook?a=b","events":["payment.expired","payment.paid","payment.paid"],"description":"Orders","enabled":false}`)
	require.Equal(t, http.StatusCreated, got.status, got.body)
	require.Equal(t, "no-store", got.header.Get("Cache-Control"))
	made := parse[newEndpointView](t, got.body)
	require.Equal(t, "https://shop.example/hook?a=b", made.URL)
	require.Equal(t, []string{"payment.paid", "payment.expired"}, made.Events)
	require.Equal(t, "Orders", made.Description)
	require.False(t, made.Enabled)
	_, secrets := f.storedEndpoint(made.ID)
	require.Equal(t, []string{made.Secret}, secrets)
	require.Regexp(t, `^whsec_[A-Za-z0-9+/]{43}=$`, made.Secret)

	plain := f.endpoint(f.account, "")
	require.Equal(t, []string{"*"}, plain.Events)
	require.True(t, plain.Enabled)
	require.Empty(t, plain.Description)

	list := func(account apitest.Account) []endpointView {
		got := f.call(account, http.MethodGet, "/api/webhook-endpoints", "")
		require.Equal(t, http.StatusOK, got.status)
		require.NotContains(t, got.body, "whsec_")
		return parse[struct{ Endpoints []endpointView }](t, got.body).Endpoints
	}
	require.Equal(t, []endpointView{plain.endpointView, made.endpointView}, list(f.account))
	require.Empty(t, list(f.other))

	got = f.call(f.account, http.MethodPatch, endpointPath(made.ID), `{"url":"https://next.example","events":["*"],"enabled":true}`)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.NotContains(t, got.body, "whsec_")
	changed := parse[endpointView](t, got.body)
	want := made.endpointView
	want.URL, want.Events, want.Enabled = "https://next.example", []string{"*"}, true
	require.Equal(t, want, changed)
	require.Equal(t, changed, parse[endpointView](t, f.call(f.account, http.MethodGet, endpointPath(made.ID), "").body))

	f.answered(f.testDelivery(f.account, made.ID).ID, http.StatusGone, "")
	shown := parse[endpointView](t, f.call(f.account, http.MethodGet, endpointPath(made.ID), "").body)
	require.Equal(t, "It answered 410 Gone.", *shown.DisabledReason)
	require.False(t, shown.Enabled)
	require.Nil(t, parse[endpointView](t, f.call(f.account, http.MethodPatch, endpointPath(made.ID), `{"enabled":true}`).body).DisabledReason)

	require.Equal(t, http.StatusNoContent, f.call(f.account, http.MethodDelete, endpointPath(made.ID), "").status)
	require.Equal(t, http.StatusNotFound, f.call(f.account, http.MethodGet, endpointPath(made.ID), "").status)
	plain.Recent.Pending = 1 // it is to be told that the other one was disabled
	require.Equal(t, []endpointView{plain.endpointView}, list(f.account))
}

// No call reaches an endpoint of another operator, or says that it exists.
func TestForeignEndpoints(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	foreign := f.endpoint(f.other, "")
	before, secrets := f.storedEndpoint(foreign.ID)
	v := f.approved(newEmail)
	for _, id := range []string{foreign.ID, models.NewID(), "x", strings.ToUpper(foreign.ID), "%00"} {
		for _, call := range [][3]string{
			{http.MethodGet, "", ""},
			{http.MethodPatch, "", `{"url":"https://attacker.example/"}`},
			{http.MethodDelete, "", ""},
			{http.MethodPost, "/rotate-secret", `{"overlapHours":0}`},
			{http.MethodPost, "/test", ""},
			{http.MethodPost, "/redeliver-failed", `{"since":"2026-01-01T00:00:00Z"}`},
		} {
			got := f.call(f.account, call[0], endpointPath(id)+call[1], call[2])
			require.Equal(t, http.StatusNotFound, got.status, "%v %s", call, got.body)
			require.Equal(t, errUnknownEndpoint.code, parse[errorBody](t, got.body).Code)
		}
		got := v.must(http.StatusNotFound, http.MethodPost, endpointPath(id)+"/secret", fieldsOf{"password": goodPassword})
		require.Equal(t, errUnknownEndpoint.code, parse[errorBody](t, got.body).Code)
	}
	after, same := f.storedEndpoint(foreign.ID)
	require.Equal(t, before, after)
	require.Equal(t, secrets, same)
}

func TestRotateAWebhookSecret(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	first := f.endpoint(f.account, "")
	rotate := func(status int, body string) newEndpointView {
		t.Helper()
		got := f.call(f.account, http.MethodPost, endpointPath(first.ID)+"/rotate-secret", body)
		require.Equal(t, status, got.status, got.body)
		return parse[newEndpointView](t, got.body)
	}
	second := rotate(http.StatusOK, "")
	_, secrets := f.storedEndpoint(first.ID)
	require.Equal(t, []string{second.Secret, first.Secret}, secrets)
	stored, _ := f.storedEndpoint(first.ID)
	require.Equal(t, instant(*stored.OldSecretUntil), *second.OldSecretUntil)
	require.WithinDuration(t, f.server.Clock().Add(models.WebhookOverlap), *stored.OldSecretUntil, time.Minute)

	for _, body := range []string{"", "{}", `{"overlapHours":1}`, `{"overlapHours":168}`} {
		rotate(http.StatusConflict, body)
	}
	_, same := f.storedEndpoint(first.ID)
	require.Equal(t, secrets, same)
	third := rotate(http.StatusOK, `{"overlapHours":0}`)
	_, secrets = f.storedEndpoint(first.ID)
	require.Equal(t, []string{third.Secret}, secrets)
	require.Nil(t, third.OldSecretUntil)
	rotate(http.StatusOK, `{"overlapHours":168}`)
}

// Only a person who enters the password sees a secret again, and no line of the audit log has one.
func TestRevealAWebhookSecret(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	made := parse[newEndpointView](t, v.must(http.StatusCreated, http.MethodPost, "/api/webhook-endpoints",
		fieldsOf{"url": "https://shop.example/path-token?token=query-token", "events": []string{"payment.paid"}}).body)
	path := endpointPath(made.ID) + "/secret"
	password := fieldsOf{"password": goodPassword}
	reveal := func() string {
		got := v.must(http.StatusOK, http.MethodPost, path, password)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		return parse[map[string]string](t, got.body)["secret"]
	}
	require.Equal(t, made.Secret, reveal())
	rotated := parse[newEndpointView](t, v.must(http.StatusOK, http.MethodPost, endpointPath(made.ID)+"/rotate-secret", fieldsOf{}).body)
	require.Equal(t, rotated.Secret, reveal(), "the newest")

	key := f.key(v.me().ID, models.Credential{Scopes: "payments:read payments:write webhooks:write keys:write"})
	require.Equal(t, http.StatusUnauthorized, f.call(key, http.MethodPost, path, `{"password":"`+goodPassword+`"}`).status)
	v.must(http.StatusBadRequest, http.MethodPost, path, fieldsOf{})
	v.must(http.StatusForbidden, http.MethodPost, path, fieldsOf{"password": "wrong password"})
	f.admin("admin@example.org").must(http.StatusForbidden, http.MethodPost, path, password)
	f.visitor().must(http.StatusUnauthorized, http.MethodPost, path, password)

	require.Equal(t, http.StatusOK, f.call(key, http.MethodPatch, endpointPath(made.ID), `{"enabled":false}`).status)
	v.must(http.StatusNoContent, http.MethodDelete, endpointPath(made.ID), nil)
	entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Limit: 200})
	require.NoError(t, err)
	var actions []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Action, "webhook_") {
			actions = append(actions, entry.Action)
			require.Contains(t, entry.Detail, made.ID)
			require.Equal(t, "operator:"+v.me().ID, entry.Subject)
			require.Equal(t, entry.Action == "webhook_endpoint_changed", strings.Contains(entry.Detail, key.APIKey), entry.Detail)
		}
		for _, secret := range []string{made.Secret, rotated.Secret, "whsec_", "path-token", "query-token"} {
			require.NotContains(t, entry.Detail, secret)
		}
	}
	require.Equal(t, []string{
		"webhook_endpoint_deleted", "webhook_endpoint_changed", "webhook_secret_revealed", "webhook_secret_rotated",
		"webhook_secret_revealed", "webhook_endpoint_created",
	}, actions)
}

// An endpoint whose row was changed is shown as it is, gets nothing, and cannot be changed or its secret read.
func TestAnAlteredEndpoint(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	v := f.approved(newEmail)
	made := parse[newEndpointView](t, v.must(http.StatusCreated, http.MethodPost, "/api/webhook-endpoints", fieldsOf{"url": "https://shop.example/"}).body)
	f.exec("UPDATE webhook_endpoints SET url = 'https://attacker.example/'")
	shown := parse[endpointView](t, v.must(http.StatusOK, http.MethodGet, endpointPath(made.ID), nil).body)
	require.False(t, shown.Enabled)
	require.Contains(t, *shown.DisabledReason, "not written by PayCow")
	refused := func(method, path string, body fieldsOf) {
		got := v.must(http.StatusConflict, method, endpointPath(made.ID)+path, body)
		require.Equal(t, "endpoint_altered", parse[errorBody](t, got.body).Code)
	}
	refused(http.MethodPatch, "", fieldsOf{"url": "https://shop.example/"})
	refused(http.MethodPost, "/rotate-secret", fieldsOf{})
	refused(http.MethodPost, "/secret", fieldsOf{"password": goodPassword})
	refused(http.MethodPost, "/test", fieldsOf{})
	refused(http.MethodPost, "/redeliver-failed", fieldsOf{"since": "2026-01-01T00:00:00Z"})
	v.must(http.StatusNoContent, http.MethodDelete, endpointPath(made.ID), nil)
}

func TestAnOperatorHasSoManyWebhookEndpoints(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	for i := range models.MaxWebhookEndpoints {
		f.endpoint(f.account, fmt.Sprintf(`,"description":"%d"`, i))
	}
	got := f.call(f.account, http.MethodPost, "/api/webhook-endpoints", `{"url":"https://shop.example/"}`)
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, "too_many_endpoints", parse[errorBody](t, got.body).Code)
	f.endpoint(f.other, "")
}
