package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
	"paycow/views"
	"paycow/web"
)

const (
	// linkPath is where the pages of payment links are.
	linkPath = "/pay/"
	// linkCookie holds, for the page of one link, the payment that this browser made last through it.
	linkCookie = "paycow_link_payment"
	// linkCookieLifetime is longer than the longest window of a payment.
	linkCookieLifetime = 30 * 24 * time.Hour
	// maxFormBytes is the size of the largest form, in bytes.
	maxFormBytes = 4 << 10
)

var errNoLink = &failure{status: http.StatusNotFound, code: "link_not_found", msg: "This payment link does not exist."}

// openedLink is a payment link that a payer has opened.
type openedLink struct {
	models.PaymentLink
	operator models.Operator
	payment  models.Payment // the last one that this browser made through the link; the zero value for none
}

// openLink reads the link in the path.
func (s *Server) openLink(c *gin.Context) (link openedLink, err error) {
	ctx, id := c.Request.Context(), c.Param("id")
	if !isLowerHex(id, models.IDDigits) {
		return link, errNoLink
	}
	link.PaymentLink, err = s.Store.PaymentLink(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return link, errNoLink.because(err)
	}
	if err == nil {
		link.operator, err = s.Store.Operator(ctx, link.OperatorID)
	}
	if err != nil {
		return link, fmt.Errorf("read the payment link: %w", err)
	}
	cookie, err := c.Request.Cookie(linkCookie)
	if err != nil || !isLowerHex(cookie.Value, models.IDDigits) {
		return link, nil //nolint:nilerr // without a cookie it has made none
	}
	made, err := s.Store.Payment(ctx, cookie.Value)
	if err == nil && made.LinkID == id {
		link.payment = made
	}
	if errors.Is(err, models.ErrNotFound) {
		return link, nil
	}
	return link, err
}

// state returns what the page says about the link.
func (l openedLink) state(now time.Time) web.LinkState {
	if l.operator.Status != models.OperatorActive {
		return web.LinkOff
	}
	switch l.Status(now) {
	case models.LinkActive:
		switch {
		case l.IsHeld():
			return web.LinkBusy
		case l.IsFull():
			return web.LinkLater
		}
		return web.LinkReady
	case models.LinkUsedUp:
		return web.LinkUsed
	case models.LinkExpired:
		return web.LinkOver
	case models.LinkDisabled:
		return web.LinkDisabled
	default:
		return web.LinkOff
	}
}

// isContinued reports whether the browser is to go on with the payment that it made. While the link can be used, that
// is one that waits for money: another person may use the browser next. Otherwise it is one that is open, or that has
// used up the link.
func (l openedLink) isContinued(now time.Time) bool {
	switch {
	case l.payment.ID == "":
		return false
	case l.state(now) == web.LinkReady:
		return l.payment.Status == models.StatusPending && l.payment.AmountReceived == 0
	case l.payment.Status.IsFinal():
		return l.Status(now) == models.LinkUsedUp && l.payment.UsesLink()
	}
	return true
}

// linkPage shows a payment link. It creates nothing, because programs that preview links read it too.
func (s *Server) linkPage(c *gin.Context) error {
	link, err := s.openLink(c)
	if err != nil {
		return err
	}
	if link.isContinued(s.Clock()) {
		s.goToCheckout(c, link.payment)
		return nil
	}
	return s.writeLink(c, http.StatusOK, link, link.state(s.Clock()))
}

func (s *Server) writeLink(c *gin.Context, status int, link openedLink, state web.LinkState) error {
	logo, err := s.logoOf(c.Request.Context(), link.OperatorID)
	if err != nil {
		return err
	}
	page := web.LinkPage{Language: languageOf(c), State: state, ChainID: s.Network.ChainID}
	if !link.Altered { // whose it is may be changed too
		page.Shop, page.LogoURL = link.operator.Name, textOrEmpty(logo.LogoURL)
		page.Amount, page.Description, page.Token = link.Amount, link.Description, models.NewID()
	}
	if link.payment.ID != "" {
		page.LastURL = s.checkoutOf(c, link.payment)
	}
	c.Header("Content-Language", page.Language.Tag)
	// With no-referrer, browsers that do not send Sec-Fetch-Site would send no origin with the form either.
	c.Header("Referrer-Policy", "same-origin")
	return writePage(c, status, func(w io.Writer) error { return web.WriteLinkPage(w, page) }, "Accept-Language", "Cookie")
}

