package chain

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"

	"paycow/models"
)

// receiptsRoot returns the root of the trie of a block's receipts, as the block's header states it (Ethereum yellow
// paper, 4.3.1): with the header, every log of the block can be proved. The receipts must be in the order of their
// transactions.
func receiptsRoot(receipts []*types.Receipt) common.Hash {
	return types.DeriveSha(types.Receipts(receipts), trie.NewStackTrie(nil))
}

// watchedLogs returns the token's watched logs in the receipts.
func watchedLogs(receipts []*types.Receipt, contracts Contracts) []types.Log {
	var logs []types.Log
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			if isWatched(*log, contracts) {
				logs = append(logs, *log)
			}
		}
	}
	return logs
}

// logsOfReceipts resolves the doubt about an empty answer for a block whose bloom filter matches the token's watched
// logs. Some nodes answer so while they are not ready, but a well-filled bloom filter also matches what is not there.
// The receipts decide if their own bloom filter equals the header's. Returns models.ErrDoubtful if it does not.
func logsOfReceipts(receipts []*types.Receipt, contracts Contracts, header Header) ([]types.Log, error) {
	var bloom types.Bloom
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			bloom.Add(log.Address.Bytes())
			for _, topic := range log.Topics {
				bloom.Add(topic.Bytes())
			}
			if log.BlockHash != header.Hash {
				return nil, fmt.Errorf("%w: the receipts of block %d contain a log of another block",
					models.ErrDoubtful, header.Number)
			}
		}
	}
	if bloom != header.Bloom {
		return nil, fmt.Errorf("%w: the receipts of block %d are not complete", models.ErrDoubtful, header.Number)
	}
	return watchedLogs(receipts, contracts), nil
}
