package chain_test

import (
	"log/slog"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// Many transfers of one block cost the calls of one, each is still compared with the block's receipts, and a reorg
// between two calls is noticed.
func TestTransfersOfABlockAreVerifiedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		payer, ours := common.HexToAddress("0x5742A96E4"), common.HexToAddress("0xA11CE")
		world := chaintest.NewChainBefore(time.Now(), 3)
		transfer := func(units int64) chaintest.Output {
			return chaintest.Transfer(chaintest.Token, payer, ours, big.NewInt(units))
		}
		const inBlock = 40
		for n := range 2 {
			var txs []chaintest.Transaction
			for i := range inBlock / 4 {
				tx := chaintest.Transaction{Hash: common.BigToHash(big.NewInt(int64(1000*n + i + 1)))}
				for range 4 {
					tx.Outputs = append(tx.Outputs, transfer(1))
				}
				txs = append(txs, tx)
			}
			time.Sleep(chaintest.BlockTime)
			world.MineAt(time.Now(), txs)
		}
		for range 12 {
			time.Sleep(chaintest.BlockTime)
			world.MineAt(time.Now(), nil)
		}
		node := chaintest.NewNode(world, "node", 1)
		node.See(world.Blocks())
		config := chain.Config{Network: models.NetworkERC20, ChainID: chaintest.ChainID, Token: chaintest.Token, Quorum: 1, BlockTime: chaintest.BlockTime}
		pool := chain.NewPool([]chain.Endpoint{node}, config, nil, slog.New(slog.DiscardHandler))
		verifier := chain.NewVerifier(config, pool)
		var wanted []chain.Verification
		for _, t := range chaintest.Transfers(world.Blocks()) {
			wanted = append(wanted, chain.Verification{
				DepositAddress: t.To, Confirmations: 12, AtStake: 2 * inBlock,
				Notice: models.TransferNotice{TransferKey: t.TransferKey, From: t.From, Amount: t.Amount, Block: t.Block, Canonical: true},
			})
		}
		require.Len(t, wanted, 2*inBlock)
		node.ResetCalls()
		for i, err := range verifier.VerifyTransfers(t.Context(), wanted) {
			require.NoError(t, err, "transfer %d", i)
		}
		require.Equal(t, 2, node.Calls("receipt"))
		require.Equal(t, 2, node.Calls("receipts"))

		wrong := []chain.Verification{wanted[0], wanted[1], wanted[2], wanted[3], wanted[4]}
		wrong[1].Notice.Amount = 2
		wrong[2].Notice.Ordinal = 9
		wrong[3].DepositAddress = payer.Hex()
		wrong[4].Notice.TxHash = common.Hash{1}.Hex()
		for i, err := range verifier.VerifyTransfers(t.Context(), wrong) {
			require.Equal(t, i == 0, err == nil, "transfer %d: %v", i, err)
		}
		// What was proved before a reorg is worth nothing after it.
		world.Fork(14, time.Now(), func(common.Hash) int { return -1 })
		time.Sleep(chaintest.BlockTime)
		world.MineAt(time.Now(), nil)
		node.See(world.Blocks())
		for i, err := range verifier.VerifyTransfers(t.Context(), wanted) {
			require.Error(t, err, "transfer %d", i)
		}
	})
}
