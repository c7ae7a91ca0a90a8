//go:build !slim

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

// greeting is what the greeting says besides dev.json.
type greeting struct {
	took       time.Duration
	node       string // the Ethereum nodes, as they may be printed
	dir        string // where the data is
	isUsualDir bool
	program    string // how this program was called
}

// greet prints where everything is, who can log in, and how to make the first payment.
func greet(out io.Writer, file devFile, g greeting) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nPayCow is ready after %s.\n\n", g.took.Round(10*time.Millisecond))
	fmt.Fprintf(table, "  Front page and API\t%s\n", file.APIURL)
	fmt.Fprintf(table, "  Documentation\t%s/docs\n", file.APIURL)
	fmt.Fprintf(table, "  Shop's dashboard\t%s/dashboard.html\n", file.APIURL)
	fmt.Fprintf(table, "    log in with\t%s  %s\n", file.Operator.Email, file.Operator.Password)
	fmt.Fprintf(table, "  Admin page\t%s/admin.html\n", file.APIURL)
	fmt.Fprintf(table, "    log in with\t%s  %s  (no second factor here; every other command requires one)\n",
		file.Admin.Email, file.Admin.Password)
	fmt.Fprintf(table, "  Temporal's web UI\t%s\n", file.TemporalUIURL)
	fmt.Fprintf(table, "  Ethereum RPC\t%s  (chain %d, token %s)\n", g.node, file.ChainID, file.TokenAddress)
	fmt.Fprintf(table, "  All of this\t%s\n", filepath.Join(g.dir, devFileName))
	_ = table.Flush()
	fmt.Fprintf(out, `
Create a payment of 50 USDT, in another terminal:

  curl -X POST %s/api/payment/create -H 'Content-Type: application/json' \
    -H 'x-api-key: %s' -H 'x-api-secret: %s' \
    -d '{"amount": 50.00, "userId": "user_123456", "network": "ERC20"}'

Open the "paymentUrl" of the response in a browser. `, file.APIURL, file.Operator.APIKey, file.Operator.APISecret)
	if file.FaucetKey != "" {
		dataDir := ""
		if !g.isUsualDir {
			dataDir = " --data-dir " + quoted(g.dir)
		}
		fmt.Fprintln(out, `Pay with the button there, or with its "paymentId":`)
		fmt.Fprintf(out, "\n  %s pay%s PAYMENT_ID\n", g.program, dataDir)
	} else {
		fmt.Fprintln(out, "Then send that amount of the token to its address.")
	}
	if file.Operator.TestAPIKey != "" {
		fmt.Fprintf(out, `
With this key, payments are tests whose outcome is simulated (%s/docs/testing):

  -H 'x-api-key: %s' -H 'x-api-secret: %s'
`, file.APIURL, file.Operator.TestAPIKey, file.Operator.TestAPISecret)
	}
	fmt.Fprintln(out)
}

// builtByGoRun matches the path of a program that `go run` built: in a temporary folder, or in Go's build cache.
var builtByGoRun = regexp.MustCompile(`[/\\]go-build[^/\\]*[/\\]|[/\\][0-9a-f]{64}-d[/\\]`)

// plainWord matches a word that means itself to a shell.
var plainWord = regexp.MustCompile(`^[\w./:@%+,-]+$`)

// quoted returns a word as a shell reads it.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// invocation returns the command that starts this program again, for a shell.
func invocation() string { return invocationOf(os.Args[0]) }

func invocationOf(program string) string {
	if builtByGoRun.MatchString(program) {
		return "go run ./cmd/paycow"
	}
	return quoted(program)
}
