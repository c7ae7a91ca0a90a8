// Package web renders all pages: the hosted checkout page, the front page, the developer documentation, the pages of
// operators and admins, and the error page. Templates and assets are embedded, and no page loads anything from
// another origin.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed templates
var files embed.FS

// functions are what templates can call. mustTranslate replaces those of the language.
var functions = template.FuncMap{
	"asset": assetPath, "iconData": iconData, "prose": prose, "languages": Languages,
	"t": languages[0].translate, "word": languages[0].translate, "markup": languages[0].markup,
	"language": func() Language { return languages[0] },
}

var templates = template.Must(template.New("").Funcs(functions).ParseFS(files, "templates/*.html"))

// ContentSecurityPolicy is the policy of every page: scripts, styles, images and calls come from this origin only,
// nothing is inline, and nobody may frame the page. Data images are allowed because wallets provide their icons as
// data URLs.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Problem is the content of the error page.
type Problem struct {
	Status    int    // of the answer
	Code      string // of the error
	Message   string // in English; shown if the language has no text for the code
	RequestID string
}

// WriteProblem writes the error page.
func WriteProblem(w io.Writer, l Language, p Problem) error {
	p.Message = l.errorText(p.Code, p.Message)
	return writeIn(w, l, "problem.html", p)
}

// Home is the content of the front page.
type Home struct {
	IsReady bool // says that payments can be created, paid and credited
}

// WriteHome writes the front page.
func WriteHome(w io.Writer, l Language, home Home) error { return writeIn(w, l, "home.html", home) }

// writeIn writes a page in a language. It renders into memory first, so that a failing template never leaves half a
// page.
func writeIn(w io.Writer, l Language, name string, data any) error {
	var page bytes.Buffer
	if err := templatesOf[l.Tag].ExecuteTemplate(&page, name, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	_, err := page.WriteTo(w)
	return err
}
