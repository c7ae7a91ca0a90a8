package web

import (
	"bytes"
	"encoding/json"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func docsOf(t *testing.T, publicURL string) string {
	t.Helper()
	document, err := os.ReadFile("../api/openapi.json")
	require.NoError(t, err)
	page, err := NewDocs(DocsConfig{
		PublicURL: publicURL, OpenAPI: document, Confirmations: 12, Window: time.Hour, MaxAmount: 1000 * models.USDT,
		Errors: []ErrorCode{{Status: 503, Code: "later", IsRepeatable: true}, {Status: 400, Code: "<wrong>"}},
	})
	require.NoError(t, err)
	return string(page.Content)
}

func homePage(t *testing.T) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, WriteHome(&page, Home{}))
	return page.String()
}

// publicPages are the pages that need no account, by name.
func publicPages(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"docs": docsOf(t, "https://shop.example:8443/pay"), "home": homePage(t)}
}

func TestPublicPagesHoldNothingInlineAndLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	for name, page := range publicPages(t) {
		require.NotRegexp(t, `(?i)<style|\sstyle=|<script>|<script[^>]*>[^<]|\son[a-z]+=|javascript:|<iframe|<base`,
			page, name)
		for _, found := range regexp.MustCompile(`\s(?:src|href|action|srcset|poster|data)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			address := found[1]
			require.Truef(t, strings.HasPrefix(address, "#") || strings.HasPrefix(address, "/") &&
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
		require.Contains(t, page, `<html lang="en">`, name)
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
	page := html.UnescapeString(docsOf(t, "https://shop.example:8443/pay"))
	require.Contains(t, page, "https://shop.example:8443/pay/api/payment/create")
	require.Contains(t, page, `"paymentUrl": "https://shop.example:8443/pay/payment/`)
	for _, text := range []string{
		exampleHost, publishedHost, "paycow.net", "development only", "NaN",
		"%!",
	} {
		require.NotContains(t, page, text)
	}
	require.Contains(t, docsOf(t, "http://127.0.0.1:8080"), "development only")
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
	page := docsOf(t, odd)
	require.Contains(t, page, harmless)
	require.NotContains(t, page, "<script>")
	require.NotContains(t, html.UnescapeString(page), "a'b")
	for name, text := range Snippets(odd) {
		require.NotContains(t, text, "$(e)", name)
	}
}

func TestPublicPagesStaySmall(t *testing.T) {
	t.Parallel()
	page := []byte(docsOf(t, "https://shop.example"))
	require.Less(t, len(page), 512<<10)
	require.Less(t, gzippedSize(t, page), 64<<10)
	require.Less(t, len(homePage(t)), 8<<10)
	for _, name := range []string{"docs.css", "docs.js"} {
		require.Less(t, gzippedSize(t, assets[name].Content), 6<<10, name)
	}
}

// Each program has the style rule that shows it when its language is chosen.
func TestEveryExampleCanBeChosen(t *testing.T) {
	t.Parallel()
	style, page := string(assets["docs.css"].Content), docsOf(t, "https://x.example")
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
	page := docsOf(t, "https://x.example")
	for path, methods := range api.Paths {
		require.Contains(t, page, "<code>"+path+"</code>")
		for method, call := range methods {
			if path != "/" && path != "/payment/{id}" {
				require.Contains(t, page,
					`id="call-`+call.OperationID+`"><span class="method">`+strings.ToUpper(method)+`</span>`)
			}
		}
	}
	for name := range api.Components.Schemas {
		require.Contains(t, page, `id="schema-`+name+`"`)
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
