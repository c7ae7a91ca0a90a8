package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func renderApp(t *testing.T, page AppPage) string {
	t.Helper()
	return renderAppIn(t, languages[0], page)
}

func renderAppIn(t *testing.T, l Language, page AppPage) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, WriteAppPage(&text, l, page))
	return text.String()
}

type element struct {
	name  string
	attrs map[string]string
}

// elements returns a page's elements in order.
func elements(t *testing.T, page string) []element {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var found []element
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open)
			return found
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attrs: map[string]string{}}
			for _, attr := range token.Attr {
				e.attrs[attr.Name.Local] = attr.Value
			}
			found = append(found, e)
			open = append(open, e.name)
		case xml.EndElement:
			require.Equal(t, token.Name.Local, open[len(open)-1])
			open = open[:len(open)-1]
		}
	}
}

// Every page of operators and admins has what browsers and screen readers need.
func TestAppPages(t *testing.T) {
	t.Parallel()
	for i := range len(AppPages()) * len(languages) {
		page, l := AppPages()[i/len(languages)], languages[i%len(languages)]
		t.Run(string(page)+" "+l.Tag, func(t *testing.T) {
			t.Parallel()
			text := renderAppIn(t, l, page)
			require.True(t, strings.HasPrefix(text, fmt.Sprintf("<!doctype html>\n<html lang=%q dir=%q>", l.Tag, l.Dir)))
			require.Regexp(t, `<title>[^<]+ · PayCow</title>`, text)
			require.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=|<script(?: [^>]*)?>[^<]|javascript:`, text,
				"the policy drops what stands in the page")
			require.NotRegexp(t, `(?:src|href|action)="(?:[a-z]+:)?//`, text, "nothing comes from another origin")
			require.Less(t, gzippedSize(t, []byte(text)), 9<<10, "the page must stay small")

			ids := map[string]bool{}
			labels := map[string]bool{}
			all := elements(t, text)
			for _, e := range all {
				if id := e.attrs["id"]; id != "" {
					require.False(t, ids[id], "the id %s stands twice", id)
					ids[id] = true
				}
				if e.name == "label" {
					require.NotEmpty(t, e.attrs["for"])
					labels[e.attrs["for"]] = true
				}
			}
			for label := range labels {
				require.True(t, ids[label], "a label is for %s, which is not there", label)
			}
			mains := 0
			for _, e := range all {
				switch e.name {
				case "main":
					mains++
				case "input", "select", "textarea":
					require.True(t, labels[e.attrs["id"]] || e.attrs["aria-label"] != "", "%v has no label", e.attrs)
					require.NotEmpty(t, e.attrs["name"])
					if e.attrs["type"] == "password" {
						require.Contains(t, []string{"current-password", "new-password"}, e.attrs["autocomplete"])
					}
				case "button":
					require.Contains(t, []string{"button", "submit"}, e.attrs["type"])
				case "form":
					require.Equal(t, "post", e.attrs["method"], "without a script no field may end up in an address")
				case "img":
					require.Contains(t, e.attrs, "alt")
				case "section":
					require.True(t, ids[e.attrs["aria-labelledby"]], "%v has no name", e.attrs)
				case "script":
					require.Contains(t, e.attrs, "defer")
				}
				for _, name := range []string{"aria-labelledby", "aria-describedby", "aria-controls"} {
					for id := range strings.FieldsSeq(e.attrs[name]) {
						require.True(t, ids[id], "%s names %s, which is not there", name, id)
					}
				}
			}
			require.Equal(t, 1, mains)
		})
	}
}

// Every asset that a page references exists at exactly that address.
func TestAppPagesNameAssetsThatExist(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(`(?:src|href)="/assets/([0-9a-f]+)/([^"]+)"`)
	for _, page := range AppPages() {
		named := address.FindAllStringSubmatch(renderApp(t, page), -1)
		require.GreaterOrEqual(t, len(named), 4, page)
		for _, name := range named {
			_, ok := FindAsset(name[1], name[2])
			require.True(t, ok, "%s names %s", page, name[2])
		}
	}
	_, hasLicence := assets["vendor/uplot/LICENSE.txt"]
	require.True(t, hasLicence, "the licence goes along with what it is for")
}

// The scripts never turn data into markup or code, and every element that they look up by an id or a data attribute
// exists.
func TestAppScripts(t *testing.T) {
	t.Parallel()
	pages := map[string][]AppPage{
		"app.js": AppPages(), "app-entry.js": {PageLogin, PageRegister, PagePassword}, "app-dashboard.js": {PageDashboard},
		"app-charts.js": {PageDashboard, PageAdmin}, "app-health.js": {PageAdmin},
		"app-admin.js": {PageAdmin}, "app-payment.js": {PageDashboard, PageAdmin},
		"app-security.js": {PageDashboard, PageAdmin}, "app-keys.js": {PageDashboard, PageAdmin},
		"app-webhooks.js": {PageDashboard}, "app-balance.js": {PageDashboard},
		"app-notifications.js": {PageDashboard},
		"app-team.js":          {PageDashboard, PageAdmin},
	}
	named := regexp.MustCompile(`\$\('(?:#([a-z-]+)|\[(data-[a-z-]+(?:="[a-z-]+")?)\])'`)
	for name, on := range pages {
		script := string(assets[name].Content)
		require.NotEmpty(t, script, name)
		require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://[a-z]`, script, name)
		var texts strings.Builder
		for _, page := range on {
			texts.WriteString(renderApp(t, page))
		}
		for _, match := range named.FindAllStringSubmatch(script, -1) {
			if match[1] != "" {
				require.Contains(t, texts.String(), `id="`+match[1]+`"`, name)
			} else {
				require.Contains(t, texts.String(), match[2], name)
			}
		}
	}
}
