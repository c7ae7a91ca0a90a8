package api

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/web"
)

// public reads a public page.
func (f *fixture) public(path string, headers ...string) answer {
	f.Helper()
	request, err := http.NewRequestWithContext(f.Context(), http.MethodGet, f.url+path, nil)
	require.NoError(f, err)
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(response, request)
	return answer{response.Code, response.Header(), response.Body.String()}
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	f := setup(t)
	page := f.public("/docs")
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Equal(t, web.ContentSecurityPolicy, page.header.Get("Content-Security-Policy"))
	require.Equal(t, "no-cache", page.header.Get("Cache-Control"))
	require.Contains(t, page.body, "http://paycow.test/api/payment/create")
	require.Contains(t, page.body, "at most 1000.00 here")
	require.Contains(t, page.body, "Payers have\n1 hour until")

	small := f.public("/docs", "Accept-Encoding", "gzip")
	require.Equal(t, "gzip", small.header.Get("Content-Encoding"))
	require.Less(t, len(small.body), len(page.body)/3)

	for _, headers := range [][]string{{}, {"Accept-Encoding", "gzip"}} {
		again := f.public("/docs", append(headers, "If-None-Match", page.header.Get("ETag"))...)
		require.Equal(t, http.StatusNotModified, again.status)
		require.Empty(t, again.body)
		require.Equal(t, page.header.Get("ETag"), again.header.Get("ETag"))
	}
	require.Equal(t, http.StatusOK, f.public("/docs", "If-None-Match", `"other"`).status)
}

// docsPaths returns the path of every page of the documentation.
func docsPaths(t *testing.T, f *fixture) []string {
	t.Helper()
	docs, err := f.server.docs()
	require.NoError(t, err)
	paths := docs.Paths()
	require.Greater(t, len(paths), 100)
	return paths
}

func TestDocsPages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, path := range docsPaths(t, f) {
		page := f.public(path)
		require.Equal(t, http.StatusOK, page.status, path)
		require.Equal(t, web.ContentSecurityPolicy, page.header.Get("Content-Security-Policy"), path)
	}
	found := f.public("/docs/search?q=idempotency")
	require.Equal(t, http.StatusOK, found.status)
	require.Contains(t, found.body, `<a href="/docs/calls#idempotency">Idempotency</a>`)
	for path, want := range map[string]string{
		"/docs/": "/docs", "/docs/webhooks/": "/docs/webhooks", "/docs/search/?q=a+b": "/docs/search?q=a+b",
		"/docs/reference/": "/docs/reference", "/docs/reference/createPayment/": "/docs/reference/createPayment",
		"/docs/reference/schemas/Error/": "/docs/reference/schemas/Error",
	} {
		redirect := f.public(path)
		require.Equal(t, http.StatusPermanentRedirect, redirect.status, path)
		require.Equal(t, want, redirect.header.Get("Location"))
	}
	for _, path := range []string{
		"/docs/nothing", "/docs/reference/nothing", "/docs/reference/schemas/nothing", "/docs/a/b/c/d", "/docs/docs-start.html",
	} {
		missing := f.public(path)
		require.Equal(t, http.StatusNotFound, missing.status, path)
		require.Contains(t, missing.body, `href="/"`, path)
	}
}

// TestDocsSearchIsLimited limits the searches of a network, and nothing else of the documentation.
func TestDocsSearchIsLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.RatePerNetwork = 2 })
	for range 2 {
		require.Equal(t, http.StatusOK, f.public("/docs/search?q=payment").status)
	}
	refused := f.public("/docs/search?q=payment")
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, f.public("/docs/webhooks").status)
}

// Pages are compressed for clients that accept gzip. Responses of calls never are.
func TestCompression(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "br, GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.000": "", "identity": "",
		"gzip;q=0.001": "gzip",
		"xgzip":        "", "gzip, zstd": "gzip",
	} {
		page := f.public("/", "Accept-Encoding", accept)
		require.Equal(t, want, page.header.Get("Content-Encoding"), accept)
		require.ElementsMatch(t, []string{"Accept-Language", "Cookie", "Accept-Encoding"}, page.header.Values("Vary"))
		require.Equal(t, want == "", strings.Contains(page.body, "<!doctype html>"), accept)
	}
	require.Empty(t, f.public("/openapi.json", "Accept-Encoding", "gzip").header.Get("Content-Encoding"))
	list := f.call(f.account, http.MethodGet, "/api/payments", "", "Accept-Encoding", "gzip")
	require.Empty(t, list.header.Get("Content-Encoding"))
}

