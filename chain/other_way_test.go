package chain

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// poorNode answers calls with what a test says, and refuses the logs of a block by its hash and the receipts of a block.
func poorNode(t *testing.T, results map[string]string) *Node {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var calls []struct {
			ID     json.RawMessage   `json:"id"`
			Method string            `json:"method"`
			Params []json.RawMessage `json:"params"`
		}
		var body json.RawMessage
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			return
		}
		isBatch := body[0] == '['
		if !isBatch {
			body = json.RawMessage("[" + string(body) + "]")
		}
		if json.Unmarshal(body, &calls) != nil {
			return
		}
		var answers []string
		for _, call := range calls {
			result, ok := results[call.Method]
			if !ok || call.Method == "eth_getLogs" && strings.Contains(string(call.Params[0]), "blockHash") {
				answers = append(answers, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, call.ID))
				continue
			}
			answers = append(answers, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, call.ID, result))
		}
		text := strings.Join(answers, ",")
		if isBatch {
			text = "[" + text + "]"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	return dial(t, server.URL)
}

func blockText(hash common.Hash) string {
	return fmt.Sprintf(`{"number":"0x7","hash":%q,"parentHash":%q,"timestamp":"0x5","logsBloom":"0x%s","receiptsRoot":%q,"transactions":[%q]}`,
		hash, common.Hash{1}, strings.Repeat("00", 256), common.Hash{2}, common.Hash{3})
}

// In the other way, logs are asked for by the block's number, and those of another block with that number do not count.
func TestTheOtherWayReadsTheSameBlock(t *testing.T) {
	t.Parallel()
	wanted, other := common.Hash{7}, common.Hash{8}
	for canonical, isRight := range map[common.Hash]bool{wanted: true, other: false} {
		node := poorNode(t, map[string]string{
			"eth_chainId": `"0x1"`, "eth_getBlockByHash": blockText(wanted), "eth_getBlockByNumber": blockText(canonical),
			"eth_getLogs": "[]",
		})
		for range 2 { // what it lacks is found out, then known
			_, err := node.TokenLogsByBlockHash(t.Context(), Contracts{testToken}, wanted)
			if isRight {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, models.ErrBlockNotFound)
			}
		}
	}
}

// Receipts that are fetched one by one are all there and all of the block, or they do not count.
func TestReceiptsOneByOneAreOfTheBlock(t *testing.T) {
	t.Parallel()
	wanted := common.Hash{7}
	receipt := func(block common.Hash) string {
		return fmt.Sprintf(`{"transactionHash":%q,"blockHash":%q,"status":"0x1","cumulativeGasUsed":"0x1","logs":[]}`, common.Hash{3}, block)
	}
	for text, isRight := range map[string]bool{receipt(wanted): true, receipt(common.Hash{8}): false, "null": false} {
		node := poorNode(t, map[string]string{
			"eth_chainId": `"0x1"`, "eth_getBlockByHash": blockText(wanted), "eth_getTransactionReceipt": text,
		})
		receipts, err := node.ReceiptsByBlockHash(t.Context(), wanted)
		if isRight {
			require.NoError(t, err)
			require.Len(t, receipts, 1)
		} else {
			require.ErrorIs(t, err, models.ErrBlockNotFound)
		}
	}
}
