package localchain

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"paycow/devstack/token"
)

const (
	// setupBlockNumber is the block that deploys the token and funds the faucet.
	setupBlockNumber = 1

	unitsPerToken = 1_000_000
	// tokenSupplyUnits is a hundred billion tokens, about the real supply. In micro-USDT it fits into an int64.
	tokenSupplyUnits  = 100_000_000_000 * unitsPerToken
	faucetSupplyUnits = 50_000_000_000 * unitsPerToken

	deployGasLimit   = 5_000_000
	transferGasLimit = 200_000
	setupGasPriceWei = 10_000_000_000
)

// tokenAddress returns the address of the token's contract. It follows from the creator's address and first nonce, so
// it is known before the token is deployed.
func tokenAddress() common.Address {
	return crypto.CreateAddress(addressOf(tokenOwnerKey()), 0)
}

// deployToken deploys the token and funds the faucet, in the first block of a new chain, so that a kill leaves both or
// neither.
func deployToken(blocks *producer) error {
	if blocks.head().Number.Uint64() >= setupBlockNumber {
		return nil
	}
	contract := token.NewTestUSDT()
	creation := append(
		common.FromHex(token.TestUSDTMetaData.Bin),
		contract.PackConstructor(big.NewInt(tokenSupplyUnits))...)
	funding := contract.PackTransfer(addressOf(faucetKey()), big.NewInt(faucetSupplyUnits))
	address := tokenAddress()

	signer := types.LatestSignerForChainID(big.NewInt(chainIDNumber))
	deploy, err := types.SignNewTx(tokenOwnerKey(), signer, &types.LegacyTx{
		Nonce: 0, Data: creation, Gas: deployGasLimit, GasPrice: big.NewInt(setupGasPriceWei),
	})
	if err != nil {
		return fmt.Errorf("sign the token's creation: %w", err)
	}
	fund, err := types.SignNewTx(tokenOwnerKey(), signer, &types.LegacyTx{
		Nonce: 1, To: &address, Data: funding, Gas: transferGasLimit, GasPrice: big.NewInt(setupGasPriceWei),
	})
	if err != nil {
		return fmt.Errorf("sign the faucet's funding: %w", err)
	}
	if err := blocks.mineTransactions([]*types.Transaction{deploy, fund}); err != nil {
		return fmt.Errorf("deploy the token: %w", err)
	}
	for _, receipt := range blocks.backend.BlockChain().GetReceiptsByHash(blocks.head().Hash()) {
		if receipt.Status != types.ReceiptStatusSuccessful {
			return fmt.Errorf("deploy the token: transaction %s failed", receipt.TxHash)
		}
	}
	return nil
}
