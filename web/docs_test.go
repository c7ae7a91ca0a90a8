package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func docsOf(t *testing.T, publicURL string) *Docs {
	t.Helper()
	document, err := os.ReadFile("../api/openapi.json")
	require.NoError(t, err)
	docs, err := NewDocs(DocsConfig{
		PublicURL: publicURL, OpenAPI: document, Confirmations: 12, Window: time.Hour, MaxAmount: 1000 * models.USDT,
		Errors: []ErrorCode{{Status: 503, Code: "later", IsRepeatable: true}, {Status: 400, Code: "<wrong>"}},
	})
	require.NoError(t, err)
	return docs
}

// page returns the page of the documentation at a path.
func (d *Docs) page(t *testing.T, path string) string {
	t.Helper()
	page, ok := d.Page(path)
	require.True(t, ok, path)
	return string(page.Content)
}

// all returns all pages of the documentation, one after the other.
func (d *Docs) all(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range d.Paths() {
		all.WriteString(d.page(t, path))
	}
	return all.String()
}

func searchPage(t *testing.T, d *Docs, query string) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, d.WriteSearch(&page, query))
	return page.String()
}

func homePage(t *testing.T) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, WriteHome(&page, languages[0], Home{}))
	return page.String()
}

// publicPages are the pages that need no account, by name.
func publicPages(t *testing.T) map[string]string {
	t.Helper()
	docs := docsOf(t, "https://shop.example:8443/pay")
	pages := map[string]string{"home": homePage(t)}
	for _, path := range docs.Paths() {
		pages[path] = docs.page(t, path)
	}
	for _, query := range []string{"", "idempotency key", "no such word"} {
		pages["/docs/search?q="+query] = searchPage(t, docs, query)
	}
	return pages
}

func TestPublicPagesHoldNothingInlineAndLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	for name, page := range publicPages(t) {
		require.NotRegexp(t, `(?i)<style|\sstyle=|<script>|<script[^>]*>[^<]|\son[a-z]+=|javascript:|<iframe|<base`,
			page, name)
		for _, found := range regexp.MustCompile(`\s(?:src|href|action|srcset|poster|data)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			address := found[1]
			require.Truef(t, strings.HasPrefix(address, "#") || strings.HasPrefix(address, "?lang=") || strings.HasPrefix(address, "/") &&
				!strings.HasPrefix(address, "//") ||
				strings.HasPrefix(address, "data:image/svg+xml,"), "%s: %s", name, address)
		}
	}
}

func TestPublicPagesAnchorsResolveAndIDsAreUnique(t *testing.T) {
	t.Parallel()
	for name, page := range publicPages(t) {
		ids := map[string]bool{}
		for _, found := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			require.False(t, ids[found[1]], "%s: the id %s is there twice", name, found[1])
			ids[found[1]] = true
		}
		links := regexp.MustCompile(`(?:href="#|for="|aria-labelledby="|url\(#)([^")]*)`).FindAllStringSubmatch(page, -1)
		require.NotEmpty(t, links)
		for _, found := range links {
			for id := range strings.FieldsSeq(found[1]) {
				require.True(t, ids[id], "%s: nothing has the id %s", name, id)
			}
		}
	}
}

// A link from one page of the documentation to a part of another leads to it.
func TestDocsLinksAcrossPages(t *testing.T) {
	t.Parallel()
	pages, count := publicPages(t), 0
	for name, page := range pages {
		for _, found := range regexp.MustCompile(` href="(/docs[^"#]*)(?:#([^"]+))?"`).FindAllStringSubmatch(page, -1) {
			target, ok := pages[found[1]]
			require.True(t, ok, "%s leads to %s", name, found[1])
			if found[2] != "" {
				require.Contains(t, target, ` id="`+found[2]+`"`, "%s leads to %s", name, found[0])
				count++
			}
		}
	}
	require.Greater(t, count, 300)
}

// The documentation was a single page once. Whatever part of it a link or a bookmark names, that page still has it, or a
// link to where it is now.
func TestDocsOldAnchorsLead(t *testing.T) {
	t.Parallel()
	docs := docsOf(t, "https://x.example")
	first := docs.page(t, "/docs")
	old := strings.FieldsSeq(`authentication balance checkout confirmations content create decisions errors events examples
		exceptions going-live idempotency lists pages quick-start reference return schemas states status test-mode testing
		tolerance webhook-catch-up webhook-receive webhook-secret webhook-tries webhook-verify webhooks calls-payments
		calls-money calls-webhooks calls-keys calls-accounts calls-administration call-createPayment call-getPaymentData
		call-listEvents schema-Error schema-Status schema-WebhookEndpoint`)
	for id := range old {
		found := regexp.MustCompile(`<(\w+) id="` + id + `"[^>]*>(?:<a href="([^"#]+)(?:#([^"]+))?">)?`).FindStringSubmatch(first)
		require.NotNil(t, found, id)
		if found[1] == "li" {
			require.Contains(t, docs.page(t, found[2]), ` id="`+id+`"`, id)
		}
	}
}

