package web

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// keysOfTemplates returns the arguments of t and markup in all templates. They are literals, so that none is missed.
func keysOfTemplates(t *testing.T) (keys []string) {
	t.Helper()
	var walk func(node parse.Node)
	list := func(nodes *parse.ListNode) {
		if nodes != nil {
			for _, node := range nodes.Nodes {
				walk(node)
			}
		}
	}
	walk = func(node parse.Node) {
		switch node := node.(type) {
		case *parse.ListNode:
			list(node)
		case *parse.ActionNode:
			walk(node.Pipe)
		case *parse.TemplateNode:
			if node.Pipe != nil {
				walk(node.Pipe)
			}
		case *parse.IfNode:
			walk(node.Pipe)
			list(node.List)
			list(node.ElseList)
		case *parse.RangeNode:
			walk(node.Pipe)
			list(node.List)
			list(node.ElseList)
		case *parse.WithNode:
			walk(node.Pipe)
			list(node.List)
			list(node.ElseList)
		case *parse.PipeNode:
			for _, command := range node.Cmds {
				walk(command)
			}
		case *parse.CommandNode:
			for _, argument := range node.Args {
				walk(argument)
			}
			if name, ok := node.Args[0].(*parse.IdentifierNode); ok && (name.Ident == "t" || name.Ident == "markup") {
				require.Len(t, node.Args, 2, node)
				text, isLiteral := node.Args[1].(*parse.StringNode)
				require.True(t, isLiteral, "%s: the key is not written out", node)
				keys = append(keys, text.Text)
			}
		}
	}
	for _, one := range templates.Templates() {
		if one.Tree != nil {
			list(one.Tree.Root)
		}
	}
	return keys
}

var (
	textCall    = regexp.MustCompile(`(?:^|[^\w.$'])(?:t|parts)\(`)
	literalCall = regexp.MustCompile(`(?:^|[^\w.$'])(?:t|parts)\(('(?:[^'\\\n]|\\.)*')[,)]`)
	apiWord     = regexp.MustCompile(`\b([A-Z][A-Z_]+):`)
	wordCall    = regexp.MustCompile(`(?:badge|word)\('([A-Z_]+)'`)
)

// keysOfScripts returns the first arguments of t and parts in the scripts, which are literals too, and the words of the
// API that the scripts show.
func keysOfScripts(t *testing.T) (keys []string) {
	t.Helper()
	names, err := fs.Glob(assetFiles, "assets/app*.js")
	require.NoError(t, err)
	for _, name := range names {
		content, err := assetFiles.ReadFile(name)
		require.NoError(t, err)
		script := string(content)
		if name == "assets/app-language.js" {
			continue // which defines them
		}
		found := literalCall.FindAllStringSubmatch(script, -1)
		require.Len(t, found, len(textCall.FindAllString(script, -1)), "%s: a key is not written out", name)
		for _, call := range found {
			key, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.Trim(call[1], "'"), `"`, `\"`) + `"`)
			require.NoError(t, err, call[1])
			keys = append(keys, key)
		}
		for _, call := range wordCall.FindAllStringSubmatch(script, -1) {
			keys = append(keys, call[1])
		}
		for _, list := range []string{"statuses", "exceptions", "nodeStates", "otherTones"} {
			_, rest, isThere := strings.Cut(script, "const "+list+" = {")
			if !isThere {
				continue
			}
			body, _, _ := strings.Cut(rest, "};")
			for _, word := range apiWord.FindAllStringSubmatch(body, -1) {
				keys = append(keys, word[1])
			}
		}
	}
	return keys
}

func appTextsOf(t *testing.T, tag string) (texts map[string]any) {
	t.Helper()
	content, err := messageFiles.ReadFile("messages/app." + tag + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &texts))
	return texts
}

var pluralForms = map[string][]string{
	"en": {"one", "other"}, "de": {"one", "other"}, "es": {"one", "other"}, "fr": {"one", "other"}, "pt": {"one", "other"},
	"ar": {"few", "many", "one", "other", "two", "zero"}, "zh": {"other"},
}

// variants returns a translation's forms: itself, or those for the numbers of the language.
func variants(t *testing.T, tag, key string, translation any) (texts []string) {
	t.Helper()
	if text, isText := translation.(string); isText {
		return []string{text}
	}
	forms, isForms := translation.(map[string]any)
	require.True(t, isForms, "%s: %q", tag, key)
	var names []string
	for name, form := range forms {
		text, isText := form.(string)
		require.True(t, isText, "%s: %q", tag, key)
		if tag == "ar" && (name == "one" || name == "two") {
			// The word alone says the number there.
			require.NotContains(t, text, "{count}")
			text += " {count}"
		}
		names, texts = append(names, name), append(texts, text)
	}
	slices.Sort(names)
	require.Equal(t, pluralForms[tag], names, "%s: %q", tag, key)
	return texts
}

