package chain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

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
