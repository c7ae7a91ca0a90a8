package web

import (
	"bytes"
	"embed"
	"html"
	"io/fs"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func examplePayment(change func(*models.Payment)) models.Payment {
	p := models.Payment{
		ID: strings.Repeat("a", 24), UserID: "<script>alert(1)</script>", Reference: "0123456789abcdef",
		Network:  models.NetworkERC20,
		Currency: models.CurrencyUSDT, AmountRequested: 50 * models.USDT,
		DepositAddress: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
		ExpiresAt:      time.Date(2026, 3, 12, 22, 30, 0, 0, time.UTC),
	}
	p.Status = models.StatusPending
	change(&p)
	return p
}

// exampleCheckout returns a checkout half an hour before its end.
func exampleCheckout(p models.Payment, confirmations uint64) Checkout {
	return Checkout{
		Payment: p, Confirmations: confirmations, RequiredConfirmations: 12, Now: p.ExpiresAt.Add(-30 * time.Minute),
		Refresh:   5 * time.Second,
		BlockTime: 12 * time.Second,
		Network: Network{
			ChainID: 1, Token: "0xdAC17F958D2ee523a2206206994597C13D831ec7", ExplorerURL: "https://etherscan.io",
		},
		Language: FindLanguage("en", ""),
	}
}

func renderCheckout(t *testing.T, c Checkout) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, WriteCheckout(&page, c))
	return page.String()
}

func render(t *testing.T, p models.Payment, confirmations uint64) string {
	t.Helper()
	return renderCheckout(t, exampleCheckout(p, confirmations))
}

// Each state and each exception has its own text, and the page asks for money only while paying makes sense.
func TestCheckout(t *testing.T) {
	t.Parallel()
	const refresh, address, lost = `http-equiv="refresh" content="5"`,
		`data-copy="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"`, "are lost"
	paid := func(status models.Status, exception models.Exception, received models.Amount) func(*models.Payment) {
		return func(p *models.Payment) {
			p.Status, p.Exception, p.AmountReceived, p.ReturnURL = status, exception, received,
				"https://shop.example/order/7?x=1&y=2"
			if received > 0 {
				p.TxHash = "0x12"
			}
		}
	}
	cases := []struct {
		name    string
		change  func(*models.Payment)
		confirm uint64
		has     []string
		hasNot  []string
	}{
		{"pending", paid(models.StatusPending, "", 0), 0, []string{
			refresh, address, lost, "50.00",
			"Waiting for your payment", "30 min", "USDT on Ethereum (ERC‑20)",
		}, []string{"Confirmations", "Received"}},
		{
			"part", paid(models.StatusDetected, "", 20*models.USDT), 1,
			[]string{
				refresh, address, lost, "Part of the amount has arrived", "Still to send", `data-copy="30.00"`,
				`data-units="30000000"`,
			},
			[]string{"1/12"},
		},
		{
			"detected", paid(models.StatusDetected, "", 50*models.USDT), 1,
			[]string{refresh, "Payment found", "1/12", "about 2 min to go"},
			[]string{address, lost},
		},
		{
			"confirming", paid(models.StatusConfirming, "", 50*models.USDT), 7,
			[]string{refresh, "7/12", "being confirmed", `href="https://etherscan.io/tx/0x12"`},
			[]string{address, lost},
		},
		{
			"last checks", paid(models.StatusConfirming, "", 50*models.USDT), 12,
			[]string{"12/12", "a little longer"},
			[]string{address},
		},
		{
			"reverted", paid(models.StatusPending, models.ExceptionReverted, 0), 0,
			[]string{refresh, "reversed a transfer", "do not send it again", "when the time is up, contact the shop", "30 min"},
			[]string{address},
		},
		{
			"paid", paid(models.StatusPaid, "", 50*models.USDT), 12,
			[]string{
				"12/12", "Payment complete", `href="https://shop.example/order/7?x=1&amp;y=2"`,
				"Back to shop.example",
			},
			[]string{"refresh\"", address},
		},
		{
			"overpaid", paid(models.StatusPaid, models.ExceptionOverpaid, 60*models.USDT), 12,
			[]string{"more than the 50.00 USDT"},
			[]string{address},
		},
		{
			"accepted", paid(models.StatusPaid, models.ExceptionAccepted, 20*models.USDT), 12,
			[]string{"has accepted your payment"},
			[]string{address},
		},
		{
			"expired", paid(models.StatusExpired, "", 0), 0,
			[]string{"Payment expired", "start again at the shop"},
			[]string{"refresh\"", address},
		},
		{
			"underpaid", paid(models.StatusExpired, models.ExceptionUnderpaid, 1), 0,
			[]string{"contact the shop", "0.000001 of 50.00 USDT"},
			[]string{"refresh\"", address},
		},
		{
			"late", paid(models.StatusExpired, models.ExceptionPaidLate, 50*models.USDT), 0,
			[]string{"arrived too late", "contact the shop"},
			[]string{address},
		},
		{
			"reverted after the end", paid(models.StatusExpired, models.ExceptionReverted, 0), 0,
			[]string{"reversed a transfer", "contact the shop"},
			[]string{address},
		},
		{
			"rejected", paid(models.StatusRejected, "", 0), 0,
			[]string{"declined", "do not send anything"},
			[]string{"refresh\"", address},
		},
		{
			"after reject", paid(models.StatusRejected, models.ExceptionAfterReject, 50*models.USDT), 12,
			[]string{"declined", "50.00 USDT arrived"},
			[]string{address},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			page := render(t, examplePayment(c.change), c.confirm)
			for _, text := range c.has {
				require.Contains(t, page+readable(page), text)
			}
			for _, text := range append(c.hasNot, "alert(1)", "http://www.example", "<script>") {
				require.NotContains(t, page, text)
			}
			require.Contains(t, page, `lang="en" dir="ltr"`)
			require.Less(t, gzippedSize(t, []byte(page)), 10<<10, "the page must stay small")
		})
	}
}

