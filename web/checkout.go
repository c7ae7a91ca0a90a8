package web

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"time"

	"paycow/models"
)

// Checkout is what the hosted checkout page of a payment shows.
type Checkout struct {
	Payment               models.Payment
	Confirmations         uint64 // of the newest transfer, at most RequiredConfirmations
	RequiredConfirmations uint64
	WindowEnd             time.Time // the end of the window, pauses included; zero means ExpiresAt
	IsPaused              bool      // the token is paused, and the window with it
	PaidAt                time.Time // when it became PAID; zero if it did not
	RemovedTx             string    // the transaction that a reorg removed, if no other one stands; "" for none
	// OnItsWay is the sum of pending transfers, in micro-USDT. It is shown until a transfer is in a block, and
	// promises nothing. While IsExpected, they may be in one of the next blocks, and the page asks for no money.
	OnItsWay   models.Amount
	IsExpected bool
	Now        time.Time
	BlockTime  time.Duration // usual time between blocks; 0 if unknown
	Refresh    time.Duration // how often the page reloads without JavaScript

	Shop    string // the operator's name
	LogoURL string // of the shop's logo, on this origin; "" for none

	Network  Network
	Language Language
	// HasFaucet says that a test faucet can pay this payment, FaucetSent that it just did.
	HasFaucet, FaucetSent bool
}

// Network describes the network on which payments are made, for wallets and the page.
type Network struct {
	ChainID     uint64
	Token       string // contract, EIP-55 form
	ExplorerURL string // of a block explorer with pages at /tx/<hash>; "" if none
	RPCURL      string // of a node for the payer's wallet, on test networks only; "" if none
}

// timeLayout is how a time is written for browsers without JavaScript. The script writes it as the payer is used to.
const timeLayout = "2006-01-02 15:04 MST"

// mainnetChainID is Ethereum's chain id (EIP-155).
const mainnetChainID = 1

// The tones of a checkout page.
const (
	toneWait = "wait"
	toneGood = "good"
	toneBad  = "bad"
)

// checkoutPage is the content of the checkout page. The template only lays it out.
type checkoutPage struct {
	Language
	ID    string
	Texts string // for the script, as JSON

	Title                    string // of the page, without the shop
	Status, Tone, Headline   string
	Advice                   []part
	Notices                  []string
	IsFinal                  bool
	IsTest                   bool // the network is a test network
	IsSimulated              bool // it is a test payment: nobody is to send anything
	ChainID                  uint64
	ChainIDHex, Token, Call  string
	RPCURL                   string
	Due, Requested, Received models.Amount // Due is still to be sent
	// Of what a receipt is for, Credited is settled and Unconfirmed is not yet. Missing is what a reorg left open.
	Credited, Unconfirmed, Missing models.Amount
	IsPart                         bool // the amount to send is the missing part
	Address                        string
	AddressGroups                  []string
	Payee                          part         // the address in short, as wallets show it
	Request                        template.URL // opens a wallet with the payment filled in (EIP-681)
	QRCodes                        []qrPicture
	ShowPay                        bool
	HasFaucet                      bool

	IsReceipt                            bool   // it is paid: what was paid, when, and how
	PaidAt, PaidText                     string // in ISO 8601 and for reading; "" if unknown
	ShowProgress                         bool
	Confirmations, RequiredConfirmations uint64
	Estimate                             string
	TxHash, TxURL                        string
	IsRemoved                            bool // a reorg removed the transaction
	ExplorerURL                          string
	Reference                            string
	Shop, LogoURL, Description           string

	NowMillis, EndMillis int64
	ShowTime, IsStopped  bool
	EndText, LeftText    string
	RefreshSeconds       int // 0 if the page will not change any more
	ReturnURL            string
	ReturnHost           string
}

// qrPicture is a QR code with its content.
type qrPicture struct {
	Kind    string // request or address
	Label   string
	Alt     string
	Content string
	Size    int
	Path    string
}

