package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"paycow/models"
	"paycow/store"
	"paycow/views"
)

const (
	headerIdempotencyKey   = "Idempotency-Key"
	maxIdempotencyKeyBytes = 255
	maxUserIDRunes         = 256
)

// created is the response to a create call. The API has two names for the payment's id and two for its page.
type created struct {
	SessionID        string  `json:"sessionId"`
	PaymentID        string  `json:"paymentId"`
	PaymentURL       string  `json:"paymentUrl"`
	CheckoutURL      string  `json:"checkoutUrl"`
	PaymentReference string  `json:"paymentReference"`
	DepositAddress   string  `json:"depositAddress"`
	ExpiresAt        instant `json:"expiresAt"`
	Test             bool    `json:"test,omitzero"` // true for a test payment, and not there for a real one
}

// order is the content of a create call.
type order struct {
	Amount                    models.Amount
	UserID, Network, Currency string
	ReturnURL                 string // "" if none
	Description               string // "" if none
	Metadata                  models.Metadata
	ExpiresIn                 time.Duration // from the payment's creation to its expiry; 0 for the configured window
}

// hash returns a hash of the order's meaning. Two bodies that ask for the same payment have the same hash, however
// they are written. An order without the optional fields keeps the hash it always had. No text contains a line break,
// and no name of a field begins like a return URL, so different orders have different meanings.
func (o order) hash() []byte {
	meaning := fmt.Appendf(nil, "create\n%d\n%s\n%s\n%s", int64(o.Amount), o.Network, o.Currency, o.UserID)
	if o.ReturnURL != "" {
		meaning = fmt.Appendf(meaning, "\n%s", o.ReturnURL)
	}
	if o.Description != "" {
		meaning = fmt.Appendf(meaning, "\ndescription\n%s", o.Description)
	}
	if o.ExpiresIn != 0 {
		meaning = fmt.Appendf(meaning, "\nexpiresIn\n%d", o.ExpiresIn/time.Second)
	}
	if len(o.Metadata) > 0 {
		meaning = fmt.Appendf(meaning, "\nmetadata\n%s", o.Metadata.JSON())
	}
	sum := sha256.Sum256(meaning)
	return sum[:]
}

func (s *Server) createPayment(c *gin.Context) error {
	idempotencyKey, err := idempotencyKeyOf(c.Request.Header)
	if err != nil {
		return err
	}
	body, err := readFields(c, "amount", "userId", "network", "currency", "returnUrl", "description",
		"metadata", "expiresIn")
	if err != nil {
		return err
	}
	wanted, err := s.parseOrder(body, operatorOfRequest(c))
	if err != nil {
		return err
	}
	in := store.NewPayment{
		ID: models.NewID(), Reference: models.NewReference(),
		OperatorID: operatorOfRequest(c).ID, UserID: wanted.UserID, Network: wanted.Network, Currency: wanted.Currency,
		AmountRequested: wanted.Amount,
		IdempotencyKey:  idempotencyKey, RequestHash: wanted.hash(),
		ReturnURL: wanted.ReturnURL, Description: wanted.Description, Metadata: wanted.Metadata,
	}
	if outcome, isTest, err := s.outcomeOf(c, wanted.Metadata); err != nil {
		return err
	} else if isTest {
		return s.createTest(c, wanted, in, outcome)
	}
	in.Tolerance = s.Store.ToleranceOf(c.Request.Context(), operatorOfRequest(c)).Of(wanted.Amount)
	payment, isNew, err := s.createOrRepeat(c.Request.Context(), operatorOfRequest(c), in, s.windowOf(wanted))
	if err != nil {
		return createFailure(err)
	}
	if err := s.handOut(c.Request.Context(), payment, isNew); err != nil {
		return err
	}
	s.writeCreated(c, payment, s.windowEnd(c.Request.Context(), payment), isNew)
	return nil
}

// handOut lets a payment's workflow start, and returns an error if its address must not be shown. A payment that this
// call has made is not read from the database, so nobody can have changed it.
func (s *Server) handOut(ctx context.Context, payment models.Payment, isNew bool) error {
	if isNew {
		s.Starter.Notify(payment)
		s.addresses.Add(payment.AddressIndex, payment.DepositAddress)
		s.handedOut.Add(handedOutKey(payment), payment.AddressIndex)
		return nil
	}
	return s.checkHandedOut(ctx, payment)
}

// windowOf returns the time from a new payment's creation to its expiry.
func (s *Server) windowOf(wanted order) time.Duration {
	return cmp.Or(wanted.ExpiresIn, s.PaymentWindow)
}

