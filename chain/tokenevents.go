package chain

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"paycow/models"
)

// tokenEventKinds are the events of USDT's contract, besides Transfer, that change what a transfer means. None of their
// arguments is indexed (TetherToken 0xdAC17F958D2ee523a2206206994597C13D831ec7).
var tokenEventKinds = map[common.Hash]models.TokenEventKind{
	crypto.Keccak256Hash([]byte("Pause()")):                              models.TokenPause,
	crypto.Keccak256Hash([]byte("Unpause()")):                            models.TokenUnpause,
	crypto.Keccak256Hash([]byte("Params(uint256,uint256)")):              models.TokenParams,
	crypto.Keccak256Hash([]byte("Deprecate(address)")):                   models.TokenDeprecate,
	crypto.Keccak256Hash([]byte("AddedBlackList(address)")):              models.TokenBlacklisted,
	crypto.Keccak256Hash([]byte("RemovedBlackList(address)")):            models.TokenUnblacklisted,
	crypto.Keccak256Hash([]byte("DestroyedBlackFunds(address,uint256)")): models.TokenFundsDestroyed,
}

// watchedTopics are the first topics of all logs of the token that are read.
var watchedTopics = append([]common.Hash{transferTopic}, sortedTopics()...)

func sortedTopics() []common.Hash {
	topics := make([]common.Hash, 0, len(tokenEventKinds))
	for topic := range tokenEventKinds {
		topics = append(topics, topic)
	}
	slices.SortFunc(topics, common.Hash.Cmp)
	return topics
}

// Decoded is what a block's logs say.
type Decoded struct {
	Transfers []models.TokenTransfer
	Events    []models.TokenEvent
	Oversized []models.OversizedTransfer
	Rejected  []Rejected // malformed or foreign
}

// DecodeLogs reads everything that is watched out of a block's logs, in any order.
func DecodeLogs(chainID uint64, token common.Address, block models.BlockRef, logs []types.Log) Decoded {
	transfers, rejected := DecodeTransfers(chainID, token, block, logs)
	decoded := Decoded{Transfers: transfers, Events: decodeEvents(chainID, token, block, logs)}
	for _, r := range rejected {
		if r.Value == "" {
			decoded.Rejected = append(decoded.Rejected, r)
			continue
		}
		decoded.Oversized = append(decoded.Oversized, models.OversizedTransfer{
			TransferKey: models.TransferKey{ChainID: chainID, TxHash: r.TxHash, Ordinal: r.Ordinal},
			From:        r.From, To: r.To, Value: r.Value, LogIndex: r.LogIndex, Block: block,
		})
	}
	return decoded
}

// decodeEvents reads the token's other events, ordered by log index. One whose data has not the form its signature
// demands is passed over: it is not what it says.
func decodeEvents(chainID uint64, token common.Address, block models.BlockRef, logs []types.Log) []models.TokenEvent {
	var events []models.TokenEvent
	ordinals := make(map[common.Hash]int)
	ordered := slices.Clone(logs)
	slices.SortStableFunc(ordered, func(a, b types.Log) int { return cmp.Compare(a.Index, b.Index) })
	for i, log := range ordered {
		repeated := i > 0 && ordered[i-1].Index == log.Index
		if log.Address != token || len(log.Topics) == 0 || log.Removed || repeated || log.BlockHash.Hex() != block.Hash {
			continue
		}
		kind, watched := tokenEventKinds[log.Topics[0]]
		if !watched {
			continue
		}
		ordinal := ordinals[log.TxHash]
		ordinals[log.TxHash]++
		address, value, ok := eventFields(kind, log)
		if !ok {
			continue
		}
		events = append(events, models.TokenEvent{
			TransferKey: models.TransferKey{ChainID: chainID, TxHash: log.TxHash.Hex(), Ordinal: ordinal},
			Kind:        kind, Address: address, Value: value,
			BlockNumber: block.Number, BlockHash: block.Hash, BlockTime: block.Time, LogIndex: log.Index, Canonical: true,
		})
	}
	return events
}

func eventFields(kind models.TokenEventKind, log types.Log) (address, value string, ok bool) {
	if len(log.Topics) != 1 || len(log.Data)%common.HashLength != 0 {
		return "", "", false
	}
	var words []common.Hash
	for word := range slices.Chunk(log.Data, common.HashLength) {
		words = append(words, common.BytesToHash(word))
	}
	number := func(i int) string { return new(big.Int).SetBytes(words[i][:]).String() }
	switch kind {
	case models.TokenPause, models.TokenUnpause:
		return "", "", len(words) == 0
	case models.TokenParams:
		if len(words) != 2 {
			return "", "", false
		}
		return "", number(0) + "/" + number(1), true
	case models.TokenDeprecate, models.TokenBlacklisted, models.TokenUnblacklisted:
		if len(words) != 1 {
			return "", "", false
		}
		address, ok = topicAddress(words[0])
		return address, "", ok
	case models.TokenFundsDestroyed:
		if len(words) != 2 {
			return "", "", false
		}
		address, ok = topicAddress(words[0])
		return address, number(1), ok
	default:
		return "", "", false
	}
}

// isWatched tells whether a log is one of the token's that are read.
func isWatched(log types.Log, token common.Address) bool {
	return log.Address == token && len(log.Topics) > 0 && slices.Contains(watchedTopics, log.Topics[0])
}
