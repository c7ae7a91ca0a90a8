package secrets

import (
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"

	"paycow/models"

	"github.com/stretchr/testify/require"
)

// rfcSecret is the one of RFC 6238, appendix B.
var rfcSecret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("12345678901234567890"))

// The last six digits of the values in RFC 6238, appendix B, for SHA-1.
func TestTOTPIsThatOfTheRFC(t *testing.T) {
	t.Parallel()
	for unix, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037",
		20000000000: "353130",
	} {
		code, err := TOTPCode(rfcSecret, TOTPStep(time.Unix(unix, 0)))
		require.NoError(t, err)
		require.Equal(t, want, code, unix)
	}
}

// A code is valid in its own step and in the two adjacent ones, and MatchTOTP returns its step.
func TestTOTPWindow(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_234_567_890, 0)
	step := TOTPStep(now)
	for offset := int64(-3); offset <= 3; offset++ {
		code, err := TOTPCode(rfcSecret, step+offset)
		require.NoError(t, err)
		matched, ok, err := MatchTOTP(rfcSecret, code, now)
		require.NoError(t, err)
		require.Equal(t, offset >= -1 && offset <= 1, ok, offset)
		if ok {
			require.Equal(t, step+offset, matched)
		}
	}
	for _, wrong := range []string{"", "0", "12345", "1234567", "abcdef", "００５９２４", "005924\x00"} {
		_, ok, err := MatchTOTP(rfcSecret, wrong, now)
		require.NoError(t, err)
		require.False(t, ok, wrong)
	}
	_, _, err := MatchTOTP("not base32!", "005924", now)
	require.Error(t, err)
}

func TestNewTOTP(t *testing.T) {
	t.Parallel()
	secret, uri, err := NewTOTP("a&b+c@example.org")
	require.NoError(t, err)
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	require.NoError(t, err)
	require.Len(t, key, 20, "160 bits, as RFC 4226 recommends")
	other, _, err := NewTOTP("a&b+c@example.org")
	require.NoError(t, err)
	require.NotEqual(t, secret, other)

	parsed, err := url.Parse(uri)
	require.NoError(t, err)
	require.Equal(t, "otpauth", parsed.Scheme)
	require.Equal(t, "totp", parsed.Host)
	require.Equal(t, "/PayCow:a&b+c@example.org", parsed.Path)
	require.Equal(t, secret, parsed.Query().Get("secret"))
	require.Equal(t, "PayCow", parsed.Query().Get("issuer"))
	require.Equal(t, "6", parsed.Query().Get("digits"))
	require.Equal(t, "30", parsed.Query().Get("period"))
}

// A secret sealed for one account cannot be opened for another.
func TestSealIsBoundToItsOwner(t *testing.T) {
	t.Parallel()
	masterKey := ring(t, 7)
	sealed, err := Seal("totp:operator:1", rfcSecret, masterKey)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), rfcSecret)
	again, err := Seal("totp:operator:1", rfcSecret, masterKey)
	require.NoError(t, err)
	require.NotEqual(t, sealed, again)
	opened, err := Open("totp:operator:1", sealed, masterKey)
	require.NoError(t, err)
	require.Equal(t, rfcSecret, opened)
	for _, owner := range []string{"totp:operator:2", "totp:admin:1", "", "pk_1"} {
		_, err = Open(owner, sealed, masterKey)
		require.ErrorIs(t, err, models.ErrSealBroken, owner)
	}
}

func TestSessionTokens(t *testing.T) {
	t.Parallel()
	token, hash := NewSessionToken()
	require.Len(t, token, 43, "256 bits in base64")
	require.Equal(t, hash, HashSessionToken(token))
	require.NotContains(t, string(hash), token)
	other, otherHash := NewSessionToken()
	require.NotEqual(t, token, other)
	require.NotEqual(t, hash, otherHash)
}

func TestPasswordProblem(t *testing.T) {
	t.Parallel()
	for password, says := range map[string]string{
		"twelve chars": "", strings.Repeat("ж", 6) + "пароль": "", strings.Repeat("correct horse ", 18) + "abcd": "",
		"": "at least", "eleven char": "at least", strings.Repeat("ж", 11): "at least", strings.Repeat("ab", 128) +
			"c": "at most",
		"a NUL \x00 is inside": "NUL", "broken \xff UTF-8 text": "text", strings.Repeat("a", 12): "guess",
		strings.Repeat("ж", 12): "guess",
		"my Me@Example.org!":    "guess",
		"password1234":          "guess", "P@ssw0rd1234": "guess", "secret password": "guess", "123456789012": "guess",
		"letmein letmein": "guess", "iloveyou1234": "guess", "abcdefghijkl": "guess",
		"correct horse battery": "", "a new long password": "", "test-password-123": "",
	} {
		problem := PasswordProblem(password, "me@example.org")
		if says == "" {
			require.Empty(t, problem, "%q", password)
			continue
		}
		require.Contains(t, problem, says, "%q", password)
		require.False(t, password != "" && strings.Contains(problem, password))
	}
}
