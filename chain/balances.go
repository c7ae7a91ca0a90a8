package chain

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
)

// balanceBatch is how many balances one RPC batch asks for.
const balanceBatch = 100

// Balances returns the token's balanceOf each address at the block with that hash, in micro-USDT.
func (n *Node) Balances(
	ctx context.Context, token common.Address, addresses []common.Address, block common.Hash,
) ([]*big.Int, error) {
	balances := make([]*big.Int, 0, len(addresses))
	for part := range slices.Chunk(addresses, balanceBatch) {
		answers, err := call(ctx, n, "eth_call", func(ctx context.Context, client *rpc.Client) ([]*big.Int, error) {
			return balancesOf(ctx, client, token, part, block)
		})
		if err != nil {
			return nil, err
		}
		balances = append(balances, answers...)
	}
	return balances, nil
}

func balancesOf(
	ctx context.Context, client *rpc.Client, token common.Address, addresses []common.Address, block common.Hash,
) ([]*big.Int, error) {
	answers := make([]hexutil.Bytes, len(addresses))
	batch := make([]rpc.BatchElem, len(addresses))
	for i, address := range addresses {
		input, err := tokenABI.Pack("balanceOf", address)
		if err != nil {
			return nil, fmt.Errorf("encode balanceOf: %w", err)
		}
		batch[i] = rpc.BatchElem{Method: "eth_call", Result: &answers[i], Args: []any{
			map[string]any{"to": token, "data": hexutil.Bytes(input)}, map[string]any{"blockHash": block},
		}}
	}
	if err := client.BatchCallContext(ctx, batch); err != nil {
		return nil, err
	}
	balances := make([]*big.Int, len(addresses))
	for i, element := range batch {
		if element.Error != nil {
			return nil, element.Error
		}
		values, ok := unpackStrictly(tokenABI.Methods["balanceOf"].Outputs, answers[i])
		if !ok {
			return nil, fmt.Errorf("balanceOf returned %d bytes instead of one number", len(answers[i]))
		}
		balances[i] = values[0].(*big.Int)
	}
	return balances, nil
}
