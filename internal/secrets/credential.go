// Package secrets creates and checks the secrets by which people and programs authenticate: API credentials,
// passwords, session tokens and second factors.
package secrets

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"paycow/models"
)

// The prefixes show people, and scanners for leaked secrets, what a string is.
const (
	apiKeyPrefix = "pk_"
	secretPrefix = "sk_"
)

// NewCredential returns a new API key for an operator and its secret of 256 random bits. The credential holds the
// secret's hash and the secret sealed with the master key; the store adds the MAC. The caller sets CreatedAt.
func NewCredential(operatorID string, keys *Keyring) (credential models.Credential, secret string, err error) {
	apiKey := apiKeyPrefix + models.RandomHex(16)
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(randomBytes(32))
	sealed, err := Seal(apiKey, secret, keys)
	if err != nil {
		return models.Credential{}, "", err
	}
	return models.Credential{
		APIKey: apiKey, OperatorID: operatorID, SecretHash: HashSecret(secret),
		SecretSealed: sealed,
	}, secret, nil
}

// HashSecret returns the hash by which a secret is checked. A plain SHA-256 is enough to keep the secret, because 256
// bits of entropy cannot be guessed. That the hash was not planted is proved by the credential's MAC.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// MatchesHash reports in constant time whether the secret has this hash.
func MatchesHash(secret string, hash []byte) bool {
	return subtle.ConstantTimeCompare(HashSecret(secret), hash) == 1
}

// OpenSecret returns the secret of a credential. Returns models.ErrSealBroken if the master key is a different one,
// or if the sealed bytes belong to another API key.
func OpenSecret(credential models.Credential, keys *Keyring) (string, error) {
	return Open(credential.APIKey, credential.SecretSealed, keys)
}

func randomBytes(count int) []byte {
	b := make([]byte, count)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}
