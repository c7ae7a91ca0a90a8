package secrets

import (
	"bytes"
	"strings"
	"testing"

	"paycow/models"

	"github.com/stretchr/testify/require"
)

func TestCredentialOpensOnlyWithItsKeyAndMasterKey(t *testing.T) {
	t.Parallel()
	masterKey := ring(t, 7)
	first, firstSecret, err := NewCredential("op1", masterKey)
	require.NoError(t, err)
	second, secondSecret, err := NewCredential("op1", masterKey)
	require.NoError(t, err)
	require.NotEqual(t, first.APIKey, second.APIKey)
	require.NotEqual(t, firstSecret, secondSecret)

	opened, err := OpenSecret(first, masterKey)
	require.NoError(t, err)
	require.Equal(t, firstSecret, opened)
	require.True(t, MatchesHash(firstSecret, first.SecretHash))
	require.False(t, MatchesHash(secondSecret, first.SecretHash))
	require.False(t, MatchesHash("", nil))
	require.NotContains(t, string(first.SecretSealed), firstSecret)

	swapped := first
	swapped.SecretSealed = second.SecretSealed
	_, err = OpenSecret(swapped, masterKey)
	require.ErrorIs(t, err, models.ErrSealBroken, "a sealed secret must not open under another API key")

	_, err = OpenSecret(first, ring(t, 8))
	require.ErrorIs(t, err, models.ErrSealBroken)

	for i := range first.SecretSealed {
		changed := first
		changed.SecretSealed = bytes.Clone(first.SecretSealed)
		changed.SecretSealed[i] ^= 1
		_, err = OpenSecret(changed, masterKey)
		require.ErrorIs(t, err, models.ErrSealBroken)
	}
	for _, sealed := range [][]byte{nil, {}, {1, 2, 3}} {
		changed := first
		changed.SecretSealed = sealed
		_, err = OpenSecret(changed, masterKey)
		require.ErrorIs(t, err, models.ErrSealBroken)
	}
	for _, key := range [][]byte{nil, make([]byte, 16), make([]byte, 33)} {
		_, err = NewKeyring(key)
		require.Error(t, err)
	}
	_, _, err = NewCredential("op1", nil)
	require.Error(t, err)
}

func TestPassword(t *testing.T) {
	t.Parallel()
	hash := HashPassword("correct horse")
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"))
	require.NotEqual(t, hash, HashPassword("correct horse"), "each hash has its own salt")

	ok, err := CheckPassword("correct horse", hash)
	require.NoError(t, err)
	require.True(t, ok)
	const stored = "$argon2id$v=19$m=19456,t=2,p=1$S/I8j9uBBrYe+o+ySOKjTA$+EEA3A8p63T1Gpu6ntt2tyaJ+dmFcG1JlB57d6mNlkc"
	ok, err = CheckPassword("correct horse", stored)
	require.NoError(t, err)
	require.True(t, ok, "the hashes of earlier versions stay readable")
	for _, wrong := range []string{"", "correct hors", "correct horse ", "Correct horse"} {
		ok, err = CheckPassword(wrong, hash)
		require.NoError(t, err)
		require.False(t, ok, wrong)
	}
}

func TestPasswordHashFromABrokenRow(t *testing.T) {
	t.Parallel()
	good := HashPassword("x")
	for _, broken := range []string{
		"", "$", "plain", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=4294967295", 1), strings.Replace(good, "m=19456", "m=262145", 1),
		strings.Replace(good, "t=2", "t=17", 1), strings.Replace(good, "p=1", "p=17", 1), "x" + good,
		strings.Replace(good, "t=2", "t=0", 1), strings.Replace(good, "p=1", "p=0", 1),
		good + "$", good[:strings.LastIndex(good, "$")+1], good[:strings.LastIndex(good, "$")] + "$????",
	} {
		ok, err := CheckPassword("x", broken)
		require.False(t, ok)
		require.ErrorIs(t, err, models.ErrPasswordHash, broken)
	}
}
