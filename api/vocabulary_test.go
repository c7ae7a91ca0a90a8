package api

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// members returns the names of a JavaScript object that is declared as a constant in a script.
func members(t *testing.T, script, name string) (names []string) {
	t.Helper()
	body := regexp.MustCompile(`(?s)const ` + name + ` = \{(.*?)\n  \};`).FindStringSubmatch(script)
	require.NotNil(t, body, "%s is not declared", name)
	for _, found := range regexp.MustCompile(`\b([A-Z][A-Z_]*):`).FindAllStringSubmatch(body[1], -1) {
		names = append(names, found[1])
	}
	return names
}

// options returns the values of a <select> on a page.
func options(t *testing.T, page, id string) (values []string) {
	t.Helper()
	body := regexp.MustCompile(`<select id="` + id + `"[^>]*>(.*?)</select>`).FindStringSubmatch(page)
	require.NotNil(t, body, "%s is not on the page", id)
	for _, found := range regexp.MustCompile(`<option(?: value="|>)([A-Z_]+)`).FindAllStringSubmatch(body[1], -1) {
		values = append(values, found[1])
	}
	return values
}

// rows returns the first cells, in code spans, of the rows of a Markdown document's tables.
func rows(document string) (names []string) {
	for _, found := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)`").FindAllStringSubmatch(document, -1) {
		names = append(names, found[1])
	}
	return names
}

func textsOf[T ~string](words []T) (texts []string) {
	for _, word := range words {
		texts = append(texts, string(word))
	}
	return texts
}

// readFiles returns the files of a pattern, one after the other.
func readFiles(t *testing.T, pattern string) (all string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		all += readFile(t, path)
	}
	return all
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// Whoever adds a status, an exception, a node state or an alarm kind must also explain it: on the pages, in the OpenAPI
// document and in the documents for people.
func TestEveryWordIsExplained(t *testing.T) {
	t.Parallel()
	d := loadDocument(t)
	enum := func(path ...string) (words []string) {
		values, isList := d.at(t, append([]string{"components", "schemas"}, path...)...)["enum"].([]any)
		require.True(t, isList, "%v has no enum", path)
		for _, value := range values {
			if text, isText := value.(string); isText {
				words = append(words, text)
			}
		}
		return words
	}
	script := readFile(t, "../web/assets/app.js")
	dashboard, admin := readFile(t, "../web/templates/dashboard.html"), readFile(t, "../web/templates/admin.html")
	docs, operations := readFiles(t, "../web/templates/docs-*.html"), readFile(t, "../docs/operations.md")

	statuses := textsOf(models.Statuses())
	require.ElementsMatch(t, statuses, members(t, script, "statuses"))
	require.ElementsMatch(t, statuses, enum("Status"))
	require.ElementsMatch(t, statuses, options(t, dashboard, "filter-status"))
	require.ElementsMatch(t, statuses, options(t, admin, "filter-status"))
	for _, status := range statuses {
		require.Regexp(t, `<th scope="row"><span class="badge [a-z]+">`+status+`</span></th>`, docs)
	}

	exceptions := textsOf(models.Exceptions())
	require.ElementsMatch(t, exceptions, members(t, script, "exceptions"))
	require.ElementsMatch(t, exceptions, enum("Exception"))
	require.ElementsMatch(t, exceptions, options(t, dashboard, "filter-exception"))
	require.ElementsMatch(t, exceptions, options(t, admin, "filter-exception"))
	for _, exception := range exceptions {
		require.Contains(t, docs, `<tr><th scope="row"><code>`+exception+`</code></th>`)
	}

	eventTypes := textsOf(models.EventTypes())
	require.ElementsMatch(t, eventTypes, enum("EventType"))
	for _, kind := range eventTypes {
		require.Contains(t, docs, `<tr><th scope="row"><code>`+kind+`</code></th>`)
	}
	known := enum("NewWebhookEndpoint", "properties", "events", "items")
	require.Equal(t, append([]string{models.AllEventTypes}, textsOf(models.EndpointEventTypes())...), known)
	for _, schema := range []string{"WebhookEndpoint", "WebhookEndpointChange", "CreatedWebhookEndpoint"} {
		require.Equal(t, known, enum(schema, "properties", "events", "items"))
	}
	require.Equal(t, textsOf(models.DeliveryStatuses()), enum("DeliveryStatus"))
	choice := regexp.MustCompile(`(?s)const eventTypes = \{(.*?)\n  \};`).
		FindStringSubmatch(readFile(t, "../web/assets/app-webhooks.js"))
	require.NotNil(t, choice)
	chosen := []string{}
	for _, found := range regexp.MustCompile(`'([a-z._]+)': `).FindAllStringSubmatch(choice[1], -1) {
		chosen = append(chosen, found[1])
	}
	require.Equal(t, textsOf(models.EndpointEventTypes()), chosen)
	require.ElementsMatch(t, textsOf(models.DeliveryStatuses()), options(t, dashboard, "delivery-status"))

	scopes := []string{}
	for _, found := range regexp.MustCompile(`name="scopes" value="([^"]+)"`).FindAllStringSubmatch(dashboard, -1) {
		scopes = append(scopes, found[1])
	}
	require.Equal(t, textsOf(models.Scopes()), scopes)

	nodeStates := textsOf(models.NodeStates())
	require.ElementsMatch(t, nodeStates, members(t, script, "nodeStates"))
	require.ElementsMatch(t, nodeStates, enum("Health", "properties", "nodes", "items", "properties", "state"))
	require.Subset(t, rows(operations), nodeStates)

	alarmKinds := textsOf(models.AlarmKinds())
	require.ElementsMatch(t, alarmKinds, members(t, script, "alarmKinds"))
	require.ElementsMatch(t, alarmKinds, enum("Alarm", "properties", "kind"))
	require.Subset(t, rows(operations), alarmKinds)
}