// useLink creates a payment through a link and goes to its checkout page.
func (s *Server) useLink(c *gin.Context) error {
	ctx := c.Request.Context()
	link, err := s.openLink(c)
	if err != nil {
		return err
	}
	if link.isContinued(s.Clock()) {
		s.goToCheckout(c, link.payment)
		return nil
	}
	if refused := s.overLinkLimit(c); refused != nil {
		return s.refuseForNow(c, link, refused)
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxFormBytes)
	wanted := s.paymentOfLink(ctx, link, c.PostForm("token"))
	payment, isNew, err := s.payThrough(ctx, link, wanted)
	var refused *failure
	switch {
	case errors.Is(err, models.ErrNotPossible):
		return s.refuseLink(c)
	case err != nil:
		if err = createFailure(err); errors.As(err, &refused) {
			return s.refuseForNow(c, link, refused)
		}
		return err
	case !isNew && payment.Status.IsFinal() && !payment.UsesLink():
		c.Redirect(http.StatusSeeOther, s.PublicURL+linkPath+link.ID+"?lang="+languageOf(c).Tag) // an old page was sent again
		return nil
	}
	if err := s.handOut(ctx, payment, isNew); err != nil {
		return err
	}
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // as of setSession
		Name: linkCookie, Value: payment.ID, Path: linkPath + link.ID, HttpOnly: true, Secure: s.isHTTPS,
		SameSite: http.SameSiteLaxMode, MaxAge: int(linkCookieLifetime.Seconds()),
	})
	s.goToCheckout(c, payment)
	return nil
}

// paymentOfLink returns what a payment through a link is made from. token is that of the page that was sent: a page
// that is sent twice makes one payment. Without a valid one, each request makes a payment.
func (s *Server) paymentOfLink(ctx context.Context, link openedLink, token string) store.NewPayment {
	wanted := store.NewPayment{
		ID: models.NewID(), Reference: models.NewReference(), OperatorID: link.OperatorID, UserID: link.PayerID(),
		Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: link.Amount,
		Tolerance: s.Store.ToleranceOf(ctx, link.operator).Of(link.Amount), Description: link.Description,
		Metadata: link.Metadata, LinkID: link.ID,
	}
	if allowsReturn(link.operator, link.ReturnURL) { // it may have removed the origin from its list since
		wanted.ReturnURL = link.ReturnURL
	}
	if isLowerHex(token, models.IDDigits) {
		sum := sha256.Sum256([]byte("link\n" + link.ID))
		wanted.IdempotencyKey, wanted.RequestHash = "link/"+link.ID+"/"+token, sum[:]
	}
	return wanted
}

// payThrough creates a payment through a link, or returns the one that the same page made before. Returns
// models.ErrNotPossible when the link cannot be used now.
func (s *Server) payThrough(
	ctx context.Context, link openedLink, wanted store.NewPayment,
) (p models.Payment, isNew bool, err error) {
	window := s.windowOf(order{ExpiresIn: time.Duration(link.ExpiresIn) * time.Second})
	if link.state(s.Clock()) == web.LinkReady {
		return s.createOrRepeat(ctx, link.operator, wanted, window)
	}
	if wanted.IdempotencyKey != "" {
		wanted.CreatedAt = s.Clock()
		p, err = s.Store.PaymentOfKey(ctx, wanted)
		if !errors.Is(err, models.ErrNotFound) {
			return p, false, err
		}
	}
	return p, false, models.ErrNotPossible
}

// refuseLink tells a payer why no payment was created.
func (s *Server) refuseLink(c *gin.Context) error {
	link, err := s.openLink(c) // it may have changed since it was read
	if err != nil {
		return err
	}
	state := link.state(s.Clock())
	if state == web.LinkReady {
		state = web.LinkLater // its latest payments are unpaid, or it could not be used a moment ago
	}
	return s.writeLink(c, http.StatusConflict, link, state)
}

// refuseForNow tells a payer that the shop takes no payment now, such as because too many are open. The log has the
// reason.
func (s *Server) refuseForNow(c *gin.Context, link openedLink, refused *failure) error {
	s.logFailure(c, refused)
	if refused.retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(secondsUp(refused.retryAfter)))
	}
	state := web.LinkLater
	if refused.status == http.StatusBadRequest { // the operator's limits have changed since
		state = web.LinkOff
	}
	return s.writeLink(c, refused.status, link, state)
}

// checkoutOf returns the address of a payment's checkout page, in the language of the link's page.
func (s *Server) checkoutOf(c *gin.Context, p models.Payment) string {
	return views.CheckoutURL(s.PublicURL, p) + "?lang=" + languageOf(c).Tag
}

func (s *Server) goToCheckout(c *gin.Context, p models.Payment) {
	c.Redirect(http.StatusSeeOther, s.checkoutOf(c, p))
}
