package web

import (
	"bytes"
	"compress/gzip"
	"html"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// The page of a link says what the payer can do, in each language, without a script. Only a link that can be used has a
// form.
func TestLinkPage(t *testing.T) {
	t.Parallel()
	for _, language := range languages {
		seen := map[string]LinkState{}
		for _, state := range []LinkState{LinkReady, LinkBusy, LinkUsed, LinkOver, LinkOff, LinkLater, LinkDisabled} {
			var page bytes.Buffer
			require.NoError(t, WriteLinkPage(&page, LinkPage{
				Language: language, State: state, Shop: "Tea & <Co>", Description: "Invoice <b>7</b>", Amount: 1_234_500_000,
				ChainID: 1337, Token: "0123456789abcdef01234567", LastURL: "https://pay.example/p",
			}))
			text := page.String()
			require.Contains(t, text, `<html lang="`+language.Tag+`" dir="`+language.Dir+`">`)
			for _, inside := range []string{"Tea &amp; &lt;Co&gt;", "Invoice &lt;b&gt;7&lt;/b&gt;", `aria-current="true">` + language.Name} {
				require.Contains(t, text, inside)
			}
			require.NotContains(t, text, "<script")
			require.Equal(t, state == LinkReady, strings.Contains(text, "<form"), state)
			require.Contains(t, text, `<meta property="og:title" content="Tea &amp; &lt;Co&gt;">`)
			ended, err := language.T("l_ended")
			require.NoError(t, err)
			isOver := state == LinkUsed || state == LinkOver || state == LinkDisabled
			require.Equal(t, isOver, strings.Contains(html.UnescapeString(text), "<h1>"+ended+"</h1>"), state)
			last, err := language.T("l_last")
			require.NoError(t, err)
			require.Equal(t, state == LinkReady, strings.Contains(text, `<a href="https://pay.example/p">`+last), state)
			body := strings.SplitN(text, "<main", 2)[1]
			require.Empty(t, seen[body], "two states say the same")
			seen[body] = state
			if state == LinkReady {
				button, err := language.T("title", "Amount", language.Amount(1_234_500_000))
				require.NoError(t, err)
				require.Contains(t, text, `<button class="button primary">`+button+`</button>`)
				require.Contains(t, text, `<data value="1234.50">`)
			}
		}
	}
}

// With its style sheet, the page is no larger than the checkout page may be.
func TestLinkPageIsSmall(t *testing.T) {
	t.Parallel()
	var sent bytes.Buffer
	for _, content := range [][]byte{NamedAsset("checkout.css").Content, linkExample(t)} {
		w := gzip.NewWriter(&sent)
		_, err := w.Write(content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	require.Less(t, sent.Len(), 8000)
}

func linkExample(t *testing.T) []byte {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, WriteLinkPage(&page, LinkPage{State: LinkReady, Shop: "Shop", Description: "Tea", Amount: models.USDT}))
	return page.Bytes()
}
