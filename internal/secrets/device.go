package secrets

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"paycow/models"
)

const deviceIDBytes = 16

// NewDeviceToken returns a token that says that the account was logged in to from this device. It is worth nothing to
// log in with. It loses its force when the account's password changes. It is "" without a master key.
func NewDeviceToken(account models.Account, masterKey []byte) string {
	if len(masterKey) == 0 {
		return ""
	}
	id := make([]byte, deviceIDBytes)
	_, _ = rand.Read(id) // never fails
	return base64.RawURLEncoding.EncodeToString(append(id, deviceMAC(id, account, masterKey)...))
}

// DeviceID returns the device that a token of NewDeviceToken names, "" if the token is not of the account.
func DeviceID(token string, account models.Account, masterKey []byte) string {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != deviceIDBytes+sha256.Size || len(masterKey) == 0 {
		return ""
	}
	id := raw[:deviceIDBytes]
	if !hmac.Equal(raw[deviceIDBytes:], deviceMAC(id, account, masterKey)) {
		return ""
	}
	return hex.EncodeToString(id)
}

func deviceMAC(id []byte, account models.Account, masterKey []byte) []byte {
	key, err := hkdf.Key(sha256.New, masterKey, nil, "paycow device token", sha256.Size)
	if err != nil {
		panic(err) // only for a length that SHA-256 cannot give
	}
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{string(id), string(account.Role), account.ID, account.PasswordHash} {
		sum := sha256.Sum256([]byte(part)) // each part has the same length, so none can reach into the next
		mac.Write(sum[:])
	}
	return mac.Sum(nil)
}
