package secrets

import (
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// The second factor is TOTP (RFC 6238) with the parameters that every authenticator app supports: SHA-1, six digits,
// steps of 30 seconds.
const (
	totpStep        = 30 * time.Second
	totpSecretBytes = 20
	totpIssuer      = "PayCow"
)

// NewTOTP returns a new secret in base32, and the URI for authenticator apps, which names the account.
func NewTOTP(account string) (secret, uri string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: totpIssuer, AccountName: account, SecretSize: totpSecretBytes})
	if err != nil {
		return "", "", fmt.Errorf("create a second factor: %w", err)
	}
	return key.Secret(), key.URL(), nil
}

// TOTPCode returns the code of a time step. Steps count from the Unix epoch.
func TOTPCode(secret string, step int64) (string, error) {
	code, err := hotp.GenerateCodeCustom(secret, uint64(max(0, step)), hotp.ValidateOpts{
		Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return "", fmt.Errorf("compute a code of the second factor: %w", err)
	}
	return code, nil
}

// TOTPStep returns the time step of a time.
func TOTPStep(now time.Time) int64 { return now.Unix() / int64(totpStep/time.Second) }

// MatchTOTP returns the time step to which a code belongs. It tries the current step, the one before and the one
// after, because clocks differ. ok is false if the code matches none of them.
func MatchTOTP(secret, code string, now time.Time) (step int64, ok bool, err error) {
	for _, candidate := range []int64{TOTPStep(now), TOTPStep(now) - 1, TOTPStep(now) + 1} {
		want, err := TOTPCode(secret, candidate)
		if err != nil {
			return 0, false, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return candidate, true, nil
		}
	}
	return 0, false, nil
}
