package api

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

var (
	errUnknownLink = &failure{
		status: http.StatusNotFound, code: "link_not_found", msg: "You have no payment link with this id.",
	}
	errTooManyLinks = conflict("too_many_links",
		fmt.Sprintf("An account can have %d payment links that can be used; disable one that is not needed.",
			models.MaxPaymentLinks))
)

// linkView is a payment link as its operator sees it.
type linkView struct {
	ID           string            `json:"id"`
	URL          string            `json:"url"`
	Status       models.LinkStatus `json:"status"`
	Amount       models.Amount     `json:"amount"`
	Currency     string            `json:"currency"`
	Network      string            `json:"network"`
	Description  string            `json:"description"`
	UserID       string            `json:"userId"` // of its payments
	ReturnURL    *string           `json:"returnUrl"`
	Metadata     models.Metadata   `json:"metadata"`
	ExpiresIn    *int64            `json:"expiresIn"` // seconds; null for the installation's window
	ActiveUntil  *instant          `json:"activeUntil"`
	MaxUses      *int64            `json:"maxUses"` // null for any number
	Uses         int64             `json:"uses"`
	OpenPayments int64             `json:"openPayments"`
	CreatedAt    instant           `json:"createdAt"`
	DisabledAt   *instant          `json:"disabledAt"`
}

func (s *Server) viewOfLink(l models.PaymentLink) linkView {
	view := linkView{
		ID: l.ID, URL: s.PublicURL + linkPath + l.ID, Status: l.Status(s.Clock()), Amount: l.Amount,
		Currency: models.CurrencyUSDT, Network: models.NetworkERC20, Description: l.Description, UserID: l.PayerID(),
		ReturnURL: textOrNull(l.ReturnURL), Metadata: l.Metadata, ExpiresIn: numberOrNull(l.ExpiresIn),
		ActiveUntil: (*instant)(l.ActiveUntil), MaxUses: numberOrNull(l.MaxUses), Uses: l.Uses,
		OpenPayments: l.OpenPayments, CreatedAt: instant(l.CreatedAt), DisabledAt: (*instant)(l.DisabledAt),
	}
	if view.Metadata == nil {
		view.Metadata = models.Metadata{}
	}
	return view
}

