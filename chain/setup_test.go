package chain

import (
	"log/slog"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"
)

// The tests of this package that need a chain are in package chain_test and use chain/chaintest. The others, which look
// at what is not exported, make do with single logs.

const testChainID = 1337

var (
	testToken   = common.HexToAddress("0x00000000000000000000000000000000070CE400")
	ourAddress1 = common.HexToAddress("0x1111111111111111111111111111111111111aBc")
	stranger    = common.HexToAddress("0x9999999999999999999999999999999999999999")
)

// payment is one Transfer log.
type payment struct {
	from, to common.Address
	value    *big.Int
}

func pay(to common.Address, units int64) payment {
	return payment{from: common.Address{0xaa}, to: to, value: big.NewInt(units)}
}

func transferLog(p payment) types.Log {
	return types.Log{
		Address: testToken,
		Topics:  []common.Hash{transferTopic, common.BytesToHash(p.from[:]), common.BytesToHash(p.to[:])},
		Data:    common.BigToHash(p.value).Bytes(),
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// dial connects to a node for the duration of the test.
func dial(t *testing.T, url string) *Node {
	t.Helper()
	n, err := Dial(t.Context(), url, quiet())
	require.NoError(t, err)
	t.Cleanup(n.Close)
	return n
}