// When the window is over but the chain is still being read, the page does not ask for money. While the token is
// paused, the clock stops.
func TestCheckoutAtTheEdgesOfTheWindow(t *testing.T) {
	t.Parallel()
	c := exampleCheckout(examplePayment(func(*models.Payment) {}), 0)
	c.Now = c.Payment.ExpiresAt
	page := renderCheckout(t, c)
	require.Contains(t, page, "Time is up")
	require.NotContains(t, page, "data-copy")
	c.IsPaused, c.WindowEnd = true, c.Now
	page = renderCheckout(t, c)
	require.Contains(t, page, "has paused all transfers")
	require.Contains(t, page, `<strong id="countdown" role="timer">on hold<`)
	c.IsPaused, c.WindowEnd = false, c.Payment.ExpiresAt.Add(10*time.Minute)
	require.Contains(t, renderCheckout(t, c), "10 min")
}

// A pending transfer is shown until a transfer has arrived, and never later.
func TestCheckoutShowsPendingTransfers(t *testing.T) {
	t.Parallel()
	const line = "A transfer of 50.00 USDT was seen on the network."
	for _, status := range models.Statuses() {
		c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Status = status }), 0)
		c.OnItsWay = 50 * models.USDT
		require.Equal(t, status == models.StatusPending, strings.Contains(readable(renderCheckout(t, c)), line), status)
	}
	require.NotContains(t, render(t, examplePayment(func(*models.Payment) {}), 0), "was seen on the network")
}

// While all that is due is expected in one of the next blocks, nobody is asked to send more. A part, or dust, hides nothing,
// and later the page asks again.
func TestNobodyPaysTwiceWhileATransferIsOnItsWay(t *testing.T) {
	t.Parallel()
	c := exampleCheckout(examplePayment(func(*models.Payment) {}), 0)
	for _, asks := range []string{"data-call", "ethereum:", "<svg", "data-copy", c.Payment.DepositAddress} {
		c.OnItsWay, c.IsExpected = 50*models.USDT, false
		require.Contains(t, renderCheckout(t, c), asks)
		c.IsExpected = true
		for _, part := range []models.Amount{1, 50*models.USDT - 1} {
			c.OnItsWay = part
			require.Contains(t, renderCheckout(t, c), asks)
		}
		c.OnItsWay = 50 * models.USDT
		require.NotContains(t, renderCheckout(t, c), asks)
	}
	page := renderCheckout(t, c)
	require.Equal(t, 1, titles(page, "Your payment is on its way"))
	require.Contains(t, page, "countdown")
}

