package secrets

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/ccojocar/zxcvbn-go"

	"paycow/models"
)

// The Argon2id parameters of new hashes: OWASP's recommendation of 19 MiB, two passes and one lane.
var argonParams = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// The most that a stored hash may ask for, so that a tampered row cannot make a login exhaust memory or time.
const (
	argonMaxMemoryKiB = 256 * 1024
	argonMaxPasses    = 16
	argonMaxLanes     = 16
	argonMaxKeyBytes  = 64
)

// The allowed length of a new password, in characters. There are no rules of composition (NIST SP 800-63B).
const (
	MinPasswordRunes = 12
	MaxPasswordRunes = 256
	MaxPasswordBytes = MaxPasswordRunes * utf8.UTFMax
)

// PasswordProblem returns what is wrong with a new password for the account with this e-mail address, as the end of a
// sentence that begins with "the password", or "" if it is acceptable. It never repeats the password.
func PasswordProblem(password, email string) string {
	first, _ := utf8.DecodeRuneInString(password)
	switch length := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return "must be text without a NUL"
	case length < MinPasswordRunes:
		return fmt.Sprintf("must have at least %d characters", MinPasswordRunes)
	case length > MaxPasswordRunes:
		return fmt.Sprintf("must have at most %d characters", MaxPasswordRunes)
	case strings.Trim(password, string(first)) == "", strings.Contains(strings.ToLower(password), strings.ToLower(email)),
		isCommon(password, email):
		return "is too easy to guess"
	default:
		return ""
	}
}

const (
	// minPasswordBits is how hard a password must be to guess, in bits, as zxcvbn estimates it from lists of common
	// passwords, words and names, from rows of keys, repetitions and dates.
	minPasswordBits = 13
	// judgedRunes is how much of a password is judged, in characters: judging takes time that grows with the square.
	judgedRunes = 64
)

// isCommon reports whether a password is one of those that are tried first (NIST SP 800-63B, section 3.1.1.2).
func isCommon(password, email string) bool {
	runes := []rune(password)
	judged := string(runes[:min(len(runes), judgedRunes)])
	own := append(strings.FieldsFunc(strings.ToLower(email), func(r rune) bool { return r == '@' || r == '.' }), email)
	return zxcvbn.PasswordStrength(judged, own).Entropy < minPasswordBits
}

// HashPassword returns the Argon2id hash of a password with a new salt, in PHC string form.
func HashPassword(password string) string {
	hash, err := argon2id.CreateHash(password, &argonParams)
	if err != nil {
		panic(err) // only when the system's random generator fails, which ends the process first
	}
	return hash
}

// CheckPassword reports whether the password has this hash. Returns models.ErrPasswordHash if the hash cannot be read
// or asks for more memory, passes or lanes than are allowed.
func CheckPassword(password, hash string) (bool, error) {
	params, _, _, err := argon2id.DecodeHash(hash)
	if err != nil || !strings.HasPrefix(hash, "$") || !isAllowed(*params) {
		return false, models.ErrPasswordHash
	}
	return argon2id.ComparePasswordAndHash(password, hash)
}

func isAllowed(p argon2id.Params) bool {
	return p.Memory > 0 && p.Memory <= argonMaxMemoryKiB &&
		p.Iterations > 0 && p.Iterations <= argonMaxPasses &&
		p.Parallelism > 0 && p.Parallelism <= argonMaxLanes &&
		p.SaltLength >= 8 && p.KeyLength >= 16 && p.KeyLength <= argonMaxKeyBytes
}
