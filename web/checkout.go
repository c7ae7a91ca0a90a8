package web

import (
	"fmt"
	"time"

	"paycow/models"
)

// checkoutPage is the text of the checkout page, decided here so that the template only lays it out.
type checkoutPage struct {
	Currency, Network, Address, Reference string
	Requested, Received, Missing          string // Received and Missing are "" when there is nothing to say
	Status, Tone, Headline, Advice        string
	TxHash                                string
	Confirmations, RequiredConfirmations  uint64
	ShowAddress                           bool
	OnItsWay                              string // "" unless a transfer was seen that is in no block yet
	ExpiresAt, ExpiresIn                  string
	RefreshSeconds                        int // 0 when the page need not change any more
}

func newCheckoutPage(c Checkout) checkoutPage {
	p := c.Payment
	end := c.WindowEnd
	if end.IsZero() {
		end = p.ExpiresAt
	}
	page := checkoutPage{
		Currency: p.Currency, Network: p.Network, Address: p.DepositAddress, Reference: p.Reference,
		Requested: p.AmountRequested.String(), Status: p.Status.String(), TxHash: p.TxHash,
		Confirmations: c.Confirmations, RequiredConfirmations: c.RequiredConfirmations,
		ExpiresAt: end.UTC().Format("2 January 2006, 15:04 MST"),
	}
	if p.AmountReceived > 0 {
		page.Received = p.AmountReceived.String()
	}
	isShort := p.AmountReceived > 0 && p.AmountReceived < p.AmountRequested
	if isShort {
		page.Missing = (p.AmountRequested - p.AmountReceived).String()
	}
	page.Tone, page.Headline, page.Advice = describe(p, isShort)
	if p.Status == models.StatusPending && c.OnItsWay > 0 {
		page.OnItsWay = c.OnItsWay.String()
	}
	if !p.Status.IsFinal() {
		page.ShowAddress = p.Status == models.StatusPending || isShort
		page.RefreshSeconds = max(1, int(c.Refresh/time.Second))
		page.ExpiresIn = remaining(end.Sub(c.Now))
	}
	return page
}

// describe says in the payer's words where the payment stands and what to do.
func describe(p models.Payment, isShort bool) (tone, headline, advice string) {
	switch {
	case p.Status == models.StatusPaid:
		return "good", "Payment complete", "Thank you. You can go back to the shop."
	case p.Status == models.StatusRejected:
		return "bad", "Payment declined", "The shop declined this payment. Do not send anything to its address any more."
	case p.Status == models.StatusExpired && p.AmountReceived > 0:
		return "bad", "Payment not completed in time", "Your transfer has arrived and was passed on to the shop. Please contact the shop."
	case p.Status == models.StatusExpired:
		return "bad", "Payment expired", "Do not send anything to its address any more. Please start again at the shop."
	case isShort:
		return "wait", "Part of the amount has arrived", "Please send the rest to the same address."
	case p.Status == models.StatusPending:
		return "wait", "Waiting for your transfer", "Send exactly this amount, on this network only. The page follows by itself."
	default:
		return "wait", "Transfer found, waiting for confirmations", "There is nothing more to do. The page follows by itself."
	}
}

// remaining writes a time span in the words of a page that is not reloaded every second.
func remaining(left time.Duration) string {
	switch {
	case left <= 0:
		return "the time is over, waiting for the network"
	case left < time.Minute:
		return "less than a minute left"
	case left < 2*time.Minute:
		return "1 minute left"
	case left < 2*time.Hour:
		return fmt.Sprintf("%d minutes left", int(left/time.Minute))
	default:
		return fmt.Sprintf("%d hours left", int(left/time.Hour))
	}
}
