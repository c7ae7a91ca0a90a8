package secrets

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"paycow/models"
)

// MasterKeyBytes is the length of a master key, in bytes.
const MasterKeyBytes = 32

// What the keyring makes begins with a version and the id of the master key that made it:
//
//	version (1 byte) || key id (4 bytes) || nonce and ciphertext, or MAC
const (
	formVersion = 1
	keyIDBytes  = 4
	headerBytes = 1 + keyIDBytes
)

// Keyring holds the master key of an installation, and the earlier ones that it can still read. It makes a key of its
// own for every purpose (HKDF, RFC 5869), so that nothing made for one purpose is good for another.
type Keyring struct {
	keys []masterKey // the current one first
}

type masterKey struct {
	id  [keyIDBytes]byte
	key []byte
}

// NewKeyring returns the keyring of a master key and of earlier ones.
func NewKeyring(master []byte, previous ...[]byte) (*Keyring, error) {
	ring := &Keyring{}
	for _, key := range append([][]byte{master}, previous...) {
		if len(key) != MasterKeyBytes {
			return nil, fmt.Errorf("the master key has %d bytes but must have %d", len(key), MasterKeyBytes)
		}
		known := masterKey{key: bytes.Clone(key)}
		id, err := known.derive("key id")
		if err != nil {
			return nil, err
		}
		copy(known.id[:], id)
		if _, ok := ring.find(known.id[:]); ok && !ring.holds(key) {
			return nil, errors.New("two master keys have the same id; make another one")
		}
		ring.keys = append(ring.keys, known)
	}
	return ring, nil
}

func (r *Keyring) holds(key []byte) bool {
	for _, known := range r.keys {
		if hmac.Equal(known.key, key) {
			return true
		}
	}
	return false
}

func (r *Keyring) find(id []byte) (masterKey, bool) {
	for _, known := range r.keys {
		if bytes.Equal(known.id[:], id) {
			return known, true
		}
	}
	return masterKey{}, false
}

// keyOf returns the master key that made something.
func (r *Keyring) keyOf(made []byte) (masterKey, bool) {
	if r == nil || len(made) < headerBytes || made[0] != formVersion {
		return masterKey{}, false
	}
	return r.find(made[1:headerBytes])
}

// IsCurrent reports whether the current master key made something: a MAC or a sealed secret.
func (r *Keyring) IsCurrent(made []byte) bool {
	key, ok := r.keyOf(made)
	return ok && key.id == r.keys[0].id
}

func (k masterKey) header() []byte { return append([]byte{formVersion}, k.id[:]...) }

// derive returns the key for a purpose.
func (k masterKey) derive(purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, k.key, nil, "paycow v1 "+purpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}

// MAC returns the proof that whoever holds the master key stated these parts for a purpose.
func (r *Keyring) MAC(purpose string, parts ...string) []byte {
	return r.keys[0].mac(purpose, parts)
}

// CheckMAC reports whether a MAC was made for the same purpose and parts, by the current master key or an earlier one.
func (r *Keyring) CheckMAC(mac []byte, purpose string, parts ...string) bool {
	key, ok := r.keyOf(mac)
	return ok && hmac.Equal(key.mac(purpose, parts), mac)
}

func (k masterKey) mac(purpose string, parts []string) []byte {
	derived, err := k.derive("mac " + purpose)
	if err != nil {
		panic(err) // HKDF with SHA-256 has no other failure than a key that is too long
	}
	hash := hmac.New(sha256.New, derived)
	for _, part := range parts { // with their lengths, so that no two lists read the same
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		hash.Write([]byte(part))
	}
	return hash.Sum(k.header())
}

// sealPurpose keeps second factors, secrets of webhooks and API secrets apart.
func sealPurpose(owner string) string {
	switch {
	case strings.HasPrefix(owner, "totp:"), strings.HasPrefix(owner, "recovery:"):
		return "seal totp"
	case strings.HasPrefix(owner, models.WebhookOwner("")):
		return "seal webhook secret"
	default:
		return "seal api secret"
	}
}

// Seal encrypts a secret and binds it to its owner, so that it cannot be opened for another one.
func Seal(owner, secret string, keys *Keyring) ([]byte, error) {
	if keys == nil {
		return nil, ErrNoMasterKey
	}
	key := keys.keys[0]
	derived, err := key.derive(sealPurpose(owner))
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(derived)
	if err != nil {
		return nil, err
	}
	header := key.header()
	//nolint:gosec // an AEAD with random nonces of its own: it takes none and puts a fresh one in front
	return aead.Seal(header, nil, []byte(secret), append(header, owner...)), nil
}

// Open returns the secret that Seal sealed for the same owner, with the current master key or an earlier one. Returns
// models.ErrSealBroken if the owner or the master key is a different one.
func Open(owner string, sealed []byte, keys *Keyring) (string, error) {
	if keys == nil {
		return "", ErrNoMasterKey
	}
	if key, ok := keys.keyOf(sealed); ok {
		derived, err := key.derive(sealPurpose(owner))
		if err != nil {
			return "", err
		}
		if secret, ok := open(derived, sealed[headerBytes:], append(key.header(), owner...)); ok {
			return secret, nil
		}
	}
	// Before there were key ids, the master key itself sealed.
	for _, key := range keys.keys {
		if secret, ok := open(key.key, sealed, []byte(owner)); ok {
			return secret, nil
		}
	}
	return "", models.ErrSealBroken
}

func open(key, sealed, bound []byte) (string, bool) {
	aead, err := newAEAD(key)
	if err != nil {
		return "", false
	}
	secret, err := aead.Open(nil, nil, sealed, bound)
	return string(secret), err == nil
}

// Open is the function of this name.
func (r *Keyring) Open(owner string, sealed []byte) (string, error) { return Open(owner, sealed, r) }

// Reseal returns what is sealed, sealed with the current master key. It returns it as it is if it already is.
func (r *Keyring) Reseal(owner string, sealed []byte) ([]byte, error) {
	if r.IsCurrent(sealed) {
		return sealed, nil
	}
	secret, err := Open(owner, sealed, r)
	if err != nil {
		return nil, err
	}
	return Seal(owner, secret, r)
}

// Opens reports whether a sealed secret opens with one of the master keys.
func (r *Keyring) Opens(owner string, sealed []byte) bool {
	_, err := Open(owner, sealed, r)
	return err == nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare the key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare the key: %w", err)
	}
	return aead, nil
}
