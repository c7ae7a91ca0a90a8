package secrets

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"slices"
	"strings"
)

const (
	// recoveryCodes is how many recovery codes an account gets.
	recoveryCodes = 10
	// recoveryBytes is how much randomness a code has: 80 bits, so that its hash needs no salt and no slow function.
	recoveryBytes = 10
)

var recoveryText = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// NewRecoveryCodes returns new recovery codes for a second factor, as people copy them, and the text to seal that
// recognises them.
func NewRecoveryCodes() (codes []string, hashes string) {
	texts := make([]string, 0, recoveryCodes)
	for range recoveryCodes {
		random := make([]byte, recoveryBytes)
		_, _ = rand.Read(random) // never fails
		text := recoveryText.EncodeToString(random)
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
		texts = append(texts, hashRecoveryCode(text))
	}
	return codes, strings.Join(texts, " ")
}

// RecoveryCodesLeft returns how many codes a sealed text recognises.
func RecoveryCodesLeft(hashes string) int { return len(strings.Fields(hashes)) }

// UseRecoveryCode returns the text that recognises the other codes. ok is false if the text does not recognise the
// code. Capitals, spaces and hyphens do not matter.
func UseRecoveryCode(hashes, code string) (others string, ok bool) {
	wanted := []byte(hashRecoveryCode(strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))))
	left := slices.DeleteFunc(strings.Fields(hashes), func(hash string) bool {
		isSame := subtle.ConstantTimeCompare([]byte(hash), wanted) == 1
		ok = ok || isSame
		return isSame
	})
	return strings.Join(left, " "), ok
}

func hashRecoveryCode(code string) string {
	hash := sha256.Sum256([]byte("paycow recovery code " + code))
	return hex.EncodeToString(hash[:])
}
