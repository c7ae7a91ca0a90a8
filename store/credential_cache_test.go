package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestCachedCredentials: a cache holds what was read and proved, until something changes or the key ends.
func TestCachedCredentials(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		_, _, ok := f.CachedCredential(f.limitedKey(t).APIKey)
		require.False(t, ok, "a store without a cache")
		f.UseCredentialCache()
		key := f.limitedKey(t)
		isCached := func() bool {
			cached, operator, ok := f.CachedCredential(key.APIKey)
			if ok {
				require.Equal(t, key, cached)
				require.Equal(t, key.OperatorID, operator.ID)
			}
			return ok
		}
		read := func() {
			t.Helper()
			var err error
			key, _, err = f.Credential(ctx, key.APIKey)
			require.NoError(t, err)
			require.True(t, isCached())
		}
		read()
		_, _, err := f.Credential(ctx, "pk_unknown")
		require.ErrorIs(t, err, models.ErrNotFound)
		_, _, ok = f.CachedCredential("pk_unknown")
		require.False(t, ok)

		for name, change := range map[string]func() error{
			"another key is revoked": func() error {
				return f.RevokeCredential(ctx, f.operator.ID, f.keyOf(t, f.operator.ID), "", aChange)
			},
			"its use is noted": func() error { return f.NoteKeyUse(ctx, models.Credential{APIKey: key.APIKey}) },
			"the operator's tolerance": func() error {
				return f.SetTolerance(ctx, key.OperatorID, models.Tolerance{Amount: 1}, aChange)
			},
			"the operator is suspended and active again": func() error {
				for _, to := range []models.OperatorStatus{models.OperatorSuspended, models.OperatorActive} {
					_, err := f.ChangeOperator(ctx, key.OperatorID,
						[]models.OperatorStatus{models.OperatorActive, models.OperatorSuspended}, to, "", nil, nil, aChange)
					if err != nil {
						return err
					}
				}
				return nil
			},
		} {
			read()
			require.NoError(t, change(), name)
			require.False(t, isCached(), name)
		}

		read()
		require.NoError(t, f.NoteKeyUse(ctx, models.Credential{APIKey: "pk_another"}))
		require.True(t, isCached(), "the use of another key")

		changes, until := f.credentials.begin()
		f.credentials.empty()
		f.credentials.keep(key, models.Operator{ID: key.OperatorID}, changes, until)
		require.False(t, isCached(), "what was read before a change is not kept")
		changes, _ = f.credentials.begin()
		f.credentials.keep(key, models.Operator{ID: key.OperatorID}, changes, time.Now())
		require.False(t, isCached(), "its time is over")
		read()
		f.now = func() time.Time { return key.ExpiresAt.UTC() }
		require.False(t, isCached(), "the key has ended")
	})
}

// keyOf makes another API key of an operator.
func (f *fixture) keyOf(t testing.TB, operatorID string) string {
	t.Helper()
	key := models.Credential{
		APIKey: "pk_" + models.NewID(), OperatorID: operatorID, Name: "Other", SecretHash: []byte("hash"),
		SecretSealed: []byte("sealed"),
	}
	require.NoError(t, f.CreateCredential(t.Context(), key, "", aChange))
	return key.APIKey
}