// WriteCheckout writes the hosted checkout page.
func WriteCheckout(w io.Writer, c Checkout) error { return writeCheckout(w, "checkout.html", c) }

// WriteCheckoutState writes the part of the checkout page that changes, for a page that is open already.
func WriteCheckoutState(w io.Writer, c Checkout) error { return writeCheckout(w, "checkout-state", c) }

func writeCheckout(w io.Writer, name string, c Checkout) error {
	page, err := newCheckoutPage(c)
	if err != nil {
		return fmt.Errorf("payment %s: %w", c.Payment.ID, err)
	}
	return writeIn(w, page.Language, name, page)
}

func newCheckoutPage(c Checkout) (checkoutPage, error) {
	if c.Language.texts == nil {
		c.Language = languages[0]
	}
	p, end := c.Payment, c.WindowEnd
	if end.IsZero() {
		end = p.ExpiresAt
	}
	missing := max(0, p.AmountRequested-p.AmountReceived)
	if p.AmountReceived >= p.Enough() {
		missing = 0 // what is short is within the shop's tolerance
	}
	page := checkoutPage{
		Language: c.Language, ID: p.ID, Texts: c.Language.script,
		Status: p.Status.String(), IsFinal: p.Status.IsFinal(),
		IsTest: c.Network.ChainID != mainnetChainID, ChainID: c.Network.ChainID,
		ChainIDHex: fmt.Sprintf("0x%x", c.Network.ChainID),
		Token:      c.Network.Token, RPCURL: c.Network.RPCURL, ExplorerURL: c.Network.ExplorerURL,
		Requested: p.AmountRequested, Received: p.AmountReceived, Credited: p.AmountCredited,
		Address: p.DepositAddress, Reference: p.Reference,
		IsSimulated: p.IsTest, Shop: c.Shop, LogoURL: c.LogoURL, Description: p.Description,
		IsPart: p.AmountReceived > 0 && missing > 0, Confirmations: c.Confirmations,
		RequiredConfirmations: c.RequiredConfirmations,
		ShowProgress:          p.TxHash != "" && missing == 0 && p.Status != models.StatusRejected,
		TxHash:                cmp.Or(p.TxHash, c.RemovedTx), IsRemoved: p.TxHash == "",
		NowMillis: c.Now.UnixMilli(), EndMillis: end.UnixMilli(), EndText: end.UTC().Format(timeLayout),
		ReturnURL: p.ReturnURL, HasFaucet: c.HasFaucet, IsStopped: c.IsPaused, IsReceipt: p.Status == models.StatusPaid,
	}
	if page.IsReceipt {
		page.Unconfirmed = max(0, p.AmountReceived-p.AmountCredited)
	}
	if !c.PaidAt.IsZero() {
		page.PaidAt, page.PaidText = c.PaidAt.UTC().Format(time.RFC3339), c.PaidAt.UTC().Format(timeLayout)
	}
	if back, err := url.Parse(p.ReturnURL); err == nil {
		page.ReturnHost = back.Host
	}
	isOver := !p.Status.IsFinal() && !c.IsPaused && !c.Now.Before(end)
	err := page.describe(c, missing, isOver)
	if err != nil {
		return checkoutPage{}, err
	}
	if c.Network.ExplorerURL != "" && page.TxHash != "" && !p.IsTest {
		page.TxURL = c.Network.ExplorerURL + "/tx/" + page.TxHash
	}
	waits := !p.IsTest && !p.Status.IsFinal() && (p.Status == models.StatusPending || page.IsPart)
	page.ShowTime = waits && !isOver
	isComing := c.IsExpected && c.OnItsWay >= missing // all of it: a part must not hide how to pay the rest
	page.ShowPay = page.ShowTime && p.Exception != models.ExceptionReverted && !isComing
	if page.Title, err = page.title(p.Status, missing); err != nil || p.Status.IsFinal() {
		return page, err
	}
	page.RefreshSeconds = max(1, int(c.Refresh/time.Second))
	if page.LeftText, err = c.timeLeft(end.Sub(c.Now)); err != nil {
		return checkoutPage{}, err
	}
	if page.ShowProgress && !p.IsTest {
		if page.Estimate, err = c.estimate(); err != nil {
			return checkoutPage{}, err
		}
	}
	if page.ShowPay {
		err = page.askFor(missing)
	}
	return page, err
}

