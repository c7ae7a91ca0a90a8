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

// transferTopic is the first topic of every ERC-20 Transfer log.
var transferTopic = crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))

// Rejected is a Transfer log of the token that was not decoded.
type Rejected struct {
	TxHash   string
	Ordinal  int
	LogIndex uint
	From     string // EIP-55 form, "" when the log is malformed
	To       string // EIP-55 form, "" when the log is malformed
	Value    string // decimal micro-USDT, "" when the log is malformed
	Reason   error
}

// DecodeTransfers reads the token's transfers out of a block's logs, in any order, ordered by log index. Logs of other
// contracts, other events and transfers of nothing are passed over in silence.
// The ordinal counts all the token's Transfer logs of a transaction, also those without value and the malformed ones, so
// that it does not depend on what we make of them.
func DecodeTransfers(chainID uint64, token common.Address, block models.BlockRef, logs []types.Log) ([]models.TokenTransfer, []Rejected) {
	candidates := make([]types.Log, 0, len(logs))
	for _, log := range logs {
		if log.Address == token && len(log.Topics) > 0 && log.Topics[0] == transferTopic {
			candidates = append(candidates, log)
		}
	}
	slices.SortStableFunc(candidates, func(a, b types.Log) int { return cmp.Compare(a.Index, b.Index) })

	var transfers []models.TokenTransfer
	var rejected []Rejected
	ordinals := make(map[common.Hash]int)
	seen := make(map[uint]bool, len(candidates))
	for _, log := range candidates {
		reject := Rejected{TxHash: log.TxHash.Hex(), LogIndex: log.Index}
		if log.Removed || log.BlockHash.Hex() != block.Hash || seen[log.Index] {
			reject.Reason = models.ErrForeignLog
			rejected = append(rejected, reject)
			continue
		}
		seen[log.Index] = true
		ordinal := ordinals[log.TxHash]
		ordinals[log.TxHash]++
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
			continue // anyone can send nothing in anyone's name; it is only spam
		}
		transfers = append(transfers, models.TokenTransfer{
			TransferKey: models.TransferKey{ChainID: chainID, TxHash: log.TxHash.Hex(), Ordinal: ordinal},
			From:        from, To: to, Amount: models.Amount(value.Int64()), LogIndex: log.Index, Block: block,
		})
	}
	return transfers, rejected
}

func transferFields(log types.Log) (from, to string, value *big.Int, ok bool) {
	if len(log.Topics) != 3 || len(log.Data) != common.HashLength {
		return "", "", nil, false
	}
	from, okFrom := topicAddress(log.Topics[1])
	to, okTo := topicAddress(log.Topics[2])
	return from, to, new(big.Int).SetBytes(log.Data), okFrom && okTo
}

// topicAddress reads an address in EIP-55 form out of a topic. Anything before its 20 bytes means that it is none.
func topicAddress(topic common.Hash) (string, bool) {
	const padding = common.HashLength - common.AddressLength
	if [padding]byte(topic[:padding]) != ([padding]byte{}) {
		return "", false
	}
	return common.BytesToAddress(topic[padding:]).Hex(), true
}
