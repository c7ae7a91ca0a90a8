package api

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A page is in the language chosen with ?lang=, else in the one chosen before, else in the one the browser prefers.
func TestPagesAreInTheLanguageOfTheirReader(t *testing.T) {
	t.Parallel()
	f := setup(t)
	languageOfPage := func(path string, headers ...string) (string, http.Header) {
		got := f.call(f.account, http.MethodGet, path, "", headers...)
		_, rest, _ := strings.Cut(got.body, `<html lang="`)
		return rest[:2], got.header
	}
	for _, path := range []string{"/", "/login.html", "/register.html", "/password.html", "/nothing"} {
		tag, header := languageOfPage(path, "Accept-Language", "fr-CA,en;q=0.5")
		require.Equal(t, "fr", tag, path)
		require.Empty(t, header.Get("Set-Cookie"), "what the browser prefers is not a choice")
		require.Subset(t, header.Values("Vary"), []string{"Accept-Language", "Cookie"}, path)

		tag, header = languageOfPage(path+"?lang=ar", "Accept-Language", "fr", "Cookie", "paycow_language=de")
		require.Equal(t, "ar", tag, path)
		kept := "paycow_language=ar; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
		if path == "/nothing" {
			kept = "" // a link to an error chooses for nobody
		}
		require.Equal(t, kept, header.Get("Set-Cookie"), path)

		tag, _ = languageOfPage(path, "Accept-Language", "fr", "Cookie", "paycow_language=zh")
		require.Equal(t, "zh", tag, path)

		tag, header = languageOfPage(path+"?lang=xx", "Accept-Language", "fr", "Cookie", `paycow_language="><b>`)
		require.Equal(t, "fr", tag, path)
		require.Empty(t, header.Get("Set-Cookie"))
	}
}

// The page about an error is in the reader's language, and what the API says to programs is in English.
func TestErrorsAreInTheLanguageOfTheirReader(t *testing.T) {
	t.Parallel()
	f := setup(t)
	page := f.call(f.account, http.MethodGet, "/payment/000000000000000000000000", "", "Accept-Language", "de")
	require.Contains(t, page.body, "<h1>Nicht gefunden</h1>")
	require.Contains(t, page.body, "Keine Zahlung hat diese ID.")
	answer := f.call(f.account, http.MethodGet, "/api/payment/000000000000000000000000", "", "Accept-Language", "de")
	require.Contains(t, answer.body, "No payment has this id.")
}

// Where the installation is reached over https, the choice of a language is not sent over http.
func TestTheLanguageCookieIsForHTTPS(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) {
		c.PublicURL, c.TrustedProxies = "https://paycow.test", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	got := f.call(f.account, http.MethodGet, "/login.html?lang=ar", "", "X-Forwarded-Proto", "https")
	require.Contains(t, got.header.Get("Set-Cookie"), "; Secure")
}