// Text from an operator or a shop never becomes markup or a link of another kind.
func TestCheckoutEscapes(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		`javascript:alert(1)`, `https://x.example/"><script>alert(1)</script>`,
		`data:text/html,<script>alert(1)</script>`,
	} {
		page := render(t, examplePayment(func(p *models.Payment) {
			p.ReturnURL, p.Status, p.TxHash = hostile,
				models.StatusPaid, `"><script>`
		}), 12)
		require.NotContains(t, page, `href="javascript`)
		require.NotContains(t, page, `href="data:text`)
		require.NotRegexp(t, `<script(>|[^ ]| [^s])`, page)
	}
}

// The page says who is paid and for what. Both are text, isolated from what is around them.
func TestCheckoutNamesShopAndPurpose(t *testing.T) {
	t.Parallel()
	c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Description = `</dd><script>x</script> & "q" '` + "\u202e" }), 0)
	c.Shop = `<img src=x onerror=alert(1)>`
	page := renderCheckout(t, c)
	require.Contains(t, page, `<dd class="payee"><bdi>&lt;img src=x onerror=alert(1)&gt;</bdi></dd>`)
	require.Contains(t, page, `<dd><bdi>&lt;/dd&gt;&lt;script&gt;x&lt;/script&gt; &amp; &#34;q&#34; &#39;`+"\u202e</bdi></dd>")
	require.NotContains(t, page, "<script>")
	c.Payment.Description = ""
	require.NotContains(t, renderCheckout(t, c), "For</dt>")
	require.NotContains(t, renderCheckout(t, c), "<img")
	c.LogoURL = "/logos/0123"
	require.Contains(t, renderCheckout(t, c), `<img src="/logos/0123" alt="" width="48" height="48">`)
}

// Amounts are read in groups, as the language writes them, everywhere on the page. What is copied has no groups.
func TestAmountsAsTheLanguageGroupsThem(t *testing.T) {
	t.Parallel()
	const amount, most = 987_654_500_000, models.Amount(math.MaxInt64)
	for tag, want := range map[string][3]string{
		"en": {"987,654.50", "0.000001", "9,223,372,036,854.775807"}, "de": {"987.654,50", "0,000001", "9.223.372.036.854,775807"},
		"es": {"987.654,50", "0,000001", "9.223.372.036.854,775807"},
		"fr": {"987\u00a0654,50", "0,000001", "9\u00a0223\u00a0372\u00a0036\u00a0854,775807"},
		"pt": {"987.654,50", "0,000001", "9.223.372.036.854,775807"}, "ar": {"987,654.50", "0.000001", "9,223,372,036,854.775807"},
		"zh": {"987,654.50", "0.000001", "9,223,372,036,854.775807"},
	} {
		l := FindLanguage(tag, "")
		require.Equal(t, want, [3]string{l.Amount(amount), l.Amount(1), l.Amount(most)}, tag)
		for _, status := range models.Statuses() {
			c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Status, p.AmountRequested = status, amount }), 0)
			c.Language = l
			page := renderCheckout(t, c)
			require.Contains(t, readable(page), want[0], "%s %s", tag, status)
			require.NotContains(t, readable(page), "987654", "%s %s", tag, status)
			require.Equal(t, status == models.StatusPending, strings.Contains(page, `data-copy="987654.50"`))
			require.Equal(t, strings.Count(readable(page), want[0]),
				strings.Count(page, `<data value="987654.50"><bdi dir="ltr">`+want[0]+`</bdi></data>`)+titles(page, want[0]),
				"%s %s: every amount that can be selected is copied without groups", tag, status)
		}
	}
}

// titles counts how often the page's title holds a text.
func titles(page, text string) int {
	return strings.Count(regexp.MustCompile("(?s)<title>.*</title>").FindString(page), text)
}

// A tab says what is to be paid or what became of it, and to whom.
func TestTitleOfTheCheckout(t *testing.T) {
	t.Parallel()
	for status, want := range map[models.Status]string{
		models.StatusPending: "Pay 50.00 USDT", models.StatusDetected: "Payment found", models.StatusConfirming: "Payment is being confirmed",
		models.StatusPaid: "Paid", models.StatusExpired: "Payment expired", models.StatusRejected: "Payment declined",
	} {
		c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Status = status }), 0)
		c.Shop = "Demo <shop>"
		page := renderCheckout(t, c)
		require.Contains(t, page, "<title>"+want+" · Demo &lt;shop&gt;</title>")
		require.Contains(t, page, `data-title="`+want+`"`)
		c.Payment.IsTest = true
		require.Contains(t, renderCheckout(t, c), "<title>This is a test · ")
	}
}

