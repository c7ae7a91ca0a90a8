package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/rules"
)

func TestWebhookWaits(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for i, want := range []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	} {
		at, more := rules.NextWebhookTry("0123456789abcdef01234567", i+1, first, first, 0)
		require.True(t, more)
		assert.InDelta(t, want.Seconds(), at.Sub(first).Seconds(), want.Seconds()/10, "after try %d", i+1)
	}
}

// A delivery that always fails at once, and whose endpoint asks for any waits, ends, and never after its time.
func TestWebhookTriesEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[0-9a-f]{24}`).Draw(t, "id")
		first := time.Unix(rapid.Int64Range(1e9, 3e9).Draw(t, "first"), 0)
		asks := rapid.Bool().Draw(t, "asks")
		now, tries := first, 0
		for {
			tries++
			var asked time.Duration
			if asks {
				asked = time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "asked"))
			}
			at, more := rules.NextWebhookTry(id, tries, first, now, asked)
			again, _ := rules.NextWebhookTry(id, tries, first, now, asked)
			require.Equal(t, at, again, "a repeat waits as long")
			if !more {
				break
			}
			plain, _ := rules.NextWebhookTry(id, tries, first, now, 0)
			require.False(t, at.Before(plain), "a wait that was asked for makes none shorter")
			require.True(t, at.After(now) && !at.After(first.Add(rules.WebhookTryFor)))
			now = at
		}
		require.LessOrEqual(t, tries, 14)
		if !asks {
			require.GreaterOrEqual(t, tries, 10)
			require.Greater(t, now.Sub(first), 60*time.Hour)
		}
	})
}

func TestWebhookRetryAfter(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		asked time.Duration
		want  time.Duration
	}{
		{"longer", time.Hour, time.Hour},
		{"past the end", 1000 * time.Hour, rules.WebhookTryFor},
	} {
		at, more := rules.NextWebhookTry("a", 1, first, first, c.asked)
		assert.True(t, more, c.name)
		assert.Equal(t, c.want, at.Sub(first), c.name)
	}
	_, more := rules.NextWebhookTry("a", 9, first, first.Add(rules.WebhookTryFor), 0)
	assert.False(t, more, "nothing follows the try at the end")
}
