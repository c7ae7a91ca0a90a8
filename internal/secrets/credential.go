// Package secrets creates and checks the secrets by which people and programs authenticate: API credentials,
// passwords, session tokens and second factors.
package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"

	"paycow/models"
)

// MasterKeyBytes is the length of the master key, in bytes: the key of AES-256.
const MasterKeyBytes = 32

// The prefixes show people, and scanners for leaked secrets, what a string is.
const (
	apiKeyPrefix = "pk_"
	secretPrefix = "sk_"
)

// NewCredential returns a new API key for an operator and its secret of 256 random bits. The credential holds the
// secret's hash and the secret sealed with the master key. The caller sets CreatedAt.
func NewCredential(operatorID string, masterKey []byte) (credential models.Credential, secret string, err error) {
	apiKey := apiKeyPrefix + models.RandomHex(16)
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(randomBytes(32))
	sealed, err := Seal(apiKey, secret, masterKey)
	if err != nil {
		return models.Credential{}, "", err
	}
	return models.Credential{
		APIKey: apiKey, OperatorID: operatorID, SecretHash: HashSecret(secret),
		SecretSealed: sealed,
	}, secret, nil
}

// HashSecret returns the hash by which a secret is checked. A plain SHA-256 is enough, because 256 bits of entropy
// cannot be guessed.
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
func OpenSecret(credential models.Credential, masterKey []byte) (string, error) {
	return Open(credential.APIKey, credential.SecretSealed, masterKey)
}

// Open returns the secret that Seal sealed for the same owner. Returns models.ErrSealBroken if the owner or the
// master key is a different one.
func Open(owner string, sealed, masterKey []byte) (string, error) {
	aead, err := newAEAD(masterKey)
	if err != nil {
		return "", err
	}
	secret, err := aead.Open(nil, nil, sealed, []byte(owner))
	if err != nil {
		return "", models.ErrSealBroken
	}
	return string(secret), nil
}

// Seal encrypts a secret and binds it to its owner, so that it cannot be opened for another one.
func Seal(owner, secret string, masterKey []byte) ([]byte, error) {
	aead, err := newAEAD(masterKey)
	if err != nil {
		return nil, err
	}
	//nolint:gosec // an AEAD with random nonces of its own: it takes none and puts a fresh one in front
	return aead.Seal(nil, nil, []byte(secret), []byte(owner)), nil
}

func newAEAD(masterKey []byte) (cipher.AEAD, error) {
	if len(masterKey) != MasterKeyBytes {
		return nil, fmt.Errorf("the master key has %d bytes but must have %d", len(masterKey), MasterKeyBytes)
	}
	block, err := aes.NewCipher(masterKey)
	if err != nil {
		return nil, fmt.Errorf("prepare the master key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare the master key: %w", err)
	}
	return aead, nil
}

func randomBytes(count int) []byte {
	b := make([]byte, count)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}
