package chain

import (
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"
)

// Balances are compared at a node that takes short batches only, or none.
func TestBalancesOfANodeThatRefusesLongBatches(t *testing.T) {
	t.Parallel()
	for _, longest := range []int{200, 30, 1} {
		server := httptest.NewServer(balanceNode(longest))
		t.Cleanup(server.Close)
		node, err := Dial(t.Context(), server.URL, quiet())
		require.NoError(t, err)
		t.Cleanup(node.Close)
		var addresses []common.Address
		var want []*big.Int
		for i := range int64(130) {
			addresses, want = append(addresses, common.BigToAddress(big.NewInt(i+1))), append(want, big.NewInt(i+1))
		}
		got, err := node.Balances(t.Context(), common.Address{1}, addresses, common.Hash{1})
		require.NoError(t, err, "%d", longest)
		require.Equal(t, want, got, "%d", longest)
	}
}

// balanceNode answers each balanceOf with the number that the address is. It refuses batches that are longer.
func balanceNode(longest int) http.HandlerFunc {
	type message struct {
		Version string            `json:"jsonrpc"`
		ID      json.RawMessage   `json:"id"`
		Method  string            `json:"method,omitempty"`
		Params  []json.RawMessage `json:"params,omitempty"`
		Result  any               `json:"result,omitempty"`
	}
	answer := func(call message) message {
		result := any("0x1")
		if call.Method == "eth_call" {
			var args struct{ Data hexutil.Bytes }
			if err := json.Unmarshal(call.Params[0], &args); err != nil {
				panic(err)
			}
			result = args.Data[4:]
		}
		return message{Version: "2.0", ID: call.ID, Result: result}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		var calls []message
		if json.Unmarshal(body, &calls) != nil {
			var one message
			_ = json.Unmarshal(body, &one)
			_ = json.NewEncoder(w).Encode(answer(one))
			return
		}
		if len(calls) > longest {
			http.Error(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too long"}}`,
				http.StatusRequestEntityTooLarge)
			return
		}
		var answers []message
		for _, call := range calls {
			answers = append(answers, answer(call))
		}
		_ = json.NewEncoder(w).Encode(answers)
	}
}
