package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/store"
)

// TestACachedKeyIsRefusedOnceItIsRevoked revokes a key that two processes have cached. The one that revokes it refuses
// it at once, the other within CredentialLifetime.
func TestACachedKeyIsRefusedOnceItIsRevoked(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.store.UseCredentialCache()
	elsewhere, otherStore := f.otherProcess()
	status := func(url string, account string, secret string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/balance", nil)
		require.NoError(t, err)
		request.Header.Set(headerAPIKey, account)
		request.Header.Set(headerAPISecret, secret)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	key, secret := f.account.APIKey, f.account.APISecret
	for range 2 {
		for _, url := range []string{f.url, elsewhere} {
			require.Equal(t, http.StatusOK, status(url, key, secret))
			require.Equal(t, http.StatusUnauthorized, status(url, key, secret+"x"), "a cached key still needs its secret")
			require.Equal(t, http.StatusUnauthorized, status(url, key, ""))
		}
	}
	_, _, ok := f.store.CachedCredential(key)
	require.True(t, ok)
	require.Eventually(t, func() bool {
		_, _, isCached := otherStore.CachedCredential(key)
		return status(elsewhere, key, secret) == http.StatusOK && isCached
	}, 10*time.Second, time.Millisecond, "the other process keeps the key, too")

	_, err := f.store.RevokeCredentials(t.Context(), f.operatorID(f.account),
		models.AuditEntry{Actor: "t", Action: "keys_revoked"})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status(f.url, key, secret))
	require.Eventually(t, func() bool { return status(elsewhere, key, secret) == http.StatusUnauthorized },
		store.CredentialLifetime+2*time.Second, 10*time.Millisecond) // two seconds are for a busy machine
}

// otherProcess returns the URL and the store of another API on the fixture's database, as New makes it.
func (f *fixture) otherProcess() (string, *store.Store) {
	f.Helper()
	db, err := store.Open(f.Context(), "sqlite:"+f.path, slog.New(slog.DiscardHandler))
	require.NoError(f, err)
	f.Cleanup(func() { _ = db.Close() })
	require.NoError(f, db.UseMasterKey(f.Context(), masterKey, nil))
	config := f.server.Config
	config.Store = db
	listener := httptest.NewServer(New(config).Handler())
	f.Cleanup(listener.Close)
	return listener.URL, db
}

// TestAChangeOfAnOperatorCountsAtOnce: what an admin decides about an operator whose key is cached counts for the next
// call.
func TestAChangeOfAnOperatorCountsAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.store.UseCredentialCache()
	create := func() int {
		return f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":50,"userId":"u","network":"ERC20"}`).status
	}
	require.Equal(t, http.StatusOK, create())
	id, ten := f.operatorID(f.account), 10*models.USDT
	entry := models.AuditEntry{Actor: "t", Action: "t"}
	require.NoError(t, f.store.SetOperatorLimits(t.Context(), id, models.Limits{MaxAmount: &ten}, entry))
	require.Equal(t, http.StatusBadRequest, create())
	require.NoError(t, f.store.SetOperatorLimits(t.Context(), id, models.Limits{}, entry))
	require.Equal(t, http.StatusOK, create())
	_, err := f.store.ChangeOperator(t.Context(), id, []models.OperatorStatus{models.OperatorActive},
		models.OperatorSuspended, "because", nil, nil, entry)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, create())
}
