package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A payment keeps the number of confirmations it was created with, even if the setting changes.
func TestConfirmationsAreThePaymentsOwn(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.Confirmations = 20 })
	p := f.payment(f.account)
	f.server.Confirmations = 3
	require.EqualValues(t, 20, parse[publicView](t,
		f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body).RequiredConfirmations)
	require.EqualValues(t, 3, parse[publicView](t,
		f.call(f.account, http.MethodGet, "/payment/data/"+f.payment(f.account).ID, "").body).RequiredConfirmations)
}

// While the token is paused, the expiry shown moves with the clock. Afterwards it stays extended by the pause.
func TestExpiryShownIsMovedByAPause(t *testing.T) {
	t.Parallel()
	clock := time.Now().UTC().Truncate(time.Second)
	f := setup(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	p := f.payment(f.account)
	require.NoError(t, f.store.InitCursor(t.Context(), models.NetworkERC20,
		models.BlockRef{Number: 100, Hash: hexHash(100), Time: clock}, 100))
	from := models.BlockRef{Number: 100, Hash: hexHash(100)}
	event := func(kind models.TokenEventKind, number uint64, at time.Time) {
		to := models.BlockRef{Number: number, Hash: hexHash(number), Time: at}
		require.NoError(t, f.store.Advance(t.Context(), models.NetworkERC20,
			models.BlockBatch{From: from, To: to, Head: number, Agreed: true, Events: []models.TokenEvent{{
				TransferKey: models.TransferKey{ChainID: 1, TxHash: hexHash(number)}, Kind: kind, BlockNumber: number,
				BlockHash: to.Hash, BlockTime: at, Canonical: true,
			}}}))
		from = to
	}
	shown := func() time.Time {
		f.server.pauses.mutex.Lock()
		f.server.pauses.byName = nil
		f.server.pauses.mutex.Unlock()
		return time.Time(parse[publicView](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body).ExpiresAt)
	}
	require.True(t, p.ExpiresAt.Equal(shown()))
	event(models.TokenPause, 101, clock.Add(10*time.Minute))
	clock = clock.Add(15 * time.Minute)
	require.True(t, p.ExpiresAt.Add(5*time.Minute).Equal(shown()))
	event(models.TokenUnpause, 102, clock)
	clock = clock.Add(time.Hour)
	require.True(t, p.ExpiresAt.Add(5*time.Minute).Equal(shown()))
}
