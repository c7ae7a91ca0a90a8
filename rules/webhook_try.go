package rules

import (
	"net/http"
	"time"

	"paycow/models"
)

// webhookGone is the HTTP status by which an endpoint says that it wants no more events.
const webhookGone = http.StatusGone

// AfterWebhookTry returns the delivery as it is after its next try, and whether the endpoint asked to be disabled.
// retryAfter is the wait that the endpoint asked for, 0 if it did not. The try's number is the delivery's next one.
func AfterWebhookTry(
	d models.WebhookDelivery, try models.WebhookAttempt, retryAfter time.Duration,
) (after models.WebhookDelivery, gone bool) {
	if d.Tries == 0 {
		d.RoundAt = try.At
	}
	d.Tries++
	d.NextTryAt = nil
	switch {
	case try.Succeeded():
		d.Status = models.DeliveryDelivered
		return d, false
	case try.Status == webhookGone:
		d.Status, d.ParkedReason = models.DeliveryParked, "The endpoint answered 410 Gone, so it was disabled."
		return d, true
	}
	ended := try.At.Add(time.Duration(try.DurationMS) * time.Millisecond)
	next, more := NextWebhookTry(d.ID, d.Tries, d.RoundAt, ended, retryAfter)
	if !more {
		d.Status, d.ParkedReason = models.DeliveryParked, "The last of its tries failed."
		return d, false
	}
	d.NextTryAt = &next
	return d, false
}
