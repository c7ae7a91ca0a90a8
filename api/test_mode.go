package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
	"paycow/views"
)

var errTestKey = &failure{
	status: http.StatusForbidden, code: "test_key", msg: "This API key is for test payments only.",
}

// isTestKey reports whether a request came with an API key that is for test payments only.
func isTestKey(c *gin.Context) bool {
	key, _ := keyOfRequest(c)
	return key.Test
}

// wantsTests reports whether a list is to hold what belongs to test payments. A test key sees nothing else.
func wantsTests(c *gin.Context) (bool, error) {
	text, isThere := c.GetQuery("test")
	switch {
	case isThere && text != "true" && text != "false":
		return false, invalid("test", "invalid_parameter", "test must be true or false.")
	case isTestKey(c) && text == "false":
		return false, errTestKey
	default:
		return text == "true" || isTestKey(c), nil
	}
}

// sideOf returns a side of the request's operator.
func sideOf(c *gin.Context, isTest bool) string {
	if isTest {
		return models.TestSide(operatorOfRequest(c).ID)
	}
	return operatorOfRequest(c).ID
}

// sideOfList returns the side of the operator whose rows a list is to hold.
func sideOfList(c *gin.Context) (string, error) {
	isTest, err := wantsTests(c)
	return sideOf(c, isTest), err
}

// sidesOf returns the sides of the operator whose rows the request may read and change by their ids.
func sidesOf(c *gin.Context) []string {
	if isTestKey(c) {
		return []string{sideOf(c, true)}
	}
	return []string{sideOf(c, false), sideOf(c, true)}
}

// forTests adds to a sentence of the audit log that something is for test payments only.
func forTests(isTest bool) string {
	if isTest {
		return ", for test payments only"
	}
	return ""
}

// outcomeOf returns the outcome of a test payment. isTest is false if a real one is to be made: the metadata of a real
// payment is free text, also when it holds what would name an outcome.
func (s *Server) outcomeOf(c *gin.Context, metadata models.Metadata) (outcome models.Outcome, isTest bool, err error) {
	text, isThere := metadata[models.SimulateKey]
	if !isTestKey(c) && (!s.TestByMetadata || !isThere) {
		return "", false, nil
	}
	outcome = models.Outcome(text)
	if !isThere {
		outcome = models.OutcomePaid
	}
	if !slices.Contains(models.Outcomes(), outcome) {
		return "", true, invalid("metadata", "invalid_field", "The value of %q in metadata must be one of %s.",
			models.SimulateKey, listOf(models.Outcomes()))
	}
	return outcome, true, nil
}

// createTest creates a test payment, or repeats the answer of an earlier call with the same idempotency key.
func (s *Server) createTest(c *gin.Context, wanted order, in store.NewPayment, outcome models.Outcome) error {
	t, isNew, err := s.createOrRepeatTest(c.Request.Context(), operatorOfRequest(c), in, outcome,
		s.windowOf(wanted))
	if err != nil {
		return createFailure(err)
	}
	s.writeCreated(c, t.Payment(), t.ExpiresAt, isNew)
	return nil
}

// createOrRepeatTest is createOrRepeat for a test payment.
func (s *Server) createOrRepeatTest(
	ctx context.Context, operator models.Operator, in store.NewPayment, outcome models.Outcome, window time.Duration,
) (t models.TestPayment, isNew bool, err error) {
	bounds := s.allowed(operator)
	refused := bounds.check(in.AmountRequested)
	if outcome == models.OutcomeUnderpaid && in.AmountRequested == 1 {
		refused = invalid("amount", "invalid_amount", "amount must be at least 0.000002 USDT to be underpaid.")
	}
	if refused == nil {
		in.Confirmations, refused = s.confirmationsFor(operator, in.AmountRequested)
	}
	if refused == nil {
		var done func()
		if done, refused = s.tests.take(ctx, in.OperatorID, s.MaxTests); refused == nil {
			defer done()
			return s.Store.CreateTestPayment(ctx, in, outcome, window, s.TestAddresses.Address)
		}
	}
	if in.IdempotencyKey != "" {
		t, err = s.Store.TestPaymentOfKey(ctx, in)
		if !errors.Is(err, models.ErrNotFound) {
			return t, false, err
		}
	}
	return models.TestPayment{}, false, refused
}

