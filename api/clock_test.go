package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A server whose clock is behind the chain's by more than a tenth of the window creates no payment that has ended already: it answers
// 503 with a sentence, and is not ready. Calls that repeat an earlier one get their payment.
func TestACreateBehindTheChainIsRefused(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, models.BlockRef{Number: 100, Hash: "0x64", Time: clock}, 100))
	create := func(key string) answer {
		return f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount": 50.00, "userId": "u", "network": "ERC20"}`, "Idempotency-Key", key)
	}
	first := create("first")
	require.Equal(t, http.StatusOK, first.status, first.body)

	for _, behind := range []time.Duration{7 * time.Minute, time.Hour, 48 * time.Hour} {
		clock = time.Now().Add(-behind)
		got := create("second")
		require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
		require.Equal(t, "clock_skew", parse[errorBody](t, got.body).Code)
		require.NotEmpty(t, got.header.Get("Retry-After"))
		again := create("first")
		require.Equal(t, http.StatusOK, again.status, again.body)
		require.Equal(t, parse[created](t, first.body).SessionID, parse[created](t, again.body).SessionID)
		status, view, _ := f.ready()
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.False(t, view.Checks.Chain.OK)
		require.Contains(t, *view.Checks.Chain.Reason, "clock")
	}
	clock = time.Now().Add(-5 * time.Minute)
	got := create("third")
	require.Equal(t, http.StatusOK, got.status, "a little is no reason")
	row := f.row(parse[created](t, got.body).SessionID)
	require.Equal(t, f.server.PaymentWindow, row.ExpiresAt.Sub(row.CreatedAt))
}
