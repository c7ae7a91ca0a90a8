//go:build !slim

package main

import (
	"bytes"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/internal/webhooks"
	"paycow/models"
	"paycow/rules"
	"paycow/web"
)

// debianCrates is where Debian puts the sources of Rust packages.
const debianCrates = "/usr/share/cargo/registry"

// verifierBuilds tells how the shown programs that verify webhooks are built and run, by their language.
var verifierBuilds = map[string]struct {
	build []string          // succeeds where the program can run
	run   []string          // runs what was built
	files map[string]string // what the language wants beside the program
}{
	"nodejs": {build: []string{"node", "--check", "webhook.mjs"}, run: []string{"node", "webhook.mjs"}},
	"python": {build: []string{"python3", "-m", "py_compile", "webhook.py"}, run: []string{"python3", "webhook.py"}},
	"go":     {build: []string{"go", "build", "-o", "webhook", "webhook.go"}, run: []string{"./webhook"}},
	"php":    {build: []string{"php", "--syntax-check", "webhook.php"}, run: []string{"php", "webhook.php"}},
	"curl":   {build: []string{"openssl", "version"}, run: []string{"sh", "webhook.sh"}},
	"csharp": {build: []string{"dotnet", "build"}, run: []string{"dotnet", "run", "--no-build"}, files: map[string]string{
		"webhook.csproj": shownPrograms["csharp"].files["payment.csproj"],
	}},
	"rust": {build: []string{"cargo", "build", "--quiet"}, run: []string{"target/debug/webhook"}, files: map[string]string{
		"Cargo.toml": "[package]\nname = \"webhook\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[[bin]]\nname = \"webhook\"\npath = \"main.rs\"\n" +
			"[dependencies]\nhmac = \"0.12\"\nsha2 = \"0.10\"\ndata-encoding = \"2\"\nserde_json = \"1\"\n",
	}},
}

// verifier is a shown program that can run here.
type verifier struct {
	dir     string
	command []string
}

func newVerifier(t *testing.T, program web.Example) verifier {
	t.Helper()
	how, dir := verifierBuilds[program.ID], t.TempDir()
	require.NotEmpty(t, how.run)
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for name, text := range how.files {
		write(name, text)
	}
	if _, err := os.Stat(debianCrates + "/hmac-0.12.1"); err == nil && program.ID == "rust" {
		write(".cargo/config.toml", "[source.crates-io]\nreplace-with = \"debian\"\n[source.debian]\ndirectory = \""+debianCrates+"\"\n")
	}
	write(program.File, program.Text)
	build := exec.CommandContext(t.Context(), how.build[0], how.build[1:]...)
	build.Dir = dir
	build.Env = append(os.Environ(), "CARGO_NET_RETRY=0", "CARGO_HTTP_TIMEOUT=10")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("the %s program cannot run here: %s: %v %s", program.Name, strings.Join(how.build, " "), err, bytes.TrimSpace(out))
	}
	return verifier{dir, how.run}
}

// read passes a webhook to the program as a web server passes it to CGI.
func (v verifier) read(t *testing.T, secret string, hook receivedWebhook) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), v.command[0], v.command[1:]...)
	cmd.Dir = v.dir
	cmd.Env = append(os.Environ(), "PAYCOW_WEBHOOK_SECRET="+secret)
	for name := range hook.header {
		cmd.Env = append(cmd.Env, "HTTP_"+strings.ReplaceAll(strings.ToUpper(name), "-", "_")+"="+hook.header.Get(name))
	}
	cmd.Stdin = bytes.NewReader(hook.body)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	return strings.TrimSpace(out.String()), complaint.String(), err
}

// receivedWebhook is a webhook as it arrived.
type receivedWebhook struct {
	header http.Header
	body   []byte
}

// sentWebhook has the gateway's own sender send a body, and returns what arrived.
func sentWebhook(t *testing.T, at time.Time, body string, secrets ...string) (hook receivedWebhook) {
	t.Helper()
	shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		hook.header = r.Header
		hook.body, _ = io.ReadAll(r.Body)
	}))
	defer shop.Close()
	_, err := webhooks.NewSender("PayCow/test", []string{"127.0.0.1"}, time.Minute).Send(t.Context(), webhooks.Message{
		URL: shop.URL, ID: "0123456789abcdef01234567", Try: 1, SentAt: at, Body: []byte(body), Secrets: secrets,
	})
	require.NoError(t, err)
	require.Equal(t, body, string(hook.body))
	return hook
}

// with returns the webhook with another value of a header.
func (w receivedWebhook) with(name, value string) receivedWebhook {
	header := w.header.Clone()
	header.Set(name, value)
	return receivedWebhook{header, w.body}
}