// Without a script all lists of links are open.
func TestDocsListsAreOpen(t *testing.T) {
	t.Parallel()
	docs := docsOf(t, "https://x.example")
	require.Regexp(t, `<nav class="contents"[^>]*>\s*<details open>`, docs.page(t, "/docs/webhooks"))
	require.Contains(t, docs.page(t, "/docs"), `<details open><summary>Every call and schema of the reference</summary>`)
}

func TestDocsSearch(t *testing.T) {
	t.Parallel()
	docs := docsOf(t, "https://x.example")
	for query, want := range map[string]string{
		"idempotency": "/docs/calls#idempotency", "Test Mode": "/docs/testing#test-mode", "rotate secret": "/docs/webhooks#webhook-secret",
		"UNDERPAID_ACCEPTED": "/docs/payments#exceptions", "create a payment": "/docs#create", "WebhookEndpoint": "/docs/reference/schemas/WebhookEndpoint",
		"/api/balance": "/docs/calls#balance",
	} {
		found := search(docs.found, query).Found
		require.NotEmpty(t, found, query)
		require.Equal(t, want, found[0].Href, query)
		require.LessOrEqual(t, len(found), maxFound)
	}
	require.Empty(t, search(docs.found, "idempotency nosuchword").Found, "every word must be there")
	require.Empty(t, search(docs.found, "  ").Found)

	page := searchPage(t, docs, " <b>idempotency  key ")
	require.Contains(t, page, `value="&lt;b&gt;idempotency key"`)
	require.NotContains(t, page, "<b>")
	page = searchPage(t, docs, "idempotency key")
	require.Regexp(t, `<mark>Idempotency</mark>-<mark>Key</mark>`, page)
	require.Contains(t, page, `<meta name="robots" content="noindex">`)
	for _, odd := range []string{"\xff", "İİİ", strings.Repeat("a ", 500), "…", `"`, "(?"} {
		searchPage(t, docs, odd)
	}
}

// The page of a search says what it leaves out.
func TestDocsSearchSaysItsLimits(t *testing.T) {
	t.Parallel()
	docs := docsOf(t, "https://x.example")
	all := search(docs.found, "payment")
	require.Greater(t, all.Count, maxFound)
	require.Contains(t, searchPage(t, docs, "payment"), fmt.Sprintf("The best 20 of %d places for", all.Count))
	require.Contains(t, searchPage(t, docs, "payment"), "not the code in programs")
	require.NotContains(t, searchPage(t, docs, "idempotency key"), "The best")

	eight := strings.Repeat("payment ", maxQueryWords)
	require.NotContains(t, searchPage(t, docs, eight), "only its beginning was used")
	require.Contains(t, searchPage(t, docs, eight+"nosuchword"), "only its beginning was used")

	long := searchPage(t, docs, "payment "+strings.Repeat("é", 1000))
	require.Contains(t, long, `value="payment `+strings.Repeat("é", maxQuery-len("payment "))+`"`)
	require.Contains(t, long, "only its beginning was used")
	require.NotContains(t, searchPage(t, docs, strings.Repeat("é", maxQuery)), "only its beginning was used")
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	section := func(text string) docsSection { return docsSection{text: text, lower: strings.ToLower(text)} }
	require.Equal(t, []snippetPart{{Text: "a "}, {Text: "Word", IsHit: true}, {Text: " b"}}, section("a Word b").snippet([]string{"word"}))
	long := section(strings.Repeat("é", 100) + "x" + strings.Repeat("é", 200)).snippet([]string{"x"})
	require.Equal(t, "…", long[0].Text)
	require.Equal(t, strings.Repeat("é", 30), long[1].Text)
	require.Equal(t, snippetPart{Text: "x", IsHit: true}, long[2])
	require.Equal(t, "…", long[len(long)-1].Text)
	require.Equal(t, []snippetPart{{Text: "only in the title"}}, section("only in the title").snippet([]string{"z"}))
}

// The structure that assistive technology relies on: one h1, no skipped heading level, one main, a skip link, and a
// name and a tab stop for every scrollable region.
func TestPublicPagesStructure(t *testing.T) {
	t.Parallel()
	for name, page := range publicPages(t) {
		last := byte('0')
		for _, found := range regexp.MustCompile(`<h([1-6])`).FindAllStringSubmatch(page, -1) {
			level := found[1][0]
			require.LessOrEqual(t, level, last+1, "%s: h%c after h%c", name, level, last)
			last = level
		}
		require.Equal(t, 1, strings.Count(page, "<h1"), name)
		require.Equal(t, 1, strings.Count(page, "<main id=\"content\""), name)
		require.Contains(t, page, `<a class="skip-link" href="#content">`, name)
		require.Contains(t, page, `<html lang="en"`, name)
		for _, tag := range regexp.MustCompile(`<pre[^>]*>|<div class="scroll[^>]*>`).FindAllString(page, -1) {
			require.Regexp(t, `tabindex="0" role="group" aria-label="[^"]+"`, tag, name)
		}
		for _, tag := range regexp.MustCompile(`<nav[^>]*>`).FindAllString(page, -1) {
			require.Contains(t, tag, "aria-label=", name)
		}
		require.NotRegexp(t, `<th(?: [a-rt-z]|>)`, page, "%s: a heading of a table without its scope", name)
	}
}

