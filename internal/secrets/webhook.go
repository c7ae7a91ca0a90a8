package secrets

import (
	"encoding/base64"

	"paycow/models"
)

// webhookSecretBytes is the length of the key that signs webhooks; Standard Webhooks allows 24 to 64.
const webhookSecretBytes = 32

// NewWebhookSecret returns a new secret for a webhook endpoint in the form of Standard Webhooks ("whsec_" and a key in
// base64), and the secret sealed with the master key.
func NewWebhookSecret(endpointID string, keys *Keyring) (secret string, sealed []byte, err error) {
	secret = models.WebhookSecretPrefix + base64.StdEncoding.EncodeToString(randomBytes(webhookSecretBytes))
	sealed, err = Seal(models.WebhookOwner(endpointID), secret, keys)
	return secret, sealed, err
}
