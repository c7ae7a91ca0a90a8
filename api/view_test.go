package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/views"
	"paycow/web"
)

// A payment keeps the number of confirmations it was created with, even if the setting changes.
func TestConfirmationsAreThePaymentsOwn(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.Confirmations = 20 })
	p := f.payment(f.account)
	f.server.Confirmations = 3
	require.EqualValues(t, 20, parse[views.PublicPayment](t,
		f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body).RequiredConfirmations)
	require.EqualValues(t, 3, parse[views.PublicPayment](t,
		f.call(f.account, http.MethodGet, "/payment/data/"+f.payment(f.account).ID, "").body).RequiredConfirmations)
}

// While the token is paused, the end of a payment's window moves with each block that is read and never with the
// clock, as it does for the payment's workflow. Afterwards it stays extended by the pause. The API, the checkout page
// and the stamp that updates open pages all show the same end.
func TestExpiryShownIsMovedByAPause(t *testing.T) {
	t.Parallel()
	clock := time.Now().UTC().Truncate(time.Second)
	start := clock
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	p := f.payment(f.account)
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20,
		models.BlockRef{Number: 100, Hash: hexHash(100), Time: start}, 100))
	from := models.BlockRef{Number: 100, Hash: hexHash(100)}
	block := func(at time.Time, kinds ...models.TokenEventKind) {
		to := models.BlockRef{Number: from.Number + 1, Hash: hexHash(from.Number + 1), Time: at}
		batch := models.BlockBatch{From: from, To: to, Head: to.Number, Agreed: true}
		for _, kind := range kinds {
			batch.Events = append(batch.Events, models.TokenEvent{
				TransferKey: models.TransferKey{ChainID: 1, TxHash: to.Hash}, Kind: kind, BlockNumber: to.Number,
				BlockHash: to.Hash, BlockTime: at, Canonical: true,
			})
		}
		require.NoError(t, f.store.Advance(t.Context(), models.NetworkERC20, batch))
		from = to
	}
	stamp := ""
	requireEnd := func(extension time.Duration, isPaused, isNew bool) {
		t.Helper()
		want := p.ExpiresAt.Add(extension)
		view := parse[views.PublicPayment](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body)
		require.WithinDuration(t, want, time.Time(view.ExpiresAt), 0)
		checkout, err := f.server.checkout(t.Context(), p.ID, web.Language{})
		require.NoError(t, err)
		require.WithinDuration(t, want, checkout.WindowEnd, 0)
		require.Equal(t, isPaused, checkout.IsPaused)
		stamps, err := f.server.followers.stamps(t.Context(), []string{p.ID})
		require.NoError(t, err)
		require.Equal(t, isNew, stamps[p.ID] != stamp, "open pages are updated only when something changes")
		stamp = stamps[p.ID]
	}
	requireEnd(0, false, true)
	block(start.Add(10*time.Minute), models.TokenPause)
	requireEnd(0, true, true)
	clock = start.Add(30 * time.Minute)
	requireEnd(0, true, false)
	block(start.Add(15 * time.Minute))
	requireEnd(5*time.Minute, true, true)
	clock = start.Add(40 * time.Minute)
	block(start.Add(18*time.Minute), models.TokenUnpause)
	requireEnd(8*time.Minute, false, true)
	clock = start.Add(time.Hour)
	block(start.Add(50 * time.Minute))
	requireEnd(8*time.Minute, false, false)
}
