//go:build !slim

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDevGreeting follows the greeting of a new paycow dev word by word: nothing alarms before it, the logins work, and
// the command makes a payment when it is pasted into a shell.
func TestDevGreeting(t *testing.T) {
	s := startStack(t)
	eventually(t, "the greeting is there", func() error {
		if !strings.Contains(s.log.String(), s.file.Operator.TestAPISecret) {
			return http.ErrNotSupported
		}
		return nil
	})
	said := s.log.String()
	before, greeting, _ := strings.Cut(said, "PayCow is ready")
	for _, noise := range []string{
		"HTTP API port has not been set", "Context timeout is lower than critical value", " is not found.",
	} {
		require.NotContains(t, before, noise, "a new stack does not alarm anybody before it is ready")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	require.Contains(t, greeting, "\n  "+invocationOf(self)+" pay --data-dir "+quoted(s.dir)+" PAYMENT_ID\n")
	for _, login := range []struct{ path, email, password string }{
		{"/api/operator/login", s.file.Operator.Email, s.file.Operator.Password},
		{"/api/admin/login", s.file.Admin.Email, s.file.Admin.Password},
	} {
		require.Contains(t, greeting, login.email+"  "+login.password)
		body, err := json.Marshal(map[string]string{"email": login.email, "password": login.password})
		require.NoError(t, err)
		answer, err := http.Post(s.file.APIURL+login.path, "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode, login.path)
	}

	t.Run("in a shell", func(t *testing.T) { followInShell(t, s, greeting) })
}

// followInShell pastes the greeting's command into a shell, and reads the same credentials for another one.
func followInShell(t *testing.T, s *stack, greeting string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl on this machine: make test-deps")
	}
	_, command, found := strings.Cut(greeting, "in another terminal:\n\n")
	require.True(t, found)
	command, _, _ = strings.Cut(command, "\n\n")
	var payment struct{ PaymentID, PaymentURL string }
	require.NoError(t, json.Unmarshal(shell(t, command), &payment))
	require.Equal(t, s.file.APIURL+"/payment/"+payment.PaymentID, payment.PaymentURL)

	balance := shell(t, ". "+filepath.Join(s.dir, devEnvName)+` && curl -sS "$PAYCOW_URL/api/balance" \
		-H "x-api-key: $PAYCOW_API_KEY" -H "x-api-secret: $PAYCOW_API_SECRET"`)
	require.JSONEq(t, `{"currency":"USDT","available":0.00,"pending":0.00}`, string(balance))
}

// shell runs a command of a shell and returns what it printed.
func shell(t *testing.T, command string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", command).Output()
	require.NoError(t, err, "%s\n%s", command, out)
	return out
}

func TestGreetingWithoutFaucet(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	greet(&out, devFile{APIURL: "http://a"}, greeting{took: time.Second, dir: "/d", program: "paycow"})
	require.Contains(t, out.String(), "Then send that amount of the token to its address.")
	require.NotContains(t, out.String(), "paycow pay")
	out.Reset()
	greet(&out, devFile{APIURL: "http://a", FaucetKey: "0x1"}, greeting{dir: "/d", program: "./paycow"})
	require.Contains(t, out.String(), "  ./paycow pay --data-dir /d PAYMENT_ID\n")
	out.Reset()
	greet(&out, devFile{APIURL: "http://a", FaucetKey: "0x1"}, greeting{dir: "/my data", program: "paycow"})
	require.Contains(t, out.String(), "  paycow pay --data-dir '/my data' PAYMENT_ID\n")
	out.Reset()
	greet(&out, devFile{APIURL: "http://a", FaucetKey: "0x1"}, greeting{dir: "/d", isUsualDir: true, program: "paycow"})
	require.Contains(t, out.String(), "  paycow pay PAYMENT_ID\n")
}

func TestInvocation(t *testing.T) {
	t.Parallel()
	const hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for program, want := range map[string]string{
		"paycow": "paycow", "./bin/paycow": "./bin/paycow", "/home/me/go/bin/paycow": "/home/me/go/bin/paycow",
		"/tmp/go-build2961/b001/exe/paycow":                 "go run ./cmd/paycow",
		"/home/me/.cache/go-build/01/" + hash + "-d/paycow": "go run ./cmd/paycow",
		"/cache/01/" + hash + "-d/paycow":                   "go run ./cmd/paycow",
		"/home/me/my programs/paycow":                       "'/home/me/my programs/paycow'",
		"/it's/$HOME/paycow":                                `'/it'\''s/$HOME/paycow'`,
	} {
		require.Equal(t, want, invocationOf(program), program)
	}
}