// title returns what a tab says: the amount while it is asked for, and what became of it.
func (page *checkoutPage) title(status models.Status, missing models.Amount) (string, error) {
	title, err := page.Headline, error(nil)
	switch {
	case status == models.StatusPaid:
		title, err = page.T("title_paid")
	case page.IsPart && page.ShowPay:
		title, err = page.T("title_part", "Amount", page.Language.Amount(missing))
	case page.ShowPay:
		title, err = page.T("title", "Amount", page.Language.Amount(missing))
	}
	if err != nil || !page.IsSimulated {
		return title, err
	}
	test, err := page.T("t_title")
	return test + " · " + title, err
}

// askFor fills in what a payer needs to send an amount: the amount, the wallet's call and the QR codes.
func (page *checkoutPage) askFor(amount models.Amount) error {
	page.Due = amount
	text := page.Language.Amount(amount)
	var err error
	if page.Call, err = transferCall(page.Address, amount); err != nil {
		return err
	}
	page.AddressGroups = groupAddress(page.Address)
	page.Payee = part{Text: shortAddress(page.AddressGroups), Value: page.Address}
	request := paymentRequest(page.Token, page.ChainID, page.Address, amount)
	page.Request = template.URL(request) //nolint:gosec // our own addresses and numbers; the template refuses this scheme
	for _, code := range []qrPicture{{Kind: "address", Content: page.Address}, {Kind: "request", Content: request}} {
		if code.Label, err = page.T("qr_" + code.Kind); err != nil {
			return err
		}
		if code.Alt, err = page.T("qr_"+code.Kind+"_alt", "Amount", text, "Address", page.Address); err != nil {
			return err
		}
		drawn, err := paymentCode(code.Content)
		if err != nil {
			return err
		}
		code.Size, code.Path = drawn.size, drawn.path
		page.QRCodes = append(page.QRCodes, code)
	}
	return nil
}

// describe fills in the payment's state and the advice to the payer.
func (page *checkoutPage) describe(c Checkout, missing models.Amount, isOver bool) error {
	p := c.Payment
	fill := values{
		"Amount": c.OnItsWay, "Requested": p.AmountRequested, "Received": p.AmountReceived, "Missing": missing,
	}
	var headline, advice string
	page.Tone, headline, advice = textsOf(p, page.IsPart, isOver)
	switch {
	case headline == "h_pending" && c.OnItsWay > 0:
		headline, advice = "h_seen", "a_seen"
	case headline == "h_reverted" && p.TxHash != "":
		// A transfer still stands. It is not named, so that nobody takes it for the one that was removed.
		page.TxHash, page.Missing = "", missing
	}
	var err error
	if page.Headline, err = page.text(headline, nil); err != nil {
		return err
	}
	if page.Advice, err = page.parts(advice, fill); err != nil {
		return err
	}
	notice := func(id string) {
		text, textErr := page.text(id, nil)
		if textErr != nil {
			err = textErr
		}
		page.Notices = append(page.Notices, text)
	}
	if c.IsPaused && !p.Status.IsFinal() {
		notice("paused")
	}
	if c.FaucetSent && headline == "h_pending" {
		notice("faucet_sent")
	}
	return err
}