// createFailure returns what the client gets for an error of creating a payment.
func createFailure(err error) error {
	if errors.Is(err, models.ErrIdempotencyMismatch) {
		return &failure{
			status: http.StatusUnprocessableEntity, code: "idempotency_mismatch", field: headerIdempotencyKey,
			msg: "This Idempotency-Key was already used with another body.", cause: err,
		}
	}
	if errors.Is(err, models.ErrRestored) {
		return errDatabaseRestored.because(err)
	}
	return fmt.Errorf("create a payment: %w", err)
}

// writeCreated answers with a payment that was created, now or by an earlier call with the same idempotency key.
func (s *Server) writeCreated(c *gin.Context, p models.Payment, end time.Time, isNew bool) {
	if !isNew {
		c.Header("Idempotent-Replayed", "true")
	}
	url := views.CheckoutURL(s.PublicURL, p)
	writeJSON(c, http.StatusOK, created{
		SessionID: p.ID, PaymentID: p.ID, PaymentURL: url, CheckoutURL: url, PaymentReference: p.Reference,
		DepositAddress: p.DepositAddress, ExpiresAt: instant(end), Test: p.IsTest,
	})
}

// createOrRepeat creates a payment, or returns the one created earlier with the same idempotency key. The limits, the
// confirmation steps and a wrong clock apply to new payments only: a repeated call succeeds even if a limit has been
// lowered since.
func (s *Server) createOrRepeat(
	ctx context.Context,
	operator models.Operator,
	wanted store.NewPayment,
	window time.Duration,
) (p models.Payment, isNew bool, err error) {
	bounds := s.allowed(operator)
	refused := s.mayCreate(ctx, bounds, &wanted, window)
	if refused == nil {
		wanted.Confirmations, refused = s.confirmationsFor(operator, wanted.AmountRequested)
	}
	if refused == nil {
		var done func()
		if done, refused = s.takeQuotas(ctx, wanted, bounds); refused == nil {
			defer done()
			return s.Store.CreatePayment(ctx, wanted, s.Addresses.Address)
		}
	}
	if wanted.IdempotencyKey != "" {
		p, err = s.Store.PaymentOfKey(ctx, wanted)
		if !errors.Is(err, models.ErrNotFound) {
			return p, false, err
		}
	}
	return models.Payment{}, false, refused
}

// mayCreate sets when the payment begins and ends, and returns an error if no such payment may be created now.
func (s *Server) mayCreate(
	ctx context.Context, bounds limits, wanted *store.NewPayment, window time.Duration,
) error {
	now, err := s.paymentTime(ctx, wanted.Network, max(models.MaxClockSkew, min(window, s.PaymentWindow)/10))
	switch {
	case errors.Is(err, models.ErrClockBehind):
		err, now = errClockBehind.because(err), s.Clock()
	case err != nil:
		now = s.Clock()
	case s.lastChain(ctx, wanted.Network).token.Unfollowed != "":
		err = errTokenDeprecated
	default:
		err = bounds.check(wanted.AmountRequested)
	}
	// Responses carry milliseconds, so the row must not be more precise.
	wanted.CreatedAt = now.UTC().Truncate(time.Millisecond)
	wanted.ExpiresAt = wanted.CreatedAt.Add(window)
	return err
}

// paymentTime returns the time that a payment made now is created at. Returns models.ErrClockBehind when the agreed
// block is later by more than the limit.
func (s *Server) paymentTime(ctx context.Context, network string, limit time.Duration) (time.Time, error) {
	if s.OwnClock {
		limit = math.MaxInt64
	}
	known, err := s.chain.current(ctx, network)
	if err != nil {
		return time.Time{}, err
	}
	return known.clock.PaymentTime(s.Clock(), limit)
}

// check returns an error unless a payment may be of that amount.
func (l limits) check(amount models.Amount) error {
	switch {
	case amount > l.MaxAmount:
		return tooLarge(l.MaxAmount)
	case amount < l.MinAmount:
		return invalid("amount", "invalid_amount", "amount must be at least %s %s.", l.MinAmount, models.CurrencyUSDT)
	default:
		return nil
	}
}

// tooLarge refuses an amount above a maximum.
func tooLarge(maximum models.Amount) *failure {
	return invalid("amount", "invalid_amount", "amount must be at most %s %s.", maximum, models.CurrencyUSDT)
}

// idempotencyKeyOf returns the header's value, "" if it is absent.
func idempotencyKeyOf(header http.Header) (string, error) {
	values := header.Values(headerIdempotencyKey)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || values[0] == "" || len(values[0]) > maxIdempotencyKeyBytes || !isPrintableASCII(values[0]) {
		return "", invalid(headerIdempotencyKey, "invalid_idempotency_key",
			"Idempotency-Key must be given once, with 1 to %d printable ASCII characters.", maxIdempotencyKeyBytes)
	}
	return values[0], nil
}

