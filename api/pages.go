package api

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/web"
)

// The checkout page loads itself again about once a block, within these bounds.
const (
	pageRefreshMin = 2 * time.Second
	pageRefreshMax = 10 * time.Second
)

func (s *Server) home(c *gin.Context) error {
	var page bytes.Buffer
	if err := web.WriteHome(&page); err != nil {
		return err
	}
	writePage(c, http.StatusOK, page.Bytes())
	return nil
}

func (s *Server) checkoutPage(c *gin.Context) error {
	id, err := paymentIDOf(c)
	if err != nil {
		return err
	}
	row, err := s.Store.Payment(c.Request.Context(), id)
	if err != nil {
		return fmt.Errorf("read the payment: %w", err)
	}
	ctx := c.Request.Context()
	p, head, err := s.live(ctx, row)
	if err != nil {
		return err
	}
	view := s.newPaymentView(ctx, p, head)
	var page bytes.Buffer
	err = web.WriteCheckout(&page, web.Checkout{
		Payment: p, Confirmations: view.Confirmations, RequiredConfirmations: view.RequiredConfirmations,
		WindowEnd: time.Time(view.ExpiresAt), OnItsWay: s.onItsWay(ctx, p), Now: s.Clock(), Refresh: min(max(s.BlockTime, pageRefreshMin), pageRefreshMax),
	})
	if err != nil {
		return err
	}
	writePage(c, http.StatusOK, page.Bytes())
	return nil
}
