package web

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

const (
	// maxFound is how many results a search shows.
	maxFound = 20
	// maxQuery is how many characters of a query are read. The field takes no more.
	maxQuery = 100
	// maxQueryWords is how many words of a query are looked for.
	maxQueryWords = 8
	// guideBonus puts the guide's explanations before the calls that they explain.
	guideBonus = 8
	// Bytes of text before and after the first word that was found.
	snippetBefore, snippetAfter = 60, 160
)

// docsSection is a heading of the documentation with the text below it.
type docsSection struct {
	Title, Page, Href string
	text              string
	lowerTitle, lower string // what is searched
}

// docsResults is the content of the page with the results of a search.
type docsResults struct {
	Query string
	IsCut bool // whether the query has words that were not
	Found []docsResult
	Count int // of all results, of which Found has the best
}

type docsResult struct {
	docsSection
	Snippet []snippetPart
}

// snippetPart is a part of a section's text. IsHit says that it is a word of the query.
type snippetPart struct {
	Text  string
	IsHit bool
}

// sectionsOf divides a page at its headings that have an id. Programs, drawings and lists of other sections are left
// out.
func sectionsOf(page *docsPage) ([]docsSection, error) {
	tokens := html.NewTokenizer(strings.NewReader(page.body))
	var d divider
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); err != io.EOF { //nolint:errorlint // as the tokenizer's documentation says
				return nil, fmt.Errorf("read the page %s: %w", page.Path, err)
			}
			d.finish()
			return d.sections, nil
		case html.StartTagToken:
			d.start(page, tokens.Token())
		case html.EndTagToken:
			d.end(tokens.Token())
		case html.TextToken:
			if d.skipped == "" {
				d.text.Write(tokens.Text())
			}
		default: // comments and the like
		}
	}
}

// divider collects the sections of a page.
type divider struct {
	sections []docsSection
	text     strings.Builder // of the last section
	skipped  string          // the element whose text is left out just now
}

func (d *divider) start(page *docsPage, token html.Token) {
	d.separate(token)
	if d.skipped != "" {
		return
	}
	isIndex := slices.Contains(token.Attr, html.Attribute{Key: "class", Val: "index"})
	if isIndex || slices.Contains([]string{"pre", "svg", "fieldset", "figcaption"}, token.Data) {
		d.skipped = token.Data
		return
	}
	for _, heading := range page.headings {
		if slices.Contains(token.Attr, html.Attribute{Key: "id", Val: heading.ID}) {
			d.finish()
			d.sections = append(d.sections, docsSection{Title: heading.Title, Page: page.Title, Href: heading.Href})
			d.skipped = token.Data
		}
	}
}

func (d *divider) end(token html.Token) {
	d.separate(token)
	if token.Data == d.skipped {
		d.skipped = ""
	}
}

// separate keeps the words of two blocks apart.
func (d *divider) separate(token html.Token) {
	if !slices.Contains([]string{"a", "code", "em", "span", "strong"}, token.Data) {
		d.text.WriteByte(' ')
	}
}

// finish gives the last section its text.
func (d *divider) finish() {
	if len(d.sections) > 0 {
		last := &d.sections[len(d.sections)-1]
		last.text = strings.Join(strings.Fields(d.text.String()), " ")
		last.lower, last.lowerTitle = strings.ToLower(last.text), strings.ToLower(last.Title)
	}
	d.text.Reset()
}

// search returns the sections that contain every word of the query, the best first: those with the words in their
// title, then those with more of them, the guide before the reference.
func search(sections []docsSection, query string) (results docsResults) {
	if letters := []rune(query); len(letters) > maxQuery {
		query, results.IsCut = string(letters[:maxQuery]), true
	}
	words := strings.Fields(strings.ToLower(query))
	results.Query = strings.Join(strings.Fields(query), " ")
	if len(words) > maxQueryWords {
		words, results.IsCut = words[:maxQueryWords], true
	}
	if len(words) == 0 {
		return results
	}
	type scored struct {
		section docsSection
		score   int
	}
	var hits []scored
	for _, section := range sections {
		total := 0
		for _, word := range words {
			score := section.score(word)
			if score == 0 {
				total = 0
				break
			}
			total += score
		}
		if total > 0 && !strings.HasPrefix(section.Href, docsReference) {
			total += guideBonus
		}
		if total > 0 {
			hits = append(hits, scored{section, total})
		}
	}
	slices.SortStableFunc(hits, func(a, b scored) int { return b.score - a.score })
	results.Count = len(hits)
	for _, hit := range hits[:min(len(hits), maxFound)] {
		results.Found = append(results.Found, docsResult{hit.section, hit.section.snippet(words)})
	}
	return results
}

// score says how well a section fits a word, 0 if the word is not there.
func (s docsSection) score(word string) int {
	score := min(strings.Count(s.lower, word), 5)
	if slices.Contains(strings.Fields(s.lowerTitle), word) {
		return score + 20
	}
	if strings.Contains(s.lowerTitle, word) {
		return score + 10
	}
	return score
}

// snippet returns the text around the first word that was found.
func (s docsSection) snippet(words []string) (parts []snippetPart) {
	text, lower := s.text, s.lower
	if len(text) != len(lower) { // a letter whose small form is longer
		text = lower
	}
	first := len(text)
	for _, word := range words {
		if at := strings.Index(lower, word); at >= 0 {
			first = min(first, at)
		}
	}
	if first == len(text) {
		first = 0
	}
	from, to := max(0, first-snippetBefore), min(len(text), first+snippetAfter)
	if space := strings.IndexByte(text[from:first], ' '); from > 0 && space >= 0 {
		from += space + 1
	}
	if space := strings.LastIndexByte(text[first:to], ' '); to < len(text) && space > 0 {
		to = first + space
	}
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	if from > 0 {
		parts = append(parts, snippetPart{Text: "…"})
	}
	for from < to {
		at, length := to, 0
		for _, word := range words {
			if i := strings.Index(lower[from:to], word); i >= 0 && from+i < at {
				at, length = from+i, len(word)
			}
		}
		parts = append(parts, snippetPart{Text: text[from:at]})
		if length > 0 {
			parts = append(parts, snippetPart{Text: text[at : at+length], IsHit: true})
		}
		from = at + length
	}
	if to < len(text) {
		parts = append(parts, snippetPart{Text: "…"})
	}
	return parts
}
