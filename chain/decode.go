package chain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// Only the fields that are needed are decoded, because clients differ in the others and add new ones.

// rpcLog is a log as the RPC encodes it.
type rpcLog types.Log

// UnmarshalJSON reads a log. A missing field is an error; a missing "removed" is false.
func (l *rpcLog) UnmarshalJSON(text []byte) error {
	var fields struct {
		Address     *common.Address `json:"address"`
		Topics      []common.Hash   `json:"topics"`
		Data        *hexutil.Bytes  `json:"data"`
		BlockNumber *quantity       `json:"blockNumber"`
		BlockHash   *common.Hash    `json:"blockHash"`
		TxHash      *common.Hash    `json:"transactionHash"`
		TxIndex     *quantity       `json:"transactionIndex"`
		Index       *quantity       `json:"logIndex"`
		Removed     bool            `json:"removed"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("read a log: %w", err)
	}
	if fields.Address == nil || fields.Data == nil || fields.BlockNumber == nil || fields.BlockHash == nil ||
		fields.TxHash == nil || fields.TxIndex == nil || fields.Index == nil {
		return errors.New("read a log: it lacks one of address, data, blockNumber, blockHash, transactionHash, " +
			"transactionIndex, logIndex")
	}
	*l = rpcLog{
		Address: *fields.Address, Topics: fields.Topics, Data: *fields.Data, BlockNumber: uint64(*fields.BlockNumber),
		BlockHash: *fields.BlockHash, TxHash: *fields.TxHash, TxIndex: uint(*fields.TxIndex), Index: uint(*fields.Index),
		Removed: fields.Removed,
	}
	return nil
}

// rpcReceipt is a receipt as the RPC encodes it: what it pays, and what its block's receipts root is made from.
type rpcReceipt types.Receipt

// undecoded is the type of a receipt of which only a part could be decoded. No type of transaction has this number
// (EIP-2718).
const undecoded = 0xff

// UnmarshalJSON reads a receipt. Without the transaction, its block, its outcome or its logs it is an error. Without
// one of the other fields that the receipts root is made from, the type becomes undecoded.
func (r *rpcReceipt) UnmarshalJSON(text []byte) error {
	var fields struct {
		Type        json.RawMessage `json:"type"`
		Root        *hexutil.Bytes  `json:"root"`
		Status      *quantity       `json:"status"`
		Gas         json.RawMessage `json:"cumulativeGasUsed"`
		TxHash      *common.Hash    `json:"transactionHash"`
		TxIndex     *quantity       `json:"transactionIndex"`
		BlockHash   *common.Hash    `json:"blockHash"`
		BlockNumber *quantity       `json:"blockNumber"`
		Logs        []*rpcLog       `json:"logs"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("read a receipt: %w", err)
	}
	if fields.TxHash == nil || fields.BlockHash == nil || fields.Logs == nil ||
		fields.Status == nil && fields.Root == nil {
		return errors.New("read a receipt: it lacks one of transactionHash, blockHash, logs, status")
	}
	*r = rpcReceipt{TxHash: *fields.TxHash, BlockHash: *fields.BlockHash}
	if fields.BlockNumber != nil {
		r.BlockNumber = new(big.Int).SetUint64(uint64(*fields.BlockNumber))
	}
	if fields.TxIndex != nil {
		r.TransactionIndex = uint(*fields.TxIndex)
	}
	if fields.Status != nil {
		r.Status = uint64(*fields.Status)
	}
	if fields.Root != nil && len(*fields.Root) > 0 {
		r.PostState = *fields.Root // before Byzantium (EIP-658)
	}
	for _, log := range fields.Logs {
		if log == nil {
			return errors.New("read a receipt: one of its logs is null")
		}
		r.Logs = append(r.Logs, (*types.Log)(log))
	}
	r.Bloom = types.CreateBloom((*types.Receipt)(r))
	var kind, gas quantity
	if len(fields.Type) > 0 && json.Unmarshal(fields.Type, &kind) != nil || kind > undecoded ||
		json.Unmarshal(fields.Gas, &gas) != nil {
		kind = undecoded
	}
	r.Type, r.CumulativeGasUsed = uint8(kind), uint64(gas)
	return nil
}

// rpcBlock is the part of a block that says which receipts it has.
type rpcBlock struct {
	Number       *quantity    `json:"number"`
	Hash         *common.Hash `json:"hash"`
	Transactions []rpcTxHash  `json:"transactions"`
}

// rpcTxHash is the hash of a transaction, which some nodes return as a whole even when only its hash was asked for.
type rpcTxHash common.Hash

// UnmarshalJSON reads a hash, or the hash of an object.
func (h *rpcTxHash) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var fields struct {
			Hash *common.Hash `json:"hash"`
		}
		if err := json.Unmarshal(text, &fields); err != nil || fields.Hash == nil {
			return errors.New("read a transaction of a block: it has no hash")
		}
		*h = rpcTxHash(*fields.Hash)
		return nil
	}
	return json.Unmarshal(text, (*common.Hash)(h))
}