var (
	appPlaceholders = regexp.MustCompile(`\{\w+\}`)
	markupTags      = regexp.MustCompile(`<[^>]*>`)
	notProse        = regexp.MustCompile(`<code>[^<]*</code>|<[^>]*>|https?://|\{\w+\}`)
)

// sorted returns what an expression finds in a text, in order.
func sorted(expression *regexp.Regexp, text string) []string {
	found := expression.FindAllString(text, -1)
	slices.Sort(found)
	return found
}

// Every text of the pages has a translation in every language, with the same placeholders and tags, and every
// translation is used.
func TestAppTexts(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, key := range slices.Concat(keysOfTemplates(t), keysOfScripts(t)) {
		used[key] = true
	}
	for _, action := range models.AuditActions() {
		used[action.Text] = true
	}
	require.Greater(t, len(used), 100)
	for _, l := range languages {
		texts := appTextsOf(t, l.Tag)
		for key := range used {
			if texts[key] == nil && l.Tag != "en" {
				t.Errorf("%s: no translation of %q", l.Tag, key)
			}
		}
		for key, translation := range texts {
			isError := strings.HasPrefix(key, "error:") // a test of package api knows them
			if !used[key] && !isError {
				t.Errorf("%s: nothing says %q", l.Tag, key)
			}
			for _, text := range variants(t, l.Tag, key, translation) {
				require.NotEmpty(t, text, "%s: %q", l.Tag, key)
				require.Equal(t, sorted(markupTags, key), sorted(markupTags, text), "%s: %q", l.Tag, text)
				if !isError {
					require.Equal(t, sorted(appPlaceholders, key), sorted(appPlaceholders, text), "%s: %q", l.Tag, text)
				}
				if len(key) > 40 && l.Tag != "en" {
					require.NotEqual(t, key, text, "%s: not translated", l.Tag)
				}
				if l.Tag == "zh" {
					require.NotRegexp(t, "[,;:]", notProse.ReplaceAllString(text, ""), "Chinese has punctuation of its own")
				}
			}
		}
	}
}

// pseudo returns a language whose texts stand in brackets, so that a text without them is one that cannot be translated.
func pseudo(t *testing.T) Language {
	t.Helper()
	l := languages[1]
	l.app = appTexts{}
	for key := range appTextsOf(t, l.Tag) {
		l.app[key] = "⟦" + key + "⟧"
	}
	return l
}

// What is the same in every language: names, addresses and examples.
var untranslated = regexp.MustCompile(`^(PayCow|PayCow:|· PayCow|USDT|OpenAPI|/admin\.html|https://|–|-|\W*)$`)

// Every text of the pages can be translated. What the scripts add is looked at in a browser.
func TestPagesHaveNoTextOfTheirOwn(t *testing.T) {
	t.Parallel()
	translated := pseudo(t).templates()
	for name, data := range map[string]any{
		"home.html": Home{}, "login.html": nil, "register.html": nil, "password.html": nil,
		"problem.html": Problem{Status: 404, Message: "⟦…⟧"}, "admin.html": struct{ AuditActions []models.AuditAction }{models.AuditActions()},
		"dashboard.html": nil,
	} {
		var page bytes.Buffer
		require.NoError(t, translated.ExecuteTemplate(&page, name, data), name)
		for _, text := range outsideOfBrackets(t, page.String()) {
			if !untranslated.MatchString(text) {
				t.Errorf("%s: %q is not translated", name, text)
			}
		}
	}
}

// outsideOfBrackets returns the texts and readable attributes of a page that do not stand in the pseudo-language's
// brackets.
func outsideOfBrackets(t *testing.T, page string) (texts []string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	bracketed := regexp.MustCompile(`⟦[^⟧]*⟧`)
	depth := 0
	skipped := false
	add := func(text string) {
		text = bracketed.ReplaceAllString(text, "")
		before, _, opens := strings.Cut(text, "⟦")
		_, after, closes := strings.Cut(text, "⟧")
		switch {
		case opens:
			text, depth = before, depth+1
		case closes:
			text, depth = after, depth-1
		case depth > 0:
			return
		}
		texts = append(texts, strings.TrimSpace(text))
	}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			require.Zero(t, depth)
			return texts
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			skipped = token.Name.Local == "code"
			for _, attr := range token.Attr {
				if slices.Contains([]string{"aria-label", "placeholder", "alt", "title"}, attr.Name.Local) {
					add(attr.Value)
				}
				// A language is named in itself.
				skipped = skipped || attr.Name.Local == "hreflang"
			}
		case xml.EndElement:
			skipped = false
		case xml.CharData:
			if !skipped {
				add(string(token))
			}
		}
	}
}
