package api

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestUnpaidPaymentsAreBounded creates payments that nobody pays until no more may be created. What was created before
// can be repeated, other operators are not concerned, and a payment that receives money lets more follow.
func TestUnpaidPaymentsAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 20
	f := setup(t, func(c *Config) { c.MaxUnpaid = limit })
	const body = `{"amount":50,"userId":"u","network":"ERC20"}`
	create := func(headers ...string) answer {
		return f.call(f.account, http.MethodPost, "/api/payment/create", body, headers...)
	}
	first := create("Idempotency-Key", "first")
	require.Equal(t, http.StatusOK, first.status)
	var group sync.WaitGroup
	var made atomic.Int64
	for range 3 * limit {
		group.Go(func() {
			if create().status == http.StatusOK {
				made.Add(1)
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, made.Load(), int64(limit-1))
	again := func() { f.server.unpaid.byOperator = map[string]*allowance{} } // as after refusalMaxAge
	for again(); create().status == http.StatusOK; again() {
		made.Add(1)
	}
	require.EqualValues(t, limit-1, made.Load())
	refused := create("Idempotency-Key", "second")
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.Equal(t, "too_many_unpaid", parse[errorBody](t, refused.body).Code)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, first.body, create("Idempotency-Key", "first").body, "what was created is still answered")
	count, err := f.store.UnpaidRun(t.Context(), f.operatorID(f.account), 1000)
	require.NoError(t, err)
	require.EqualValues(t, made.Load()+1, count, "a refusal creates nothing")
	require.Equal(t, http.StatusOK, f.call(f.other, http.MethodPost, "/api/payment/create", body).status)

	// The newest one receives something.
	list := parse[paymentList](t, f.call(f.account, http.MethodGet, "/api/payments?limit=1", "").body)
	f.exec("UPDATE payments SET amount_received = 1 WHERE id = ?", list.Payments[0].ID)
	again()
	require.Equal(t, http.StatusOK, create().status)
}

// TestNobodyIsRefusedWhileTheChainIsNotRead: a payment that was paid cannot show it then.
func TestNobodyIsRefusedWhileTheChainIsNotRead(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.MaxUnpaid = 2 })
	create := func() int {
		f.server.unpaid.byOperator = map[string]*allowance{} // as after refusalMaxAge
		return f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":50,"userId":"u","network":"ERC20"}`).status
	}
	block := models.BlockRef{Number: 100, Hash: hexHash(100), Time: time.Now()}
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20, block, 100))
	for _, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		require.Equal(t, want, create())
	}
	f.exec("UPDATE chain_cursors SET block_time = ?", time.Now().Add(-time.Hour).UTC())
	for range 3 {
		require.Equal(t, http.StatusOK, create())
	}
	f.exec("UPDATE chain_cursors SET block_time = ?", time.Now().UTC())
	require.Equal(t, http.StatusTooManyRequests, create())
}

// TestExportsAreBounded opens CSV files that nobody reads.
func TestExportsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBudget(5, 3)
	var releases []func()
	for range 3 {
		release, ok := b.take("a")
		require.True(t, ok)
		releases = append(releases, release)
	}
	_, ok := b.take("a")
	require.False(t, ok, "one network")
	for _, network := range []string{"b", "c"} {
		_, ok = b.take(network)
		require.True(t, ok)
	}
	_, ok = b.take("d")
	require.False(t, ok, "all networks")
	for _, release := range releases {
		release()
	}
	require.Equal(t, map[string]int{"b": 1, "c": 1}, b.byNetwork)
	_, ok = b.take("a")
	require.True(t, ok)

	f := setup(t)
	for range maxExportsPerNetwork {
		_, ok := f.server.exports.take("127.0.0.1")
		require.True(t, ok)
	}
	refused := f.call(f.account, http.MethodGet, "/api/payments", "", "Accept", "text/csv")
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.Equal(t, "too_many_exports", parse[errorBody](t, refused.body).Code)
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodGet, "/api/payments", "").status)
}
