//go:build !slim

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/web"
)

// What the published examples hold in the places that an integrator changes.
const (
	publishedHost   = "https://paycow.net"
	publishedKey    = "YOUR_API_KEY"
	publishedSecret = "YOUR_API_SECRET"
)

// documentedClient is a published example and what makes a program of it.
type documentedClient struct {
	name, example  string
	before, after  string   // around the example's own text
	file           string   // what the program is called
	command        []string // runs it
	needs          []string // a command that succeeds where the example can run
	printsNothing  bool     // the example leaves reading the answer to its reader
	printsTheReply bool     // instead of the page's address
}

var documentedClients = []documentedClient{
	{
		name: "Node.js", example: "create.mjs", file: "create.mjs", command: []string{"node", "create.mjs"}, needs: []string{"node", "-e", "fetch"},
		before: "const res = { redirect: (url) => console.log(url) };\n",
	},
	{
		name: "Python", example: "create.py", file: "create.py", command: []string{"python3", "create.py"}, needs: []string{"python3", "-c", "import requests"},
		after: "print(result['paymentUrl'])\n",
	},
	{
		name: "Go", example: "create.go.txt", file: "create.go", command: []string{"go", "run", "create.go"}, needs: []string{"go", "version"},
		printsNothing: true,
	},
	{
		name: "PHP", example: "create.php", file: "create.php", command: []string{"php", "create.php"}, needs: []string{"php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"},
		before: "<?php\n$user_id = 'user_123456';\n", after: "echo $result['paymentUrl'];\n",
	},
	{
		name: "cURL", example: "create.sh", file: "create.sh", command: []string{"sh", "create.sh"}, needs: []string{"curl", "--version"},
		printsTheReply: true,
	},
}

// TestDocumentedClients runs the published examples against the stack, changed only in host and credentials.
func TestDocumentedClients(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	for _, c := range documentedClients {
		t.Run(c.name, func(t *testing.T) {
			if out, err := exec.CommandContext(t.Context(), c.needs[0], c.needs[1:]...).CombinedOutput(); err != nil {
				t.Skipf("the %s example cannot run here: %s: %v %s", c.name, strings.Join(c.needs, " "), err, bytes.TrimSpace(out))
			}
			shop := s.in(t)
			before := shop.list("user_123456")
			printed := c.run(t, s)
			after := shop.list("user_123456")
			require.Len(t, after, len(before)+1, "the example creates one payment")
			page := s.url + "/payment/" + after[0].ID
			switch {
			case c.printsTheReply:
				var reply created
				require.NoError(t, json.Unmarshal([]byte(printed), &reply), printed)
				require.Equal(t, created{SessionID: after[0].ID, PaymentURL: page, DepositAddress: after[0].DepositAddress, Reference: after[0].Reference}, reply)
			case c.printsNothing:
				require.Empty(t, printed)
			default:
				require.Equal(t, page, printed)
			}
			shop.requireNewPayment(after[0], "user_123456")
		})
	}
}

// run runs the example and returns what it printed.
func (c documentedClient) run(t *testing.T, s *stack) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "clients", "examples", c.example))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), publishedHost))
	program := strings.NewReplacer(publishedHost, s.url, publishedKey, s.key, publishedSecret, s.secret).Replace(string(text))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, c.file), []byte(c.before+program+c.after), 0o600))
	cmd := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PAYCOW_API_KEY="+s.key, "PAYCOW_API_SECRET="+s.secret)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, &stderr)
	return strings.TrimSpace(string(out))
}

