package chain

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/core/types"
)

// blockLogs returns the token's Transfer logs of one block, asked for by hash: a node that does not have the block says
// so instead of answering with another one.
func (f *Follower) blockLogs(ctx context.Context, header Header) ([]types.Log, error) {
	logs, err := f.source.TransferLogsByBlockHash(ctx, f.config.Token, header.Hash)
	if err != nil {
		return nil, fmt.Errorf("transfers of block %d: %w", header.Number, err)
	}
	for _, log := range logs {
		if log.BlockHash != header.Hash || log.BlockNumber != header.Number || log.Removed {
			return nil, fmt.Errorf("%w: logs of block %d hold one of another block", ErrDoubtful, header.Number)
		}
	}
	if len(logs) == 0 && header.mayHoldTransfers(f.config.Token) {
		return f.logsFromReceipts(ctx, header)
	}
	return logs, nil
}

// logsFromReceipts settles the doubt about an empty answer for a block whose bloom filter speaks of transfers. Some nodes
// answer so when they are not ready; but a full bloom filter also speaks of what is not there. The block's receipts are
// the answer when their own bloom filter is the header's.
func (f *Follower) logsFromReceipts(ctx context.Context, header Header) ([]types.Log, error) {
	receipts, err := f.source.ReceiptsByBlockHash(ctx, header.Hash)
	if err != nil {
		return nil, fmt.Errorf("%w: no transfers in block %d, and its receipts cannot be had: %w", ErrDoubtful, header.Number, err)
	}
	var logs []types.Log
	var bloom types.Bloom
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			bloom.Add(log.Address.Bytes())
			for _, topic := range log.Topics {
				bloom.Add(topic.Bytes())
			}
			if log.BlockHash != header.Hash {
				return nil, fmt.Errorf("%w: receipts of block %d hold a log of another block", ErrDoubtful, header.Number)
			}
			if log.Address == f.config.Token && len(log.Topics) > 0 && log.Topics[0] == transferTopic {
				logs = append(logs, *log)
			}
		}
	}
	if bloom != header.Bloom {
		return nil, fmt.Errorf("%w: the receipts of block %d are not complete", ErrDoubtful, header.Number)
	}
	if len(logs) > 0 {
		f.logger.Warn("the node left transfers out of its answer; its receipts had them", "block", header.Number, "transfers", len(logs))
	}
	return logs, nil
}
