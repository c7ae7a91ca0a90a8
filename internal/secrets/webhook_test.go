package secrets

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestWebhookSecret(t *testing.T) {
	t.Parallel()
	keys := ring(t, 1)
	secret, sealed, err := NewWebhookSecret("one", keys)
	require.NoError(t, err)
	text, ok := strings.CutPrefix(secret, "whsec_")
	require.True(t, ok)
	key, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	require.Len(t, key, 32)
	opened, err := keys.Open(models.WebhookOwner("one"), sealed)
	require.NoError(t, err)
	require.Equal(t, secret, opened)
	other, _, err := NewWebhookSecret("one", keys)
	require.NoError(t, err)
	require.NotEqual(t, secret, other)

	for _, owner := range []string{"one", models.WebhookOwner("two"), models.TOTPOwner(models.RoleOperator, "one")} {
		_, err = keys.Open(owner, sealed)
		require.ErrorIs(t, err, models.ErrSealBroken, owner)
		foreign, err := Seal(owner, "a secret", keys)
		require.NoError(t, err)
		_, err = keys.Open(models.WebhookOwner("one"), foreign)
		require.ErrorIs(t, err, models.ErrSealBroken, owner)
	}
	_, _, err = NewWebhookSecret("one", nil)
	require.ErrorIs(t, err, ErrNoMasterKey)
}
