package api

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/internal/secrets"
	"paycow/models"
)

var (
	fuzzedRequests = flag.Int("requests", 3000, "how many fuzzed requests TestFuzzedRequests makes")
	fuzzSeed       = flag.Uint64("request-seed", 0, "the seed of TestFuzzedRequests, 0 for one by chance")
)

// fuzzer makes up values after the schemas of the document, and others.
type fuzzer struct {
	*rand.Rand
	ids []string
}

// odd are values that no schema asks for.
var odd = []any{
	nil, true, "", " ", "\x00", "é\u202e", "'; DROP TABLE payments; --", "%00", strings.Repeat("x", 3000), -1, 0, 1e30, 1e-9,
	json.Number("9223372036854775808"), json.Number("1e999999"),
	[]any{},
	map[string]any{},
	[]any{nil},
	map[string]any{"$ref": "#"},
}

func (f fuzzer) oneIn(n int) bool { return f.IntN(n) == 0 }

func pick[T any](f fuzzer, from []T) T { return from[f.IntN(len(from))] }

// resolved follows a reference of the document.
func resolved(node map[string]any) map[string]any {
	ref, isRef := node["$ref"].(string)
	if !isRef {
		return node
	}
	found := map[string]any(answers.document)
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		found = found[name].(map[string]any)
	}
	return found
}

// value makes up a value for a schema, now and then one that it forbids.
func (f fuzzer) value(schema map[string]any) any {
	schema = resolved(schema)
	if f.oneIn(12) {
		return pick(f, odd)
	}
	if words, isEnum := schema["enum"].([]any); isEnum {
		return pick(f, words)
	}
	if ways, ok := schema["oneOf"].([]any); ok {
		return f.value(pick(f, ways).(map[string]any))
	}
	kind := schema["type"]
	if kinds, isList := kind.([]any); isList {
		kind = pick(f, kinds)
	}
	switch kind {
	case "object":
		made := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			required, _ := schema["required"].([]any)
			if slices.Contains(required, any(name)) && !f.oneIn(20) || f.oneIn(2) {
				made[name] = f.value(properties[name].(map[string]any))
			}
		}
		if f.oneIn(15) {
			made[pick(f, []string{"x", "", "amount", "__proto__"})] = pick(f, odd)
		}
		return made
	case "array":
		made := []any{}
		for range f.IntN(4) {
			made = append(made, f.value(schema["items"].(map[string]any)))
		}
		return made
	case "integer", "number":
		return pick(f, []any{0, 1, 2, 50, 300, 86400, 0.5, 1e6, json.Number("50.000000"), f.IntN(1000)})
	case "boolean":
		return f.oneIn(2)
	case "null":
		return nil
	default:
		return pick(f, append([]string{
			"u", "5", newEmail, goodPassword, "2026-01-02T03:04:05Z", "0123456789abcdef", "10.0.0.0/8", "123456", "https://shop.example/",
		}, f.ids...))
	}
}

// request makes up a request for an operation.
func (f fuzzer) request(o operation) *http.Request {
	path := strings.ReplaceAll(o.path, "{id}", url.PathEscape(pick(f, append([]string{
		"x", "1", "-1", "%", "\x00", "é", "..", strings.Repeat("0", 24), strings.Repeat("9", 400),
	}, f.ids...))))
	described := answers.document["paths"].(map[string]any)[o.path].(map[string]any)[strings.ToLower(o.method)].(map[string]any)
	query := url.Values{}
	parameters, _ := described["parameters"].([]any)
	for _, p := range parameters {
		parameter := resolved(p.(map[string]any))
		if parameter["in"] == "query" && f.oneIn(3) {
			text, _ := json.Marshal(f.value(parameter["schema"].(map[string]any))) //nolint:errchkjson // it can be encoded
			query.Add(parameter["name"].(string), strings.Trim(string(text), `"`))
		}
	}
	var body []byte
	kind := contentTypeOf(o)
	if schema, ok := o.body[kind].(map[string]any); ok {
		body, _ = json.Marshal(f.value(schema["schema"].(map[string]any))) //nolint:errchkjson // as above
		if f.oneIn(15) && len(body) > 0 {
			body[f.IntN(len(body))] = byte(f.IntN(256))
		}
	}
	target := path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request := httptest.NewRequest(o.method, target, strings.NewReader(string(body)))
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if f.oneIn(4) {
		request.Header.Set("Idempotency-Key", pick(f, []string{"a", "b", "", "\x01", strings.Repeat("k", 300)}))
	}
	return request
}

// fuzzedPerson is somebody who is logged in and makes fuzzed requests. When the session has ended, because a request
// ended it, another person comes.
type fuzzedPerson struct {
	*fixture
	role     models.Role
	add      func() (accountID string) // adds an account
	ids      func(accountID string) []string
	fuzz     fuzzer
	cookie   *http.Cookie
	requests int
	people   int
}

