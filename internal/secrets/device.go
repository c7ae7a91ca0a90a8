package secrets

import (
	"encoding/base64"
	"encoding/hex"

	"paycow/models"
)

const deviceIDBytes = 16

// NewDeviceToken returns a token that says that the account was logged in to from this device. It is worth nothing to
// log in with. It loses its force when the account's password changes. It is "" without a master key.
func NewDeviceToken(account models.Account, keys *Keyring) string {
	if keys == nil {
		return ""
	}
	id := randomBytes(deviceIDBytes)
	mac := keys.MAC(proofOfDevice, partsOfDevice(id, account)...)
	return base64.RawURLEncoding.EncodeToString(append(id, mac...))
}

// DeviceID returns the device that a token of NewDeviceToken names, "" if the token is not of the account.
func DeviceID(token string, account models.Account, keys *Keyring) string {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) <= deviceIDBytes {
		return ""
	}
	id := raw[:deviceIDBytes]
	if !keys.CheckMAC(raw[deviceIDBytes:], proofOfDevice, partsOfDevice(id, account)...) {
		return ""
	}
	return hex.EncodeToString(id)
}

// proofOfDevice is the purpose of a device token's MAC.
const proofOfDevice = "device"

func partsOfDevice(id []byte, account models.Account) []string {
	return []string{string(id), string(account.Role), account.ID, account.PasswordHash}
}
