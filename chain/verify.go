package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// What VerifyTransfer can find wrong. Any other error of it means that the node could not be asked.
var (
	// ErrNotConfirmedYet means that the transfer's block is not yet deep enough.
	ErrNotConfirmedYet = errors.New("the transfer has too few confirmations")
	// ErrNotCanonical means that the node's chain does not hold the transfer in the block we know it in.
	ErrNotCanonical = errors.New("the transfer is not in the canonical chain")
	// ErrTransferDiffers means that the transaction is there and does not make this transfer.
	ErrTransferDiffers = errors.New("the transaction does not make this transfer")
)

// TransferReader is what verifying a transfer needs of the chain.
type TransferReader interface {
	// HeadHeader returns the header of the newest block.
	HeadHeader(ctx context.Context) (Header, error)
	// HeaderByNumber returns the header of the canonical block with that number, or ErrBlockNotFound.
	HeaderByNumber(ctx context.Context, number uint64) (Header, error)
	// Receipt returns a transaction's receipt; ok is false when the chain has none.
	Receipt(ctx context.Context, txHash common.Hash) (receipt *types.Receipt, ok bool, err error)
}

// Verifier reads a transfer from the chain again before it is credited.
type Verifier struct {
	reader TransferReader
}

// NewVerifier returns a verifier that asks the given reader.
func NewVerifier(reader TransferReader) *Verifier { return &Verifier{reader: reader} }

// VerifyTransfer checks on the chain that the noticed transfer of the token pays the deposit address (EIP-55 form) exactly
// the noticed amount, in the noticed block, which is canonical and has the required confirmations.
// Returns ErrNotConfirmedYet, ErrNotCanonical, ErrTransferDiffers, or an error of the node.
func (v *Verifier) VerifyTransfer(ctx context.Context, token common.Address, depositAddress string, n models.TransferNotice, requiredConfirmations uint64) error {
	head, err := v.reader.HeadHeader(ctx)
	if err != nil {
		return fmt.Errorf("verify transfer %s: %w", n.TransferKey, err)
	}
	if have := models.Confirmations(head.Number, n.Block.Number); have < requiredConfirmations {
		return fmt.Errorf("verify transfer %s: %w: %d of %d", n.TransferKey, ErrNotConfirmedYet, have, requiredConfirmations)
	}
	receipt, ok, err := v.reader.Receipt(ctx, common.HexToHash(n.TxHash))
	if err != nil {
		return fmt.Errorf("verify transfer %s: %w", n.TransferKey, err)
	}
	if !ok {
		return fmt.Errorf("verify transfer %s: %w: there is no receipt", n.TransferKey, ErrNotCanonical)
	}
	if receipt.BlockHash.Hex() != n.Block.Hash {
		return fmt.Errorf("verify transfer %s: %w: its receipt is of block %s", n.TransferKey, ErrNotCanonical, receipt.BlockHash.Hex())
	}
	if err := receiptMakes(receipt, token, depositAddress, n); err != nil {
		return fmt.Errorf("verify transfer %s: %w", n.TransferKey, err)
	}
	// Canonical means that the number leads to the hash: a node can serve receipts and logs of dead blocks too. This comes
	// last, so that nothing read before it is of a branch that died meanwhile.
	canonical, err := v.reader.HeaderByNumber(ctx, n.Block.Number)
	if err != nil {
		return fmt.Errorf("verify transfer %s: %w", n.TransferKey, err)
	}
	if canonical.Hash.Hex() != n.Block.Hash {
		return fmt.Errorf("verify transfer %s: %w: block %d is %s", n.TransferKey, ErrNotCanonical, n.Block.Number, canonical.Hash.Hex())
	}
	return nil
}

// receiptMakes checks that the transaction's logs hold the noticed transfer.
func receiptMakes(receipt *types.Receipt, token common.Address, depositAddress string, n models.TransferNotice) error {
	if receipt.Status != types.ReceiptStatusSuccessful {
		return fmt.Errorf("%w: the transaction failed", ErrTransferDiffers)
	}
	logs := make([]types.Log, 0, len(receipt.Logs))
	for _, log := range receipt.Logs {
		if log.TxHash.Hex() == n.TxHash {
			logs = append(logs, *log)
		}
	}
	transfers, _ := DecodeTransfers(n.ChainID, token, n.Block, logs)
	for _, transfer := range transfers {
		if transfer.Ordinal != n.Ordinal {
			continue
		}
		if transfer.To != depositAddress || transfer.Amount != n.Amount {
			return fmt.Errorf("%w: it pays %s %s", ErrTransferDiffers, transfer.To, transfer.Amount)
		}
		return nil
	}
	return fmt.Errorf("%w: it has no such log", ErrTransferDiffers)
}
