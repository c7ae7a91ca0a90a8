package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runProgram runs a command in this process. Nothing can be read from standard input.
func runProgram(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	in, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { _ = in.Close() })
	var out, errs bytes.Buffer
	err = run(t.Context(), newProgram(in, &out, &errs), append([]string{"paycow"}, args...))
	return out.String(), errs.String(), err
}

// TestUsageErrors shows that a wrong flag or argument is refused with one sentence, which does not repeat an argument.
func TestUsageErrors(t *testing.T) {
	settingsOf(t, nil)
	for command, says := range map[string]string{
		"serve secret":                        "unexpected argument (see paycow serve --help)",
		"secret":                              "unknown command (see paycow --help)",
		"alarms 7":                            "unexpected argument (see paycow alarms --help)",
		"serve --secret":                      "flag provided but not defined: -secret (see paycow serve --help)",
		"rescan --from 1 --to x":              `invalid value "x" for flag -to: strconv.ParseUint: parsing "x": invalid syntax (see paycow rescan --help)`,
		"rescan --from 1":                     `Required flag "to" not set (see paycow rescan --help)`,
		"alarms resolve --note done":          "one argument is needed: the alarm's ID (see paycow alarms resolve --help)",
		"alarms resolve --note done 7 secret": "one argument is needed: the alarm's ID (see paycow alarms resolve --help)",
		"alarms resolve --note done seven":    `the alarm's ID must be a number (not "seven")`,
		"operator create --email a@":          `invalid value "a@" for flag -email: not an e-mail address (see paycow operator create --help)`,
		"admin create --email a@":             `invalid value "a@" for flag -email: not an e-mail address (see paycow admin create --help)`,
	} {
		stdout, stderr, err := runProgram(t, strings.Fields(command)...)
		require.EqualError(t, err, says, command)
		require.Empty(t, stdout+stderr, command)
	}
	_, _, err := runProgram(t, "alarms", "resolve", "--note", " ", "7")
	require.ErrorContains(t, err, `for flag -note: must not be empty`)
}

func TestHelp(t *testing.T) {
	settingsOf(t, nil)
	for _, command := range []string{"settings", "help settings", "help", "--help", "alarms help resolve", "serve --help"} {
		stdout, _, err := runProgram(t, strings.Fields(command)...)
		require.NoError(t, err, command)
		require.NotEmpty(t, stdout, command)
		if strings.HasSuffix(command, "settings") {
			require.Contains(t, stdout, "PAYCOW_MASTER_KEY", command)
			require.Regexp(t, `PAYCOW_CONFIRMATIONS +12 +confirmations`, stdout, command)
		}
	}
}