// An asset answers range requests and conditional requests.
func TestAssetRequests(t *testing.T) {
	t.Parallel()
	f := setup(t)
	path := regexp.MustCompile(`/assets/[^"]+\.css`).FindString(f.public("/").body)
	whole := f.public(path)
	require.Equal(t, http.StatusOK, whole.status)
	part := f.public(path, "Range", "bytes=0-9")
	require.Equal(t, http.StatusPartialContent, part.status)
	require.Equal(t, whole.body[:10], part.body)
	require.Equal(t, http.StatusNotModified, f.public(path, "If-None-Match", whole.header.Get("ETag")).status)
	require.Equal(t, http.StatusOK, f.public(path, "If-None-Match", `W/"other"`).status)
}

// Every link on the public pages resolves.
func TestPublicPagesLinksResolve(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, name := range append(docsPaths(t, f), "/", "/docs/search?q=payment") {
		for _, found := range regexp.MustCompile(`(?:href|src)="(/[^"#]*)`).FindAllStringSubmatch(f.public(name).body, -1) {
			got := f.public(html.UnescapeString(found[1]))
			require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, got.status, "%s leads to %s", name,
				found[1]) // 503 is /readyz of a test
		}
	}
}

// The page mentions no call that does not exist.
func TestDocsNameOnlyCallsThatExist(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var known []string
	for _, route := range f.server.router.Routes() {
		known = append(known, regexp.MustCompile(`:\w+`).ReplaceAllString(route.Path, "{}"))
	}
	var page string
	for _, path := range docsPaths(t, f) {
		page += html.UnescapeString(f.public(path).body)
	}
	mentioned := regexp.MustCompile(`(?:http://paycow\.test|[\s>"'}])(/(?:api|payment)/[A-Za-z0-9/{}$_-]+)`).FindAllStringSubmatch(page, -1)
	require.Greater(t, len(mentioned), 30)
	for _, found := range mentioned {
		path := regexp.MustCompile(`\$?\{[^}]*\}|\$\w+|[0-9a-f]{24}`).ReplaceAllString(found[1], "{}")
		path = strings.TrimSuffix(path, "/") // a program that puts the id behind it
		require.True(t, slices.ContainsFunc(known, func(k string) bool { return k == path || k == path+"/{}" }),
			"%s is no call (%s)", found[1], path)
	}
}

// Every command on the page works as shown, apart from the credentials and the id.
func TestDocsSnippetsRun(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the commands cannot run here: %v", err)
		}
	}
	f := setup(t, withKey)
	late := f.short(f.account, models.ExceptionPaidLate)
	endpoint := f.endpoint(f.account, "")
	wants := map[string]struct{ payment, has string }{
		"create.sh":     {"", `"checkoutUrl":"http://paycow.test/payment/`},
		"idempotent.sh": {"", `"paymentId":"`},
		"status.sh":     {late.ID, `"exception":"PAID_LATE"`},
		"full.sh":       {late.ID, `"timeline":[`},
		"list.sh":       {"", `"nextCursor":null`},
		"csv.sh":        {"", "_id,userId,amountRequested"},
		"reject.sh":     {f.payment(f.account).ID, `"reason":"The customer cancelled the order."`},
		"accept.sh":     {late.ID, `"exception":"ACCEPTED"`},
		"balance.sh":    {"", `"available":`},
		"ledger.sh":     {"", `"entries":`},
		"events.sh":     {"", `"events":`},
		"endpoint.sh":   {"", `"secret":"whsec_`},
		"redeliver.sh":  {"", `"count":0`},
		"test-mode.sh":  {"", `"test":true`},
		"link.sh":       {"", `"url":"http://paycow.test/pay/`},
	}
	snippets := web.Snippets(f.url)
	for name := range snippets {
		require.True(t, wants[name].has != "" || !strings.HasSuffix(name, ".sh"), "nobody runs %s", name)
	}
	for _, name := range []string{
		"create.sh", "idempotent.sh", "status.sh", "full.sh", "list.sh", "csv.sh",
		"reject.sh", "accept.sh", "balance.sh", "ledger.sh", "events.sh", "endpoint.sh", "redeliver.sh",
		"test-mode.sh", "link.sh",
	} {
		account := f.account
		if name == "test-mode.sh" {
			account = f.testKey(account)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-euc", snippets[name])
		cmd.Env = append(os.Environ(), "PAYCOW_API_KEY="+account.APIKey, "PAYCOW_API_SECRET="+account.APISecret,
			"PAYMENT_ID="+wants[name].payment, "ENDPOINT_ID="+endpoint.ID)
		out, err := cmd.Output()
		require.NoError(t, err, name)
		require.Contains(t, string(out), wants[name].has, name)
	}
}

