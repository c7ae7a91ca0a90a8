package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// secretBytes is how many bytes the secret of an endpoint has, at least.
const secretBytes = 24

// ErrNoWebhook is returned for a message that PayCow did not send, or that is older than five minutes.
var ErrNoWebhook = errors.New("not a webhook of PayCow")

// VerifyWebhook returns the event that a webhook tells of. body must be exactly what was received. An event may come
// more than once and out of order: the same Event.ID is the same event, and of two events of a payment the one with the
// later Timestamp is true, or if these are equal the one with the longer timeline. Returns an error that wraps
// ErrNoWebhook for a message that PayCow did not send, and another one for a secret that cannot be one.
func VerifyWebhook(secret string, header http.Header, body []byte) (Event, error) {
	// The library takes an empty secret for a key, with which anybody could sign.
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < secretBytes {
		return Event{}, errors.New("the secret is not that of a webhook endpoint, which begins with whsec_")
	}
	verifier, err := standardwebhooks.NewWebhookRaw(key)
	if err == nil {
		err = verifier.Verify(body, header)
	}
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrNoWebhook, err)
	}
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return Event{}, fmt.Errorf("read a webhook: %w", err)
	}
	event.ID = header.Get(standardwebhooks.HeaderWebhookID)
	return event, nil
}

// Payment returns the payment as it was when the event happened. ok is false for an event about something else.
func (e Event) Payment() (payment OperatorPayment, ok bool, err error) {
	if !strings.HasPrefix(string(e.Type), "payment.") {
		return OperatorPayment{}, false, nil
	}
	if err := json.Unmarshal(e.Data, &payment); err != nil {
		return OperatorPayment{}, false, fmt.Errorf("read the payment of an event: %w", err)
	}
	return payment, true, nil
}
