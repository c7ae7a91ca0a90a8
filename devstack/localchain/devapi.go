package localchain

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
)

// devAPI is the RPC namespace "dev". Anyone who can reach the port can control the chain with it.
type devAPI struct{ blocks *producer }

func devAPIs(blocks *producer) []rpc.API {
	return []rpc.API{{Namespace: "dev", Service: &devAPI{blocks: blocks}}}
}

// HeadAnswer is the answer of the methods of the dev namespace: the head after the change.
type HeadAnswer struct {
	Number hexutil.Uint64 `json:"number"`
	Hash   common.Hash    `json:"hash"`
}

// Mine is dev_mine(blocks). It takes a number or a hex string; without an argument it mines one block.
func (a *devAPI) Mine(blocks *math.HexOrDecimal64) (*HeadAnswer, error) {
	count := 1
	if blocks != nil {
		count = toInt(*blocks)
	}
	return headAnswer(a.blocks.mine(count))
}

// Reorg is dev_reorg(depth, dropTransactions). Without the second argument the transactions are mined again.
func (a *devAPI) Reorg(depth math.HexOrDecimal64, dropTransactions *bool) (*HeadAnswer, error) {
	return headAnswer(a.blocks.reorg(toInt(depth), dropTransactions != nil && *dropTransactions))
}

// toInt converts a number. It caps large numbers, so that none wraps around into an acceptable one.
func toInt(number math.HexOrDecimal64) int { return int(min(uint64(number), 1<<31)) }

func headAnswer(head *types.Header, err error) (*HeadAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &HeadAnswer{Number: hexutil.Uint64(head.Number.Uint64()), Hash: head.Hash()}, nil
}
