package chain

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestCheckReceipt changes one thing at a time about a receipt that holds the stated transfer. The receipts of the
// whole block are compared afterwards as well, but a node may not have them.
func TestCheckReceipt(t *testing.T) {
	t.Parallel()
	stated := pay(ourAddress1, 50_000_000)
	n := models.TransferNotice{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: common.Hash{1}.Hex()}, Amount: 50 * models.USDT, From: stated.from.Hex(),
		Block: models.BlockRef{Number: 7, Hash: common.Hash{7}.Hex()},
	}
	for name, change := range map[string]func(*types.Receipt){
		"":                       func(*types.Receipt) {},
		"the transaction failed": func(r *types.Receipt) { r.Status = types.ReceiptStatusFailed },
		"it pays somebody else":  func(r *types.Receipt) { r.Logs[0].Topics[2] = common.BytesToHash(stranger[:]) },
		"it pays less":           func(r *types.Receipt) { r.Logs[0].Data = common.BigToHash(common.Big1).Bytes() },
		"another sender":         func(r *types.Receipt) { r.Logs[0].Topics[1] = common.BytesToHash(stranger[:]) },
		"another contract":       func(r *types.Receipt) { r.Logs[0].Address = stranger },
		"another transaction":    func(r *types.Receipt) { r.Logs[0].TxHash = common.Hash{2} },
		"it has no logs":         func(r *types.Receipt) { r.Logs = nil },
	} {
		log := transferLog(stated)
		log.TxHash, log.BlockNumber, log.BlockHash = common.Hash{1}, 7, common.Hash{7}
		receipt := &types.Receipt{Status: types.ReceiptStatusSuccessful, Logs: []*types.Log{&log}}
		change(receipt)
		err := checkReceipt(receipt, Contracts{testToken}, ourAddress1.Hex(), n)
		if name == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, models.ErrTransferDiffers, name)
	}
}