// shownPrograms tells how the programs of the documentation page are run, by their language.
var shownPrograms = map[string]struct {
	command []string
	needs   []string          // a command that succeeds, beside the program, where it can run
	files   map[string]string // what its language wants beside it
}{
	"nodejs": {command: []string{"node", "payment.mjs"}, needs: []string{"node", "-e", "fetch"}},
	"python": {command: []string{"python3", "payment.py"}, needs: []string{"python3", "-c", "import requests"}},
	"go":     {command: []string{"go", "run", "payment.go"}, needs: []string{"go", "version"}},
	"php":    {command: []string{"php", "payment.php"}, needs: []string{"php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"}},
	"curl":   {command: []string{"sh", "payment.sh"}, needs: []string{"curl", "--fail-with-body", "--version"}},
	"csharp": {command: []string{"dotnet", "run"}, needs: []string{"dotnet", "restore"}, files: map[string]string{
		"payment.csproj": `<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType>` +
			`<TargetFramework>net$(BundledNETCoreAppTargetFrameworkVersion)</TargetFramework>` +
			`<ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable></PropertyGroup></Project>`,
	}},
	"rust": {command: []string{"cargo", "run", "--quiet"}, needs: []string{"cargo", "fetch", "--quiet"}, files: map[string]string{
		"Cargo.toml": "[package]\nname = \"payment\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[[bin]]\nname = \"payment\"\npath = \"main.rs\"\n" +
			"[dependencies]\nserde_json = \"1\"\nreqwest = { version = \"*\", features = [\"blocking\", \"json\"] }\n",
	}},
}

// TestShownPrograms runs the very programs that /docs shows, with this stack's address in them as the page has it.
func TestShownPrograms(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	for _, example := range web.Examples(s.url) {
		t.Run(example.Name, func(t *testing.T) {
			how := shownPrograms[example.ID]
			require.NotEmpty(t, how.command)
			dir := t.TempDir()
			for name, text := range how.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, example.File), []byte(example.Text), 0o600))
			run := func(command []string, secret string) (stdout, stderr string, err error) {
				cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "PAYCOW_API_KEY="+s.key, "PAYCOW_API_SECRET="+secret, "CARGO_NET_RETRY=0", "CARGO_HTTP_TIMEOUT=10")
				var out, errors bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errors
				err = cmd.Run()
				return strings.TrimSpace(out.String()), errors.String(), err
			}
			if _, complaint, err := run(how.needs, ""); err != nil {
				t.Skipf("the %s program cannot run here: %s: %v %s", example.Name, strings.Join(how.needs, " "), err, complaint)
			}
			shop := s.in(t)
			before := shop.list("user_123456")
			printed, complaint, err := run(how.command, s.secret)
			require.NoError(t, err, complaint)
			after := shop.list("user_123456")
			require.Len(t, after, len(before)+1, "the program makes one payment")
			require.Equal(t, s.url+"/payment/"+after[0].ID+"\nPENDING", printed)
			shop.requireNewPayment(after[0], "user_123456")

			printed, complaint, err = run(how.command, "wrong")
			require.Error(t, err, "a refused call is no success")
			require.Contains(t, printed+complaint, "unauthorized", "the program tells why")
		})
	}
}

