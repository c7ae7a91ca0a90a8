package chain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// Header is the part of a block's header that following the chain needs. The hash is the one that the node states:
// computing it here would break with every fork of Ethereum that adds a field to the header.
type Header struct {
	Number     uint64
	Hash       common.Hash
	ParentHash common.Hash
	Time       time.Time
	Bloom      types.Bloom
	// ReceiptsRoot is the root of the trie of the block's receipts.
	ReceiptsRoot common.Hash
}

// UnmarshalJSON reads a header as the RPC encodes it, in answers and in newHeads notifications. A missing field is an
// error.
func (h *Header) UnmarshalJSON(text []byte) error {
	var fields struct {
		Number     *quantity    `json:"number"`
		Hash       *common.Hash `json:"hash"`
		ParentHash *common.Hash `json:"parentHash"`
		Timestamp  *quantity    `json:"timestamp"`
		LogsBloom  *types.Bloom `json:"logsBloom"`
		Receipts   *common.Hash `json:"receiptsRoot"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("read a block header: %w", err)
	}
	if fields.Number == nil || fields.Hash == nil || fields.ParentHash == nil ||
		fields.Timestamp == nil || fields.LogsBloom == nil || fields.Receipts == nil {
		return errors.New(
			"read a block header: it lacks one of number, hash, parentHash, timestamp, logsBloom, receiptsRoot",
		)
	}
	*h = Header{
		Number: uint64(*fields.Number), Hash: *fields.Hash, ParentHash: *fields.ParentHash,
		Time:  time.Unix(int64(*fields.Timestamp&math.MaxInt64), 0).UTC(),
		Bloom: *fields.LogsBloom, ReceiptsRoot: *fields.Receipts,
	}
	return nil
}

// Ref returns the reference to the header's block.
func (h Header) Ref() models.BlockRef {
	return models.BlockRef{Number: h.Number, Hash: h.Hash.Hex(), Time: h.Time}
}

// Follows reports whether the header's block is the child of the given one.
func (h Header) Follows(parent models.BlockRef) bool {
	return h.Number == parent.Number+1 && h.ParentHash.Hex() == parent.Hash
}

// MayHoldLogs reports whether the header's bloom filter matches watched logs of one of the contracts. False is certain;
// true may be wrong.
func (h Header) MayHoldLogs(contracts Contracts) bool {
	ofContract := func(contract common.Address) bool { return types.BloomLookup(h.Bloom, contract) }
	return slices.ContainsFunc(contracts, ofContract) && slices.ContainsFunc(watchedTopics, func(topic common.Hash) bool {
		return types.BloomLookup(h.Bloom, topic)
	})
}
