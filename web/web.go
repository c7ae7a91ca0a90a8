// Package web holds what people see: the hosted checkout page, the front page and the page that explains an error. The
// templates and assets are embedded, and no page loads anything from elsewhere.
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

var templates = template.Must(template.New("").Funcs(template.FuncMap{"asset": assetPath,
	"prose": prose}).ParseFS(files, "templates/*.html"))

// ContentSecurityPolicy is the policy that every page is sent with: scripts, styles, pictures and calls are our own and come
// from this origin, nothing stands in the page itself, and nobody may frame it. Wallets hand their icons over as data.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Problem is what the error page says.
type Problem struct {
	Title     string
	Message   string
	RequestID string
}

// WriteProblem writes the page that explains an error.
func WriteProblem(w io.Writer, p Problem) error { return write(w, "problem.html", p) }

// WriteHome writes the front page.
func WriteHome(w io.Writer) error { return write(w, "home.html", nil) }

// write renders into memory first, so that a failing template never leaves half a page behind.
func write(w io.Writer, name string, data any) error {
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, name, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	_, err := page.WriteTo(w)
	return err
}
