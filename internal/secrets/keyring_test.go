package secrets

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, MasterKeyBytes) }

func ring(t *testing.T, current byte, previous ...byte) *Keyring {
	t.Helper()
	var earlier [][]byte
	for _, b := range previous {
		earlier = append(earlier, key(b))
	}
	keys, err := NewKeyring(key(current), earlier...)
	require.NoError(t, err)
	return keys
}

// Everything that a keyring makes names its master key, opens with that key as a previous one, and with no other.
func TestRotation(t *testing.T) {
	t.Parallel()
	old, rotated, other := ring(t, 1), ring(t, 2, 1), ring(t, 3)
	for _, owner := range []string{"pk_1", "totp:admin:1"} {
		sealed, err := Seal(owner, "secret", old)
		require.NoError(t, err)
		require.True(t, old.IsCurrent(sealed))
		require.False(t, rotated.IsCurrent(sealed))
		opened, err := Open(owner, sealed, rotated)
		require.NoError(t, err)
		require.Equal(t, "secret", opened)
		_, err = Open(owner, sealed, other)
		require.ErrorIs(t, err, models.ErrSealBroken)

		again, err := rotated.Reseal(owner, sealed)
		require.NoError(t, err)
		require.True(t, rotated.IsCurrent(again))
		same, err := rotated.Reseal(owner, again)
		require.NoError(t, err)
		require.Equal(t, again, same, "a repeat changes nothing")
		require.True(t, ring(t, 2).Opens(owner, again), "without the previous key")
		require.False(t, old.Opens(owner, again))
		_, err = rotated.Reseal("pk_2", sealed)
		require.ErrorIs(t, err, models.ErrSealBroken)
		for i := range again { // no byte of the header or of the rest can change
			changed := bytes.Clone(again)
			changed[i] ^= 1
			_, err = Open(owner, changed, rotated)
			require.ErrorIs(t, err, models.ErrSealBroken, i)
		}
	}
	mac := old.MAC("payment", "a", "b")
	require.True(t, rotated.CheckMAC(mac, "payment", "a", "b"))
	require.False(t, other.CheckMAC(mac, "payment", "a", "b"))
	require.False(t, rotated.IsCurrent(mac))
}

// A value that an earlier version sealed with the master key itself still opens, and Reseal brings it to the new form.
func TestSealedByAnEarlierVersion(t *testing.T) {
	t.Parallel()
	aead, err := newAEAD(key(7))
	require.NoError(t, err)
	sealed := aead.Seal(nil, nil, []byte("sk_old"), []byte("pk_old"))
	for _, keys := range []*Keyring{ring(t, 7), ring(t, 8, 7)} {
		opened, err := Open("pk_old", sealed, keys)
		require.NoError(t, err)
		require.Equal(t, "sk_old", opened)
		require.False(t, keys.IsCurrent(sealed))
		again, err := keys.Reseal("pk_old", sealed)
		require.NoError(t, err)
		require.True(t, keys.IsCurrent(again))
	}
	_, err = Open("pk_other", sealed, ring(t, 7))
	require.ErrorIs(t, err, models.ErrSealBroken)
}

func TestMACsAreForOnePurpose(t *testing.T) {
	t.Parallel()
	keys := ring(t, 1)
	mac := keys.MAC("payment", "ab", "c")
	require.Equal(t, mac, keys.MAC("payment", "ab", "c"))
	for _, other := range []struct {
		purpose string
		parts   []string
	}{
		{"session", []string{"ab", "c"}},
		{"payment", []string{"a", "bc"}},
		{"payment", []string{"abc"}},
		{"payment", []string{"ab", "c", ""}},
		{"payment", nil},
	} {
		require.False(t, keys.CheckMAC(mac, other.purpose, other.parts...), other)
	}
	for _, broken := range [][]byte{nil, {}, mac[:5], mac[:len(mac)-1], append(bytes.Clone(mac), 0), make([]byte, 37)} {
		require.False(t, keys.CheckMAC(broken, "payment", "ab", "c"))
	}
	var none *Keyring
	require.False(t, none.CheckMAC(mac, "payment", "ab", "c"))
	_, err := Seal("x", "y", none)
	require.Error(t, err)
}
