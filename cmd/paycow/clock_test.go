//go:build !slim

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// awaitNotReady waits until readiness is red and says so.
func (in *installation) awaitNotReady(says string) {
	in.t.Helper()
	eventually(in.t, "readiness says "+says, func() error {
		code, answer, err := in.call(http.MethodGet, "/readyz", "", nil)
		if err == nil && (code != http.StatusServiceUnavailable || !strings.Contains(answer, says)) {
			err = fmt.Errorf("%d %s", code, answer)
		}
		return err
	})
}

// TestTheClockIsBehindTheChain: the chain's blocks are from the future, as they are for a machine whose clock is slow. Readiness says
// so, and nothing new is created. A payment that is paid after its window by the chain's time ends as paid late, although its window
// is still open by this machine's clock.
func TestTheClockIsBehindTheChain(t *testing.T) {
	t.Parallel()
	in := setupInstallation(t, nil)
	in.env = append(in.env, "PAYCOW_PAYMENT_WINDOW=10m")
	in.serve("serve")
	in.awaitReady()
	payment := in.create("50.00")
	require.NoError(t, in.chain.Mine(60)) // a second apart
	in.awaitNotReady("in the future by the gateway's clock")
	require.NoError(t, in.chain.Mine(600))
	in.pay(payment.DepositAddress, 50*models.USDT)
	require.NoError(t, in.chain.Mine(13))
	in.await(payment.SessionID, "EXPIRED PAID_LATE")
	require.Equal(t, 50*models.USDT, in.available())
	code, answer, err := in.call(http.MethodPost, "/api/payment/create", `{"amount": 5, "userId": "u", "network": "ERC20"}`, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code, answer)
	require.Contains(t, answer, "clock_skew")
}