// statusOf holds the status of each function that returns a failure, and of each status constant.
var statusOf = map[string]int{
	"invalid": http.StatusBadRequest, "conflict": http.StatusConflict, "refuse": http.StatusForbidden,
	"StatusBadRequest": http.StatusBadRequest, "StatusUnauthorized": http.StatusUnauthorized,
	"StatusForbidden": http.StatusForbidden,
	"StatusNotFound":  http.StatusNotFound, "StatusMethodNotAllowed": http.StatusMethodNotAllowed,
	"StatusConflict":              http.StatusConflict,
	"StatusRequestEntityTooLarge": http.StatusRequestEntityTooLarge,
	"StatusUnsupportedMediaType":  http.StatusUnsupportedMediaType,
	"StatusUnprocessableEntity":   http.StatusUnprocessableEntity, "StatusTooManyRequests": http.StatusTooManyRequests,
	"StatusInternalServerError": http.StatusInternalServerError, "StatusServiceUnavailable": http.StatusServiceUnavailable,
}

// ofPages are the source files of calls that only PayCow's own pages make. Their codes need not be documented.
var ofPages = []string{
	"access.go", "admin.go", "attempts.go", "checkout.go", "followers.go", "health.go", "login.go", "operator.go", "password.go",
	"registration.go",
	"roles.go", "rotation.go", "session.go", "statistics.go", "team.go", "totp.go",
}

// codesInSource returns every failure in the package's source, as "file.go 409 code". A code that ends in an
// underscore is only a prefix.
func codesInSource(t *testing.T) (codes []string) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || name == "error_codes.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			status, code := 0, ""
			switch node := node.(type) {
			case *ast.CompositeLit:
				for _, element := range node.Elts {
					pair, ok := element.(*ast.KeyValueExpr)
					if !ok {
						continue
					}
					switch fmt.Sprint(pair.Key) {
					case "code":
						code = leadingText(pair.Value)
					case "status":
						if selector, ok := pair.Value.(*ast.SelectorExpr); ok {
							status = statusOf[selector.Sel.Name]
						}
					}
				}
			case *ast.CallExpr:
				callee, ok := node.Fun.(*ast.Ident)
				if !ok || len(node.Args) == 0 {
					return true
				}
				switch status = statusOf[callee.Name]; {
				case callee.Name == "invalid", callee.Name == "checkText":
					code, status = leadingText(node.Args[min(1, len(node.Args)-1)]), http.StatusBadRequest
					if callee.Name == "checkText" {
						code = leadingText(node.Args[0])
					}
				case status != 0:
					code = leadingText(node.Args[0])
				case slices.ContainsFunc(node.Args,
					func(a ast.Expr) bool { return strings.HasPrefix(leadingText(a), "unsupported_") }):
					status = http.StatusBadRequest // body.only hands its last argument on
				}
			}
			if status != 0 && regexp.MustCompile(`^[a-z]+(_[a-z]*)*$`).MatchString(code) {
				codes = append(codes, fmt.Sprintf("%s %d %s", name, status, code))
			}
			return true
		})
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`"(unsupported_(?:network|currency))"`).FindAllStringSubmatch(string(source), -1) {
			codes = append(codes, fmt.Sprintf("%s %d %s", name, http.StatusBadRequest, found[1]))
		}
	}
	return codes
}

