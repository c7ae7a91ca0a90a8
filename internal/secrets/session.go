package secrets

import (
	"crypto/sha256"
	"encoding/base64"
)

// NewSessionToken returns a new session token of 256 random bits, and its hash for the database.
func NewSessionToken() (token string, hash []byte) {
	token = base64.RawURLEncoding.EncodeToString(randomBytes(32))
	return token, HashSessionToken(token)
}

// HashSessionToken returns the hash under which a session is stored. A plain SHA-256 is enough for 256 bits of
// entropy. That the session was not planted is proved by its MAC.
func HashSessionToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
