package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestRepliesAreBounded pads replies with spaces. As much of them is read as the call's reply can honestly have.
func TestRepliesAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mebibytes int
		head      error
		logs      bool // whether the reply to a question about logs is read
	}{
		{3, models.ErrBlockNotFound, true},
		{5, errReplyTooLarge, true},
		{31, errReplyTooLarge, true},
		{33, errReplyTooLarge, false},
	} {
		t.Run(fmt.Sprint(c.mebibytes, " MiB"), func(t *testing.T) {
			t.Parallel()
			padding := bytes.Repeat([]byte(" "), c.mebibytes<<20)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var call struct {
					ID     json.RawMessage
					Method string
				}
				_ = json.NewDecoder(r.Body).Decode(&call)
				results := map[string]string{"eth_chainId": `"0x1"`, "eth_getLogs": "[]"}
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":`, call.ID)
				if call.Method != "eth_chainId" {
					_, _ = w.Write(padding)
				}
				result, ok := results[call.Method]
				if !ok {
					result = "null"
				}
				fmt.Fprintf(w, `%s}`, result)
			}))
			t.Cleanup(server.Close)
			node := dial(t, server.URL)
			_, err := node.HeadHeader(t.Context())
			require.ErrorIs(t, err, c.head)
			_, err = node.TokenLogsInRange(t.Context(), Contracts{common.Address{1}}, 1, 2)
			if c.logs {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, errReplyTooLarge)
			}
		})
	}
}

const testKey = "0123456789abcdef"

// nodeThat returns a node whose every call is answered so, at a URL with a key.
func nodeThat(t *testing.T, answer http.HandlerFunc) *Node {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	node, err := Dial(t.Context(), server.URL+"/v3/"+testKey, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(node.Close)
	return node
}

func always(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// A node that answers none of what every node offers is broken, whatever it says, and its own words are kept.
func TestANodeThatIsOfNoUseSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		body, says string
	}{
		{200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"this key is disabled"}}`, "this key is disabled"},
		{200, `{"jsonrpc":"2.0","id":1,"error":{"code":"-32000","message":"this key is disabled"}}`, "this key is disabled"},
		{200, `{"jsonrpc":"2.0","id":1,"error":"this key is disabled"}`, "this key is disabled"},
		{200, `{"message":"this key is disabled","code":7}`, "this key is disabled"},
		{200, `this key is disabled`, "this key is disabled"},
		{200, `{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"half done"}}`, "half done"},
		{200, `{"jsonrpc":"2.0","id":1}`, "no result"},
		{200, `{"jsonrpc":"2.0","id":1,"result":null}`, ""},
		{400, `no app with this id`, "no app with this id"},
		{401, `{"message":"no app with this id"}`, "no app with this id"},
		{403, `{"error":"no app with this id"}`, "no app with this id"},
		{405, ``, "405"},
		{404, `Cannot POST /v3/` + testKey, "404 Not Found: Cannot POST /v3/…"},
	} {
		node := nodeThat(t, always(c.status, c.body))
		_, err := node.HeadHeader(t.Context())
		require.ErrorContains(t, err, c.says, c.body)
		require.Equal(t, MeansBroken, MeaningOf(err), c.body)
		require.NotContains(t, err.Error(), testKey)
		_, err = node.ChainID(t.Context())
		require.Equal(t, MeansBroken, MeaningOf(err), c.body)
	}
}

// What a node asks for in one reply counts for that call and no other.
func TestTheRetryAfterOfOneReply(t *testing.T) {
	t.Parallel()
	calls := 0
	node := nodeThat(t, func(w http.ResponseWriter, r *http.Request) {
		switch calls++; calls {
		case 2:
			w.Header().Set("Retry-After", "7")
			always(http.StatusTooManyRequests, "")(w, r)
		case 3:
			always(http.StatusOK, `{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"rate limit"}}`)(w, r)
		case 4:
			w.Header().Set("Retry-After", "7")
			always(http.StatusServiceUnavailable, "")(w, r)
		default:
			always(http.StatusServiceUnavailable, "")(w, r)
		}
	})
	for _, want := range []NodeError{
		{Meaning: MeansRefused, After: 7 * time.Second},
		{Meaning: MeansRefused},
		{Meaning: MeansRefused, After: 7 * time.Second},
		{Meaning: MeansBroken},
	} {
		_, err := node.HeaderByNumber(t.Context(), 7)
		var known *NodeError
		require.ErrorAs(t, err, &known)
		require.Equal(t, want.Meaning.String(), known.Meaning.String())
		require.Equal(t, want.After, known.After)
	}
}

// A list of logs that is null instead of empty is an empty one: the blooms of the headers say whether it can be.
func TestNullInsteadOfNoLogs(t *testing.T) {
	t.Parallel()
	node := nodeThat(t, always(http.StatusOK, `{"jsonrpc":"2.0","id":1,"result":null}`))
	logs, err := node.TokenLogsInRange(t.Context(), Contracts{{1}}, 1, 7)
	require.NoError(t, err)
	require.Empty(t, logs)
	_, err = node.TokenLogsByBlockHash(context.Background(), Contracts{{1}}, common.Hash{1})
	require.Equal(t, MeansNotYet, MeaningOf(err), "the block is not there either")
}
