package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHarmless checks that no cell of a CSV file begins a formula, wherever a spreadsheet sees a cell begin.
func TestHarmless(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                     "",
		"user_123":             "user_123",
		"a=b":                  "a=b",
		"a-b@example.com":      "a-b@example.com",
		"=1+1":                 "'=1+1",
		"@SUM(A1)":             "'@SUM(A1)",
		"\t=1":                 "'\t'=1",
		"\r\n=1":               "'\r\n'=1",
		"\tx":                  "'\tx",
		"x;=cmd|' /C calc'!A0": "x;'=cmd|' /C calc'!A0",
		`x,"=1`:                `x,"'=1`,
		"x; =1":                "x; '=1",
		"x\n+1":                "x\n'+1",
		"x|-1":                 "x|'-1",
		"\uff1d1":              "'\uff1d1",
		"x;\uff201":            "x;'\uff201",
		" =1":                  " '=1",
	} {
		require.Equal(t, want, harmless(text), "%q", text)
	}
}
