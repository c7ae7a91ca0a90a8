package web

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Docs is the documentation: a guide of several pages, and a reference with a page for each call and each schema.
type Docs struct {
	host  string
	pages map[string]Page // by path
	guide []*docsPage
	found []docsSection // what can be searched, in the order of the pages
}

// guidePages are the pages of the guide, in their order.
var guidePages = []docsPage{
	{Path: docsStart, name: "docs-start.html", Title: "Get started"},
	{Path: "/docs/payments", name: "docs-payments.html", Title: "The life of a payment"},
	{Path: "/docs/calls", name: "docs-calls.html", Title: "Calls and errors"},
	{Path: "/docs/webhooks", name: "docs-webhooks.html", Title: "Events and webhooks"},
	{Path: "/docs/testing", name: "docs-testing.html", Title: "Test your integration"},
	{Path: "/docs/examples", name: "docs-examples.html", Title: "Example programs"},
	{Path: docsReference, name: "docs-reference.html", Title: "Reference"},
}

const (
	docsStart     = "/docs"
	docsReference = "/docs/reference"
)

// docsPage is a page of the documentation.
type docsPage struct {
	Path, Title string
	name        string // of its template
	group       string // anchor of the group of calls that it belongs to, "schemas" for a schema
	body        string
	headings    []docsLink
}

// docsLink leads to a heading. ID is the heading's own.
type docsLink struct {
	ID, Href, Title string
	IsCurrent       bool
	Sections        []docsLink
	level           int
}

// docsLayout is what surrounds the body of a page.
type docsLayout struct {
	Title, Description, Query string
	IsStart, IsSearch         bool
	Contents                  []docsLink
	Next                      *docsLink // the next page of the guide
	Body                      template.HTML
}

// NewDocs renders the documentation, which is the same for everybody.
func NewDocs(config DocsConfig) (*Docs, error) {
	content, err := config.content()
	if err != nil {
		return nil, err
	}
	d := &Docs{host: content.Host, pages: map[string]Page{}}
	for i := range guidePages {
		page := guidePages[i]
		d.guide = append(d.guide, &page)
	}
	pages := append(slices.Clone(d.guide), referencePages(content.Reference)...)
	for _, page := range append(pages[1:], pages[0]) { // the first page lists the others
		if err := page.render(content); err != nil {
			return nil, err
		}
		content = content.with(page)
	}
	owners := map[string]string{}
	for _, page := range pages {
		for _, heading := range page.headings {
			if other, isTaken := owners[heading.ID]; isTaken {
				return nil, fmt.Errorf("the heading %s is on %s and on %s", heading.ID, other, page.Path)
			}
			owners[heading.ID] = heading.Href
		}
	}
	for i, page := range pages {
		page.body = linkHeadings(linkAcross(page, owners))
		var next *docsLink
		if i+1 < len(d.guide) {
			next = &docsLink{Href: pages[i+1].Path, Title: pages[i+1].Title}
		}
		text, err := d.layOut(page, docsLayout{Next: next})
		if err != nil {
			return nil, err
		}
		d.pages[page.Path] = Page{Content: text, Version: versionOf(text)}
		sections, err := sectionsOf(page)
		if err != nil {
			return nil, err
		}
		d.found = append(d.found, sections...)
	}
	return d, nil
}

// referencePages returns a page for each call and for each schema.
func referencePages(r reference) (pages []*docsPage) {
	for _, group := range r.Groups {
		for _, call := range group.Operations {
			pages = append(pages, &docsPage{
				Path: docsReference + "/" + call.ID, name: "docs-call.html", Title: call.Summary, group: group.Anchor,
			})
		}
	}
	for _, schema := range r.Schemas {
		pages = append(pages, &docsPage{
			Path: docsReference + "/schemas/" + schema.Name, name: "docs-schema.html", Title: schema.Name, group: "schemas",
		})
	}
	return pages
}

