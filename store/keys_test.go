package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

var aChange = models.AuditEntry{Actor: "t", Action: "test"}

// limitedKey makes an API key of a new operator with every kind of limit.
func (f *fixture) limitedKey(t testing.TB) models.Credential {
	t.Helper()
	end := f.Store.now().Add(time.Hour)
	id := f.addOperator(t).ID
	key := models.Credential{
		APIKey: "pk_" + models.NewID(), OperatorID: id, Name: "Reports", Scopes: "payments:read",
		Networks: "10.0.0.0/8", ExpiresAt: &end, SecretHash: []byte("hash"), SecretSealed: []byte("sealed"),
	}
	require.NoError(t, f.CreateCredential(t.Context(), key, "", aChange))
	stored, _, err := f.Credential(t.Context(), key.APIKey)
	require.NoError(t, err)
	return stored
}

// Whoever can write rows widens no key: not its scopes, networks or end, and does not take back a revocation.
func TestAKeyCannotBeWidened(t *testing.T) {
	for name, attack := range map[string]string{
		"more scopes":      "UPDATE credentials SET scopes = 'payments:read payments:write' WHERE api_key = @key",
		"the usual scopes": "UPDATE credentials SET scopes = '' WHERE api_key = @key",
		"more networks":    "UPDATE credentials SET networks = '0.0.0.0/0' WHERE api_key = @key",
		"any network":      "UPDATE credentials SET networks = '' WHERE api_key = @key",
		"a later end":      "UPDATE credentials SET expires_at = @later WHERE api_key = @key",
		"no end":           "UPDATE credentials SET expires_at = NULL WHERE api_key = @key",
		"no limits":        "UPDATE credentials SET name = '', scopes = '', networks = '', expires_at = NULL WHERE api_key = @key",
		"the main key":     "UPDATE credentials SET name = '' WHERE api_key = @key",
		"limits swapped":   "UPDATE credentials SET scopes = networks, networks = scopes WHERE api_key = @key",
		"another's proof": `UPDATE credentials SET scopes = '', networks = '', expires_at = NULL, name = '',
			secret_mac = (SELECT secret_mac FROM credentials WHERE api_key = @other) WHERE api_key = @key`,
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				key, other := f.limitedKey(t), f.limitedKey(t)
				require.NoError(t, f.writer.Exec(attack, map[string]any{
					"key": key.APIKey, "other": other.APIKey, "later": f.Store.now().Add(time.Hour * 24 * 365),
				}).Error)
				_, _, err := f.Credential(ctx, key.APIKey)
				require.ErrorIs(t, err, models.ErrNotFound)

				// Rotating does not launder it: the altered limits get no proof.
				altered := key
				require.NoError(t, f.read(ctx).Where("api_key = ?", key.APIKey).Take(&altered).Error)
				next := models.Credential{
					APIKey: "pk_" + models.NewID(), OperatorID: key.OperatorID, Name: key.Name, SecretHash: []byte("n"), SecretSealed: []byte("n"),
				}
				require.ErrorIs(t, f.RotateCredential(ctx, key.APIKey, next, f.Store.now().Add(time.Minute), aChange), models.ErrNotFound)
				next.Name = ""
				err = f.RotateCredential(ctx, key.APIKey, next, f.Store.now().Add(time.Minute), aChange)
				if altered.Name == "" { // a new main key replaces it; the altered row gets no proof
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, models.ErrNotFound)
				}
				_, _, err = f.Credential(ctx, key.APIKey)
				require.ErrorIs(t, err, models.ErrNotFound)
			})
		})
	}
}

func TestARevocationIsFinal(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		one, two := f.limitedKey(t), f.limitedKey(t)
		require.NoError(t, f.RevokeCredential(ctx, one.OperatorID, one.APIKey, "", aChange))
		revoked, err := f.RevokeCredentials(ctx, two.OperatorID, aChange)
		require.NoError(t, err)
		require.Equal(t, int64(1), revoked)
		require.NoError(t, f.writer.Exec("UPDATE credentials SET revoked_at = NULL").Error)
		for _, key := range []models.Credential{one, two} {
			_, _, err = f.Credential(ctx, key.APIKey)
			require.ErrorIs(t, err, models.ErrNotFound)
		}
	})
}

