package chain

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// RateLimitError means that a node refused a call because there were too many, and holds the pause that it asked for.
type RateLimitError struct {
	After time.Duration // 0 when the node did not say
	cause error
}

// Error names the cause.
func (e *RateLimitError) Error() string {
	if e.After == 0 {
		return fmt.Sprintf("rate limited: %v", e.cause)
	}
	return fmt.Sprintf("rate limited for %s: %v", e.After, e.cause)
}

// Unwrap returns the cause.
func (e *RateLimitError) Unwrap() error { return e.cause }

// retryAfterMax bounds the pause that a node can ask for: a mistake there must not exclude the node for a day.
const retryAfterMax = 10 * time.Minute

// retryAfterTransport remembers the Retry-After header of the last 429, which go-ethereum's client does not pass on.
type retryAfterTransport struct {
	base http.RoundTripper
	mu   sync.Mutex
	last time.Duration
}

// RoundTrip makes the call.
func (t *retryAfterTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusTooManyRequests {
		t.mu.Lock()
		t.last = retryAfter(response.Header.Get("Retry-After"), time.Now())
		t.mu.Unlock()
	}
	return response, err
}

func (t *retryAfterTransport) pause() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// retryAfter reads the header in either of its forms, seconds or a date (RFC 9110, 10.2.3). It returns 0 for any other.
func retryAfter(value string, now time.Time) time.Duration {
	var pause time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		pause = time.Duration(min(seconds, int(retryAfterMax/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		pause = at.Sub(now)
	}
	return min(max(pause, 0), retryAfterMax)
}
