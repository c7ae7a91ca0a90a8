package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/rules"
)

func TestAfterWebhookTry(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	asked := begun.Add(-100 * time.Hour) // nothing could be sent for long: the 72 hours begin with the first try
	fresh := models.WebhookDelivery{ID: "d", Status: models.DeliveryPending, Round: 1, RoundAt: asked, NextTryAt: &asked}
	for name, c := range map[string]struct {
		status     int
		before     int // tries
		retryAfter time.Duration
		want       models.DeliveryStatus
		gone       bool
		wait       [2]time.Duration
	}{
		"taken":             {status: 204, want: models.DeliveryDelivered},
		"redirected":        {status: 302, want: models.DeliveryPending, wait: [2]time.Duration{4 * time.Second, 6 * time.Second}},
		"no answer":         {status: 0, want: models.DeliveryPending, wait: [2]time.Duration{4 * time.Second, 6 * time.Second}},
		"gone":              {status: 410, want: models.DeliveryParked, gone: true},
		"told to wait":      {status: 429, retryAfter: time.Hour, want: models.DeliveryPending, wait: [2]time.Duration{time.Hour, time.Hour + time.Second}},
		"told to wait less": {status: 503, before: 3, retryAfter: time.Second, want: models.DeliveryPending, wait: [2]time.Duration{108 * time.Minute, 133 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := fresh
			if d.Tries = c.before; d.Tries > 0 {
				d.RoundAt = begun
			}
			after, gone := rules.AfterWebhookTry(d, models.WebhookAttempt{At: begun, Status: c.status, DurationMS: 100}, c.retryAfter)
			require.Equal(t, c.gone, gone)
			require.Equal(t, c.want, after.Status)
			require.Equal(t, c.before+1, after.Tries)
			require.Equal(t, begun, after.RoundAt)
			require.Equal(t, c.want == models.DeliveryPending, after.NextTryAt != nil)
			require.Equal(t, c.want == models.DeliveryParked, after.ParkedReason != "")
			if after.NextTryAt != nil {
				require.WithinRange(t, *after.NextTryAt, begun.Add(c.wait[0]), begun.Add(c.wait[1]))
			}
		})
	}
}

// A delivery that always fails is parked after 72 hours, and its last try is not long before that.
func TestADeliveryThatAlwaysFailsIsParked(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	d := models.WebhookDelivery{ID: "d", Status: models.DeliveryPending, Round: 1, RoundAt: begun}
	at, tries := begun, 0
	for d.Status == models.DeliveryPending {
		d, _ = rules.AfterWebhookTry(d, models.WebhookAttempt{At: at, Status: 500}, 0)
		if tries++; d.NextTryAt != nil {
			at = *d.NextTryAt
		}
	}
	require.Equal(t, models.DeliveryParked, d.Status)
	require.Equal(t, tries, d.Tries)
	require.InDelta(t, 12, tries, 1)
	require.WithinRange(t, at, begun.Add(60*time.Hour), begun.Add(72*time.Hour))
}
