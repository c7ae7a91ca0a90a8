package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
)

// inBraces turns the parameters of a route into those of the document.
var inBraces = regexp.MustCompile(`:(\w+)`)

// document is the served OpenAPI document.
type document map[string]any

func loadDocument(t *testing.T) document {
	t.Helper()
	return parse[document](t, string(openAPIDocument))
}

// at returns the object at a path in the document.
func (d document) at(t *testing.T, names ...string) map[string]any {
	t.Helper()
	node := map[string]any(d)
	for _, name := range names {
		next, ok := node[name].(map[string]any)
		require.True(t, ok, "the document has no %s", strings.Join(names, " > "))
		node = next
	}
	return node
}

// resolve follows a reference within the document.
func (d document) resolve(t *testing.T, node map[string]any) map[string]any {
	t.Helper()
	if ref, ok := node["$ref"].(string); ok {
		return d.at(t, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return node
}

// check fails where a value does not match a schema. It supports the keywords that the document uses and fails on
// others.
func (d document) check(t *testing.T, where string, schema map[string]any, value any) {
	t.Helper()
	schema = d.resolve(t, schema)
	for word, rule := range schema {
		switch word {
		case "type":
			kinds, isList := rule.([]any)
			if !isList {
				kinds = []any{rule}
			}
			require.True(t, slices.ContainsFunc(kinds, func(kind any) bool { return isKind(kind.(string), value) }),
				"%s: %v is not %v", where, value, kinds)
		case "enum":
			require.Contains(t, rule.([]any), value, where)
		case "pattern":
			if text, ok := value.(string); ok {
				require.Regexp(t, rule.(string), text, where)
			}
		case "required":
			for _, name := range rule.([]any) {
				require.Contains(t, value.(map[string]any), name, where)
			}
		case "properties":
			members := value.(map[string]any)
			for name, property := range rule.(map[string]any) {
				if member, isThere := members[name]; isThere {
					d.check(t, where+"."+name, property.(map[string]any), member)
				}
			}
		case "additionalProperties":
			if each, ok := rule.(map[string]any); ok {
				for name, member := range value.(map[string]any) {
					d.check(t, where+"."+name, each, member)
				}
				continue
			}
			known := slices.Collect(maps.Keys(schema["properties"].(map[string]any)))
			for name := range value.(map[string]any) {
				require.Contains(t, known, name, where)
			}
		case "items":
			for i, item := range value.([]any) {
				d.check(t, fmt.Sprintf("%s[%d]", where, i), rule.(map[string]any), item)
			}
		case "minimum":
			if number, ok := value.(float64); ok {
				require.GreaterOrEqual(t, number, rule.(float64), where)
			}
		case "maximum":
			if number, ok := value.(float64); ok {
				require.LessOrEqual(t, number, rule.(float64), where)
			}
		case "exclusiveMinimum":
			if number, ok := value.(float64); ok {
				require.Greater(t, number, rule.(float64), where)
			}
		case "maxItems":
			require.LessOrEqual(t, float64(len(value.([]any))), rule.(float64), where)
		case "maxProperties":
			require.LessOrEqual(t, float64(len(value.(map[string]any))), rule.(float64), where)
		case "oneOf", "propertyNames", "minLength", "maxLength", "format", "default", "description":
		default:
			t.Fatalf("%s: the check does not know the word %q", where, word)
		}
	}
}

func isKind(kind string, value any) bool {
	switch kind {
	case "null":
		return value == nil
	case "object":
		_, ok := value.(map[string]any)
		return ok
	case "array":
		_, ok := value.([]any)
		return ok
	case "string":
		_, ok := value.(string)
		return ok
	case "boolean":
		_, ok := value.(bool)
		return ok
	default:
		number, ok := value.(float64)
		return ok && (kind == "number" || kind == "integer" && number == float64(int64(number)))
	}
}

// isOfPages reports whether a route is for PayCow's own pages only, and so not part of the API.
func isOfPages(path string) bool {
	return strings.HasPrefix(path, "/assets/") || strings.HasPrefix(path, "/logos/") ||
		strings.HasPrefix(path, "/payment/:id/") || strings.HasPrefix(path, linkPath) ||
		strings.HasSuffix(path, ".html") || strings.HasPrefix(path, "/docs") || path == "/favicon.ico" || path == "/robots.txt"
}

// isOfPeople reports whether a call is for logged-in people. TestOpenAPIMatchesTheAnswersToPeople covers those.
func isOfPeople(path string) bool {
	return strings.HasPrefix(path, "/api/operator/") || strings.HasPrefix(path, "/api/admin/") ||
		strings.HasPrefix(path, "/api/account/") || strings.HasPrefix(path, "/api/team") || strings.HasSuffix(path, "/secret")
}

func TestOpenAPINamesEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	var documented, routed []string
	for path, operations := range loadDocument(t).at(t, "paths") {
		for method := range operations.(map[string]any) {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	for _, route := range setup(t).server.router.Routes() {
		if isOfPages(route.Path) {
			continue
		}
		routed = append(routed, route.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(route.Path, "{$1}"))
	}
	require.ElementsMatch(t, routed, documented)
}

func TestOpenAPIExamplesMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	d := loadDocument(t)
	examples := 0
	var walk func(where string, node any)
	walk = func(where string, node any) {
		switch node := node.(type) {
		case map[string]any:
			if ref, ok := node["$ref"].(string); ok {
				require.NotEmpty(t, d.resolve(t, node), ref)
			}
			if example, ok := node["example"]; ok {
				d.check(t, where, node["schema"].(map[string]any), example)
				examples++
			}
			for name, child := range node {
				walk(where+"/"+name, child)
			}
		case []any:
			for i, child := range node {
				walk(fmt.Sprintf("%s/%d", where, i), child)
			}
		}
	}
	walk("", map[string]any(d))
	require.GreaterOrEqual(t, examples, 14)
}

// Every kind of response matches the document, field by field.
func TestOpenAPIMatchesTheAnswers(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	d := loadDocument(t)
	p := f.payment(f.account)
	f.startChain(100)
	f.reportNodes(time.Now(), models.NodeOK)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	f.moveChain(101, 113)
	f.credit(p)
	late := f.short(f.account, models.ExceptionPaidLate)
	open := f.payment(f.account)
	keys := f.key(f.operatorID(f.account), models.Credential{Scopes: "keys:write"})
	link := f.link(f.account, "")
	through := f.browser(link.ID).pays()
	endpoint := f.endpoint(f.account, "")
	delivery := f.testDelivery(f.account, endpoint.ID)
	checked := map[string]bool{}
	for _, c := range []struct {
		method, template, path, body string
		status                       int
	}{
		{http.MethodPost, "/api/payment/create", "", `{"amount":50.00,"userId":"user_123456","network":"ERC20"}`, 200},
		{
			http.MethodPost, "/api/payment/create", "",
			`{"amount":5,"userId":"u","network":"ERC20","description":"Tea","metadata":{"order":"A-17"},"expiresIn":600}`, 200,
		},
		{http.MethodPost, "/api/payment/create", "", `{"amount":0}`, 400},
		{http.MethodPost, "/api/payment/create", "", strings.Repeat(" ", maxBodyBytes+1), 413},
		{http.MethodGet, "/payment/data/{id}", p.ID, "", 200},
		{http.MethodGet, "/payment/data/{id}", open.ID, "", 200},
		{http.MethodGet, "/payment/data/{id}", "x", "", 404},
		{http.MethodGet, "/api/payment/{id}", p.ID, "", 200},
		{http.MethodGet, "/api/payment/{id}", late.ID, "", 200},
		{http.MethodGet, "/api/payment/{id}", "x", "", 404},
		{http.MethodGet, "/api/payments", "", "", 200},
		{http.MethodPost, "/api/payment/{id}/reject", open.ID, `{"reason":"r"}`, 200},
		{http.MethodPost, "/api/payment/{id}/reject", open.ID, `{"reason":"r"}`, 409},
		{http.MethodPost, "/api/payment/{id}/accept", late.ID, "", 200},
		{http.MethodPost, "/api/payment/{id}/accept", late.ID, "{", 400},
		{http.MethodGet, "/api/balance", "", "", 200},
		{http.MethodGet, "/api/ledger", "", "", 200},
		{http.MethodGet, "/api/events", "", "", 200},
		{http.MethodPost, "/api/payment-links", "", `{"amount":5,"description":"Tea","maxUses":1}`, 201},
		{http.MethodPost, "/api/payment-links", "", `{"amount":5}`, 400},
		{http.MethodGet, "/api/payment-links", "", "", 200},
		{http.MethodGet, "/api/payment-links/{id}", link.ID, "", 200},
		{http.MethodGet, "/api/payment/{id}", through.ID, "", 200},
		{http.MethodPost, "/api/payment-links/{id}/disable", link.ID, "", 200},
		{http.MethodPost, "/api/webhook-endpoints", "", `{"url":"https://shop.example/hook"}`, 201},
		{http.MethodPost, "/api/webhook-endpoints", "", `{"url":"https://127.0.0.1/hook"}`, 400},
		{http.MethodGet, "/api/webhook-endpoints", "", "", 200},
		{http.MethodGet, "/api/webhook-endpoints/{id}", endpoint.ID, "", 200},
		{http.MethodPatch, "/api/webhook-endpoints/{id}", endpoint.ID, `{"description":"Orders"}`, 200},
		{http.MethodPost, "/api/webhook-endpoints/{id}/rotate-secret", endpoint.ID, `{"overlapHours":1}`, 200},
		{http.MethodPost, "/api/webhook-endpoints/{id}/rotate-secret", endpoint.ID, "", 409},
		{http.MethodPost, "/api/webhook-endpoints/{id}/test", endpoint.ID, "", 202},
		{http.MethodPost, "/api/webhook-endpoints/{id}/redeliver-failed", endpoint.ID, `{"since":"2026-01-01T00:00:00Z"}`, 202},
		{http.MethodGet, "/api/webhook-deliveries", "", "", 200},
		{http.MethodGet, "/api/webhook-deliveries/{id}", delivery.ID, "", 200},
		{http.MethodPost, "/api/webhook-deliveries/{id}/redeliver", delivery.ID, "", 202},
		{http.MethodDelete, "/api/webhook-endpoints/{id}", endpoint.ID, "", 204},
		{http.MethodGet, "/api/keys", "", "", 200},
		{http.MethodPost, "/api/keys", "", `{"name":"k","scopes":["keys:write"],"networks":["127.0.0.0/8"]}`, 201},
		{http.MethodPost, "/api/keys", "", `{"name":"k","scopes":["keys:write"]}`, 409},
		{http.MethodPost, "/api/keys", "", `{"name":"k"}`, 403},
		{http.MethodDelete, "/api/keys/{id}", f.account.APIKey, "", 204},
		{http.MethodDelete, "/api/keys/{id}", f.account.APIKey, "", 404},
		{http.MethodGet, "/healthz", "", "", 200},
		{http.MethodGet, "/readyz", "", "", 200},
		{http.MethodGet, "/openapi.json", "", "", 200},
	} {
		account := f.account
		if strings.HasPrefix(c.template, "/api/keys") {
			account = keys
		}
		got := f.call(account, c.method, strings.ReplaceAll(c.template, "{id}", c.path), c.body)
		require.Equal(t, c.status, got.status, "%s %s: %s", c.method, c.template, got.body)
		d.checkAnswer(t, c.method, c.template, got)
		checked[c.method+" "+c.template] = true
	}
	for _, route := range f.server.router.Routes() {
		if isOfPages(route.Path) || isOfPeople(route.Path) {
			continue
		}
		name := route.Method + " " + inBraces.ReplaceAllString(route.Path, "{$1}")
		require.True(t, checked[name] || route.Path == "/" || route.Path == "/payment/:id",
			"no answer of %s was checked", name)
	}
}

// The fields come in the order of the published example.
func TestPublishedExampleFieldsComeFirstAndInOrder(t *testing.T) {
	t.Parallel()
	f := setup(t)
	body := f.call(f.account, http.MethodGet, "/payment/data/"+f.payment(f.account).ID, "").body
	var names []string
	for _, found := range regexp.MustCompile(`[{,]"(\w+)":`).FindAllStringSubmatch(body, -1) {
		names = append(names, found[1])
	}
	require.Equal(t, []string{
		"_id", "userId", "amountRequested", "amountReceived", "currencyInfo", "depositAddress", "depositNetwork",
		"status", "confirmations",
		"paymentReference", "txHash", "expiresAt", "createdAt", "exception", "requiredConfirmations", "serverTime",
	}, names)
}

// Every kind of response to a call for people matches the document.
func TestOpenAPIMatchesTheAnswersToPeople(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey, stoppedClock, func(c *Config) {
		c.TemporalUIURL, c.TemporalNamespace = "https://temporal.example", "paycow"
	})
	d := loadDocument(t)
	p := f.payment(f.account)
	f.startChain(100)
	f.reportNodes(time.Now(), models.NodeOK)
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	require.NoError(t, f.store.Raise(t.Context(), models.Alarm{
		Network: models.NetworkERC20, Kind: models.AlarmBooksDiffer, Message: "x",
	}))
	operator, admin, stranger := f.visitor(), f.admin("admin@example.org"), f.visitor()
	var id, secret string
	step := secrets.TOTPStep(f.server.Clock())
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
		if len(ids) > 1 {
			path = strings.NewReplacer("{key}", ids[1], "{member}", ids[1]).Replace(path)
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

	try(operator, 202, post, "/api/operator/register", fieldsOf{
		"email": newEmail, "password": goodPassword, "name": "Shop",
	})
	try(operator, 400, post, "/api/operator/register", fieldsOf{"email": newEmail})
	try(stranger, 401, post, "/api/operator/login", fieldsOf{"email": newEmail, "password": "wrong"})
	try(stranger, 202, post, "/api/operator/register", fieldsOf{"email": "squatter@example.org", "name": "Shop"})
	squatter, err := f.store.OperatorByEmail(t.Context(), "squatter@example.org")
	require.NoError(t, err)
	try(admin, 200, post, "/api/admin/operators/{id}/reject", fieldsOf{"reason": "unknown"}, squatter.ID)
	try(admin, 204, post, "/api/admin/operators/{id}/delete", fieldsOf{}, squatter.ID)
	try(admin, 404, post, "/api/admin/operators/{id}/delete", fieldsOf{}, squatter.ID)
	try(stranger, 202, post, "/api/operator/register", fieldsOf{"email": "linked@example.org", "name": "Shop"})
	linked, err := f.store.OperatorByEmail(t.Context(), "linked@example.org")
	require.NoError(t, err)
	try(admin, 200, post, "/api/admin/operators/{id}/approve", fieldsOf{}, linked.ID)
	f.setPassword("linked@example.org")
	try(admin, 409, post, "/api/admin/operators/{id}/delete", fieldsOf{}, linked.ID)
	try(admin, 200, put, "/api/admin/operators/{id}/limits", fieldsOf{"minAmount": 1, "maxOpen": 500}, linked.ID)
	try(admin, 404, put, "/api/admin/operators/{id}/limits", fieldsOf{}, models.NewID())
	try(admin, 400, put, "/api/admin/operators/{id}/limits", fieldsOf{"maxOpen": -1}, linked.ID)
	try(admin, 200, get, "/api/admin/me", nil)
	f.setPassword(newEmail)
	try(operator, 200, post, "/api/operator/login", login)
	id = parse[meView](t, try(operator, 200, get, "/api/operator/me", nil).body).ID
	try(operator, 403, post, "/api/operator/credentials/reveal", password)
	try(admin, 200, get, "/api/admin/operators?status=PENDING&search=shop", nil)
	try(admin, 409, post, "/api/admin/operators/{id}/reactivate", fieldsOf{}, id)
	try(admin, 404, post, "/api/admin/operators/{id}/approve", fieldsOf{}, models.NewID())
	try(admin, 200, post, "/api/admin/operators/{id}/approve", fieldsOf{"reason": "known"}, id)
	try(admin, 200, post, "/api/admin/operators/{id}/suspend", fieldsOf{"reason": "complaints"}, id)
	try(admin, 200, post, "/api/admin/operators/{id}/reactivate", fieldsOf{}, id)
	try(operator, 200, post, "/api/operator/login", login) // the suspension has ended the session
	other := f.registered("other@example.org")
	try(admin, 200, post, "/api/admin/operators/{id}/reject", fieldsOf{"reason": "unknown"}, other.me().ID)
	try(other, 200, get, "/api/operator/me", nil)

	try(operator, 200, get, "/api/operator/me", nil)
	try(operator, 200, post, "/api/operator/credentials/reveal", password)
	try(operator, 200, post, "/api/operator/credentials/rotate", fieldsOf{"password": goodPassword, "graceHours": 1})
	try(operator, 400, post, "/api/operator/credentials/rotate", password)
	d.checkSettings(t, operator, try)
	checked["PUT /api/operator/logo"] = true
	endpoint := parse[newEndpointView](t, operator.must(201, post, "/api/webhook-endpoints", fieldsOf{"url": "https://shop.example/"}).body)
	try(operator, 200, post, "/api/webhook-endpoints/{id}/secret", password, endpoint.ID)
	try(operator, 403, post, "/api/webhook-endpoints/{id}/secret", fieldsOf{"password": "wrong"}, endpoint.ID)
	checkTeam(t, f, operator, admin, id, try)
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
		try(side.v, 409, post, base+"/totp/recovery-codes", fieldsOf{"password": goodPassword, "code": "123456"})
		try(side.v, 200, post, base+"/totp/enable", fieldsOf{"code": code(-1), "recoveryCodes": true})
		try(side.v, 409, post, base+"/totp/start", password)
		try(side.v, 200, get, base+"/me", nil)
		try(stranger, 401, post, base+"/login", fieldsOf{"email": side.email, "password": goodPassword})
		try(side.v, 200, post, base+"/login", fieldsOf{"email": side.email, "password": goodPassword, "code": code(0)})
		try(side.v, 403, post, base+"/totp/recovery-codes", fieldsOf{"password": goodPassword, "code": "000000"})
		codes := parse[map[string][]string](t, try(side.v, 200, post, base+"/totp/recovery-codes",
			fieldsOf{"password": goodPassword, "code": code(1)}).body)["recoveryCodes"]
		try(side.v, 204, post, base+"/totp/disable", fieldsOf{"password": goodPassword, "code": codes[0]})
		secret = parse[map[string]string](t, try(side.v, 200, post, base+"/totp/start", password).body)["secret"]
		try(side.v, 204, post, base+"/totp/enable", fieldsOf{"code": code(-1)})
		try(side.v, 204, post, base+"/totp/disable", fieldsOf{"password": goodPassword, "code": code(0)})
		try(side.v, 403, post, base+"/password", fieldsOf{"currentPassword": "wrong", "newPassword": "a new long password"})
		try(side.v, 204, post, base+"/password", fieldsOf{
			"currentPassword": goodPassword, "newPassword": "a new long password",
		})
	}

	newPassword := fieldsOf{"password": "a new long password"}
	checkAccess(t, f, admin, other.me().ID, newPassword, try)
	checkKeysOfOperator(t, admin, id, newPassword, try)
	for _, side := range []struct {
		base string
		v    *visitor
	}{{"/api/operator", operator}, {"/api/admin", admin}} {
		try(side.v, 200, get, side.base+"/sessions", nil)
		try(side.v, 204, post, side.base+"/sessions/end", fieldsOf{})
		try(side.v, 404, post, side.base+"/sessions/end", fieldsOf{"id": "0123456789abcdef"})
	}
	link := parse[map[string]string](t, try(admin, 200, post, "/api/admin/operators/{id}/password-link", newPassword, id).body)["url"]
	_, token, _ := strings.Cut(link, "#")
	// Together, all these confirmations would be too many for one network.
	require.NoError(t, f.store.ForgetAttempts(t.Context(), networkCounter("127.0.0.1").name))
	try(stranger, 403, post, "/api/account/password", fieldsOf{"token": "x", "newPassword": "another long password"})
	try(stranger, 200, post, "/api/account/password", fieldsOf{"token": token, "newPassword": "another long password"})
	try(operator, 200, post, "/api/operator/login", fieldsOf{"email": newEmail, "password": "another long password"})

	try(admin, 200, get, "/api/admin/payments", nil)
	try(admin, 400, get, "/api/admin/payments?status=x", nil)
	try(admin, 200, get, "/api/admin/payment/{id}", nil, p.ID)
	try(admin, 404, get, "/api/admin/payment/{id}", nil, models.NewID())
	try(admin, 200, get, "/api/admin/health", nil)
	try(admin, 200, get, "/api/admin/health/history?hours=48", nil)
	try(admin, 400, get, "/api/admin/health/history?hours=49", nil)
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
	limited := try(stranger, 429, post, "/api/admin/login", fieldsOf{
		"email": "nobody@example.org", "password": "wrong password",
	})
	require.NotEmpty(t, limited.header.Get("Retry-After"))
	try(operator, 204, post, "/api/operator/logout", nil)
	try(admin, 204, post, "/api/admin/logout", nil)
	try(admin, 401, get, "/api/admin/me", nil)

	for _, route := range f.server.router.Routes() {
		if isOfPeople(route.Path) {
			require.True(t, checked[route.Method+" "+inBraces.ReplaceAllString(route.Path, "{$1}")],
				"no good answer of %s %s was checked", route.Method, route.Path)
		}
	}
}

// checkAnswer checks a response against the document.
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

// checkTeam checks the answers about an operator's team.
func checkTeam(
	t *testing.T, f *fixture, owner, admin *visitor, operatorID string,
	try func(*visitor, int, string, string, fieldsOf, ...string) answer,
) {
	t.Helper()
	get, post, password := http.MethodGet, http.MethodPost, fieldsOf{"password": goodPassword}
	invitation := fieldsOf{"email": "books@example.org", "role": "accountant", "password": goodPassword}
	made := parse[invited](t, try(owner, 201, post, "/api/team", invitation).body)
	try(owner, 409, post, "/api/team", invitation)
	try(owner, 400, post, "/api/team", fieldsOf{})
	try(owner, 200, get, "/api/team", nil)
	try(owner, 200, post, "/api/team/{id}/link", password, made.Member.ID)
	try(owner, 404, post, "/api/team/{id}/link", password, models.NewID())
	change := fieldsOf{"role": "developer", "password": goodPassword}
	try(owner, 200, http.MethodPatch, "/api/team/{id}", change, made.Member.ID)
	try(owner, 404, http.MethodPatch, "/api/team/{id}", change, models.NewID())
	member, id := owner.joined("member@example.org", models.MemberAccountant)
	try(member, 403, get, "/api/team", nil)
	try(member, 200, get, "/api/operator/me", nil)
	try(owner, 204, http.MethodDelete, "/api/team/{id}", nil, id)
	try(owner, 404, http.MethodDelete, "/api/team/{id}", nil, id)
	try(admin, 200, get, "/api/admin/operators/{id}/members", nil, operatorID)
	try(admin, 404, get, "/api/admin/operators/{id}/members", nil, models.NewID())
	remove := "/api/admin/operators/{id}/members/{member}/remove"
	try(admin, 200, post, remove, password, operatorID, made.Member.ID)
	try(admin, 404, post, remove, password, operatorID, made.Member.ID)
	f.exec("DELETE FROM login_attempts") // of one network there are only so many
}

// checkAccess checks the answers to an admin who changes the access of an operator and of another admin.
func checkAccess(
	t *testing.T, f *fixture, admin *visitor, operatorID string, confirmed fieldsOf,
	try func(*visitor, int, string, string, fieldsOf, ...string) answer,
) {
	t.Helper()
	get, post := http.MethodGet, http.MethodPost
	admins := parse[struct{ Admins []adminAccountView }](t, try(admin, 200, get, "/api/admin/admins", nil).body).Admins
	second := f.admin("second@example.org")
	require.Len(t, admins, 1)
	secondID := ""
	for _, a := range parse[struct{ Admins []adminAccountView }](t, try(admin, 200, get, "/api/admin/admins", nil).body).Admins {
		if a.ID != admins[0].ID {
			secondID = a.ID
		}
	}
	try(second, 403, post, "/api/admin/operators/{id}/unlock", fieldsOf{"password": "wrong"}, operatorID)
	for _, of := range []struct{ base, id string }{{"/api/admin/operators/{id}/", operatorID}, {"/api/admin/admins/{id}/", secondID}} {
		for _, what := range []string{"unlock", "remove-totp", "end-sessions", "password-link"} {
			try(admin, 200, post, of.base+what, confirmed, of.id)
		}
	}
	try(admin, 200, post, "/api/admin/admins/{id}/disable", confirmed, secondID)
	try(admin, 409, post, "/api/admin/admins/{id}/disable", confirmed, admins[0].ID)
	try(admin, 200, post, "/api/admin/admins/{id}/enable", confirmed, secondID)
}
