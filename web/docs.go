package web

import (
	"bytes"
	"embed"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"paycow/models"
)

//go:embed docs
var docsFiles embed.FS

// Hosts that stand in the embedded files, and that a page shows as the installation's own.
const (
	exampleHost   = "https://pay.example.com"
	publishedHost = "https://paycow.net"
)

// DocsConfig is what the documentation page tells of this installation.
type DocsConfig struct {
	PublicURL     string
	OpenAPI       []byte // the document that the reference is made of
	Errors        []ErrorCode
	Confirmations uint64
	Window        time.Duration
	MaxAmount     models.Amount
}

// ErrorCode is a line in the table of errors.
type ErrorCode struct {
	Status       int
	Code         string
	Meaning      string // what happened
	Remedy       string // what the caller does about it
	IsRepeatable bool   // the same call may go well later
}

// Page is a page that stays the same as long as the process lives.
type Page struct {
	Content []byte
	Version string // changes when the content does
}

// Example is a whole program that makes a payment and reads its status.
type Example struct {
	ID, Name string
	File     string // what the program is called where it is run
	Text     string
}

// exampleFiles are the programs, in the order in which the page shows them.
var exampleFiles = []struct{ id, name, embedded, file string }{
	{"nodejs", "Node.js", "payment.mjs", "payment.mjs"},
	{"python", "Python", "payment.py", "payment.py"},
	{"go", "Go", "payment.go.txt", "payment.go"},
	{"php", "PHP", "payment.php", "payment.php"},
	{"csharp", "C#", "Payment.cs", "Program.cs"},
	{"rust", "Rust", "payment.rs", "main.rs"},
	{"curl", "cURL", "payment.sh", "payment.sh"},
}

// Examples returns the programs that the documentation page shows, for an installation at this address.
func Examples(publicURL string) []Example {
	examples := make([]Example, len(exampleFiles))
	for i, file := range exampleFiles {
		examples[i] = Example{
			ID: file.id, Name: file.name, File: file.file, Text: docsText("examples/"+file.embedded, publicURL),
		}
	}
	return examples
}

// Snippets returns the commands that the documentation page shows, by the name of their file.
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

// docsText returns an embedded text with the installation's address in it.
func docsText(name, publicURL string) string {
	content, err := docsFiles.ReadFile("docs/" + name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return strings.ReplaceAll(string(content), exampleHost, literalURL(publicURL))
}

// literalURL writes an address so that it stands for itself in a string of any of the examples' languages: whatever could
// end the string or mean something in it is percent-encoded, which is the same address.
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

// docsPage is what the template lays out.
type docsPage struct {
	URL, Host     string
	IsHTTPS       bool
	Confirmations uint64
	Window        string
	MaxAmount     string
	Currency      string
	Examples      []Example
	Errors        []ErrorCode
	Reference     reference
	snippets      map[string]string
}

// codeBlock is a text that is shown as it is, and can be copied.
type codeBlock struct{ Label, Text string }

// Code returns a snippet under a label.
func (p docsPage) Code(name, label string) (codeBlock, error) {
	text, ok := p.snippets[name]
	if !ok {
		return codeBlock{}, fmt.Errorf("there is no snippet %q", name)
	}
	return codeBlock{label, strings.TrimRight(text, "\n")}, nil
}

// Answer returns the example of a call's answer that the OpenAPI document gives.
func (p docsPage) Answer(operationID, label string) (codeBlock, error) {
	for _, group := range p.Reference.Groups {
		for _, operation := range group.Operations {
			if operation.ID == operationID && len(operation.Answers) > 0 && operation.Answers[0].Example != "" {
				return codeBlock{label, operation.Answers[0].Example}, nil
			}
		}
	}
	return codeBlock{}, fmt.Errorf("the OpenAPI document has no example of an answer to %q", operationID)
}

// Block returns a code block of a text.
func (docsPage) Block(text, label string) codeBlock { return codeBlock{label, text} }

// NewDocs renders the documentation page. It is the same for everybody, so once is enough.
func NewDocs(config DocsConfig) (Page, error) {
	api, err := readReference(config.OpenAPI, config.PublicURL)
	if err != nil {
		return Page{}, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	address := literalURL(config.PublicURL)
	host := address
	if u, err := url.Parse(config.PublicURL); err == nil && u.Host != "" {
		host = u.Host
	}
	codes := slices.Clone(config.Errors)
	slices.SortStableFunc(codes, func(a, b ErrorCode) int { return a.Status - b.Status })
	return newPage("docs.html", docsPage{
		URL: address, Host: host, IsHTTPS: strings.HasPrefix(strings.ToLower(address), "https://"),
		Confirmations: config.Confirmations, Window: span(config.Window), MaxAmount: config.MaxAmount.String(),
		Currency: models.CurrencyUSDT,
		Examples: Examples(config.PublicURL), Errors: codes, Reference: api, snippets: Snippets(config.PublicURL),
	})
}

func newPage(name string, data any) (Page, error) {
	var text bytes.Buffer
	if err := write(&text, name, data); err != nil {
		return Page{}, err
	}
	return Page{Content: text.Bytes(), Version: versionOf(text.Bytes())}, nil
}

// span writes a time span in words.
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
