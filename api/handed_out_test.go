package api

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// countingAddresses counts how often addresses are derived.
type countingAddresses struct {
	fakeAddresses
	derived *atomic.Int64
}

func (c countingAddresses) Address(index uint32) (string, error) {
	c.derived.Add(1)
	return c.fakeAddresses.Address(index)
}

// TestAnAddressIsDerivedOnceAndStillChecked: the call that makes a payment derives its address once. Whoever reads the
// payment from the database, also by repeating that call, is shown no address that was changed since.
func TestAnAddressIsDerivedOnceAndStillChecked(t *testing.T) {
	t.Parallel()
	var derived atomic.Int64
	f := setup(t, func(c *Config) { c.Addresses = countingAddresses{derived: &derived} })
	const body = `{"amount":50,"userId":"u","network":"ERC20"}`
	create := func() answer {
		return f.call(f.account, http.MethodPost, "/api/payment/create", body, "Idempotency-Key", "k")
	}
	p := f.row(parse[created](t, create().body).PaymentID)
	require.EqualValues(t, 1, derived.Load())
	require.Equal(t, http.StatusOK, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").status)
	require.EqualValues(t, 1, derived.Load())

	forged, err := f.server.Addresses.Address(p.AddressIndex + 1000)
	require.NoError(t, err)
	f.sql("UPDATE payments SET deposit_address = ? WHERE id = ?", forged, p.ID)
	for _, got := range []answer{create(), f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "")} {
		require.Equal(t, http.StatusInternalServerError, got.status)
		require.NotContains(t, got.body, forged)
	}
}
