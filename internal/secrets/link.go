package secrets

import (
	"encoding/base64"
	"errors"
)

// ErrNoMasterKey means that something needs the master key and none is configured.
var ErrNoMasterKey = errors.New("the master key is not set")

// NewLinkToken returns the token of a link for a password, of 256 random bits, and its hash for the database. Returns
// ErrNoMasterKey.
func NewLinkToken(keys *Keyring) (token string, hash []byte, err error) {
	if keys == nil {
		return "", nil, ErrNoMasterKey
	}
	token = base64.RawURLEncoding.EncodeToString(randomBytes(32))
	return token, HashLinkToken(token, keys), nil
}

// HashLinkToken returns the hash under which a link is stored, nil without keys. It needs the master key, so whoever
// can only write to the database cannot make a link. A link ends when the master key is replaced.
func HashLinkToken(token string, keys *Keyring) []byte {
	if keys == nil {
		return nil
	}
	return keys.MAC("password link", token)
}