func (s *Server) parseOrder(body fields, operator models.Operator) (wanted order, err error) {
	if wanted.Amount, err = parseAmount(body, s.allowed(operator).MaxAmount); err != nil {
		return order{}, err
	}
	if wanted.UserID, err = body.text("userId", 1, maxUserIDRunes); err != nil {
		return order{}, err
	}
	if wanted.Network, err = body.only("network", models.NetworkERC20, "unsupported_network"); err != nil {
		return order{}, err
	}
	if wanted.ReturnURL, err = s.returnURL(body); err != nil {
		return order{}, err
	}
	if !allowsReturn(operator, wanted.ReturnURL) {
		return order{}, errReturnNotAllowed
	}
	if wanted, err = wanted.withOptional(body); err != nil {
		return order{}, err
	}
	if _, isThere := body["currency"]; !isThere {
		wanted.Currency = models.CurrencyUSDT
		return wanted, nil
	}
	wanted.Currency, err = body.only("currency", models.CurrencyUSDT, "unsupported_currency")
	return wanted, err
}

// The bounds of the optional fields of a create call.
const (
	maxDescriptionRunes = 200
	minExpiresIn        = 5 * time.Minute
	maxExpiresIn        = 24 * time.Hour
)

// withOptional adds the description, the metadata and the time to expiry.
func (o order) withOptional(body fields) (_ order, err error) {
	if _, isThere := body["description"]; isThere {
		if o.Description, err = body.shownText("description", 1, maxDescriptionRunes); err != nil {
			return order{}, err
		}
	}
	if o.Metadata, err = body.metadata("metadata"); err != nil {
		return order{}, err
	}
	o.ExpiresIn, err = body.seconds("expiresIn", minExpiresIn, maxExpiresIn)
	return o, err
}

// returnURL reads the address that the checkout page links back to; "" if it is not there. See allowsReturn.
func (s *Server) returnURL(body fields) (string, error) {
	if _, isThere := body["returnUrl"]; !isThere {
		return "", nil
	}
	text, err := body.text("returnUrl", 1, maxReturnURLBytes)
	if err != nil {
		return "", err
	}
	_, err = s.shopURL("returnUrl", text)
	return text, err
}

// allowsReturn reports whether the operator allows the origin of a return URL; "" is allowed.
func allowsReturn(operator models.Operator, returnURL string) bool {
	address, err := url.Parse(returnURL)
	return err == nil && (returnURL == "" || slices.Contains(operator.Origins(), originOf(address)))
}

var errReturnNotAllowed = invalid("returnUrl", "return_url_not_allowed",
	"returnUrl must be at one of the origins allowed in the dashboard's settings.")

// parseAmount reads the amount from the text of a JSON number, or of a string containing one, never through a float.
// The maximum is checked later, because it applies to new payments only; here it is for messages.
func parseAmount(body fields, maximum models.Amount) (models.Amount, error) {
	raw, isThere := body["amount"]
	if !isThere {
		return 0, missingField("amount")
	}
	refuse := func(format string, args ...any) (models.Amount, error) {
		return 0, invalid("amount", "invalid_amount", format, args...)
	}
	text, isNumeric := numberText(raw)
	if !isNumeric {
		return refuse("amount must be a number or a string containing one, not %s.", kindName(raw))
	}
	amount, err := models.ParseAmount(text)
	switch {
	case errors.Is(err, models.ErrAmountPrecision):
		return refuse("amount must have at most 6 decimals.")
	case errors.Is(err, models.ErrAmountRange) && text[0] != '-':
		return 0, tooLarge(maximum)
	case errors.Is(err, models.ErrAmountRange), err == nil && amount <= 0:
		return refuse("amount must be greater than 0.")
	case err != nil:
		return refuse("amount must be a decimal number.")
	}
	return amount, nil
}

func numberText(raw jsontext.Value) (text string, ok bool) {
	switch raw.Kind() {
	case '0':
		return string(raw), true
	case '"':
		return unquote(raw), true
	default:
		return "", false
	}
}

// only returns a required field that must have the one supported value.
func (f fields) only(name, supported, code string) (string, error) {
	raw, isThere := f[name]
	if !isThere {
		return "", missingField(name)
	}
	if raw.Kind() != '"' {
		return "", invalid(name, "invalid_field", "%s must be a string, not %s.", name, kindName(raw))
	}
	if unquote(raw) != supported {
		return "", invalid(name, code, "%s must be %q, the only supported value.", name, supported)
	}
	return supported, nil
}
