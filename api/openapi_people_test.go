package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
)

// checkAnswer holds an answer to what the document says of the call.
func (d document) checkAnswer(t *testing.T, method, template string, got answer) {
	t.Helper()
	name := method + " " + template
	responses := d.at(t, "paths", template, strings.ToLower(method), "responses")
	require.Contains(t, responses, fmt.Sprint(got.status), "%s: %s", name, got.body)
	described := d.resolve(t, responses[fmt.Sprint(got.status)].(map[string]any))
	if _, hasBody := described["content"]; !hasBody {
		require.Empty(t, got.body, name)
		return
	}
	var value any
	require.NoError(t, json.Unmarshal([]byte(got.body), &value), name)
	d.check(t, name, document(described).at(t, "content", "application/json", "schema"), value)
}

// What people's calls answer must be what the document says, for every call and every kind of answer.
func TestOpenAPIMatchesTheAnswersToPeople(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, func(c *Config) { c.TemporalUIURL, c.TemporalNamespace = "https://temporal.example", "paycow" })
	d := loadDocument(t)
	p := f.payment(f.account)
	f.startChain(100)
	f.tellOfNodes(time.Now(), models.NodeOK)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	require.NoError(t, f.store.Raise(t.Context(), models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmBooksDiffer, Message: "x"}))
	operator, admin, stranger := f.visitor(), f.admin("admin@example.org"), f.visitor()
	var id, secret string
	step := secrets.TOTPStep(time.Now())
	code := func(offset int64) string {
		text, err := secrets.TOTPCode(secret, step+offset)
		require.NoError(t, err)
		return text
	}
	checked := map[string]bool{}
	try := func(v *visitor, status int, method, template string, body fieldsOf, ids ...string) answer {
		t.Helper()
		path := template
		if len(ids) > 0 {
			path = strings.ReplaceAll(template, "{id}", ids[0])
		}
		got := v.must(status, method, path, body)
		if at := strings.IndexByte(template, '?'); at >= 0 {
			template = template[:at]
		}
		d.checkAnswer(t, method, template, got)
		if status < 300 {
			checked[method+" "+template] = true
		}
		return got
	}
	const post, get, put = http.MethodPost, http.MethodGet, http.MethodPut
	password := fieldsOf{"password": goodPassword}
	login := fieldsOf{"email": newEmail, "password": goodPassword}

	try(operator, 202, post, "/api/operator/register", fieldsOf{"email": newEmail, "password": goodPassword, "name": "Shop"})
	try(operator, 400, post, "/api/operator/register", fieldsOf{"email": newEmail})
	try(stranger, 401, post, "/api/operator/login", fieldsOf{"email": newEmail, "password": "wrong"})
	try(operator, 200, post, "/api/operator/login", login)
	id = parse[meView](t, try(operator, 200, get, "/api/operator/me", nil).body).ID
	try(operator, 403, post, "/api/operator/credentials/reveal", password)
	try(admin, 200, get, "/api/admin/operators?status=PENDING&search=shop", nil)
	try(admin, 409, post, "/api/admin/operators/{id}/reactivate", fieldsOf{}, id)
	try(admin, 404, post, "/api/admin/operators/{id}/approve", fieldsOf{}, models.NewID())
	try(admin, 200, post, "/api/admin/operators/{id}/approve", fieldsOf{"reason": "known"}, id)
	try(admin, 200, post, "/api/admin/operators/{id}/suspend", fieldsOf{"reason": "complaints"}, id)
	try(admin, 200, post, "/api/admin/operators/{id}/reactivate", fieldsOf{}, id)
	other := f.registered("other@example.org")
	try(admin, 200, post, "/api/admin/operators/{id}/reject", fieldsOf{"reason": "unknown"}, other.me().ID)
	try(other, 200, get, "/api/operator/me", nil)

	try(operator, 200, get, "/api/operator/me", nil)
	try(operator, 200, post, "/api/operator/credentials/reveal", password)
	try(operator, 200, post, "/api/operator/credentials/rotate", fieldsOf{"password": goodPassword, "graceHours": 1})
	try(operator, 400, post, "/api/operator/credentials/rotate", password)
	try(operator, 200, put, "/api/operator/settings", fieldsOf{"name": "Shop", "returnOrigins": []string{"https://shop.example"}})
	try(operator, 400, put, "/api/operator/settings", fieldsOf{"name": "Shop", "returnOrigins": []string{"http://shop.example"}})
	try(operator, 200, get, "/api/operator/settings", nil)
	operator.order()
	try(operator, 200, get, "/api/operator/stats", nil)
	f.record(operator.order().ID, func(s *models.PaymentState) { s.Status = models.StatusPaid })
	try(operator, 200, get, "/api/operator/stats?days=2", nil)
	try(operator, 400, get, "/api/operator/stats?days=0", nil)

	for _, side := range []struct {
		role  string
		v     *visitor
		email string
	}{{"operator", operator, newEmail}, {"admin", admin, "admin@example.org"}} {
		base := "/api/" + side.role
		try(stranger, 401, post, base+"/password", fieldsOf{})
		try(side.v, 409, post, base+"/totp/enable", fieldsOf{"code": "123456"})
		try(side.v, 409, post, base+"/totp/disable", fieldsOf{"password": goodPassword, "code": "123456"})
		secret = parse[map[string]string](t, try(side.v, 200, post, base+"/totp/start", password).body)["secret"]
		try(side.v, 403, post, base+"/totp/enable", fieldsOf{"code": code(500)})
		try(side.v, 204, post, base+"/totp/enable", fieldsOf{"code": code(-1)})
		try(side.v, 409, post, base+"/totp/start", password)
		try(side.v, 200, get, base+"/me", nil)
		try(stranger, 401, post, base+"/login", fieldsOf{"email": side.email, "password": goodPassword})
		try(side.v, 200, post, base+"/login", fieldsOf{"email": side.email, "password": goodPassword, "code": code(0)})
		try(side.v, 204, post, base+"/totp/disable", fieldsOf{"password": goodPassword, "code": code(1)})
		try(side.v, 403, post, base+"/password", fieldsOf{"currentPassword": "wrong", "newPassword": "a new long password"})
		try(side.v, 204, post, base+"/password", fieldsOf{"currentPassword": goodPassword, "newPassword": "a new long password"})
	}

	try(admin, 200, get, "/api/admin/payments", nil)
	try(admin, 400, get, "/api/admin/payments?status=x", nil)
	try(admin, 200, get, "/api/admin/payment/{id}", nil, p.ID)
	try(admin, 404, get, "/api/admin/payment/{id}", nil, models.NewID())
	try(admin, 200, get, "/api/admin/health", nil)
	try(admin, 200, get, "/api/admin/alarms", nil)
	try(admin, 204, post, "/api/admin/alarms/{id}/resolve", fieldsOf{"resolution": "looked"}, "1")
	try(admin, 404, post, "/api/admin/alarms/{id}/resolve", fieldsOf{"resolution": "looked"}, "1")
	try(admin, 200, get, "/api/admin/alarms?open=false", nil)
	try(admin, 200, get, "/api/admin/audit?limit=200", nil)
	try(admin, 400, get, "/api/admin/audit?limit=0", nil)
	try(operator, 403, get, "/api/admin/audit", nil)
	for range maxAttemptsPerAccount + 1 {
		stranger.do(post, "/api/admin/login", fieldsOf{"email": "nobody@example.org", "password": "wrong password"})
	}
	limited := try(stranger, 429, post, "/api/admin/login", fieldsOf{"email": "nobody@example.org", "password": "wrong password"})
	require.NotEmpty(t, limited.header.Get("Retry-After"))
	try(operator, 204, post, "/api/operator/logout", nil)
	try(admin, 204, post, "/api/admin/logout", nil)
	try(admin, 401, get, "/api/admin/me", nil)

	for _, route := range f.server.router.Routes() {
		if isOfPeople(route.Path) {
			require.True(t, checked[route.Method+" "+strings.ReplaceAll(route.Path, ":id", "{id}")], "no good answer of %s %s was checked", route.Method, route.Path)
		}
	}
}
