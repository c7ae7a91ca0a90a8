package chain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// said is a JSON-RPC error as go-ethereum's client returns it.
type said struct {
	Code    int
	Message string
}

func (s said) Error() string  { return s.Message }
func (s said) ErrorCode() int { return s.Code }

func status(code int, body string) error {
	return rpc.HTTPError{StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), Body: []byte(body)}
}

// What nodes and providers were seen to say (docs/nodes.md) means what their users say it means.
func TestMeaningOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want Meaning
	}{
		{nil, MeansAnswer},
		{models.ErrBlockNotFound, MeansNotYet},
		{ethereum.NotFound, MeansNotYet},
		{models.ErrNoSubscriptions, MeansNotOffered},
		{rpc.ErrNotificationsUnsupported, MeansNotOffered},
		{said{-32601, "the method eth_getBlockReceipts does not exist/is not available"}, MeansNotOffered},
		{said{-32601, "rate limit"}, MeansNotOffered},
		{said{-32004, "whatever"}, MeansNotOffered},
		{said{-32602, "invalid argument 0: unknown field blockHash"}, MeansNotOffered},
		{said{-32600, "unsupported method: eth_getBlockReceipts on ETH_MAINNET"}, MeansNotOffered},
		{said{-32000, "header not found"}, MeansNotYet},
		{said{-32000, "unknown block"}, MeansNotYet},
		{said{4444, "pruned history unavailable"}, MeansTooOld},
		{said{-32000, "missing trie node 00c0ffee (path ) state 0xab is not available"}, MeansTooOld},
		{said{-32000, "historical state unavailable"}, MeansTooOld},
		{said{-32005, "query returned more than 10000 results"}, MeansTooMuch},
		{said{-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"}, MeansTooMuch},
		{said{-32000, "exceed maximum block range: 5000"}, MeansTooMuch},
		{said{-32701, "block range is too wide"}, MeansTooMuch},
		{said{35, "ranges over 10000 blocks are not supported on freetier"}, MeansTooMuch},
		{said{-32602, "eth_getLogs is limited to 1024 block range"}, MeansTooMuch},
		{said{-32005, "Maximum allowed number of requested blocks is 1000"}, MeansTooMuch},
		{said{-32001, "rpc method is not whitelisted"}, MeansNotOffered},
		{said{-32005, "daily request count exceeded, request rate limited"}, MeansRefused},
		{said{-32005, ""}, MeansRefused},
		{said{429, "Your app has exceeded its compute units per second capacity"}, MeansRefused},
		{said{-32029, "Too Many Requests"}, MeansRefused},
		{said{-32000, "nope"}, MeansBroken},
		{said{-32603, "internal error"}, MeansBroken},
		{said{-32614, "eth_getLogs is limited to a 10,000 range"}, MeansTooMuch},
		{said{-32602, "range 1000000 exceeds limit of 10000"}, MeansTooMuch},
		{said{-32600, "block range too high"}, MeansTooMuch},
		{said{-32602, "block range extends beyond current head block"}, MeansNotYet},
		{said{-32000, "One of the blocks specified in filter (fromBlock, toBlock or blockHash) cannot be found."}, MeansNotYet},
		{said{-32001, "Resource not found."}, MeansNotYet},
		{said{-32000, "World state unavailable"}, MeansTooOld},
		{said{-32000, "No state available for block 0x1"}, MeansTooOld},
		{rpc.ErrNoResult, MeansNotYet},
		{status(403, `{"error":"daily request count exceeded"}`), MeansRefused},
		{status(402, "daily request count exceeded"), MeansRefused},
		{status(403, `{"message":"Limit exceeded: usage limit of this month"}`), MeansRefused},
		{status(403, `{"error":{"code":"-32601","message":"no"}}`), MeansNotOffered},
		{status(403, `{"message":"Forbidden"}`), MeansNotOffered},
		{status(404, "404 page not found"), MeansBroken},
		{status(429, ""), MeansRefused},
		{status(429, `{"error":{"code":-32601,"message":"method not found"}}`), MeansRefused},
		{status(400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}`), MeansNotOffered},
		{status(500, `[{"error":{"code":4444,"message":"pruned"}}]`), MeansTooOld},
		{status(403, `{"error":{"code":-32005,"message":"daily request count exceeded"}}`), MeansRefused},
		{status(400, "bad request"), MeansNotOffered},
		{status(413, ""), MeansTooMuch},
		{status(401, ""), MeansBroken},
		{status(502, "<html>"), MeansBroken},
		{errors.New("connection refused"), MeansBroken},
		{context.DeadlineExceeded, MeansBroken},
		{errReplyTooLarge, MeansBroken},
	} {
		t.Run(fmt.Sprintf("%v", c.err), func(t *testing.T) {
			require.Equal(t, c.want.String(), MeaningOf(c.err).String())
			if c.err != nil {
				wrapped := fmt.Errorf("eth_x at http://node: %w", asNodeError("", c.err, 0))
				require.Equal(t, c.want, MeaningOf(wrapped), "the same after it was wrapped")
			}
		})
	}
}

// What may be too long is tried in parts, and nothing else is.
func TestMayBeTooLong(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		said{-32005, "limit exceeded"},
		said{-32005, "query returned more than 10000 results"},
		said{-32000, "nope"},
		status(413, ""), status(504, ""),
		status(400, "block range"), context.DeadlineExceeded, errReplyTooLarge,
	} {
		require.True(t, mayBeTooLong(asNodeError("", err, 0)), err)
	}
	for _, err := range []error{
		nil, models.ErrBlockNotFound,
		said{-32601, "no"},
		said{4444, "pruned"},
		said{-32005, "daily request count exceeded, request rate limited"},
		status(429, ""), status(401, ""), status(502, "bad gateway"),
		errors.New("connection refused"),
	} {
		require.False(t, err != nil && mayBeTooLong(asNodeError("", err, 0)), err)
	}
}

// A node's words reach people without control characters and not at any length.
func TestWordsAreClipped(t *testing.T) {
	t.Parallel()
	err := asNodeError("", status(400, `{"error":{"code":1,"message":"no\n\u0007`+string(make([]byte, 0))+`way"}}`), 0)
	require.Equal(t, "400 Bad Request: no  way", err.Error())
	long := clip(fmt.Sprintf("%01000d", 7))
	require.LessOrEqual(t, len(long), wordsMax+len("…"))
}
