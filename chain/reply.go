package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/rpc"
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

// reply is what go-ethereum's client does not pass on of the reply to one call.
type reply struct {
	pause time.Duration // that the node asked for in a Retry-After header, 0 when it did not
	start []byte        // up to replyStart bytes of the body
}

// replyStart is how many bytes of a reply are kept to find an error in. No error is longer that is meant to be read.
const replyStart = 4 << 10

type replyKey struct{}

// withReply returns a context whose HTTP call fills the reply.
func withReply(ctx context.Context) (context.Context, *reply) {
	r := &reply{}
	return context.WithValue(ctx, replyKey{}, r), r
}

// failure returns why a call failed. An error that the client could not read, because its form is not that of JSON-RPC,
// counts like one that it could.
func (r *reply) failure(err error) error {
	if said, known := refusalOf(err); known && said.Code != 0 || !known && !isUnreadable(err) {
		return err
	}
	if said, ok := refusalIn(r.start); ok {
		return said
	}
	if words := gatewayWords(r.start); words != "" {
		return refusal{Message: words}
	}
	return err
}

// isUnreadable reports whether a reply has not the form of an answer to the call.
func isUnreadable(err error) bool {
	_, isOtherForm := errors.AsType[*json.UnmarshalTypeError](err)
	_, isNoJSON := errors.AsType[*json.SyntaxError](err)
	return isOtherForm || isNoJSON || errors.Is(err, rpc.ErrNoResult)
}

// replyTransport bounds the length of replies, and fills the reply of the call's context.
type replyTransport struct {
	base http.RoundTripper
}

// RoundTrip makes the call.
func (t replyTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	limit, ok := request.Context().Value(replyLimitKey{}).(int64)
	if !ok {
		limit = replyMax
	}
	body := &boundedBody{ReadCloser: response.Body, limit: limit, left: limit}
	if r, ok := request.Context().Value(replyKey{}).(*reply); ok {
		*r = reply{pause: retryAfter(response.Header.Get("Retry-After"), time.Now())}
		body.reply = r
	}
	response.Body = body
	return response, nil
}

// boundedBody fails when more is read than allowed.
type boundedBody struct {
	io.ReadCloser
	limit, left int64  // bytes
	reply       *reply // nil when nobody wants it
}

func (b *boundedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("%w: more than %d MiB", errReplyTooLarge, b.limit>>20)
	}
	if b.reply != nil {
		b.reply.start = append(b.reply.start, into[:min(n, replyStart-len(b.reply.start))]...)
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
