package chaintest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/big"
	"net/http"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"paycow/chain"
)

// Lie is what a node does to each list of logs before it answers with it.
type Lie int

// The lies.
const (
	LieNone            Lie = iota
	LieHideAll             // no log is left
	LieHideFirst           // the first log is missing
	LieExtraTransfer       // a transfer is added at the end
	LieAnotherAmount       // the first log has another amount
	LieAnotherAccount      // the last log pays another account
	LieExtraPause          // the token is paused at the end
	LieAnotherContract     // the first log is of the token itself, whichever contract made it
)

// Addresses that lies are about.
var (
	// Payee1 and Payee2 are the deposit addresses of a test's payments.
	Payee1 = common.HexToAddress("0x1111111111111111111111111111111111111aBc")
	Payee2 = common.HexToAddress("0x2222222222222222222222222222222222222DeF")
	// Stranger is nobody's deposit address.
	Stranger = common.HexToAddress("0x9999999999999999999999999999999999999999")
)

func (l Lie) apply(logs []types.Log) []types.Log {
	if len(logs) == 0 {
		return logs
	}
	logs = slices.Clone(logs)
	last := len(logs) - 1
	switch l {
	case LieNone:
	case LieHideAll:
		return nil
	case LieHideFirst:
		return logs[1:]
	case LieExtraTransfer:
		extra := logs[last]
		extra.Index++
		extra.Topics, extra.Data = Pay(Payee1, 77).Topics, Pay(Payee1, 77).Data
		return append(logs, extra)
	case LieExtraPause:
		extra := logs[last]
		extra.Index++
		extra.Topics, extra.Data = Event("Pause()").Topics, nil
		return append(logs, extra)
	case LieAnotherAmount:
		logs[0].Data = Pay(Payee1, 99).Data
	case LieAnotherContract:
		logs[0].Address = Token
	case LieAnotherAccount:
		logs[last].Topics = Pay(Payee2, 1).Topics
	}
	return logs
}

// What happens to a call by chance. A Liar lies in the calls from fateLie on.
const (
	fateNothing = iota
	fateReset
	fateRateLimited
	fateLate
	fateVeryLate
	fateEmpty
	fateLie
)

// fates is how many things may happen to a call, each as likely as the others.
const fates = 8

// Draw returns a number that depends on nothing but what it is made from.
func Draw(seed uint64, parts ...string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, seed))
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

// begin counts a call and decides what happens to it. That depends on how often the same was asked, not on what runs
// concurrently.
func (n *Node) begin(ctx context.Context, method string, arguments ...any) (fate uint64, err error) {
	n.mu.Lock()
	n.calls[method]++
	b := n.behaviour
	n.behaviour.FailNext = nil
	key := method + fmt.Sprint(arguments...)
	n.draws[key]++
	fate = Draw(n.seed, n.name, key, fmt.Sprint(n.draws[key]))
	n.mu.Unlock()
	if b.Down {
		return fateNothing, ErrDown
	}
	if b.FailNext != nil {
		return fateNothing, b.FailNext
	}
	if fate%1000 >= b.Trouble {
		return fateNothing, nil
	}
	fate = fate/1000%fates + 1
	switch fate {
	case fateReset:
		return fate, errors.New("connection reset by peer")
	case fateRateLimited:
		return fate, rpc.HTTPError{StatusCode: http.StatusTooManyRequests, Status: "429 Too Many Requests"}
	case fateLate, fateVeryLate:
		select {
		case <-time.After(time.Duration(fate) * 700 * time.Millisecond):
		case <-ctx.Done():
			return fate, ctx.Err()
		}
	}
	return fate, nil
}

// lies reports whether the node lies in a call with that fate.
func (n *Node) lies(fate uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.behaviour.Liar && fate >= fateLie
}

// answersEmpty uses up one of the empty answers.
func (n *Node) answersEmpty() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.behaviour.EmptyAnswers == 0 {
		return false
	}
	n.behaviour.EmptyAnswers--
	return true
}

// logsOf returns what the node answers about one block's logs.
func (n *Node) logsOf(fate uint64, block *Block, contracts chain.Contracts) []types.Log {
	n.mu.Lock()
	lie := n.behaviour.Lie
	n.mu.Unlock()
	logs := n.byChance(fate, block, contracts)
	n.number(logs)
	return lie.apply(logs)
}

// byChance returns a block's logs with what chance does to them.
func (n *Node) byChance(fate uint64, block *Block, contracts chain.Contracts) []types.Log {
	n.mu.Lock()
	blank := n.behaviour.Blank
	n.mu.Unlock()
	logs := block.Logs(contracts...)
	switch {
	case blank && block.Header.Number%3 == 0, fate == fateEmpty:
		return nil
	case n.lies(fate) && len(logs) > 1 && fate%2 == 0:
		return slices.Delete(logs, 0, 1)
	case n.lies(fate):
		return append(logs, n.madeUp(block, uint(len(logs)+20)))
	}
	return logs
}

// madeUp is a log that pays a victim and that no block contains.
func (n *Node) madeUp(block *Block, index uint) types.Log {
	n.mu.Lock()
	victim := Stranger
	if len(n.victims) > 0 {
		victim = n.victims[block.Header.Number%uint64(len(n.victims))]
	}
	n.mu.Unlock()
	log := *Transfer(Token, Sender, victim, big.NewInt(50_000_000)).Log()
	log.BlockHash, log.BlockNumber, log.Index = block.Header.Hash, block.Header.Number, index
	log.TxHash = common.BigToHash(new(big.Int).SetUint64(n.madeUpTx(block)))
	return log
}

// madeUpTx numbers the transaction that the node makes up for a block.
func (n *Node) madeUpTx(block *Block) uint64 {
	return Draw(n.seed, "invented", block.Header.Hash.Hex())
}

// madeUpReceipt returns the receipt of the transaction that a Liar makes up for a block, or nil if it is another one.
func (n *Node) madeUpReceipt(block *Block, txHash common.Hash) *types.Receipt {
	n.mu.Lock()
	liar := n.behaviour.Liar
	n.mu.Unlock()
	if !liar || n.madeUpTx(block) != txHash.Big().Uint64() {
		return nil
	}
	log := n.madeUp(block, 20)
	return &types.Receipt{
		Status: types.ReceiptStatusSuccessful, TxHash: txHash, BlockHash: block.Header.Hash,
		BlockNumber: new(big.Int).SetUint64(block.Header.Number), Logs: []*types.Log{&log},
	}
}