// numberOrNull returns nil for 0.
func numberOrNull(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// refuseTestKey refuses API keys for test payments: the payments of links are real.
func (s *Server) refuseTestKey(c *gin.Context) {
	if isTestKey(c) {
		s.fail(c, errTestKey)
	}
}

func (s *Server) createLink(c *gin.Context) error {
	idempotencyKey, err := idempotencyKeyOf(c.Request.Header)
	if err != nil {
		return err
	}
	body, err := readFields(c, "amount", "description", "userId", "returnUrl", "metadata", "expiresIn", "activeUntil",
		"maxUses")
	if err != nil {
		return err
	}
	operator := operatorOfRequest(c)
	wanted, err := s.parseLink(body, operator)
	if err != nil {
		return err
	}
	wanted.RequestHash = hashOfLink(wanted)
	wanted.ID, wanted.OperatorID, wanted.CreatedAt = models.NewID(), operator.ID, s.Clock()
	if idempotencyKey != "" {
		wanted.IdempotencyKey = &idempotencyKey
	}
	l, isNew, err := s.makeOrRepeatLink(c, wanted, operator)
	if err != nil {
		return err
	}
	if !isNew {
		c.Header("Idempotent-Replayed", "true")
	}
	writeJSON(c, http.StatusCreated, s.viewOfLink(l))
	return nil
}

// makeOrRepeatLink creates a link, or returns the one created earlier with the same idempotency key. The operator's
// limits and origins, and the time, apply to new links only, as in createOrRepeat.
func (s *Server) makeOrRepeatLink(
	c *gin.Context, wanted models.PaymentLink, operator models.Operator,
) (l models.PaymentLink, isNew bool, err error) {
	ctx := c.Request.Context()
	if refused := s.mayCreateLink(wanted, operator); refused != nil {
		l, err = s.Store.PaymentLinkOfKey(ctx, wanted)
		switch {
		case errors.Is(err, models.ErrNotFound):
			return l, false, refused
		case err != nil:
			return l, false, createFailure(err)
		}
		return l, false, nil
	}
	maker, _ := keyOfRequest(c)
	l, isNew, err = s.Store.CreatePaymentLink(ctx, wanted, maker.APIKey, auditOfKey(c, "payment_link_created",
		fmt.Sprintf("Created the payment link %s for %s %s.", wanted.ID, wanted.Amount, models.CurrencyUSDT)))
	switch {
	case errors.Is(err, models.ErrNotPossible):
		return l, false, errTooManyLinks
	case errors.Is(err, models.ErrNotFound):
		return l, false, errUnauthorized.because(err) // the key was revoked since the request began
	case err != nil:
		return l, false, createFailure(err)
	}
	return l, isNew, nil
}

// mayCreateLink returns an error if no such link may be created now.
func (s *Server) mayCreateLink(wanted models.PaymentLink, operator models.Operator) error {
	switch {
	case !allowsReturn(operator, wanted.ReturnURL):
		return errReturnNotAllowed
	case wanted.ActiveUntil != nil && !wanted.ActiveUntil.After(wanted.CreatedAt):
		return notFuture("activeUntil")
	default:
		return s.allowed(operator).check(wanted.Amount)
	}
}

// parseLink reads the terms of a new link. The operator is for messages.
func (s *Server) parseLink(body fields, operator models.Operator) (l models.PaymentLink, err error) {
	if l.Amount, err = parseAmount(body, s.allowed(operator).MaxAmount); err != nil {
		return l, err
	}
	if _, isThere := body["description"]; !isThere {
		return l, missingField("description")
	}
	terms, err := order{}.withOptional(body)
	if err != nil {
		return l, err
	}
	l.Description, l.Metadata, l.ExpiresIn = terms.Description, terms.Metadata, int64(terms.ExpiresIn/time.Second)
	if _, isThere := body["userId"]; isThere {
		if l.UserID, err = body.text("userId", 1, maxUserIDRunes); err != nil {
			return l, err
		}
	}
	if l.ReturnURL, err = s.returnURL(body); err != nil {
		return l, err
	}
	if l.ActiveUntil, err = body.time("activeUntil"); err != nil {
		return l, err
	}
	l.MaxUses, err = body.wholeNumber("maxUses", 1, models.MaxLinkUses)
	return l, err
}

// hashOfLink returns a hash of the terms. Two bodies that ask for the same link have the same hash, however they are
// written.
func hashOfLink(l models.PaymentLink) []byte {
	meaning, err := json.Marshal([]any{
		"link", int64(l.Amount), l.Description, l.UserID, l.ReturnURL, l.Metadata, l.ExpiresIn, l.ActiveUntil, l.MaxUses,
	})
	if err != nil {
		panic(fmt.Errorf("encode the terms of a link: %w", err)) // they can always be encoded
	}
	sum := sha256.Sum256(meaning)
	return sum[:]
}

func (s *Server) listLinks(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "cursor", "limit")
	if err != nil {
		return err
	}
	limit, err := query.limit()
	if err != nil {
		return err
	}
	links, next, err := s.Store.ListPaymentLinks(c.Request.Context(), operatorOfRequest(c).ID, query["cursor"], limit)
	if err != nil {
		return fmt.Errorf("list the payment links: %w", err)
	}
	views := make([]linkView, len(links))
	for i, l := range links {
		views[i] = s.viewOfLink(l)
	}
	writeJSON(c, http.StatusOK, gin.H{"links": views, "nextCursor": textOrNull(next)})
	return nil
}

// linkIDOf returns the id in the path. Returns a 404 for what is none.
func linkIDOf(c *gin.Context) (string, error) {
	id := c.Param("id")
	if !isLowerHex(id, models.IDDigits) {
		return "", errUnknownLink
	}
	return id, nil
}

func (s *Server) readLink(c *gin.Context) error {
	id, err := linkIDOf(c)
	if err != nil {
		return err
	}
	l, err := s.Store.OperatorPaymentLink(c.Request.Context(), operatorOfRequest(c).ID, id)
	if err != nil {
		return linkFailure(err)
	}
	writeJSON(c, http.StatusOK, s.viewOfLink(l))
	return nil
}

func (s *Server) disableLink(c *gin.Context) error {
	id, err := linkIDOf(c)
	if err != nil {
		return err
	}
	maker, _ := keyOfRequest(c)
	l, err := s.Store.DisablePaymentLink(c.Request.Context(), operatorOfRequest(c).ID, id, maker.APIKey,
		auditOfKey(c, "payment_link_disabled", "Disabled the payment link "+id+"."))
	if err != nil {
		return linkFailure(err)
	}
	writeJSON(c, http.StatusOK, s.viewOfLink(l))
	return nil
}

// linkFailure returns what the client gets for an error of the store about a link.
func linkFailure(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return errUnknownLink.because(err)
	}
	return err
}
