package secrets

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each code works once, however it is typed, and no other text works.
func TestRecoveryCodesWorkOnce(t *testing.T) {
	t.Parallel()
	codes, hashes := NewRecoveryCodes()
	require.Len(t, codes, 10)
	for i, code := range codes {
		require.Equal(t, 10-i, RecoveryCodesLeft(hashes))
		require.NotContains(t, hashes, strings.ReplaceAll(code, "-", ""))
		for _, wrong := range []string{"", "-", code[1:], code + "a", "aaaa-aaaa-aaaa-aaaa", hashes} {
			_, ok := UseRecoveryCode(hashes, wrong)
			require.False(t, ok, wrong)
		}
		left, ok := UseRecoveryCode(hashes, " "+strings.ToUpper(strings.ReplaceAll(code, "-", " ")))
		require.True(t, ok)
		_, ok = UseRecoveryCode(left, code)
		require.False(t, ok, "a second time")
		hashes = left
	}
	require.Empty(t, hashes)
	_, ok := UseRecoveryCode("", "")
	require.False(t, ok)
	others, _ := NewRecoveryCodes()
	require.NotContains(t, others, codes[0])
}
