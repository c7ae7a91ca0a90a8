// Package web holds what people see: the hosted checkout page, the front page and the page that explains an error. The
// templates are embedded, and no page loads anything from elsewhere or runs a script.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"

	"paycow/models"
)

//go:embed templates
var files embed.FS

var (
	style     = mustRead("templates/style.css")
	templates = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) }, //nolint:gosec // our own file
	}).ParseFS(files, "templates/*.html"))
)

// ContentSecurityPolicy is the policy that every page is sent with: nothing may be loaded, run, framed or submitted; the
// page's own style is named by its hash.
var ContentSecurityPolicy = fmt.Sprintf(
	"default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", sha256Base64(style))

// Checkout is what the hosted checkout page shows of a payment.
type Checkout struct {
	Payment               models.Payment
	Confirmations         uint64 // of the newest transfer, at most RequiredConfirmations
	RequiredConfirmations uint64
	WindowEnd             time.Time     // when the payment really ends; zero means its ExpiresAt
	OnItsWay              models.Amount // of transfers in nodes' pools, which promise nothing; shown while nothing has come
	Now                   time.Time
	Refresh               time.Duration // how often the page loads itself again while the payment is open
}

// WriteCheckout writes the hosted checkout page.
func WriteCheckout(w io.Writer, c Checkout) error {
	return write(w, "checkout.html", newCheckoutPage(c))
}

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

func mustRead(name string) string {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is embedded: its absence is a broken build
	}
	return string(content)
}

func sha256Base64(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
