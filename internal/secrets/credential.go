// Package secrets makes and checks the secrets that people and programs show to PayCow: API credentials and passwords.
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

// The prefixes tell a person, and a scanner for leaked secrets, which of the two a string is.
const (
	apiKeyPrefix = "pk_"
	secretPrefix = "sk_"
)

// NewCredential makes an API key and its secret of 256 random bits for an operator. The credential holds the secret's hash
// and the secret sealed with the master key; the secret itself is returned once. The caller fills in CreatedAt.
func NewCredential(operatorID string, masterKey []byte) (credential models.Credential, secret string, err error) {
	apiKey := apiKeyPrefix + models.RandomHex(16)
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(randomBytes(32))
	sealed, err := Seal(apiKey, secret, masterKey)
	if err != nil {
		return models.Credential{}, "", err
	}
	return models.Credential{APIKey: apiKey, OperatorID: operatorID, SecretHash: HashSecret(secret),
		SecretSealed: sealed}, secret, nil
}

// HashSecret returns what the database keeps to check a secret by. A plain SHA-256 is enough, because a secret has 256
// bits of entropy that nobody can guess through.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// MatchesHash tells in constant time whether the secret has this hash.
func MatchesHash(secret string, hash []byte) bool {
	return subtle.ConstantTimeCompare(HashSecret(secret), hash) == 1
}

// OpenSecret returns the secret of a credential. Returns ErrSealBroken when the master key is another one, or when the
// sealed bytes belong to another API key.
func OpenSecret(credential models.Credential, masterKey []byte) (string, error) {
	return Open(credential.APIKey, credential.SecretSealed, masterKey)
}

// Open returns what Seal has sealed for the same owner. Returns ErrSealBroken.
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

// Seal binds a secret to its owner, so that what is sealed for one cannot be passed off as another's.
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
		return nil, fmt.Errorf("the master key has %d bytes, it must have %d", len(masterKey), MasterKeyBytes)
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
