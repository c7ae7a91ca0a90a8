package web

import (
	"embed"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"paycow/models"
)

//go:embed docs
var docsFiles embed.FS

// Hosts in the embedded files, which pages replace by the installation's own.
const (
	exampleHost   = "https://pay.example.com"
	publishedHost = "https://paycow.net"
)

// DocsConfig is what the documentation says about this installation.
type DocsConfig struct {
	PublicURL     string
	OpenAPI       []byte // the document from which the reference is generated
	Errors        []ErrorCode
	Confirmations uint64
	Window        time.Duration
	MaxAmount     models.Amount
}

// ErrorCode is a row in the table of errors.
type ErrorCode struct {
	Status       int
	Code         string
	Meaning      string // what happened
	Remedy       string // what the caller should do
	IsRepeatable bool   // the same call may succeed later
}

// Page is a page that does not change while the process runs.
type Page struct {
	Content []byte
	Version string // changes when the content does
}

// Example is a complete program of the documentation.
type Example struct {
	ID, Name string // of its language
	File     string // file name of the program
	Text     string
}

// exampleFiles are the programs of each language, in the order of the page: one creates a payment and reads its status,
// one verifies a webhook.
var exampleFiles = []struct{ id, name, payment, webhook string }{
	{"nodejs", "Node.js", "payment.mjs", "webhook.mjs"},
	{"python", "Python", "payment.py", "webhook.py"},
	{"go", "Go", "payment.go.txt", "webhook.go.txt"},
	{"php", "PHP", "payment.php", "webhook.php"},
	{"csharp", "C#", "Payment.cs", "Webhook.cs"},
	{"rust", "Rust", "payment.rs", "webhook.rs"},
	{"curl", "cURL", "payment.sh", "webhook.sh"},
}

// Examples returns the programs that create a payment and read its status, for an installation at this address.
func Examples(publicURL string) []Example {
	examples := make([]Example, len(exampleFiles))
	for i, of := range exampleFiles {
		examples[i] = Example{of.id, of.name, shownName(of.payment), docsText("examples/"+of.payment, publicURL)}
	}
	return examples
}

// Verifiers returns the programs that verify a webhook. Each reads the headers from environment variables and the body
// from standard input, as CGI passes them on, and the secret from PAYCOW_WEBHOOK_SECRET. It prints the id and the type
// of an event that it accepts, and fails for any other.
func Verifiers() []Example {
	verifiers := make([]Example, len(exampleFiles))
	for i, of := range exampleFiles {
		verifiers[i] = Example{of.id, of.name, shownName(of.webhook), docsText("verifiers/"+of.webhook, "")}
		if of.id == "curl" {
			verifiers[i].Name = "Shell"
		}
	}
	return verifiers
}

// shownName returns what a program is called where it runs.
func shownName(embedded string) string {
	switch path.Ext(embedded) {
	case ".cs":
		return "Program.cs"
	case ".rs":
		return "main.rs"
	}
	return strings.TrimSuffix(embedded, ".txt")
}

// Snippets returns the commands of the documentation page, by file name.
func Snippets(publicURL string) map[string]string {
	entries, err := docsFiles.ReadDir("docs/snippets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	snippets := map[string]string{}
	for _, entry := range entries {
		snippets[entry.Name()] = docsText("snippets/"+entry.Name(), publicURL)
	}
	return snippets
}

// docsText returns an embedded text with the installation's address filled in.
func docsText(name, publicURL string) string {
	content, err := docsFiles.ReadFile("docs/" + name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return strings.ReplaceAll(string(content), exampleHost, literalURL(publicURL))
}

// literalURL returns an equivalent address that is safe inside a string literal of any of the examples' languages:
// every character that could end the string or be special in it is percent-encoded.
func literalURL(address string) string {
	const harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/[]@%"
	var safe strings.Builder
	for i := range len(address) {
		if strings.IndexByte(harmless, address[i]) >= 0 {
			safe.WriteByte(address[i])
			continue
		}
		fmt.Fprintf(&safe, "%%%02X", address[i])
	}
	return safe.String()
}

// docsContent is what the templates of the documentation's pages read.
type docsContent struct {
	URL, Host     string
	IsHTTPS       bool
	Confirmations uint64
	Window        string
	MaxAmount     string
	Currency      string
	Examples      []Example
	Verifiers     []Example
	Errors        []ErrorCode
	Reference     reference
	Call          operation  // of the page of a call
	Schema        schemaView // of the page of a schema
	Topics        []docsLink // every section of the guide, for the first page
	Entries       []docsLink // every heading of the reference, for the first page
	snippets      map[string]string
}

// codeBlock is a verbatim text with a copy button.
type codeBlock struct{ Label, Text string }

// Code returns a snippet with a label.
func (p docsContent) Code(name, label string) (codeBlock, error) {
	text, ok := p.snippets[name]
	if !ok {
		return codeBlock{}, fmt.Errorf("no such snippet: %q", name)
	}
	return codeBlock{label, strings.TrimRight(text, "\n")}, nil
}

// Answer returns the example response of a call from the OpenAPI document.
func (p docsContent) Answer(operationID, label string) (codeBlock, error) {
	for _, group := range p.Reference.Groups {
		for _, operation := range group.Operations {
			if operation.ID == operationID && len(operation.Answers) > 0 && operation.Answers[0].Example != "" {
				return codeBlock{label, operation.Answers[0].Example}, nil
			}
		}
	}
	return codeBlock{}, fmt.Errorf("the OpenAPI document has no example response of %q", operationID)
}

// Block returns a code block with a label.
func (docsContent) Block(text, label string) codeBlock { return codeBlock{label, text} }

// choice is a choice of a language. Name is that of its radio buttons.
type choice struct {
	Name     string
	Programs []Example
}

// Choice returns the choice among the programs that verify a webhook, or that create a payment.
func (p docsContent) Choice(name string) choice {
	if name == "verify" {
		return choice{name, p.Verifiers}
	}
	return choice{name, p.Examples}
}

func (config DocsConfig) content() (docsContent, error) {
	api, err := readReference(config.OpenAPI, config.PublicURL)
	if err != nil {
		return docsContent{}, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	address := literalURL(config.PublicURL)
	host := address
	if u, err := url.Parse(config.PublicURL); err == nil && u.Host != "" {
		host = u.Host
	}
	codes := slices.Clone(config.Errors)
	slices.SortStableFunc(codes, func(a, b ErrorCode) int { return a.Status - b.Status })
	return docsContent{
		URL: address, Host: host, IsHTTPS: strings.HasPrefix(strings.ToLower(address), "https://"),
		Confirmations: config.Confirmations, Window: span(config.Window), MaxAmount: config.MaxAmount.String(),
		Currency: models.CurrencyUSDT,
		Examples: Examples(config.PublicURL), Verifiers: Verifiers(),
		Errors: codes, Reference: api, snippets: Snippets(config.PublicURL),
	}, nil
}

// span returns a duration in words.
func span(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d < unit.length || d%unit.length != 0 {
			continue
		}
		if count := d / unit.length; count != 1 {
			return fmt.Sprintf("%d %ss", count, unit.name)
		}
		return "1 " + unit.name
	}
	return d.String()
}