// leadingText returns the text of a literal, or of the first literal of a concatenation.
func leadingText(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.BinaryExpr:
		return leadingText(e.X)
	}
	return ""
}

// The table of errors matches the code: every documented code is used with its status, and every code that an
// integrator can encounter is documented.
func TestDocumentedErrorsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	inCode := codesInSource(t)
	require.Greater(t, len(inCode), 30)
	isSame := func(inSource, documented string) bool {
		_, inSource, _ = strings.Cut(inSource, " ")
		return inSource == documented || strings.HasSuffix(inSource, "_") && strings.HasPrefix(documented, inSource)
	}
	var documented []string
	for _, e := range documentedErrors {
		line := fmt.Sprintf("%d %s", e.Status, e.Code)
		require.NotContains(t, documented, line)
		documented = append(documented, line)
		require.True(t, slices.ContainsFunc(inCode, func(c string) bool { return isSame(c, line) }),
			"%s is documented, and no code makes it", line)
	}
	for _, c := range inCode {
		file, _, _ := strings.Cut(c, " ")
		if slices.Contains(ofPages, file) {
			continue
		}
		require.True(t, slices.ContainsFunc(documented, func(d string) bool { return isSame(c, d) }),
			"%s is not in the table of /docs", c)
	}
}

// The document is valid OpenAPI 3.1 and follows the project's own rules.
func TestOpenAPILint(t *testing.T) {
	t.Parallel()
	loaded, err := openapi3.NewLoader().LoadFromData(openAPIDocument)
	require.NoError(t, err)
	require.NoError(t, loaded.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()))

	declared, operations := map[string]bool{}, map[string]string{}
	for _, tag := range loaded.Tags {
		declared[tag.Name] = true
	}
	for path, item := range loaded.Paths.Map() {
		for method, operation := range item.Operations() {
			where := method + " " + path
			require.NotEmpty(t, operation.OperationID, where)
			require.Empty(t, operations[operation.OperationID], "%s has the operationId of another call", where)
			operations[operation.OperationID] = where
			require.NotEmpty(t, operation.Summary, where)
			require.NotNil(t, operation.Security, "%s does not say what it must be sent with", where)
			for _, alternative := range *operation.Security {
				for scheme := range alternative {
					require.Contains(t, loaded.Components.SecuritySchemes, scheme, where)
				}
			}
			require.NotEmpty(t, operation.Tags, where)
			for _, tag := range operation.Tags {
				require.True(t, declared[tag], "%s: the tag %s is not declared", where, tag)
			}
			for _, parameter := range operation.Parameters {
				require.NotEmpty(t, parameter.Value.Description, "%s: %s", where, parameter.Value.Name)
				require.NotNil(t, parameter.Value.Schema, "%s: %s", where, parameter.Value.Name)
			}
			for _, found := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				require.NotNil(t, operation.Parameters.GetByInAndName("path", found[1]), "%s: {%s} is no parameter",
					where, found[1])
			}
			isSuccess := func(status int) bool { return operation.Responses.Status(status) != nil }
			require.True(t, slices.ContainsFunc([]int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent},
				isSuccess), "%s has no good answer", where)
			if strings.HasPrefix(path, "/api/") {
				needed := []int{http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable}
				if len(*operation.Security) > 0 {
					needed = append(needed, http.StatusUnauthorized)
				}
				for _, status := range needed {
					require.NotNil(t, operation.Responses.Status(status), "%s does not tell of %d", where, status)
				}
			}
			for status, response := range operation.Responses.Map() {
				require.NotEmpty(t, *response.Value.Description, "%s %s", where, status)
			}
		}
	}
	// A component without references is a leftover.
	for kind, names := range map[string][]string{
		"schemas": keysOf(loaded.Components.Schemas), "responses": keysOf(loaded.Components.Responses),
		"parameters": keysOf(loaded.Components.Parameters),
	} {
		for _, name := range names {
			require.Contains(t, string(openAPIDocument), `"#/components/`+kind+`/`+name+`"`)
		}
	}
}

func keysOf[M ~map[string]V, V any](m M) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}
