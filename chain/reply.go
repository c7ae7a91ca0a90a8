package chain

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// replyMax is how many bytes of one reply are read. The receipts of the fullest block take about 10 MB.
const replyMax = 32 << 20

// errReplyTooLarge means that a node's reply is longer than replyMax.
var errReplyTooLarge = errors.New("the reply is too large: more than 32 MiB")

func isTooLarge(err error) bool {
	return errors.Is(err, errReplyTooLarge) || errors.Is(err, websocket.ErrReadLimit)
}

// retryAfterMax bounds the pause that a node can ask for: a mistake there must not exclude the node for a day.
const retryAfterMax = 10 * time.Minute

// replyTransport bounds the length of replies, and remembers the Retry-After header of the last refusal, which
// go-ethereum's client does not pass on.
type replyTransport struct {
	base http.RoundTripper
	mu   sync.Mutex
	last time.Duration
}

// RoundTrip makes the call.
func (t *replyTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusTooManyRequests {
		t.mu.Lock()
		t.last = retryAfter(response.Header.Get("Retry-After"), time.Now())
		t.mu.Unlock()
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: replyMax}
	return response, nil
}

func (t *replyTransport) pause() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// boundedBody fails when more is read than allowed.
type boundedBody struct {
	io.ReadCloser
	left int64 // bytes
}

func (b *boundedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.left -= int64(n); b.left < 0 {
		return 0, errReplyTooLarge
	}
	return n, err
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