// render executes the page's template.
func (p *docsPage) render(content docsContent) error {
	for _, group := range content.Reference.Groups {
		for _, call := range group.Operations {
			if p.Path == docsReference+"/"+call.ID {
				content.Call = call
			}
		}
	}
	for _, schema := range content.Reference.Schemas {
		if p.Path == docsReference+"/schemas/"+schema.Name {
			content.Schema = schema
		}
	}
	var text bytes.Buffer
	if err := writeIn(&text, languages[0], p.name, content); err != nil {
		return err
	}
	p.body = text.String()
	for _, found := range headingPattern.FindAllStringSubmatch(p.body, -1) {
		level, id, title := int(found[1][0]-'0'), found[2], plain(found[3])
		heading := docsLink{ID: id, Href: p.Path + "#" + id, Title: title, level: level}
		if heading.level == 1 {
			heading.Href = p.Path
		}
		p.headings = append(p.headings, heading)
	}
	return nil
}

// with adds a page's headings to what the first page lists, so that an old link to a part of it, which was the only
// page once, finds the way.
func (p docsContent) with(page *docsPage) docsContent {
	if page.name == "docs-reference.html" || page.group != "" {
		p.Entries = append(p.Entries, page.headings...)
	} else {
		p.Topics = append(p.Topics, page.headings...)
	}
	return p
}

var (
	headingPattern = regexp.MustCompile(`(?s)<h([1-4]) id="([^"]+)">(.*?)</h[1-4]>`)
	tagPattern     = regexp.MustCompile(`<[^>]*>`)
	localPattern   = regexp.MustCompile(` href="#([^"]+)"`)
)

// plain returns the text of a piece of HTML.
func plain(text string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tagPattern.ReplaceAllString(text, ""))), " ")
}

// linkAcross makes links to headings of other pages lead there.
func linkAcross(page *docsPage, owners map[string]string) string {
	return localPattern.ReplaceAllStringFunc(page.body, func(link string) string {
		id := localPattern.FindStringSubmatch(link)[1]
		href, isHeading := owners[id]
		if !isHeading || strings.HasPrefix(href, page.Path+"#") {
			return link
		}
		return ` href="` + href + `"`
	})
}

// linkHeadings makes each heading a link to itself, which can be copied.
func linkHeadings(body string) string {
	return headingPattern.ReplaceAllStringFunc(body, func(heading string) string {
		found := headingPattern.FindStringSubmatch(heading)
		if found[1] == "1" {
			return heading
		}
		tag, id, text := "h"+found[1], found[2], found[3]
		return `<` + tag + ` id="` + id + `"><a class="anchor" href="#` + id + `">` + text + `</a></` + tag + `>`
	})
}

// layOut returns a whole page.
func (d *Docs) layOut(page *docsPage, layout docsLayout) ([]byte, error) {
	layout.Title, layout.Body = page.Title, template.HTML(page.body) //nolint:gosec // of our own templates
	layout.IsStart = page.Path == docsStart
	layout.Description = "Accept USDT with PayCow at " + d.host + ": " + page.Title + "."
	for _, other := range d.guide {
		link := docsLink{Title: other.Title, Href: other.Path, IsCurrent: other.Path == page.Path}
		for _, heading := range other.headings {
			isOfReference := other.Path == docsReference
			if heading.level == 2 && (link.IsCurrent || isOfReference && page.group != "") {
				heading.IsCurrent = heading.ID == page.group
				link.Sections = append(link.Sections, heading)
			}
		}
		layout.Contents = append(layout.Contents, link)
	}
	var text bytes.Buffer
	err := writeIn(&text, languages[0], "docs.html", layout)
	return text.Bytes(), err
}

// Page returns the page at a path. ok is false if there is none.
func (d *Docs) Page(path string) (page Page, ok bool) {
	page, ok = d.pages[path]
	return page, ok
}

// Paths returns the path of every page.
func (d *Docs) Paths() (paths []string) {
	for path := range d.pages {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// WriteSearch writes the page with the results of a search.
func (d *Docs) WriteSearch(w io.Writer, query string) error {
	results := search(d.found, query)
	var body bytes.Buffer
	if err := writeIn(&body, languages[0], "docs-search.html", results); err != nil {
		return err
	}
	page := &docsPage{Path: "/docs/search", Title: "Search", body: body.String()}
	text, err := d.layOut(page, docsLayout{Query: results.Query, IsSearch: true})
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
