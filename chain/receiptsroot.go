package chain

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

// receiptsRoot is the root of the trie of a block's receipts, as the block's header holds it (Ethereum yellow paper, 4.3.1):
// who knows the header can check every log of the block. The receipts must be in the order of their transactions.
func receiptsRoot(receipts []*types.Receipt) common.Hash {
	return types.DeriveSha(types.Receipts(receipts), trie.NewStackTrie(nil))
}
