package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// replyMax is how many bytes of one reply are read. The receipts of the fullest block take about 10 MB.
	replyMax = 32 << 20
	// shortReplyMax is the same for a call whose reply holds neither logs nor receipts. A block without its transactions,
	// the longest of them, takes about 100 kB. So a node that answers everything with far too much costs little time.
	shortReplyMax = 4 << 20
)

// errReplyTooLarge means that a node's reply is longer than what is read of it.
var errReplyTooLarge = errors.New("the reply is too large")

// replyLimitKey is where a call's context holds how many bytes of the reply are read.
type replyLimitKey struct{}

// boundReply bounds the reply to a call over HTTP. WebSockets have one bound for all messages.
func boundReply(ctx context.Context, method string) context.Context {
	switch method {
	case "eth_getLogs", "eth_getBlockReceipts", "eth_getTransactionReceipt":
		return ctx
	default:
		return context.WithValue(ctx, replyLimitKey{}, int64(shortReplyMax))
	}
}

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
	limit, ok := request.Context().Value(replyLimitKey{}).(int64)
	if !ok {
		limit = replyMax
	}
	response.Body = &boundedBody{ReadCloser: response.Body, limit: limit, left: limit}
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
	limit, left int64 // bytes
}

func (b *boundedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("%w: more than %d MiB", errReplyTooLarge, b.limit>>20)
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