// request makes up a request of the person.
func (p *fuzzedPerson) request(o operation) *http.Request {
	p.Helper()
	if p.requests++; p.requests%10 == 1 && !p.isLoggedIn() {
		p.people++
		account, err := p.store.AccountByID(p.Context(), p.role, p.add())
		require.NoError(p, err)
		token, hash := secrets.NewSessionToken()
		session := models.Session{TokenHash: hash, Address: "192.0.2.1"}
		require.NoError(p, p.store.CreateSession(p.Context(), account, session, nil, models.AuditEntry{Actor: "test", Action: "test"}))
		p.cookie = &http.Cookie{Name: sessionCookie, Value: token}
		p.fuzz.ids = p.ids(account.ID)
	}
	request := p.fuzz.request(o)
	request.AddCookie(p.cookie)
	return request
}

func (p *fuzzedPerson) isLoggedIn() bool {
	if p.cookie == nil {
		return false
	}
	_, err := p.store.Session(p.Context(), secrets.HashSessionToken(p.cookie.Value))
	if !errors.Is(err, models.ErrNotFound) {
		require.NoError(p, err)
	}
	return err == nil
}

// TestFuzzedRequests makes requests that are derived from the document: with keys, as a logged-in operator and admin, and
// as nobody. None fails with a 5xx, each answer is as documented, a key that only reads changes nothing, and nobody
// changes what belongs to another operator.
func TestFuzzedRequests(t *testing.T) {
	t.Parallel()
	seed := *fuzzSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("to repeat it: go test ./api -run TestFuzzedRequests -args -requests %d -request-seed %d", *fuzzedRequests, seed)
	f := setup(t, withKey)
	own := f.operatorID(f.account)
	reader := f.key(own, models.Credential{Scopes: string(models.ScopePaymentsRead)})
	mine, others := f.started(f.account), f.started(f.other)
	random := rand.New(rand.NewPCG(seed, 0))
	fuzz := fuzzer{random, []string{mine.ID, others.ID, own, reader.APIKey, mine.Reference}}
	var account apitest.Account
	operator := &fuzzedPerson{
		fixture: f, fuzz: fuzzer{Rand: random}, role: models.RoleOperator,
		add: func() string {
			account = f.operator(models.OperatorActive)
			id := f.operatorID(account)
			f.exec("UPDATE operators SET password_hash = ? WHERE id = ?", cheapHash(goodPassword), id)
			return id
		},
		ids: func(id string) []string {
			return []string{f.started(account).ID, others.ID, own, reader.APIKey, account.APIKey, f.endpoint(account, "").ID, id}
		},
	}
	// An admin may do what the others rely on not to happen, so this one knows of an operator that nobody else is.
	subject := f.operatorID(f.operator(models.OperatorActive))
	admin := &fuzzedPerson{
		fixture: f, fuzz: fuzzer{Rand: random}, role: models.RoleAdmin,
		add: func() string {
			a := models.Admin{ID: models.NewID(), PasswordHash: cheapHash(goodPassword)}
			a.Email = a.ID + "@example.org"
			require.NoError(f, f.store.CreateAdmin(f.Context(), a))
			return a.ID
		},
		ids: func(string) []string { return []string{subject} },
	}
	handler := answers.handler(t, f.server.Handler())
	before := f.row(others.ID)
	ofReader, byStatus := 0, map[int]int{}
	for i := range *fuzzedRequests {
		o := pick(fuzz, answers.operations)
		who := pick(fuzz, []apitest.Account{{}, reader, reader, f.account, f.account})
		var request *http.Request
		switch fuzz.IntN(4) {
		case 0:
			request = operator.request(o)
		case 1:
			request = admin.request(o)
		default:
			request = fuzz.request(o)
			request.Header.Set("x-api-key", who.APIKey)
			request.Header.Set("x-api-secret", who.APISecret)
		}
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, request)
		if o.path != "/readyz" {
			require.Less(t, got.Code, http.StatusInternalServerError, "request %d, %s %s: %s", i, o.method, request.URL, got.Body)
		}
		hasKey := request.Header.Get("x-api-key") == reader.APIKey
		if hasKey && o.method != http.MethodGet && strings.HasPrefix(o.path, "/api/") && !isOfPeople(o.path) {
			ofReader++
			require.Equal(t, http.StatusForbidden, got.Code, "request %d, %s %s: %s", i, o.method, request.URL, got.Body)
		}
		if request.Header.Get("Cookie") != "" {
			byStatus[got.Code]++
		}
	}
	t.Logf("answers to those who were logged in, by status: %v; %d operators and %d admins", byStatus, operator.people, admin.people)
	require.Equal(t, before, f.row(others.ID))
	require.Positive(t, ofReader)
}
