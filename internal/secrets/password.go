package secrets

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"paycow/models"

	"golang.org/x/crypto/argon2"
)

// The Argon2id parameters are OWASP's recommendation of 19 MiB, two passes and one lane.
const (
	argonMemoryKiB = 19 * 1024
	argonPasses    = 2
	argonLanes     = 1
	argonSaltBytes = 16
	argonHashBytes = 32
)

// The most a stored hash may ask for, so that a tampered row cannot make a login eat the machine.
const (
	argonMaxMemoryKiB = 256 * 1024
	argonMaxPasses    = 16
	argonMaxLanes     = 16
)

// How long a password that somebody chooses may be, in characters. Length counts and composition does not (NIST SP 800-63B).
const (
	MinPasswordRunes = 12
	MaxPasswordRunes = 256
	MaxPasswordBytes = MaxPasswordRunes * utf8.UTFMax
)

// PasswordProblem says what is wrong with a password that somebody chooses for the account of an e-mail address, as the end of
// a sentence that begins with "the password"; "" when nothing is. It never repeats the password.
func PasswordProblem(password, email string) string {
	first, _ := utf8.DecodeRuneInString(password)
	switch length := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return "must be text without a NUL"
	case length < MinPasswordRunes:
		return fmt.Sprintf("must have at least %d characters", MinPasswordRunes)
	case length > MaxPasswordRunes:
		return fmt.Sprintf("must have at most %d characters", MaxPasswordRunes)
	case strings.Trim(password, string(first)) == "", strings.Contains(strings.ToLower(password), strings.ToLower(email)):
		return "is too easy to guess"
	default:
		return ""
	}
}

// HashPassword returns the Argon2id hash of a password with a new salt, in PHC string form.
func HashPassword(password string) string {
	salt := randomBytes(argonSaltBytes)
	hash := argon2.IDKey([]byte(password), salt, argonPasses, argonMemoryKiB, argonLanes, argonHashBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonPasses, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

// CheckPassword tells whether the password has this hash. Returns ErrPasswordHash when the hash cannot be read.
func CheckPassword(password, phc string) (bool, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, models.ErrPasswordHash
	}
	var memoryKiB, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memoryKiB, &passes, &lanes); err != nil {
		return false, models.ErrPasswordHash
	}
	if memoryKiB == 0 || passes == 0 || lanes == 0 || memoryKiB > argonMaxMemoryKiB || passes > argonMaxPasses || lanes > argonMaxLanes {
		return false, models.ErrPasswordHash
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	want, hashErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || hashErr != nil || len(salt) < 8 || len(want) < 16 || len(want) > 64 {
		return false, models.ErrPasswordHash
	}
	got := argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, uint32(len(want))) //nolint:gosec // at most 64, checked above
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