// A replaced key keeps its limits, ends with its time, and neither can be moved by a row.
func TestARotatedKeyEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		now := time.Now().UTC().Truncate(time.Millisecond)
		f.now = func() time.Time { return now }
		key := f.limitedKey(t)
		next := models.Credential{
			APIKey: "pk_next", OperatorID: key.OperatorID, Name: key.Name, SecretHash: []byte("n"), SecretSealed: []byte("n"),
		}
		require.NoError(t, f.RotateCredential(ctx, key.APIKey, next, now.Add(time.Minute), aChange))
		old, _, err := f.Credential(ctx, key.APIKey)
		require.NoError(t, err)
		require.Equal(t, key.Scopes+key.Networks, old.Scopes+old.Networks)
		made, _, err := f.Credential(ctx, "pk_next")
		require.NoError(t, err)
		require.Equal(t, key.Scopes+key.Networks, made.Scopes+made.Networks)
		require.True(t, key.ExpiresAt.Equal(*made.ExpiresAt), "it ends when the old one would have")
		require.NoError(t, f.writer.Exec("UPDATE credentials SET valid_until = NULL WHERE api_key = ?", key.APIKey).Error)
		now = now.Add(time.Minute)
		_, _, err = f.Credential(ctx, key.APIKey)
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

// Another master key proves the limits as they are, and nothing that was changed or revoked meanwhile.
func TestRekeyKeepsTheLimitsOfKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		key, altered, revoked := f.limitedKey(t), f.limitedKey(t), f.limitedKey(t)
		require.NoError(t, f.writer.Exec("UPDATE credentials SET scopes = '' WHERE api_key = ?", altered.APIKey).Error)
		stale := revoked
		require.NoError(t, f.RevokeCredential(ctx, revoked.OperatorID, revoked.APIKey, "", aChange))
		f.keys = ringOf(8, 7)
		_, _, err := f.Rekey(ctx)
		require.NoError(t, err)
		// A pass that read the row before it was revoked.
		require.NoError(t, f.rekeyCredential(ctx, stale, f.keys.MAC(proofOfCredential, partsOfCredential(stale)...), nil))
		f.keys = ringOf(8)
		got, _, err := f.Credential(ctx, key.APIKey)
		require.NoError(t, err)
		require.Equal(t, key.Scopes, got.Scopes)
		_, _, err = f.Credential(ctx, altered.APIKey)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.NoError(t, f.writer.Exec("UPDATE credentials SET revoked_at = NULL").Error)
		_, _, err = f.Credential(ctx, revoked.APIKey)
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		now := time.Now().UTC().Truncate(time.Millisecond)
		begin := now
		f.now = func() time.Time { return now }
		key := f.limitedKey(t)
		use := func() time.Time {
			now = now.Add(20 * time.Second)
			require.NoError(t, f.NoteKeyUse(ctx, key)) // with a row that was read long ago
			current, _, err := f.Credential(ctx, key.APIKey)
			require.NoError(t, err)
			require.NoError(t, f.NoteKeyUse(ctx, current))
			return *current.LastUsedAt
		}
		for _, want := range []int{20, 20, 20, 80, 80, 80, 140} {
			require.True(t, begin.Add(time.Duration(want)*time.Second).Equal(use()), want)
		}
	})
}

// Of keys that are made while all are revoked, none that is valid was made before the revocation.
func TestRevokeAllAgainstMaking(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		maker := f.limitedKey(t)
		var group sync.WaitGroup
		for worker := range 4 {
			group.Go(func() {
				for turn := range 5 {
					key := models.Credential{
						APIKey: fmt.Sprintf("pk_%d_%d", worker, turn), OperatorID: maker.OperatorID, Name: fmt.Sprintf("%d %d", worker, turn),
						SecretHash: []byte("n"), SecretSealed: []byte("n"),
					}
					if f.CreateCredential(ctx, key, maker.APIKey, aChange) != nil {
						return
					}
				}
			})
		}
		group.Go(func() { _, _ = f.RevokeCredentials(ctx, maker.OperatorID, aChange) })
		group.Wait()
		keys, err := f.KeysOf(ctx, maker.OperatorID)
		require.NoError(t, err)
		require.Empty(t, keys, "the maker was revoked, so nothing that it made is left")
	})
}

func TestAnOperatorHasSoManyKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		first := f.limitedKey(t)
		add := func(i int) error {
			return f.CreateCredential(ctx, models.Credential{
				APIKey: fmt.Sprint("pk_", i), OperatorID: first.OperatorID, Name: fmt.Sprint(i), SecretHash: []byte("n"), SecretSealed: []byte("n"),
			}, "", aChange)
		}
		for i := range models.MaxKeys - 1 {
			require.NoError(t, add(i))
		}
		require.ErrorIs(t, add(-1), models.ErrNotPossible)
		require.NoError(t, f.RevokeCredential(ctx, first.OperatorID, first.APIKey, "", aChange))
		require.ErrorIs(t, add(0), models.ErrAlreadyExists)
		require.NoError(t, add(-1))
	})
}
