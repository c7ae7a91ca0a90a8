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

// A head in the future, or a worker whose clock is wrong, makes readiness red until it is over; blocks of a local chain do not.
func TestReadinessComparesClocks(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, models.BlockRef{Number: 100, Hash: "0x64", Time: clock}, 100))
	f.reportNodes(clock, models.NodeOK)
	read := clock
	isReady := func() {
		t.Helper()
		status, _, body := f.ready()
		require.Equal(t, http.StatusOK, status, body)
	}
	isRed := func(says string) {
		t.Helper()
		status, view, body := f.ready()
		require.Equal(t, http.StatusServiceUnavailable, status, body)
		require.Contains(t, *view.Checks.Chain.Reason, says)
	}
	isReady()
	clock = read.Add(-29 * time.Second)
	isReady()
	clock = read.Add(-31 * time.Second)
	isRed("Block 100, which the nodes agree on, is more than 30s in the future by the gateway's clock")
	f.server.OwnClock = true
	isReady()
	f.server.OwnClock = false
	clock = read
	isReady()

	require.NoError(t, f.store.Raise(t.Context(), models.Alarm{
		Network: models.NetworkERC20, Kind: models.AlarmClockSkew, Subject: "chain", Message: "The clock of the worker on host.internal is wrong.",
	}))
	isRed("The clock of the worker that watches the chain is wrong: alarm 1 (CLOCK_SKEW) says by how much.")
	_, _, body := f.ready()
	require.NotContains(t, body, "host.internal")
	require.NoError(t, f.store.Resolve(t.Context(), models.NetworkERC20, models.AlarmClockSkew, "chain", models.ActorSystem, "right"))
	isReady()
}