// While a part is missing, the title asks for that part.
func TestTitleWhileAPartIsMissing(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{"en": "Still to pay: 30.00 USDT", "de": "Noch zu zahlen: 30,00 USDT"} {
		c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Status, p.AmountReceived = models.StatusDetected, 20*models.USDT }), 1)
		c.Language = FindLanguage(tag, "")
		require.Contains(t, renderCheckout(t, c), "<title>"+want+"</title>")
	}
}

// The page of a paid payment is a receipt: what was paid, when it was complete, and how. Nobody can print one of a test.
func TestReceipt(t *testing.T) {
	t.Parallel()
	payment := examplePayment(func(p *models.Payment) {
		p.Status, p.AmountReceived, p.AmountCredited, p.TxHash = models.StatusPaid, 50*models.USDT, 50*models.USDT, "0x12"
	})
	c := exampleCheckout(payment, 12)
	c.PaidAt = time.Date(2026, 3, 12, 22, 10, 5, 0, time.UTC)
	page := renderCheckout(t, c)
	require.Contains(t, page, `<time datetime="2026-03-12T22:10:05Z">2026-03-12 22:10 UTC</time>`)
	require.Contains(t, page, `<p class="total"><strong><data value="50.00">`)
	require.Contains(t, page, "data-print hidden>", "the script shows what needs it")
	require.Contains(t, page, `href="https://etherscan.io/tx/0x12"`)
	c.Payment.IsTest = true
	require.NotContains(t, renderCheckout(t, c), "data-print")
	c.Payment.IsTest, c.PaidAt = false, time.Time{}
	require.NotContains(t, renderCheckout(t, c), "<time")
	c.Payment.Status = models.StatusConfirming
	require.NotContains(t, renderCheckout(t, c), "total")
}

// A receipt is for what was credited. What arrived beyond that has a line of its own.
func TestReceiptIsForWhatWasCredited(t *testing.T) {
	t.Parallel()
	c := exampleCheckout(examplePayment(func(p *models.Payment) {
		p.Status, p.AmountReceived, p.AmountCredited = models.StatusPaid, 70*models.USDT, 50*models.USDT
	}), 12)
	const line = `<dt>Arrived, not confirmed yet</dt><dd><data value="20.00">`
	page := renderCheckout(t, c)
	require.Contains(t, page, `<p class="total"><strong><data value="50.00">`)
	require.Contains(t, page, line)
	c.Payment.AmountCredited = 70 * models.USDT
	page = renderCheckout(t, c)
	require.Contains(t, page, `<p class="total"><strong><data value="70.00">`)
	require.NotContains(t, page, "not confirmed yet")
}

// A receipt from a test network says that it is for no real money.
func TestReceiptNamesTheTestNetwork(t *testing.T) {
	t.Parallel()
	const badge = "Test network 11155111: no real money"
	c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Status = models.StatusPaid }), 12)
	require.NotContains(t, renderCheckout(t, c), "Test network")
	c.Network.ChainID = 11155111
	require.Contains(t, renderCheckout(t, c), badge)
	c.Payment.IsTest = true
	require.NotContains(t, renderCheckout(t, c), badge, "a simulated payment has its own notice")
}

// After a reorg the page names the transaction that was removed, and keeps the clock until the time is up.
func TestCheckoutAfterAReorg(t *testing.T) {
	t.Parallel()
	const removed, link = "<dt>Removed transaction</dt>", `href="https://etherscan.io/tx/0x12"`
	c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Exception = models.ExceptionReverted }), 0)
	c.RemovedTx = "0x12"
	page := renderCheckout(t, c)
	require.Contains(t, page, link)
	require.Contains(t, page, removed)
	require.Contains(t, page, `<strong id="countdown" role="timer">30 min<`)
	c.Now = c.Payment.ExpiresAt
	page = renderCheckout(t, c)
	require.NotContains(t, page, "countdown")
	require.NotContains(t, page, `id="until"`)
	require.Contains(t, page, "and the time is up. It may still return by itself")
	require.Contains(t, page, removed)
	c.Payment.Status = models.StatusExpired
	page = renderCheckout(t, c)
	require.Contains(t, page, link)
	require.NotContains(t, page, "countdown")
}

