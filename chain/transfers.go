package chain

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// Rejected is a Transfer log of the token that was not decoded.
type Rejected struct {
	TxHash   string
	Ordinal  int
	Token    string // as models.TransferKey names the contract
	LogIndex uint
	From     string // EIP-55 form, "" when the log is malformed
	To       string // EIP-55 form, "" when the log is malformed
	Value    string // decimal micro-USDT, "" when the log is malformed
	Reason   error
}

// DecodeTransfers decodes the token's transfers from a block's logs, in any order, and returns them in the order of
// the block. It ignores logs of other contracts, other events and transfers of nothing. The ordinal counts all
// Transfer logs of one contract in a transaction, including those without value and malformed ones, so that it does
// not depend on how they are judged.
func DecodeTransfers(
	chainID uint64, contracts Contracts, block models.BlockRef, logs []types.Log,
) ([]models.TokenTransfer, []Rejected) {
	candidates := make([]types.Log, 0, len(logs))
	for _, log := range logs {
		if contracts.Has(log.Address) && len(log.Topics) > 0 && log.Topics[0] == transferTopic {
			candidates = append(candidates, log)
		}
	}
	slices.SortStableFunc(candidates, byPosition)

	var transfers []models.TokenTransfer
	var rejected []Rejected
	ordinals := make(map[source]int)
	seen := make(map[position]bool, len(candidates))
	for _, log := range candidates {
		reject := Rejected{TxHash: log.TxHash.Hex(), Token: contracts.key(log.Address), LogIndex: log.Index}
		if log.Removed || log.BlockHash.Hex() != block.Hash || seen[positionOf(log)] {
			reject.Reason = models.ErrForeignLog
			rejected = append(rejected, reject)
			continue
		}
		seen[positionOf(log)] = true
		ordinal := ordinals[sourceOf(log)]
		ordinals[sourceOf(log)]++
		reject.Ordinal = ordinal

		from, to, value, ok := transferFields(log)
		if !ok {
			reject.Reason = models.ErrMalformedLog
			rejected = append(rejected, reject)
			continue
		}
		if !value.IsInt64() {
			reject.From, reject.To, reject.Value, reject.Reason = from, to, value.String(), models.ErrAmountTooLarge
			rejected = append(rejected, reject)
			continue
		}
		if value.Sign() == 0 {
			continue // spam: anyone can send nothing in anyone's name
		}
		transfers = append(transfers, models.TokenTransfer{
			TransferKey: contracts.keyOf(chainID, log, ordinal),
			From:        from, To: to, Amount: models.Amount(value.Int64()), LogIndex: log.Index, Block: block,
		})
	}
	return transfers, rejected
}

// position is where a log stands. Most nodes number the logs of a block, some those of each transaction anew, so the
// index alone does not identify a log.
type position struct {
	txHash common.Hash
	index  uint
}

func positionOf(log types.Log) position { return position{log.TxHash, log.Index} }

// byPosition orders logs by their position in the block.
func byPosition(a, b types.Log) int {
	return cmp.Or(cmp.Compare(a.TxIndex, b.TxIndex), cmp.Compare(a.Index, b.Index))
}

// transferFields decodes a Transfer log. ok is false when the log is malformed.
func transferFields(log types.Log) (from, to string, value *big.Int, ok bool) {
	from, to, ok = transferParties(log)
	if !ok {
		return "", "", nil, false
	}
	values, ok := unpackStrictly(tokenABI.Events["Transfer"].Inputs, log.Data)
	if !ok {
		return "", "", nil, false
	}
	return from, to, values[0].(*big.Int), true
}

// transferParties returns the sender and the recipient of a Transfer log in EIP-55 form. ok is false when the log is
// malformed.
func transferParties(log types.Log) (from, to string, ok bool) {
	if len(log.Topics) != 3 || len(log.Data) != common.HashLength {
		return "", "", false
	}
	from, okFrom := topicAddress(log.Topics[1])
	to, okTo := topicAddress(log.Topics[2])
	return from, to, okFrom && okTo
}
