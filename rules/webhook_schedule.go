package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"
)

// WebhookTryFor is how long a delivery is tried, counted from the first try of its round.
const WebhookTryFor = 72 * time.Hour

// webhookWaits are the times between the end of a try and the next one. The last one repeats.
var webhookWaits = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
}

// webhookJitter is the largest part of a wait by which it is made longer or shorter.
const webhookJitter = 0.1

// NextWebhookTry returns when to try a delivery again after its try number tries (from 1) failed at now, or
// more = false if that was the last one. first is when the round's first try began. retryAfter is the
// wait that the endpoint asked for, or 0: it makes a wait longer, up to the end of the tries, and never shorter.
func NextWebhookTry(
	deliveryID string, tries int, first, now time.Time, retryAfter time.Duration,
) (at time.Time, more bool) {
	wait := webhookWaits[min(max(tries, 1), len(webhookWaits))-1]
	wait += time.Duration(float64(wait) * webhookJitter * spread(deliveryID, tries))
	end := first.Add(WebhookTryFor)
	if at = now.Add(wait); at.After(end) {
		return time.Time{}, false
	}
	if asked := now.Add(retryAfter); asked.After(at) {
		at = asked
	}
	if at.After(end) {
		at = end
	}
	return at, true
}

// spread returns a number from -1 to 1 that follows from the delivery and the try, so that a repeat of the same step
// waits as long, and deliveries that failed together are not all tried again together.
func spread(deliveryID string, tries int) float64 {
	sum := sha256.Sum256([]byte("try " + deliveryID + " " + strconv.Itoa(tries)))
	return float64(binary.BigEndian.Uint32(sum[:4]))/float64(1<<31) - 1
}
