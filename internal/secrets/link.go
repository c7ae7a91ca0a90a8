package secrets

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// ErrNoMasterKey means that something needs the master key and none is configured.
var ErrNoMasterKey = errors.New("the master key is not set")

// NewLinkToken returns the token of a link for a password, of 256 random bits, and its hash for the database. Returns
// ErrNoMasterKey.
func NewLinkToken(masterKey []byte) (token string, hash []byte, err error) {
	if len(masterKey) == 0 {
		return "", nil, ErrNoMasterKey
	}
	token = base64.RawURLEncoding.EncodeToString(randomBytes(32))
	return token, HashLinkToken(token, masterKey), nil
}

// HashLinkToken returns the hash under which a link is stored. It needs the master key, so whoever can only write to the
// database cannot make a link.
func HashLinkToken(token string, masterKey []byte) []byte {
	key, err := hkdf.Key(sha256.New, masterKey, nil, "paycow password link", sha256.Size)
	if err != nil {
		panic(err) // only for a length that SHA-256 cannot give
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(token))
	return mac.Sum(nil)
}
