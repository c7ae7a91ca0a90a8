package chain

import (
	"context"
	"fmt"
	"log/slog"

	"paycow/models"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// believableLogs returns the token's watched logs of one block, asked of one node by hash: a node that does not have the
// block says so instead of answering with another one. An answer that contradicts itself or the header is ErrDoubtful.
func believableLogs(ctx context.Context, node Endpoint, token common.Address, header Header, logger *slog.Logger) ([]types.Log, error) {
	logs, err := node.TokenLogsByBlockHash(ctx, token, header.Hash)
	if err != nil {
		return nil, fmt.Errorf("logs of block %d: %w", header.Number, err)
	}
	for _, log := range logs {
		if log.BlockHash != header.Hash || log.BlockNumber != header.Number || log.Removed {
			return nil, fmt.Errorf("%w: %s: logs of block %d hold one of another block", models.ErrDoubtful, node.Name(), header.Number)
		}
	}
	if len(logs) > 0 || !header.mayHoldLogs(token) {
		return logs, nil
	}
	receipts, err := node.ReceiptsByBlockHash(ctx, header.Hash)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: no logs in block %d although its bloom filter speaks of some, and its receipts cannot be had: %w",
			models.ErrDoubtful, node.Name(), header.Number, err)
	}
	logs, err = logsOfReceipts(receipts, token, header)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", node.Name(), err)
	}
	if len(logs) > 0 {
		logger.Warn("the node left logs out of its answer; its receipts had them", "node", node.Name(), "block", header.Number, "transfers", len(logs))
	}
	return logs, nil
}

// logsOfReceipts settles the doubt about an empty answer for a block whose bloom filter speaks of watched logs. Some nodes
// answer so when they are not ready; but a full bloom filter also speaks of what is not there. The block's receipts are
// the answer when their own bloom filter is the header's.
func logsOfReceipts(receipts []*types.Receipt, token common.Address, header Header) ([]types.Log, error) {
	var logs []types.Log
	var bloom types.Bloom
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			bloom.Add(log.Address.Bytes())
			for _, topic := range log.Topics {
				bloom.Add(topic.Bytes())
			}
			if log.BlockHash != header.Hash {
				return nil, fmt.Errorf("%w: receipts of block %d hold a log of another block", models.ErrDoubtful, header.Number)
			}
			if isWatched(*log, token) {
				logs = append(logs, *log)
			}
		}
	}
	if bloom != header.Bloom {
		return nil, fmt.Errorf("%w: the receipts of block %d are not complete", models.ErrDoubtful, header.Number)
	}
	return logs, nil
}