// After a reorg of one part, the transfer that still stands is not taken for the removed one.
func TestCheckoutAfterAReorgOfAPart(t *testing.T) {
	t.Parallel()
	for _, status := range []models.Status{models.StatusDetected, models.StatusExpired} {
		c := exampleCheckout(examplePayment(func(p *models.Payment) {
			p.Status, p.Exception, p.AmountReceived, p.TxHash = status, models.ExceptionReverted, 20*models.USDT, "0x13"
		}), 1)
		page := renderCheckout(t, c)
		require.Contains(t, page, "The network reversed a transfer")
		require.NotContains(t, page, "0x13")
		require.Contains(t, page, `<dt>Missing</dt><dd><data value="30.00">`)
		c.Payment.AmountReceived = 50 * models.USDT
		page = renderCheckout(t, c)
		require.Contains(t, page, "<dt>Transaction</dt>", "it is complete again")
		require.Contains(t, page, "0x13")
		require.NotContains(t, page, "<dt>Missing</dt>")
	}
}

// A messenger that shows a preview of the link gets a title that tells nothing about the payment.
func TestThePreviewOfACheckoutTellsNothing(t *testing.T) {
	t.Parallel()
	for _, l := range languages {
		c := exampleCheckout(examplePayment(func(p *models.Payment) { p.Description = "Two books" }), 0)
		c.Language, c.Shop = l, "Bookshop"
		tags := regexp.MustCompile(`<meta property="og:[^>]*>`).FindAllString(renderCheckout(t, c), -1)
		require.Len(t, tags, 3)
		preview := strings.Join(tags, "\n")
		require.Regexp(t, `og:title" content="[^"]+"`, preview)
		for _, secret := range []string{"50", "Bookshop", "books", c.Payment.Reference, c.Payment.DepositAddress, c.Payment.ID} {
			require.NotContains(t, preview, secret, l.Tag)
		}
	}
}

// Whoever withdraws from an exchange reads what must arrive: the amount, or the part of it that is missing.
func TestHelpForExchanges(t *testing.T) {
	t.Parallel()
	whole := readable(render(t, examplePayment(func(*models.Payment) {}), 0))
	require.Contains(t, whole, "Exactly 50.00 USDT must arrive here.")
	part := readable(render(t, examplePayment(func(p *models.Payment) {
		p.Status, p.AmountReceived = models.StatusConfirming, 49*models.USDT
	}), 3))
	require.Contains(t, part, "Exactly 1.00 USDT must arrive here.")
	for _, status := range []models.Status{models.StatusPaid, models.StatusExpired, models.StatusRejected} {
		require.NotContains(t, readable(render(t, examplePayment(func(p *models.Payment) { p.Status = status }), 0)), "must arrive here")
	}
}

// placeholders are the values to be filled into a text.
var placeholders = regexp.MustCompile(`{{\.(\w+)}}`)

// Every language has every text, with the same placeholders, and every text is used.
func TestLanguages(t *testing.T) {
	t.Parallel()
	valuesOf := func(text string) map[string]bool {
		found := map[string]bool{}
		for _, match := range placeholders.FindAllStringSubmatch(text, -1) {
			found[match[1]] = true
		}
		return found
	}
	english := messagesOf(t, "en")
	for _, l := range languages {
		texts := messagesOf(t, l.Tag)
		require.Len(t, texts, len(english), l.Tag)
		for id, text := range english {
			require.NotEmpty(t, texts[id], "%s %s", l.Tag, id)
			require.Equal(t, valuesOf(text), valuesOf(texts[id]), "%s %s", l.Tag, id)
			if l.Tag != "en" && len(text) > 30 {
				require.NotEqual(t, text, texts[id], "%s %s is not translated", l.Tag, id)
			}
		}
		c := exampleCheckout(examplePayment(func(*models.Payment) {}), 0)
		c.Language = l
		page := renderCheckout(t, c)
		require.Contains(t, page, `lang="`+l.Tag+`" dir="`+l.Dir+`"`)
		require.Contains(t, page, html.EscapeString(texts["h_pending"]))
		require.NotContains(t, page, "<no value>")
	}
	files, err := messageFiles.ReadDir("messages")
	require.NoError(t, err)
	require.Len(t, files, 2*len(languages), "a file without a language, or the other way round")
}

