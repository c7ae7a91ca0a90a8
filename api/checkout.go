package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-contrib/sse"
	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
	"paycow/views"
	"paycow/web"
)

// Without JavaScript, the checkout page reloads about once per block, within these bounds.
const (
	pageRefreshMin = 2 * time.Second
	pageRefreshMax = 10 * time.Second
)

func (s *Server) checkoutPage(c *gin.Context) error {
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	checkout, err := s.checkout(c.Request.Context(), id, languageOf(c))
	if err != nil {
		return err
	}
	shop, err := s.shopOf(c.Request.Context(), checkout.Payment.OperatorID)
	if err != nil {
		return err
	}
	checkout.Shop, checkout.LogoURL = shop.name, shop.logoURL
	_, checkout.FaucetSent = c.GetQuery("sent")
	c.Header("Content-Language", checkout.Language.Tag)
	return writePage(c, http.StatusOK, func(w io.Writer) error { return web.WriteCheckout(w, checkout) },
		"Accept-Language")
}

// checkout reads what the checkout page of a payment shows.
func (s *Server) checkout(ctx context.Context, id string, language web.Language) (web.Checkout, error) {
	p, head, err := s.paymentByID(ctx, id)
	if err != nil {
		return web.Checkout{}, err
	}
	checkout := web.Checkout{
		Payment: p, Language: language, Network: s.Network, Now: s.Clock(), BlockTime: s.BlockTime,
		HasFaucet: s.Faucet != nil && !p.IsTest,
		Refresh:   min(max(s.BlockTime, pageRefreshMin), pageRefreshMax), RequiredConfirmations: s.requiredConfirmations(p),
	}
	checkout.Confirmations = min(models.Confirmations(head, p.LastBlock), checkout.RequiredConfirmations)
	checkout.WindowEnd, checkout.IsPaused = s.window(ctx, p)
	if p.Status == models.StatusPending && !p.IsTest {
		sums, err := s.Store.OnTheirWay(ctx, []string{p.ID})
		if err != nil { // it is only a hint, so the page is shown without it
			s.Log.WarnContext(ctx, "cannot read the pending transfers", "payment_id", p.ID, "error", err)
		}
		checkout.OnItsWay, checkout.IsExpected = sums[p.ID].Amount, s.isExpected(sums[p.ID])
	}
	switch {
	case p.IsTest:
	case p.Status == models.StatusPaid:
		checkout.PaidAt, err = s.Store.PaidAt(ctx, p.ID)
	case p.Exception == models.ExceptionReverted && p.TxHash == "" && p.Status != models.StatusRejected:
		checkout.RemovedTx, err = s.Store.LastTransaction(ctx, p.ID)
	}
	return checkout, err
}

// expectedFor is how long after a node held a pending transfer the page asks for no money: about 15 blocks. Then it
// asks again, because the transfer may have failed or been dropped, and anybody can send one that never counts.
const expectedFor = 3 * time.Minute

// isExpected reports whether what is on its way to a payment may be in one of the next blocks.
func (s *Server) isExpected(pending store.OnItsWay) bool {
	return s.Clock().Sub(pending.SeenAt) < expectedFor
}

// languageOf returns the language chosen with ?lang=, else the one the browser prefers.
func languageOf(c *gin.Context) web.Language {
	return web.FindLanguage(c.Query("lang"), c.GetHeader("Accept-Language"))
}

// A stream sends a sign of life at this interval, and ends after its lifetime so that connections spread over the
// processes.
const (
	aliveInterval  = 15 * time.Second
	streamLifetime = 15 * time.Minute
	// streamRetryMillis is how long a page waits before it reconnects, in milliseconds.
	streamRetryMillis = 2000
	// streamWriteTimeout is how long a client may take to receive one message.
	streamWriteTimeout = 10 * time.Second
)

// checkoutEvents streams server-sent events to an open checkout page: "state" carries the part of the page that
// changes, "alive" carries nothing.
func (s *Server) checkoutEvents(c *gin.Context) error {
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	follower, err := s.followers.add(id, networkOf(c.ClientIP()))
	if err != nil {
		return err
	}
	defer s.followers.remove(follower)
	language := languageOf(c)
	state, err := s.checkoutState(c.Request.Context(), id, language)
	if err != nil {
		return err
	}
	stream := http.NewResponseController(c.Writer)
	if err := stream.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	c.Header("Content-Type", "text/event-stream; charset=utf-8")
	c.Header("X-Accel-Buffering", "no") // proxies must pass each message on at once
	c.Status(http.StatusOK)
	if isHead(c.Request.Context()) {
		return nil
	}
	send := func(event sse.Event) bool {
		var message bytes.Buffer
		_ = stream.SetWriteDeadline(time.Now().Add(streamWriteTimeout))
		if err := sse.Encode(&message, event); err != nil {
			return false
		}
		if _, err := message.WriteTo(c.Writer); err != nil {
			return false // the payer has gone
		}
		return stream.Flush() == nil
	}
	if !send(sse.Event{Event: "state", Retry: streamRetryMillis, Data: state}) {
		return nil
	}
	alive := time.NewTicker(aliveInterval)
	defer alive.Stop()
	end := time.NewTimer(streamLifetime)
	defer end.Stop()
	for {
		select {
		case <-c.Request.Context().Done():
			return nil
		case <-end.C:
			return nil
		case <-alive.C:
			if !send(sse.Event{Event: "alive", Data: ""}) {
				return nil
			}
		case _, isOpen := <-follower.news:
			if !isOpen {
				return nil // the process is ending
			}
			next, err := s.checkoutState(c.Request.Context(), id, language)
			if err != nil {
				s.Log.WarnContext(c, "cannot update an open checkout page", "payment_id", id, "error", err)
				return nil // the page reconnects
			}
			if bytes.Equal(next, state) {
				continue
			}
			state = next
			if !send(sse.Event{Event: "state", Data: state}) {
				return nil
			}
		}
	}
}

// checkoutState renders the part of the page that changes, as a JSON string on one line.
func (s *Server) checkoutState(ctx context.Context, id string, language web.Language) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	checkout, err := s.checkout(ctx, id, language)
	if err != nil {
		return nil, err
	}
	var state bytes.Buffer
	if err := web.WriteCheckoutState(&state, checkout); err != nil {
		return nil, err
	}
	return json.Marshal(state.String())
}

// payFromFaucet sends the missing amount from the test faucet and redirects to the checkout page.
func (s *Server) payFromFaucet(c *gin.Context) error {
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	checkout, err := s.checkout(c.Request.Context(), id, languageOf(c))
	if err != nil {
		return err
	}
	missing := checkout.Payment.AmountRequested - checkout.Payment.AmountReceived
	if checkout.Payment.Status.IsFinal() || missing <= 0 || checkout.Payment.IsTest {
		return conflict("nothing_missing", "Nothing is missing for this payment.")
	}
	if _, err := s.Faucet(c.Request.Context(), checkout.Payment.DepositAddress, missing); err != nil {
		return fmt.Errorf("pay from the faucet: %w", err)
	}
	page := views.CheckoutURL(s.PublicURL, checkout.Payment)
	c.Redirect(http.StatusSeeOther, page+"?lang="+checkout.Language.Tag+"&sent")
	return nil
}
