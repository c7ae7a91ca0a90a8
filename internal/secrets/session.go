package secrets

import (
	"crypto/sha256"
	"encoding/base64"
)

// NewSessionToken returns a session's token of 256 random bits and the hash that the database keeps of it.
func NewSessionToken() (token string, hash []byte) {
	token = base64.RawURLEncoding.EncodeToString(randomBytes(32))
	return token, HashSessionToken(token)
}

// HashSessionToken returns what the database finds a session by. A plain SHA-256 is enough for 256 bits of entropy.
func HashSessionToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
