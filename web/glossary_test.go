package web

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// messagesOf returns a language's texts by their ids.
func messagesOf(t *testing.T, tag string) map[string]string {
	t.Helper()
	content, err := messageFiles.ReadFile("messages/" + tag + ".json")
	require.NoError(t, err)
	var texts map[string]string
	require.NoError(t, json.Unmarshal(content, &texts))
	return texts
}

// tablesOf returns the tables of a document: for each row the cells by the names of their columns.
func tablesOf(t *testing.T, path string) (tables [][]map[string]string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var columns []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		switch cells := strings.Split(strings.Trim(line, "| "), " | "); {
		case !strings.HasPrefix(line, "|"):
			columns = nil
		case columns == nil:
			columns, tables = cells, append(tables, nil)
		case !strings.HasPrefix(line, "| ---"):
			require.Len(t, cells, len(columns), line)
			row := map[string]string{}
			for i, cell := range cells {
				row[columns[i]] = cell
			}
			tables[len(tables)-1] = append(tables[len(tables)-1], row)
		}
	}
	return tables
}

// containsAny reports whether a text contains one of the forms of a glossary's cell, in any case.
func containsAny(text, forms string) bool {
	text = strings.ToLower(text)
	for form := range strings.SplitSeq(forms, ", ") {
		if strings.Contains(text, strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// The seven languages use one word for one thing: those of docs/glossary.md.
func TestTranslationsFollowTheGlossary(t *testing.T) {
	t.Parallel()
	tables := tablesOf(t, "../docs/glossary.md")
	require.Len(t, tables, 2)
	words, unwanted := tables[0], tables[1]
	require.Len(t, unwanted, 1)
	english := messagesOf(t, "en")
	for _, l := range languages[1:] {
		texts, appTexts := messagesOf(t, l.Tag), appTextsOf(t, l.Tag)
		var pairs [][2]string // of English words and a translation
		for id, text := range english {
			pairs = append(pairs, [2]string{placeholders.ReplaceAllString(text, ""), texts[id]})
		}
		for key, translation := range appTexts {
			for _, text := range variants(t, l.Tag, key, translation) {
				pairs = append(pairs, [2]string{notProse.ReplaceAllString(key, ""), text})
			}
		}
		for _, word := range words {
			has := regexp.MustCompile(`(?i)\b` + word["English"] + `(e?s)?\b`)
			used := 0
			check := func(english, translation string) {
				if !has.MatchString(english) {
					return
				}
				used++
				if !containsAny(translation, word[l.Tag]) {
					t.Errorf("%s: %q is missing for %q in %q", l.Tag, word[l.Tag], word["English"], translation)
				}
			}
			for _, pair := range pairs {
				check(pair[0], pair[1])
			}
			require.Positive(t, used, "no text says %q", word["English"])
		}
		for id, text := range texts {
			if l.Tag == "zh" {
				require.NotRegexp(t, "[,;:]", text, "%s: Chinese has punctuation of its own", id)
			}
			checkUnwanted(t, l.Tag, text, unwanted[0][l.Tag])
		}
		for key, translation := range appTexts {
			for _, text := range variants(t, l.Tag, key, translation) {
				checkUnwanted(t, l.Tag, text, unwanted[0][l.Tag])
			}
		}
	}
}

func checkUnwanted(t *testing.T, tag, text, words string) {
	t.Helper()
	if containsAny(text, words) {
		t.Errorf("%s: not these words: %q in %q", tag, words, text)
	}
}

// The name of the network cannot break across lines, and stays as it is among words from right to left.
func TestTheNetworksNameStaysInOnePiece(t *testing.T) {
	t.Parallel()
	const name = "ERC\u201120" // with a hyphen that does not break
	for _, l := range languages {
		whole := name
		if l.Dir == "rtl" {
			whole = "\u2066" + name + "\u2069" // isolated, as <bdi> does
		}
		named := 0
		for id, text := range messagesOf(t, l.Tag) {
			named += strings.Count(text, whole)
			require.NotRegexp(t, `ERC.?20`, strings.ReplaceAll(text, whole, ""), "%s %s", l.Tag, id)
		}
		require.Equal(t, 3, named, l.Tag)
	}
}