// The texts that people read are those of everyday English.
func TestTextsAreNotStilted(t *testing.T) {
	t.Parallel()
	stilted := regexp.MustCompile(`(?i)(follows|updates|appears here) by itself|time is over|amount asked for|another look|` +
		`your password, please|open (the|an) account|has an open question|what a person must know|'do it'|` +
		`make (the|one|a) key|i have kept|you need not do anything`)
	read := 0
	for _, folder := range []struct {
		files embed.FS
		names string
	}{{files, "templates/*.html"}, {assetFiles, "assets/*.js"}, {messageFiles, "messages/en.json"}} {
		names, err := fs.Glob(folder.files, folder.names)
		require.NoError(t, err)
		for _, name := range names {
			content, err := folder.files.ReadFile(name)
			require.NoError(t, err)
			require.Empty(t, stilted.FindAllString(string(content), -1), name)
			read++
		}
	}
	require.Greater(t, read, 15)
}

func TestFindLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ chosen, accept, want string }{
		{"", "", "en"},
		{"de", "fr", "de"},
		{"xx", "fr-CA,en;q=0.5", "fr"},
		{"", "pt-BR", "pt"},
		{"", "zh-TW", "zh"},
		{"", "ar-EG,en", "ar"},
		{"", "ja", "en"},
		{"", ";;;=,,", "en"},
		{"../../en", "nl,de;q=0.3", "de"},
		{"", strings.Repeat("de,", 10_000), "de"},
	} {
		require.Equal(t, c.want, FindLanguage(c.chosen, c.accept).Tag, "%q %.20q", c.chosen, c.accept)
	}
}

func TestPaymentRequest(t *testing.T) {
	t.Parallel()
	const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
	require.Equal(t, "ethereum:0xdAC17F958D2ee523a2206206994597C13D831ec7@1/transfer?address=0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266&uint256=50000000",
		paymentRequest("0xdAC17F958D2ee523a2206206994597C13D831ec7", 1, address, 50*models.USDT))
	call, err := transferCall(address, math.MaxInt64)
	require.NoError(t, err)
	require.Equal(t, "0xa9059cbb000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb922660000000000000000000000000000000000000000000000007fffffffffffffff", call)
	require.Equal(t, []string{"0xf39F", "d6e5", "1aad", "88F6", "F4ce", "6aB8", "8272", "79cf", "fFb9", "2266"},
		groupAddress(address))
	require.Equal(t, address, strings.Join(groupAddress(address), ""))
}

// A phone opens its wallet by the same request as the QR code, and both say which recipient the wallet must show: a wallet
// that takes a request's first address would send to the token's contract.
func TestWhatAWalletMustShow(t *testing.T) {
	t.Parallel()
	page := render(t, examplePayment(func(p *models.Payment) { p.Status, p.AmountReceived = models.StatusDetected, 20*models.USDT }), 1)
	require.Contains(t, html.UnescapeString(page), `href="ethereum:0xdAC17F958D2ee523a2206206994597C13D831ec7@1/transfer`+
		`?address=0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266&uint256=30000000"`)
	require.Equal(t, 2, strings.Count(readable(page), "Your wallet must show 0xf39F…2266 as the recipient. If it shows another, cancel."))
	require.Less(t, strings.Index(page, `data-qr="address"`), strings.Index(page, `data-qr="request"`))
	require.Regexp(t, `id="qr-address"[^>]* checked`, page)
	for _, status := range []models.Status{models.StatusConfirming, models.StatusPaid, models.StatusExpired, models.StatusRejected} {
		require.NotContains(t, render(t, examplePayment(func(p *models.Payment) { p.Status = status; p.AmountReceived = 50 * models.USDT }), 1), "ethereum:")
	}
}

// No page has inline styles or scripts, because the policy would block them.
func TestPagesHoldNothingThatThePolicyDrops(t *testing.T) {
	t.Parallel()
	var home, problem bytes.Buffer
	require.NoError(t, WriteHome(&home, languages[0], Home{}))
	require.NoError(t, WriteProblem(&problem, languages[0], Problem{Message: "<b>", RequestID: "r"}))
	require.NotContains(t, problem.String(), "<b>")
	for _, page := range []string{
		home.String(), problem.String(),
		render(t, examplePayment(func(*models.Payment) {}), 0),
	} {
		require.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=|<script(?: [^>]*)?>[^<]`, page)
		require.Contains(t, page, `<link rel="stylesheet" href="/assets/`)
	}
}
