package web

import (
	"io"

	"paycow/models"
)

// LinkState is what the page of a payment link says.
type LinkState string

// The states of the page of a payment link.
const (
	LinkReady LinkState = "ready" // a payment can be made
	LinkBusy  LinkState = "busy"  // open payments leave no room for another one
	LinkUsed  LinkState = "used"
	LinkOver  LinkState = "over"  // its time is over
	LinkOff   LinkState = "off"   // it cannot be used, and the payer can do nothing about it
	LinkLater LinkState = "later" // no payment can be made now

	LinkDisabled LinkState = "disabled" // by the shop, for good
)

// LinkPage is what the page of a payment link shows.
type LinkPage struct {
	Language    Language
	State       LinkState
	Shop        string        // the operator's name
	LogoURL     string        // of the shop's logo, on this origin; "" for none
	Description string        // "" if it must not be shown
	Amount      models.Amount // 0 if it must not be shown
	ChainID     uint64
	Token       string // the form sends it back, so that a page that is sent twice makes one payment
	LastURL     string // of the payment that this browser made last; "" for none
}

// linkPage is the content of the page of a payment link.
type linkPage struct {
	Language
	LinkPage
	Title  string
	IsTest bool // the network is a test network
}

// WriteLinkPage writes the page of a payment link.
func WriteLinkPage(w io.Writer, l LinkPage) error {
	if l.Language.texts == nil {
		l.Language = languages[0]
	}
	page := linkPage{Language: l.Language, LinkPage: l, IsTest: l.ChainID != mainnetChainID}
	var err error
	if page.Title, err = page.title(); err != nil {
		return err
	}
	return writeIn(w, page.Language, "link.html", page)
}

// title returns what a tab and a preview of the link say.
func (page linkPage) title() (string, error) {
	switch page.State {
	case LinkReady:
		return page.Language.T("title", "Amount", page.Language.Amount(page.LinkPage.Amount))
	case LinkUsed, LinkOver, LinkDisabled:
		return page.Language.T("l_ended")
	case LinkBusy, LinkOff, LinkLater:
	}
	return page.Language.T("l_closed")
}

// Reason returns why no payment can be made.
func (page linkPage) Reason() (string, error) {
	if page.State == LinkDisabled {
		return page.Language.T("l_off")
	}
	return page.Language.T("l_" + string(page.State))
}
