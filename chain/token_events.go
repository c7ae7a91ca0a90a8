package chain

import (
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// Decoded is everything that a block's logs say.
type Decoded struct {
	Transfers []models.TokenTransfer
	Events    []models.TokenEvent
	Oversized []models.OversizedTransfer
	Rejected  []Rejected // malformed or foreign
}

// DecodeLogs decodes everything that is watched from a block's logs, in any order.
func DecodeLogs(chainID uint64, contracts Contracts, block models.BlockRef, logs []types.Log) Decoded {
	transfers, rejected := DecodeTransfers(chainID, contracts, block, logs)
	decoded := Decoded{Transfers: transfers, Events: decodeEvents(chainID, contracts, block, logs)}
	for _, r := range rejected {
		if r.Value == "" {
			decoded.Rejected = append(decoded.Rejected, r)
			continue
		}
		decoded.Oversized = append(decoded.Oversized, models.OversizedTransfer{
			TransferKey: models.TransferKey{ChainID: chainID, TxHash: r.TxHash, Ordinal: r.Ordinal, Token: r.Token},
			From:        r.From, To: r.To, Value: r.Value, LogIndex: r.LogIndex, Block: block,
		})
	}
	return decoded
}

// decodeEvents decodes the token's events other than Transfer, in the order of the block. It ignores a log whose data
// does not have the form of its signature.
func decodeEvents(chainID uint64, contracts Contracts, block models.BlockRef, logs []types.Log) []models.TokenEvent {
	var events []models.TokenEvent
	ordinals := make(map[source]int)
	ordered := slices.Clone(logs)
	slices.SortStableFunc(ordered, byPosition)
	seen := make(map[position]bool, len(ordered))
	for _, log := range ordered {
		if !contracts.Has(log.Address) || len(log.Topics) == 0 || log.Removed || seen[positionOf(log)] ||
			log.BlockHash.Hex() != block.Hash {
			continue
		}
		seen[positionOf(log)] = true
		kind, watched := tokenEventKinds[log.Topics[0]]
		if !watched {
			continue
		}
		ordinal := ordinals[sourceOf(log)]
		ordinals[sourceOf(log)]++
		address, value, ok := eventFields(log)
		if !ok {
			continue
		}
		events = append(events, models.TokenEvent{
			TransferKey: contracts.keyOf(chainID, log, ordinal),
			Kind:        kind,
			Address:     address,
			Value:       value,
			BlockNumber: block.Number,
			BlockHash:   block.Hash,
			BlockTime:   block.Time,
			LogIndex:    log.Index,
			Canonical:   true,
		})
	}
	return events
}

// eventFields decodes the arguments of an event other than Transfer: the address in EIP-55 form, and the numbers in
// decimal, separated by slashes. ok is false when the log is malformed.
func eventFields(log types.Log) (address, value string, ok bool) {
	event, err := tokenABI.EventByID(log.Topics[0])
	if err != nil || len(log.Topics) != 1 {
		return "", "", false
	}
	arguments, ok := unpackStrictly(event.Inputs, log.Data)
	if !ok {
		return "", "", false
	}
	var numbers []string
	for _, argument := range arguments {
		switch argument := argument.(type) {
		case common.Address:
			address = argument.Hex()
		case *big.Int:
			numbers = append(numbers, argument.String())
		}
	}
	return address, strings.Join(numbers, "/"), true
}