// textsOf returns the tone of a payment's state and the ids of its texts.
func textsOf(p models.Payment, isPart, isOver bool) (tone, headline, advice string) {
	switch {
	case p.IsTest && p.Status == models.StatusPaid:
		return toneGood, "h_test_paid", "a_test_paid"
	case p.Status == models.StatusPaid && p.Exception == models.ExceptionOverpaid:
		return toneGood, "h_paid", "a_overpaid"
	case p.Status == models.StatusPaid && p.Exception == models.ExceptionAccepted:
		return toneGood, "h_paid", "a_accepted"
	case p.Status == models.StatusPaid:
		return toneGood, "h_paid", "a_paid"
	case p.Status == models.StatusRejected && p.AmountReceived > 0:
		return toneBad, "h_rejected", "a_after_reject"
	case p.Status == models.StatusRejected:
		return toneBad, "h_rejected", "a_rejected"
	case p.Status == models.StatusExpired &&
		(p.Exception == models.ExceptionPaidLate || p.AmountReceived >= p.Enough()):
		return toneBad, "h_late", "a_late" // the exception is there once the transfer is credited
	case p.Status == models.StatusExpired && p.Exception == models.ExceptionReverted:
		return toneBad, "h_reverted", "a_reverted_end"
	case p.Status == models.StatusExpired && p.AmountReceived > 0:
		return toneBad, "h_underpaid", "a_underpaid"
	case p.Status == models.StatusExpired:
		return toneBad, "h_expired", "a_expired"
	case p.Exception == models.ExceptionReverted && (p.Status == models.StatusPending || isPart) && isOver:
		return toneWait, "h_reverted", "a_reverted_over"
	case p.Exception == models.ExceptionReverted && (p.Status == models.StatusPending || isPart):
		return toneWait, "h_reverted", "a_reverted"
	case p.IsTest && p.Status == models.StatusPending:
		return toneWait, "h_test", "a_test"
	case p.IsTest && isPart:
		return toneWait, "h_short", "a_test"
	case isOver && (p.Status == models.StatusPending || isPart):
		return toneWait, "h_over", "a_over"
	case isPart:
		return toneWait, "h_short", "a_short"
	case p.Status == models.StatusPending:
		return toneWait, "h_pending", "a_pending"
	case p.Status == models.StatusDetected:
		return toneWait, "h_detected", "a_confirming"
	default:
		return toneWait, "h_confirming", "a_confirming"
	}
}

// timeLeft returns the remaining time in words, for a page that is not updated every second.
func (c Checkout) timeLeft(left time.Duration) (string, error) {
	switch {
	case c.IsPaused:
		return c.Language.T("stopped")
	case left <= 0:
		return c.Language.T("over")
	case left < time.Minute:
		return c.Language.T("under_minute")
	case left < 2*time.Hour:
		return c.Language.T("minutes", "N", int(left/time.Minute))
	default:
		return c.Language.T("hours", "N", int(left/time.Hour))
	}
}

// estimate returns how long the missing confirmations will take, "" if the block time is unknown.
func (c Checkout) estimate() (string, error) {
	if c.BlockTime <= 0 {
		return "", nil
	}
	if c.Confirmations >= c.RequiredConfirmations {
		return c.Language.T("estimate_long")
	}
	left := time.Duration(c.RequiredConfirmations-c.Confirmations) * c.BlockTime //nolint:gosec // a small number of blocks
	if left < time.Minute {
		return c.Language.T("estimate_soon")
	}
	return c.Language.T("estimate", "N", int((left+time.Minute/2)/time.Minute))
}

// shortAddress returns the first and the last group of an address, as wallets shorten it.
func shortAddress(groups []string) string { return groups[0] + "…" + groups[len(groups)-1] }

// groupAddress splits an address into groups of four digits, which are easier to compare.
func groupAddress(address string) []string {
	const prefix, width = 2, 4
	if len(address) < prefix+width {
		return []string{address}
	}
	groups := []string{address[:prefix+width]}
	for rest := address[prefix+width:]; rest != ""; rest = rest[min(width, len(rest)):] {
		groups = append(groups, rest[:min(width, len(rest))])
	}
	return groups
}
