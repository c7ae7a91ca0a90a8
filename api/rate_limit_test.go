package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
)

// TestAKeyIsLimited makes requests until no more are admitted. A refusal creates nothing and says when to come back;
// other keys go on, and whoever knows only the key uses up nothing.
func TestAKeyIsLimited(t *testing.T) {
	t.Parallel()
	const limit = 30
	f := setup(t, func(c *Config) { c.RatePerKey = limit })
	const body = `{"amount":50,"userId":"u","network":"ERC20"}`
	thief := f.account
	thief.APISecret = "wrong"
	for range 2 * limit {
		require.Equal(t, http.StatusUnauthorized, f.call(thief, http.MethodGet, "/api/balance", "").status)
	}
	for i := range limit {
		got := f.call(f.account, http.MethodGet, "/api/balance", "")
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, fmt.Sprintf(`"key";q=%d;w=60`, limit), got.header.Get("RateLimit-Policy"))
		require.Regexp(t, fmt.Sprintf(`^"key";r=%d;t=(60|5\d)$`, limit-1-i), got.header.Get("RateLimit"))
	}
	refused := f.call(f.account, http.MethodPost, "/api/payment/create", body)
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.Equal(t, "too_many_requests", parse[errorBody](t, refused.body).Code)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Regexp(t, `^"key";r=0;t=`, refused.header.Get("RateLimit"))
	count, err := f.store.UnpaidRun(t.Context(), f.operatorID(f.account), 10)
	require.NoError(t, err)
	require.Zero(t, count)
	require.Equal(t, http.StatusOK, f.call(f.other, http.MethodPost, "/api/payment/create", body).status)
}

// TestAWindowIsNotLongerThanItself lets a window begin after the request that opens it was read.
func TestAWindowIsNotLongerThanItself(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newLimiter(func(context.Context, string, int, time.Duration) (int64, time.Time, error) {
		return 1, now.Add(limitWindow + time.Millisecond), nil
	}, func() time.Time { return now })
	ok, _, reset, err := l.take(t.Context(), "key:a", 10)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, limitWindow, reset)
}

// TestNetworksAreLimited limits a network before it can do anything, and the public status more strictly.
func TestNetworksAreLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.RatePerNetwork, c.RateOfStatus = 11, 5 })
	get := func(path string) answer { return f.call(apitest.Account{}, http.MethodGet, path, "") }
	p := f.payment(f.account)
	for range 5 {
		require.Equal(t, http.StatusOK, get("/payment/data/"+p.ID).status)
	}
	refused := get("/payment/data/" + p.ID)
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.Equal(t, []string{`"network";q=11;w=60`, `"status";q=5;w=60`}, refused.header.Values("RateLimit-Policy"))
	for range 4 {
		require.Equal(t, http.StatusUnauthorized, get("/api/balance").status)
	}
	require.Equal(t, http.StatusTooManyRequests, get("/api/balance").status)
	require.Equal(t, http.StatusOK, get("/healthz").status, "probes are not limited")
}

// TestSitesOfIPv6 gives each /64 its limit, and a whole /48 four times as much.
func TestSitesOfIPv6(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2001:db8:1::/48", siteOf("2001:db8:1:2::3"))
	for _, none := range []string{"192.0.2.1", "::ffff:192.0.2.1", "", "x"} {
		require.Empty(t, siteOf(none))
	}
}

// TestProcessesLimitTogether lets several processes count the same client at once. Together they admit no more than the
// limit in a window, and not much less; when the window is over, the client may go on.
func TestProcessesLimitTogether(t *testing.T) {
	t.Parallel()
	f := setup(t, func(*Config) {})
	const limit, processes, clients = 200, 3, 4
	var elapsed atomic.Int64
	start := time.Now()
	clock := func() time.Time { return start.Add(time.Duration(elapsed.Load())) }
	var limiters []*limiter
	for range processes {
		limiters = append(limiters, newLimiter(f.store.CountRequests, clock))
	}
	flood := func() (admitted int64) {
		var count atomic.Int64
		var group sync.WaitGroup
		for _, l := range limiters {
			for range clients {
				group.Go(func() {
					for range limit {
						if ok, _, _, err := l.take(context.Background(), "client", limit); err == nil && ok {
							count.Add(1)
						}
					}
				})
			}
		}
		group.Wait()
		return count.Load()
	}
	require.EqualValues(t, limit, flood())
	require.Zero(t, flood())
	ok, _, _, err := limiters[0].take(t.Context(), "another client", limit)
	require.NoError(t, err)
	require.True(t, ok)
}

// TestALimitNeedsNoDatabase admits requests while they cannot be counted.
func TestALimitNeedsNoDatabase(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.RateOfStatus = 1 })
	p := f.payment(f.account)
	var asked atomic.Int64
	f.server.rates.count = func(ctx context.Context, _ string, _ int, _ time.Duration) (int64, time.Time, error) {
		asked.Add(1)
		<-ctx.Done() // it hangs
		return 0, time.Time{}, ctx.Err()
	}
	for range 3 {
		got := f.call(apitest.Account{}, http.MethodGet, "/payment/data/"+p.ID, "")
		require.Equal(t, http.StatusOK, got.status)
		require.Empty(t, got.header.Get("RateLimit"))
	}
	require.EqualValues(t, 1, asked.Load(), "one request waits, not each")
}
