package chain

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Numbers are read in the forms that nodes were seen to write, and in no other.
func TestQuantity(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		`"0x0"`: 0, `"0x7"`: 7, `"0x07"`: 7, `"0X0a"`: 10, `"0xAB"`: 171, `7`: 7, `"0xffffffffffffffff"`: 1<<64 - 1,
		`"0x000000000000000000000000000000000000001"`: 1,
	} {
		var q quantity
		require.NoError(t, json.Unmarshal([]byte(text), &q), text)
		require.EqualValues(t, want, q, text)
	}
	for _, text := range []string{
		`"7"`, `"0x"`, `""`, `-1`, `1.5`, `1e3`, `"0x-1"`, `"0x1_0"`, `"0x10000000000000000"`, `true`, `{}`, `[]`,
	} {
		q := quantity(5)
		require.Error(t, json.Unmarshal([]byte(text), &q), text)
		require.EqualValues(t, 5, q, text)
	}
}

// A header and a log are read from a node that writes numbers with leading zeros, as reth 0.1 did.
func TestNumbersWithLeadingZeros(t *testing.T) {
	t.Parallel()
	var log rpcLog
	require.NoError(t, json.Unmarshal([]byte(`{"address":"0xdac17f958d2ee523a2206206994597c13d831ec7","topics":[],"data":"0x",
		"blockNumber":"0x07","transactionIndex":0,"logIndex":"0x00",
		"transactionHash":"0x0000000000000000000000000000000000000000000000000000000000000001",
		"blockHash":"0x0000000000000000000000000000000000000000000000000000000000000001"}`), &log))
	require.EqualValues(t, 7, log.BlockNumber)
}