func TestDocsFillInTheInstallation(t *testing.T) {
	t.Parallel()
	page := html.UnescapeString(docsOf(t, "https://shop.example:8443/pay").all(t))
	require.Contains(t, page, "https://shop.example:8443/pay/api/payment/create")
	require.Contains(t, page, `"paymentUrl": "https://shop.example:8443/pay/payment/`)
	for _, text := range []string{
		exampleHost, publishedHost, "paycow.net", "development only", "NaN",
		"%!",
	} {
		require.NotContains(t, page, text)
	}
	require.Contains(t, docsOf(t, "http://127.0.0.1:8080").page(t, "/docs"), "development only")
	require.Less(t, strings.Index(page, "<wrong>"), strings.Index(page, "<code>later"),
		"errors are sorted by their status")
	for _, example := range Examples("https://x.example") {
		require.Equal(t, 1, strings.Count(example.Text, "https://x.example"), example.Name)
	}
}

// An address with characters that are special in HTML, a shell or a string literal is harmless everywhere.
func TestDocsWithAnOddAddress(t *testing.T) {
	t.Parallel()
	const odd = "https://x.example/a'b\"c`d$(e)\\f<script>&{g}ü"
	const harmless = "https://x.example/a%27b%22c%60d%24%28e%29%5Cf%3Cscript%3E%26%7Bg%7D%C3%BC"
	require.Equal(t, harmless, literalURL(odd))
	page := docsOf(t, odd).all(t)
	require.Contains(t, page, harmless)
	require.NotContains(t, page, "<script>")
	require.NotContains(t, html.UnescapeString(page), "a'b")
	for name, text := range Snippets(odd) {
		require.NotContains(t, text, "$(e)", name)
	}
}

func TestPublicPagesStaySmall(t *testing.T) {
	t.Parallel()
	docs := docsOf(t, "https://shop.example")
	for _, path := range docs.Paths() {
		require.Less(t, gzippedSize(t, []byte(docs.page(t, path))), 16<<10, path)
	}
	require.Less(t, len(homePage(t)), 8<<10)
	for _, name := range []string{"docs.css", "docs.js"} {
		require.Less(t, gzippedSize(t, assets[name].Content), 6<<10, name)
	}
}

// Each program has the style rule that shows it when its language is chosen.
func TestEveryExampleCanBeChosen(t *testing.T) {
	t.Parallel()
	style, page := string(assets["docs.css"].Content), docsOf(t, "https://x.example").all(t)
	for name, programs := range map[string][]Example{"language": Examples("https://x.example"), "verify": Verifiers()} {
		require.Len(t, programs, 7)
		for _, program := range programs {
			require.Contains(t, style, ".examples:has([value="+program.ID+"]:checked) .in-"+program.ID)
			require.Contains(t, page, `name="`+name+`" id="`+name+`-`+program.ID+`" value="`+program.ID+`"`)
			require.Contains(t, page, html.EscapeString(strings.Split(program.Text, "\n")[3]))
		}
	}
}

func TestReferenceListsEveryCallAndSchema(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../api/openapi.json")
	require.NoError(t, err)
	var api struct {
		Paths      map[string]map[string]struct{ OperationID string }
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal(document, &api))
	docs := docsOf(t, "https://x.example")
	list := docs.page(t, "/docs/reference")
	for path, methods := range api.Paths {
		require.Contains(t, list, "<code>"+path+"</code>")
		for method, call := range methods {
			if path == "/" || path == "/payment/{id}" {
				continue
			}
			page := docs.page(t, "/docs/reference/"+call.OperationID)
			require.Contains(t, page, `<h1 id="call-`+call.OperationID+`">`)
			require.Contains(t, page, `<span class="method">`+strings.ToUpper(method)+`</span> <code>`+path+`</code>`)
			require.Contains(t, list, `href="/docs/reference/`+call.OperationID+`"`)
		}
	}
	for name := range api.Components.Schemas {
		require.Contains(t, docs.page(t, "/docs/reference/schemas/"+name), `id="schema-`+name+`"`)
		require.Contains(t, list, `href="/docs/reference/schemas/`+name+`"`)
	}
}

func TestReferenceRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		`[]`, `{"paths":[]}`, `{"paths":{"/x":{"get":{"operationId":"x"}}}}`,
		`{"paths":{"/x":{"get":{"operationId":"x","tags":["Unknown"]}}}}`,
	} {
		_, err := readReference([]byte(document), "https://x.example")
		require.Error(t, err, document)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for length, want := range map[time.Duration]string{
		time.Hour: "1 hour", 30 * time.Minute: "30 minutes", 48 * time.Hour: "2 days", 90 * time.Minute: "90 minutes",
		time.Second:             "1 second",
		1500 * time.Millisecond: "1.5s",
	} {
		require.Equal(t, want, span(length))
	}
}