// TestShownVerifiers gives the programs that /docs shows what the gateway's own sender sends, and what a forger might.
func TestShownVerifiers(t *testing.T) {
	t.Parallel()
	const body = `{"type":"payment.paid","timestamp":"2026-11-27T08:00:00.000Z","schema":1,` +
		`"data":{"description":"Zwölf \"Kühe\" \\ 100 % 🐄","type":"other"}}`
	secretOf := func(key string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) }
	secret, old := secretOf("\x00\xff new key, 32 bytes \x00 \n 12345"), secretOf("the old key has its 32 bytes, too")
	for _, program := range web.Verifiers() {
		t.Run(program.Name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, program)
			// Only now: the program may have waited for its turn, and a webhook is refused after five minutes.
			now := time.Now()
			genuine, rotating := sentWebhook(t, now, body, secret), sentWebhook(t, now, body, secret, old)
			signature := genuine.header.Get("webhook-signature")
			changed := receivedWebhook{genuine.header, []byte(strings.Replace(body, "100", "101", 1))}
			appended := receivedWebhook{genuine.header, []byte(body + "\n")}
			for name, c := range map[string]struct {
				secret string
				hook   receivedWebhook
			}{
				"as sent":                      {secret, genuine},
				"new secret, rotating":         {secret, rotating},
				"old secret, rotating":         {old, rotating},
				"four minutes under way":       {secret, sentWebhook(t, now.Add(-4*time.Minute), body, secret)},
				"beside an unknown signature":  {secret, genuine.with("webhook-signature", "v1a,AAAA v2 "+signature)},
				"beside a malformed signature": {secret, genuine.with("webhook-signature", "v1,=== v1, "+signature)},
			} {
				printed, complaint, err := v.read(t, c.secret, c.hook)
				require.NoError(t, err, "%s: %s", name, complaint)
				require.Equal(t, "0123456789abcdef01234567 payment.paid", printed, name)
			}
			for name, c := range map[string]struct {
				secret string
				hook   receivedWebhook
			}{
				"changed body":           {secret, changed},
				"a byte more":            {secret, appended},
				"other id":               {secret, genuine.with("webhook-id", "1123456789abcdef01234567")},
				"wrong secret":           {old, genuine},
				"no secret":              {"", sentWebhook(t, now, body, "")},
				"empty secret":           {"whsec_", sentWebhook(t, now, body, "whsec_")},
				"six minutes old":        {secret, sentWebhook(t, now.Add(-6*time.Minute), body, secret)},
				"from the future":        {secret, sentWebhook(t, now.Add(6*time.Minute), body, secret)},
				"time changed":           {secret, sentWebhook(t, now.Add(-time.Hour), body, secret).with("webhook-timestamp", genuine.header.Get("webhook-timestamp"))},
				"no time":                {secret, genuine.with("webhook-timestamp", "")},
				"no number":              {secret, genuine.with("webhook-timestamp", "now")},
				"a huge number":          {secret, genuine.with("webhook-timestamp", "99999999999999999999")},
				"no signature":           {secret, genuine.with("webhook-signature", "")},
				"half a signature":       {secret, genuine.with("webhook-signature", signature[:20])},
				"other version":          {secret, genuine.with("webhook-signature", "v2"+signature[2:])},
				"version left out":       {secret, genuine.with("webhook-signature", signature[3:])},
				"versions alone":         {secret, genuine.with("webhook-signature", "v1, v1,")},
				"a pattern of the shell": {secret, genuine.with("webhook-signature", "*")},
			} {
				printed, complaint, err := v.read(t, c.secret, c.hook)
				require.Error(t, err, name)
				require.Empty(t, printed, name)
				require.Contains(t, complaint, "refused", name)
			}
		})
	}
}

// TestDocumentedWebhookTries compares the table of tries on /docs with the rule.
func TestDocumentedWebhookTries(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../api/openapi.json")
	require.NoError(t, err)
	docs, err := web.NewDocs(web.DocsConfig{PublicURL: "https://x.example", OpenAPI: document})
	require.NoError(t, err)
	page, ok := docs.Page("/docs/webhooks")
	require.True(t, ok)
	_, table, _ := strings.Cut(html.UnescapeString(string(page.Content)), `aria-label="Table of the tries"`)
	table, _, _ = strings.Cut(table, "</table>")
	rows := regexp.MustCompile(`<tr><th scope="row">(\d+)( and later)?</th><td>(\d+) (\w+?)s? `).FindAllStringSubmatch(table, -1)
	require.NotEmpty(t, rows)
	units := map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour}
	first := time.Unix(1_800_000_000, 0)
	for i, row := range rows {
		number, err := strconv.Atoi(row[1])
		require.NoError(t, err)
		count, err := strconv.Atoi(row[3])
		require.NoError(t, err)
		require.Equal(t, i+2, number, "the first try is at once")
		require.Equal(t, i == len(rows)-1, row[2] != "", "the last row stands for all later ones")
		documented := time.Duration(count) * units[row[4]]
		require.Positive(t, documented, row[0])
		tries := []int{i + 1}
		if row[2] != "" {
			tries = []int{i + 1, i + 2, i + 3, 100}
		}
		for _, try := range tries {
			at, more := rules.NextWebhookTry(models.NewID(), try, first, first, 0)
			require.True(t, more)
			require.InEpsilon(t, documented, at.Sub(first), 0.1, "the wait after try %d", try)
		}
	}
	require.Contains(t, table+string(page.Content), "until 72 hours have passed since the first try")
	require.Equal(t, 72*time.Hour, rules.WebhookTryFor)
	require.Contains(t, string(page.Content), "within 15 seconds")
	require.Equal(t, 15*time.Second, webhooks.Timeout)
}
