package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/internal/retry"
	"paycow/internal/secrets"
	"paycow/models"
)

const (
	maxReasonRunes = 500
	// signalTimeout is how long the engine may take to accept a signal.
	signalTimeout = 5 * time.Second
	// The row is reread after increasing pauses while its workflow decides.
	decisionPauseMin = 15 * time.Millisecond
	decisionPauseMax = 500 * time.Millisecond
)

// decision is a decision of an operator about a payment: to reject or to accept it.
type decision struct {
	kind   models.Decision
	signal func(ctx context.Context, payment models.Payment, signal models.DecisionSignal) error
	// possible returns a 409 if the payment's state does not allow the decision.
	possible func(models.Payment) error
	done     models.Status
}

func (s *Server) rejectPayment(c *gin.Context) error {
	body, err := readFields(c, "reason")
	if err != nil {
		return err
	}
	reason, err := body.text("reason", 1, maxReasonRunes)
	if err != nil {
		return err
	}
	return s.decide(c, reason, decision{
		kind: models.DecisionReject, signal: s.Engine.SignalReject, possible: canReject, done: models.StatusRejected,
	})
}

// acceptPayment accepts an underpaid or late payment. The body with a reason is optional.
func (s *Server) acceptPayment(c *gin.Context) error {
	reason := ""
	if c.Request.ContentLength != 0 {
		body, err := readFields(c, "reason")
		if err != nil {
			return err
		}
		if _, isThere := body["reason"]; isThere {
			if reason, err = body.text("reason", 1, maxReasonRunes); err != nil {
				return err
			}
		}
	}
	return s.decide(c, reason, decision{
		kind: models.DecisionAccept, signal: s.Engine.SignalAccept, possible: canAccept, done: models.StatusPaid,
	})
}

// decide stores a decision, signals it to the payment's workflow and responds once the row shows it. Once it is stored
// it is carried out, even if this process ends before it has signalled.
func (s *Server) decide(c *gin.Context, reason string, d decision) error {
	ctx := c.Request.Context()
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	found, err := s.kindsOf(c)
	if err != nil {
		return err
	}
	operator := operatorOfRequest(c)
	wanted := models.PaymentDecision{
		PaymentID: id, Kind: d.kind, Reason: reason, Actor: "operator:" + operator.ID, Via: s.viaOf(c),
		Address: c.ClientIP(),
	}
	if !found.real {
		return s.decideTest(c, d, wanted)
	}
	payment, stored, err := s.storeDecision(ctx, operator.ID, d, wanted)
	if errors.Is(err, models.ErrNotFound) && found.test {
		return s.decideTest(c, d, wanted)
	}
	if err != nil {
		return err
	}
	signalCtx, cancel := context.WithTimeout(ctx, signalTimeout)
	defer cancel()
	if err := d.signal(signalCtx, payment, stored.Signal()); err != nil {
		return errDecisionPending.because(err) // it is stored, so it is carried out once the engine is back
	}
	if err := s.awaitDecision(ctx, payment, d); err != nil {
		return err
	}
	view, err := s.newOperatorView(ctx, operator.ID, id)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}

// maxDecisionReads is how often a decision is tried on a payment that changes meanwhile.
const maxDecisionReads = 5

// storeDecision stores a decision on the payment's present version.
func (s *Server) storeDecision(
	ctx context.Context, operatorID string, d decision, wanted models.PaymentDecision,
) (payment models.Payment, stored models.PaymentDecision, err error) {
	for range maxDecisionReads {
		payment, err = s.Store.OperatorPayment(ctx, operatorID, wanted.PaymentID)
		if err != nil {
			return payment, stored, fmt.Errorf("read the payment: %w", err)
		}
		if err := d.possible(payment); err != nil {
			return payment, stored, err
		}
		wanted.Version = payment.Version
		stored, err = s.Store.Decide(ctx, operatorID, wanted)
		if !errors.Is(err, models.ErrNotPossible) {
			break
		}
	}
	if err != nil {
		return payment, stored, fmt.Errorf("store the decision: %w", err)
	}
	return payment, stored, nil
}

// viaOf returns what a caller was authenticated by: the API key, or the start of the session's hash.
func (s *Server) viaOf(c *gin.Context) string {
	if cookie, err := c.Request.Cookie(s.cookieName()); err == nil && s.comesFromDashboard(c.Request) {
		return fmt.Sprintf("session %x", secrets.HashSessionToken(cookie.Value)[:6])
	}
	return models.ViaKey + c.GetHeader(headerAPIKey)
}

// errUndecided is returned while the payment's workflow has not carried out a decision.
var errUndecided = errors.New("the payment's workflow has not decided yet")

// awaitDecision rereads the row until it shows the decision, or shows that the decision came too late.
func (s *Server) awaitDecision(ctx context.Context, payment models.Payment, d decision) error {
	ctx, cancel := context.WithTimeout(ctx, s.DecisionWait)
	defer cancel()
	err := retry.Until(ctx, retry.Policy{Pause: decisionPauseMin, MaxPause: decisionPauseMax}, func() error {
		row, err := s.Store.OperatorPayment(ctx, payment.OperatorID, payment.ID)
		if err != nil {
			return retry.Permanent(fmt.Errorf("read the payment again: %w", err))
		}
		if row.Status == d.done {
			return nil
		}
		if err := d.possible(row); err != nil {
			return retry.Permanent(err)
		}
		return errUndecided
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return errDecisionPending.because(err)
	}
	return err
}

func canReject(p models.Payment) error {
	if !p.Status.IsFinal() {
		return nil
	}
	return endedFailure(p.Status)
}

func canAccept(p models.Payment) error {
	switch {
	case p.Status == models.StatusExpired && p.Exception.IsAcceptable():
		return nil
	case p.Status == models.StatusExpired:
		return conflict("payment_not_acceptable", "Nothing was received for this payment, so it cannot be accepted.")
	case p.Status.IsFinal():
		return endedFailure(p.Status)
	default:
		return conflict("payment_still_open", "This payment is still open; only an expired payment can be accepted.")
	}
}

func endedFailure(status models.Status) error {
	word := strings.ToLower(status.String())
	return conflict("payment_already_"+word, "This payment is already "+word+".")
}

func conflict(code, msg string) error {
	return &failure{status: http.StatusConflict, code: code, msg: msg}
}