// paymentByID returns a payment or a test payment with its newest state, and the number of the newest block.
func (s *Server) paymentByID(ctx context.Context, id string) (p models.Payment, head uint64, err error) {
	row, err := s.Store.Payment(ctx, id)
	if err == nil {
		return s.live(ctx, row)
	}
	if errors.Is(err, models.ErrNotFound) {
		var t models.TestPayment
		if t, err = s.Store.TestPayment(ctx, id); err == nil {
			facts := store.TestFacts(t)
			return facts.Payment, facts.Head, nil
		}
	}
	return models.Payment{}, 0, fmt.Errorf("read the payment: %w", err)
}

// kinds says which payments a request finds by an id.
type kinds struct{ real, test bool }

// kindsOf returns which payments a request may read and decide by their ids. A key that is not for tests must ask for a
// test payment: a shop that reads the id of one must not take it for money. People see what they read, and in
// development any key makes tests.
func (s *Server) kindsOf(c *gin.Context) (kinds, error) {
	if _, err := parseQuery(c.Request.URL, "test"); err != nil {
		return kinds{}, err
	}
	isTest, err := wantsTests(c)
	if err != nil {
		return kinds{}, err
	}
	_, isSaid := c.GetQuery("test")
	_, isKey := keyOfRequest(c)
	return kinds{real: !isTest, test: isTest || !isSaid && (!isKey || s.TestByMetadata)}, nil
}

// viewOfRequest returns the full view of a payment that the request may read.
func (s *Server) viewOfRequest(c *gin.Context, id string) (view views.OperatorPayment, err error) {
	found, err := s.kindsOf(c)
	if err != nil {
		return view, err
	}
	ctx, operatorID := c.Request.Context(), operatorOfRequest(c).ID
	if found.real {
		view, err = s.newOperatorView(ctx, operatorID, id)
		if !errors.Is(err, models.ErrNotFound) || !found.test {
			return view, err
		}
	}
	t, err := s.Store.OperatorTestPayment(ctx, operatorID, id)
	if err != nil {
		return view, fmt.Errorf("read the payment: %w", err)
	}
	return s.viewOfTest(t), nil
}

func (s *Server) viewOfTest(t models.TestPayment) views.OperatorPayment {
	return views.NewOperatorPayment(store.TestFacts(t), s.PublicURL, s.Clock())
}

// decideTest carries out a decision on a test payment.
func (s *Server) decideTest(c *gin.Context, d decision, wanted models.PaymentDecision) error {
	t, err := s.Store.DecideTest(c.Request.Context(), operatorOfRequest(c).ID, wanted)
	if errors.Is(err, models.ErrNotPossible) {
		return d.possible(t.Payment())
	}
	if err != nil {
		return fmt.Errorf("decide on a test payment: %w", err)
	}
	writeJSON(c, http.StatusOK, s.viewOfTest(t))
	return nil
}

// listTestPage reads one page of an operator's test payments.
func (s *Server) listTestPage(
	ctx context.Context, filter store.PaymentFilter,
) (rows []listedPayment, next string, err error) {
	payments, next, err := s.Store.ListTestPayments(ctx, filter)
	if err != nil {
		return nil, "", fmt.Errorf("list the test payments: %w", err)
	}
	rows = make([]listedPayment, len(payments))
	for i, t := range payments {
		facts := store.TestFacts(t)
		rows[i] = listedPayment{
			Payment:        views.NewPayment(facts.Payment, facts.Required, facts.Head, facts.WindowEnd),
			AmountCredited: t.AmountCredited, Shop: views.NewShop(facts.Payment),
		}
	}
	return rows, next, nil
}
