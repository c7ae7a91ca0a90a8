package web

import (
	"fmt"
	"html"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

const checkoutTexts = "../docs/checkout-texts.md"

// canBe reports whether a payment of 50 USDT can be in a state.
func canBe(s models.PaymentState, isOver bool) bool {
	full := s.AmountReceived >= 50*models.USDT
	exceptions := map[models.Status][]models.Exception{
		models.StatusPending:    {models.ExceptionNone, models.ExceptionReverted},
		models.StatusDetected:   {models.ExceptionNone, models.ExceptionReverted},
		models.StatusConfirming: {models.ExceptionNone, models.ExceptionReverted},
		models.StatusPaid:       {models.ExceptionNone, models.ExceptionOverpaid, models.ExceptionAccepted, models.ExceptionUnderpaidAccepted},
		models.StatusExpired:    {models.ExceptionNone, models.ExceptionUnderpaid, models.ExceptionPaidLate, models.ExceptionReverted},
		models.StatusRejected:   {models.ExceptionNone, models.ExceptionAfterReject, models.ExceptionReverted},
	}
	switch {
	case !slices.Contains(exceptions[s.Status], s.Exception):
		return false
	case s.Status == models.StatusPending:
		return s.AmountReceived == 0
	case s.Status == models.StatusDetected:
		return s.AmountReceived > 0
	case s.Status == models.StatusConfirming:
		return full
	case s.Status == models.StatusPaid && s.Exception == models.ExceptionNone:
		return s.AmountReceived == 50*models.USDT
	case s.Status == models.StatusPaid && s.Exception == models.ExceptionOverpaid:
		return s.AmountReceived > 50*models.USDT
	case s.Status == models.StatusPaid && s.Exception == models.ExceptionUnderpaidAccepted:
		return s.AmountReceived > 0 && !full
	case s.Status == models.StatusPaid:
		return s.AmountReceived > 0 && isOver
	case s.Status == models.StatusExpired && s.Exception == models.ExceptionUnderpaid:
		return isOver && s.AmountReceived > 0 && !full
	case s.Status == models.StatusExpired && s.Exception == models.ExceptionPaidLate:
		return isOver && s.AmountReceived > 0
	case s.Status == models.StatusExpired:
		return isOver
	case s.Exception == models.ExceptionAfterReject:
		return s.AmountReceived > 0
	}
	return true
}

// readable returns what a person reads of a piece of HTML.
func readable(piece string) string { return html.UnescapeString(tags.ReplaceAllString(piece, "")) }

var (
	headlineOf = regexp.MustCompile(`(?s)<h1>(.*?)</h1><p>(.*?)</p>`)
	tags       = regexp.MustCompile(`<[^>]*>`)
)

// TestEveryTextOfTheCheckoutPage renders the page in every state that a payment of 50 USDT can have, and holds the table in
// docs/checkout-texts.md against it, so that a person can read all of them. PAYCOW_WRITE_DOCS=1 writes the table.
func TestEveryTextOfTheCheckoutPage(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString(`# What the checkout page says

A payment of 50.00 USDT, in every state that it can have. A test writes this table from the page itself.

| status | exception | received | time | headline | text |
| --- | --- | --- | --- | --- | --- |
`)
	statuses := []models.Status{
		models.StatusPending, models.StatusDetected, models.StatusConfirming, models.StatusPaid, models.StatusExpired, models.StatusRejected,
	}
	exceptions := []models.Exception{
		models.ExceptionNone, models.ExceptionUnderpaid, models.ExceptionOverpaid, models.ExceptionPaidLate,
		models.ExceptionReverted, models.ExceptionAccepted, models.ExceptionAfterReject,
		models.ExceptionUnderpaidAccepted,
	}
	for _, status := range statuses {
		for _, exception := range exceptions {
			for _, received := range []models.Amount{0, 20 * models.USDT, 50 * models.USDT, 70 * models.USDT} {
				for _, isOver := range []bool{false, true} {
					state := models.PaymentState{Status: status, Exception: exception, AmountReceived: received}
					if !canBe(state, isOver) {
						continue
					}
					checkout := exampleCheckout(examplePayment(func(p *models.Payment) { p.PaymentState = state }), 5)
					when := "before the end"
					if isOver {
						when, checkout.Now = "after the end", checkout.Payment.ExpiresAt.Add(time.Minute)
					}
					page := headlineOf.FindStringSubmatch(renderCheckout(t, checkout))
					require.NotNil(t, page)
					headline, advice := readable(page[1]), readable(page[2])
					row := fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", status, exception, received, when, headline, advice)
					text := headline + " " + advice
					if received >= 50*models.USDT {
						require.NotContains(t, text, "Not enough", row)
						require.NotContains(t, text, "the rest", row)
						require.NotContains(t, text, "remaining", row)
					}
					if received == 0 {
						require.NotContains(t, text, "USDT arrived", row)
					} else {
						require.NotContains(t, text, "nothing arrived", row)
					}
					table.WriteString(row)
				}
			}
		}
	}
	table.WriteString(testTexts(t))
	if os.Getenv("PAYCOW_WRITE_DOCS") == "1" {
		require.NoError(t, os.WriteFile(checkoutTexts, []byte(table.String()), 0o600))
	}
	written, err := os.ReadFile(checkoutTexts)
	require.NoError(t, err)
	require.Equal(t, string(written), table.String(), "write it again with PAYCOW_WRITE_DOCS=1 and read it")
}

// testTexts renders the page of a test payment in the states that differ from a real one's, and its notice in every
// language.
func testTexts(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("\n## A test payment\n\nIt says the same, except here. Nothing on the page asks for money.\n\n" +
		"| status | exception | received | headline | text |\n| --- | --- | --- | --- | --- |\n")
	for _, state := range []models.PaymentState{
		{Status: models.StatusPending},
		{Status: models.StatusDetected, AmountReceived: 25 * models.USDT},
		{Status: models.StatusPaid, AmountReceived: 50 * models.USDT},
		{Status: models.StatusPaid, AmountReceived: 75 * models.USDT, Exception: models.ExceptionOverpaid},
		{Status: models.StatusPaid, AmountReceived: 25 * models.USDT, Exception: models.ExceptionAccepted},
	} {
		page := headlineOf.FindStringSubmatch(renderCheckout(t, exampleCheckout(examplePayment(func(p *models.Payment) {
			p.PaymentState, p.IsTest = state, true
		}), 5)))
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s |\n", state.Status, state.Exception, state.AmountReceived, readable(page[1]), readable(page[2]))
	}
	text.WriteString("\nAbove each state of a test payment:\n\n")
	for _, l := range languages {
		title, err := l.T("t_title")
		require.NoError(t, err)
		notice, err := l.T("t_notice")
		require.NoError(t, err)
		fmt.Fprintf(&text, "- %s: **%s** %s\n", l.Tag, title, notice)
	}
	return text.String()
}

// In every state and language the page of a test payment says so, and asks nobody for money.
func TestTheCheckoutPageOfATest(t *testing.T) {
	t.Parallel()
	for _, status := range models.Statuses() {
		for _, received := range []models.Amount{0, 25 * models.USDT, 50 * models.USDT} {
			for _, exception := range append(models.Exceptions(), models.ExceptionNone) {
				for _, l := range languages {
					payment := examplePayment(func(p *models.Payment) {
						p.IsTest, p.PaymentState = true, models.PaymentState{Status: status, Exception: exception, AmountReceived: received}
					})
					checkout := exampleCheckout(payment, 5)
					checkout.Language = l
					page := renderCheckout(t, checkout)
					notice, err := l.T("t_notice")
					require.NoError(t, err)
					title, err := l.T("t_title")
					require.NoError(t, err)
					text := readable(page)
					require.Contains(t, text, notice)
					require.Equal(t, 2, strings.Count(text, title), "in the title and on the page")
					require.NotContains(t, page, payment.DepositAddress)
					require.NotContains(t, page, "<svg")
					require.NotContains(t, page, "data-copy")
					require.NotContains(t, page, "data-units")
					require.NotContains(t, page, "ethereum:")
					if status == models.StatusPaid {
						headline, err := l.T("h_test_paid")
						require.NoError(t, err)
						require.Contains(t, text, headline, "nobody is thanked for money")
					}
				}
			}
		}
	}
	page := renderCheckout(t, exampleCheckout(examplePayment(func(*models.Payment) {}), 5))
	require.NotContains(t, page, "This is a test")
}