// TestRequestsAsClientsWriteThem sends the very bytes that the libraries of the published examples put on the wire, for the
// languages that are not installed everywhere.
func TestRequestsAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	host := strings.TrimPrefix(s.url, "http://")
	credentials := fmt.Sprintf("x-api-key: %s\r\nx-api-secret: %s\r\n", s.key, s.secret)
	for _, c := range []struct{ name, userID, headers, body string }{
		{
			// System.Text.Json writes the double 50.00 as 50, and StringContent adds the charset.
			"C#, HttpClient and StringContent", "user_123456",
			"Host: " + host + "\r\n" + credentials + "Content-Type: application/json; charset=utf-8\r\n",
			`{"amount":50,"userId":"user_123456","network":"ERC20"}`,
		},
		{
			"C#, sent in chunks by JsonContent", "user_123456",
			"Host: " + host + "\r\n" + credentials + "Transfer-Encoding: chunked\r\nContent-Type: application/json; charset=utf-8\r\n",
			`{"amount":50.00,"userId":"user_123456","network":"ERC20"}`,
		},
		{
			// As the program on /docs sends it: JsonContent in chunks, the amount as text, a key.
			"C#, the shown program", "user_123456",
			"Host: " + host + "\r\n" + credentials + "Idempotency-Key: 0b5c7c1e-6f0c-4a53-9d0e-2f6f2f4d3c11\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json; charset=utf-8\r\n",
			`{"amount":"50.00","userId":"user_123456","network":"ERC20"}`,
		},
		{
			"Rust, the shown program", "user_123456",
			credentials + "idempotency-key: order-1\r\ncontent-type: application/json\r\naccept: */*\r\nhost: " + host + "\r\n",
			`{"amount":"50.00","network":"ERC20","userId":"user_123456"}`,
		},
		{
			// serde_json sorts the keys of json! and keeps the fraction.
			"Rust, reqwest", "user_1",
			credentials + "content-type: application/json\r\naccept: */*\r\nhost: " + host + "\r\n",
			`{"amount":50.0,"network":"ERC20","userId":"user_1"}`,
		},
		{
			"PHP, curl", "user_123456",
			"Host: " + host + "\r\nAccept: */*\r\nContent-Type: application/json\r\n" + credentials,
			`{"amount":50.0,"userId":"user_123456","network":"ERC20"}`,
		},
		{
			"Python, requests", "user_123456",
			"Host: " + host + "\r\nUser-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept: */*\r\nConnection: keep-alive\r\n" +
				"Content-Type: application/json\r\n" + credentials,
			`{"amount": 50.0, "userId": "user_123456", "network": "ERC20"}`,
		},
		{
			"curl, which asks first whether to send", "user_123456",
			"Host: " + host + "\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n" + credentials,
			"{\n\"amount\": 50.00,\n\"userId\": \"user_123456\",\n\"network\": \"ERC20\"\n}",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			shop := s.in(t)
			before := shop.list(c.userID)
			reply := sendRaw(t, host, c.headers, c.body)
			after := shop.list(c.userID)
			require.Len(t, after, len(before)+1)
			require.Equal(t, after[0].ID, reply.SessionID)
			shop.requireNewPayment(after[0], c.userID)
		})
	}
}

// sendRaw makes a create call with exactly these headers and this body, framed as the headers say, and returns the answer.
func sendRaw(t *testing.T, host, headers, body string) (reply created) {
	t.Helper()
	connection, err := net.Dial("tcp", host)
	require.NoError(t, err)
	defer connection.Close()
	if strings.Contains(headers, "chunked") {
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	} else {
		headers += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	_, err = io.WriteString(connection, "POST /api/payment/create HTTP/1.1\r\n"+headers+"\r\n"+body)
	require.NoError(t, err)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	if response.StatusCode == http.StatusContinue {
		response, err = http.ReadResponse(reader, nil)
		require.NoError(t, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(content))
	require.NoError(t, json.Unmarshal(content, &reply), string(content))
	return reply
}

// listed is a payment as GET /api/payments shows it.
type listed struct {
	ID              string        `json:"_id"`
	UserID          string        `json:"userId"`
	AmountRequested models.Amount `json:"amountRequested"`
	Currency        string        `json:"currencyInfo"`
	Network         string        `json:"depositNetwork"`
	DepositAddress  string        `json:"depositAddress"`
	Reference       string        `json:"paymentReference"`
	Status          string        `json:"status"`
}

// in is the same shop for a subtest, which fails alone.
func (s *shop) in(t testing.TB) *shop { return &shop{t: t, url: s.url, key: s.key, secret: s.secret} }

// list returns a user's payments, newest first.
func (s *shop) list(userID string) []listed {
	s.t.Helper()
	var page struct{ Payments []listed }
	s.must(http.MethodGet, "/api/payments?limit=200&userId="+url.QueryEscape(userID), "", &page)
	return page.Payments
}

// requireNewPayment checks that the payment is what the published examples ask for and that its page tells where to pay.
func (s *shop) requireNewPayment(p listed, userID string) {
	s.t.Helper()
	require.Equal(s.t, listed{
		ID: p.ID, UserID: userID, AmountRequested: 50 * models.USDT, Currency: models.CurrencyUSDT, Network: models.NetworkERC20,
		DepositAddress: p.DepositAddress, Reference: p.Reference, Status: "PENDING",
	}, p)
	require.Regexp(s.t, "^0x[0-9a-fA-F]{40}$", p.DepositAddress)
	response, err := http.Get(s.url + "/payment/" + p.ID)
	require.NoError(s.t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, response.StatusCode)
	require.Contains(s.t, response.Header.Get("Content-Type"), "text/html")
	require.Contains(s.t, string(page), p.DepositAddress)
}
