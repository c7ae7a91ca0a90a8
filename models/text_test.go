package models

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		max  int
		want string
	}{
		{"", 0, ""},
		{"", 5, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"abc", 0, "…"},
		{"größer", 3, "grö…"},
		{"支付完成", 4, "支付完成"},
		{"支付完成", 2, "支付…"},
		{"👍🏽👍🏽", 2, "👍🏽…"},
	} {
		require.Equal(t, c.want, Shorten(c.text, c.max), "%q cut to %d", c.text, c.max)
	}
}

// TestShortenKeepsTextValid cuts any text anywhere: what is kept is valid, is a part of the text and is as long as allowed.
func TestShortenKeepsTextValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, limit := rapid.String().Draw(t, "text"), rapid.IntRange(0, 50).Draw(t, "limit")
		got := Shorten(text, limit)
		kept := strings.TrimSuffix(got, "…")
		switch {
		case utf8.RuneCountInString(text) <= limit && got != text:
			t.Fatalf("%q is short enough and became %q", text, got)
		case utf8.RuneCountInString(got) > limit+1, !utf8.ValidString(got):
			t.Fatalf("%q became %q", text, got)
		case !strings.HasPrefix(text, kept):
			t.Fatalf("%q is not the beginning of %q", kept, text)
		}
	})
}
