package models

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", MaxEmailBytes-len("@example.com")) + "@example.com"
	for text, want := range map[string]string{
		"shop@example.com":                         "shop@example.com",
		"  Shop@Example.COM\t":                     "shop@example.com",
		"first.last+tag@example.co.uk":             "first.last+tag@example.co.uk",
		"o'hara_1-2@sub-1.example.com":             "o'hara_1-2@sub-1.example.com",
		"mail@[192.0.2.1]":                         "mail@[192.0.2.1]",
		"münchen@example.com":                      "münchen@example.com",
		strings.ToUpper(longest[:3]) + longest[3:]: longest,
	} {
		got, err := NormalEmail(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", " ", "shop", "@example.com", "shop@", "shop@@example.com", "a@b@example.com", "shop@example.com.", ".shop@example.com",
		"a..b@example.com", "shop @example.com", "shop@exam ple.com", "Shop <shop@example.com>", "<shop@example.com>",
		`"the shop"@example.com`, `"shop"@example.com`, "shop@example.com, other@example.com", "shop@example.com (the shop)",
		"shop@example.com\r\nBcc: other@example.com", "shop\x00@example.com", "sh\u200bop@example.com", "shop\u202e@example.com",
		"shop\u00a0@example.com", "shop\xff@example.com", "a" + longest,
	} {
		got, err := NormalEmail(text)
		require.ErrorIs(t, err, ErrEmail, text)
		require.Empty(t, got, text)
	}
}

// TestNormalEmailIsStable normalizes what is normal already: logging in finds the address that registering stored.
func TestNormalEmailIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		email, err := NormalEmail(rapid.StringMatching(`\s?[A-Za-zÀ-ž0-9.+_'"<>\- ]{1,12}@[A-Za-z0-9.\-]{1,12}\s?`).Draw(t, "text"))
		if err != nil {
			return
		}
		again, err := NormalEmail(email)
		if err != nil || again != email {
			t.Fatalf("%q became %q: %v", email, again, err)
		}
	})
}

func TestQuorum(t *testing.T) {
	t.Parallel()
	for nodes, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 2, 4: 2, 9: 2} {
		require.Equal(t, want, Quorum(0, nodes), "%d nodes", nodes)
		require.Equal(t, 3, Quorum(3, nodes), "3 configured, %d nodes", nodes)
	}
}
