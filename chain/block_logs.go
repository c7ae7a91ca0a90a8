package chain

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// believableLogs returns the token's watched logs in one block, as one node returns them by the block's hash: a node
// that does not have the block refuses, instead of answering with another block. Returns models.ErrDoubtful when the
// answer contradicts itself or the header.
func believableLogs(
	ctx context.Context, node Endpoint, contracts Contracts, header Header, log *slog.Logger,
) ([]types.Log, error) {
	logs, err := node.TokenLogsByBlockHash(ctx, contracts, header.Hash)
	if err != nil {
		return nil, fmt.Errorf("read the logs of block %d: %w", header.Number, err)
	}
	for _, l := range logs {
		if l.BlockHash != header.Hash || l.BlockNumber != header.Number || l.Removed {
			return nil, fmt.Errorf("%w: %s: the logs of block %d contain one of another block", models.ErrDoubtful,
				node.Name(), header.Number)
		}
	}
	if len(logs) > 0 || !header.MayHoldLogs(contracts) {
		return logs, nil
	}
	receipts, err := node.ReceiptsByBlockHash(ctx, header.Hash)
	if err != nil {
		return nil, fmt.Errorf(
			"%w: %s: no logs in block %d although its bloom filter matches, and its receipts cannot be read: %w",
			models.ErrDoubtful, node.Name(), header.Number, err,
		)
	}
	logs, err = logsOfReceipts(receipts, contracts, header)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", node.Name(), err)
	}
	if len(logs) > 0 {
		log.WarnContext(ctx, "the node left out logs that its receipts contain", "node", node.Name(), "block",
			header.Number, "count", len(logs))
	}
	return logs, nil
}
