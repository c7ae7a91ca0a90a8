package simulate

import (
	"encoding/binary"
	"hash/fnv"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"

	"paycow/chain"
	"paycow/models"
)

const (
	chainID   = 1337
	blockTime = 12 * time.Second
	finalLag  = 40 // blocks between the head and the finalized block; deeper than any fork
)

var (
	tokenAddress   = common.HexToAddress("0x00000000000000000000000000000000070CE400")
	foreignToken   = common.HexToAddress("0x00000000000000000000000000000000F04E16A4")
	transferTopic  = crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))
	stranger       = common.HexToAddress("0x5742A96E4")
	otherRecipient = common.HexToAddress("0x0742A96E5")
)

// draw returns a number that depends on nothing but what it is made from.
func draw(seed uint64, parts ...string) uint64 {
	h := fnv.New64a()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], seed)
	_, _ = h.Write(b[:])
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// output is one Transfer log that a transaction makes.
type output struct {
	contract common.Address
	to       common.Address
	value    *big.Int
	topic    common.Hash // transferTopic, or the token's own events
}

func (o output) log() *types.Log {
	log := &types.Log{Address: o.contract, Topics: []common.Hash{o.topic}}
	if o.topic == transferTopic {
		log.Topics = append(log.Topics, common.BytesToHash(stranger[:]), common.BytesToHash(o.to[:]))
		log.Data = common.BigToHash(o.value).Bytes()
	}
	return log
}

// transaction makes its outputs, or the other ones when it is a contract call that is mined again after a fork.
type transaction struct {
	hash    common.Hash
	outputs []output
	again   []output // nil: the same
}

// modelBlock is a block whose hash follows from all that is in it.
type modelBlock struct {
	header   chain.Header
	txs      []transaction
	receipts []*types.Receipt
}

func (b *modelBlock) logs(token common.Address) []types.Log {
	var logs []types.Log
	for _, receipt := range b.receipts {
		for _, log := range receipt.Logs {
			if log.Address == token {
				logs = append(logs, *log)
			}
		}
	}
	return logs
}

// world is the truth: the honest chain and every block there ever was.
type world struct {
	main   []*modelBlock
	byHash map[common.Hash]*modelBlock
	mined  map[common.Hash]int // how often a transaction was mined
}

func newWorld(at time.Time) *world {
	w := &world{byHash: map[common.Hash]*modelBlock{}, mined: map[common.Hash]int{}}
	for i := range 3 {
		w.mine(at.Add(time.Duration(i-3)*blockTime), nil)
	}
	return w
}

// mine puts a block on the honest chain.
func (w *world) mine(at time.Time, txs []transaction) {
	header := &types.Header{Number: big.NewInt(int64(len(w.main))), Time: uint64(at.Unix()), Difficulty: new(big.Int)}
	if len(w.main) > 0 {
		header.ParentHash = w.main[len(w.main)-1].header.Hash
	}
	block := &modelBlock{txs: txs}
	index := uint(0)
	for i, tx := range txs {
		outputs := tx.outputs
		if w.mined[tx.hash] > 0 && tx.again != nil {
			outputs = tx.again
		}
		w.mined[tx.hash]++
		receipt := &types.Receipt{Status: types.ReceiptStatusSuccessful, TxHash: tx.hash, TransactionIndex: uint(i), CumulativeGasUsed: uint64(i+1) * 60_000}
		for _, out := range outputs {
			log := out.log()
			log.TxHash, log.TxIndex, log.Index = tx.hash, uint(i), index
			index++
			receipt.Logs = append(receipt.Logs, log)
		}
		receipt.Bloom = types.CreateBloom(receipt)
		block.receipts = append(block.receipts, receipt)
	}
	header.Bloom = types.MergeBloom(block.receipts)
	header.ReceiptHash = types.DeriveSha(types.Receipts(block.receipts), trie.NewStackTrie(nil))
	content := []byte{}
	for _, tx := range txs {
		content = append(content, tx.hash[:]...)
	}
	header.TxHash = crypto.Keccak256Hash(content)
	hash := header.Hash()
	for _, receipt := range block.receipts {
		receipt.BlockHash, receipt.BlockNumber = hash, header.Number
		for _, log := range receipt.Logs {
			log.BlockHash, log.BlockNumber = hash, header.Number.Uint64()
		}
	}
	block.header = chain.Header{
		Number: header.Number.Uint64(), Hash: hash, ParentHash: header.ParentHash, Time: at.UTC().Truncate(time.Second), Bloom: header.Bloom, ReceiptsRoot: header.ReceiptHash,
	}
	w.main = append(w.main, block)
	w.byHash[hash] = block
}

// fork replaces the last blocks of the honest chain by as many others and one more. Each of their transactions is mined
// again, in the same order in the first of them where place is 0, later where it is more, and lost where it is below 0.
func (w *world) fork(depth int, now time.Time, place func(common.Hash) int) {
	depth = min(depth, len(w.main)-3)
	dead := w.main[len(w.main)-depth:]
	w.main = append([]*modelBlock{}, w.main[:len(w.main)-depth]...)
	fresh := make([][]transaction, depth+1)
	for _, block := range dead {
		for _, tx := range block.txs {
			if at := place(tx.hash); at >= 0 {
				fresh[at%len(fresh)] = append(fresh[at%len(fresh)], tx)
			}
		}
	}
	for i, txs := range fresh {
		at := now
		if i < depth {
			at = dead[i].header.Time.Add(time.Second)
		}
		w.mine(at, txs)
	}
}

// truth returns the transfers of the token in a chain, in order.
func truth(blocks []*modelBlock) []models.TokenTransfer {
	var all []models.TokenTransfer
	for _, block := range blocks {
		ordinals := map[common.Hash]int{}
		for _, log := range block.logs(tokenAddress) {
			if log.Topics[0] != transferTopic {
				continue
			}
			ordinal := ordinals[log.TxHash]
			ordinals[log.TxHash]++
			value := new(big.Int).SetBytes(log.Data)
			if value.Sign() == 0 || !value.IsInt64() {
				continue
			}
			all = append(all, models.TokenTransfer{
				TransferKey: models.TransferKey{ChainID: chainID, TxHash: log.TxHash.Hex(), Ordinal: ordinal},
				To:          common.BytesToAddress(log.Topics[2][:]).Hex(), Amount: models.Amount(value.Int64()), LogIndex: log.Index, Block: block.header.Ref(),
			})
		}
	}
	return all
}
