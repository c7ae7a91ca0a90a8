package chain

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
)

// Balances returns the token's balanceOf each address at the block with that hash, in micro-USDT.
func (n *Node) Balances(
	ctx context.Context, token common.Address, addresses []common.Address, block common.Hash,
) ([]*big.Int, error) {
	answers := make([]hexutil.Bytes, len(addresses))
	calls := make([]rpc.BatchElem, len(addresses))
	for i, address := range addresses {
		input, err := tokenABI.Pack("balanceOf", address)
		if err != nil {
			return nil, fmt.Errorf("encode balanceOf: %w", err)
		}
		calls[i] = rpc.BatchElem{Method: "eth_call", Result: &answers[i], Args: []any{
			map[string]any{"to": token, "data": hexutil.Bytes(input)}, map[string]any{"blockHash": block},
		}}
	}
	if err := n.batch(ctx, calls); err != nil {
		return nil, err
	}
	balances := make([]*big.Int, len(addresses))
	for i, call := range calls {
		if call.Error != nil {
			return nil, call.Error
		}
		values, ok := unpackStrictly(tokenABI.Methods["balanceOf"].Outputs, answers[i])
		if !ok {
			return nil, fmt.Errorf("balanceOf returned %d bytes instead of one number", len(answers[i]))
		}
		balances[i] = values[0].(*big.Int)
	}
	return balances, nil
}
