package bench

import (
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"
)

const (
	usdt          = 1_000_000 // micro-USDT
	transferGas   = 100_000   // more than any transfer uses
	gasPriceGwei  = 100       // more than the fee of a chain whose blocks are half empty rises to
	sentAtOnce    = 100       // transactions in a request
	transferInput = "a9059cbb"
)

// pay sends 5 USDT to each address, from the faucet and in this order. The transactions wait for a block. Many more of
// them in a second are sent than a person's wallet could, because they are signed without asking the node for anything
// but the first nonce.
func (b *bench) pay(to ...common.Address) {
	b.t.Helper()
	client, err := rpc.DialContext(b.t.Context(), b.chain.HTTPURL())
	require.NoError(b.t, err)
	defer client.Close()
	key := b.chain.FaucetKey()
	nonce, err := ethclient.NewClient(client).PendingNonceAt(b.t.Context(), crypto.PubkeyToAddress(key.PublicKey))
	require.NoError(b.t, err)
	chainID, token := new(big.Int).SetUint64(b.chain.ChainID()), b.chain.TokenAddress()
	signer := types.LatestSignerForChainID(chainID)
	for some := range slices.Chunk(to, sentAtOnce) {
		batch := make([]rpc.BatchElem, len(some))
		for i, address := range some {
			signed, err := types.SignNewTx(key, signer, &types.DynamicFeeTx{
				ChainID: chainID, Nonce: nonce, To: &token, Gas: transferGas,
				GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(gasPriceGwei * params.GWei),
				Data: slices.Concat(common.FromHex(transferInput), common.LeftPadBytes(address[:], 32),
					common.LeftPadBytes(big.NewInt(5*usdt).Bytes(), 32)),
			})
			require.NoError(b.t, err)
			raw, err := signed.MarshalBinary()
			require.NoError(b.t, err)
			batch[i] = rpc.BatchElem{Method: "eth_sendRawTransaction", Args: []any{hexutil.Bytes(raw)}, Result: new(common.Hash)}
			nonce++
		}
		require.NoError(b.t, client.BatchCallContext(b.t.Context(), batch))
		for _, sent := range batch {
			require.NoError(b.t, sent.Error)
		}
	}
}

// strangers returns addresses that are nobody's.
func strangers(n int) []common.Address {
	addresses := make([]common.Address, n)
	for i := range addresses {
		addresses[i] = common.BigToAddress(new(big.Int).SetBytes(crypto.Keccak256(big.NewInt(int64(i)).Bytes())))
	}
	return addresses
}
