package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/rpc"
)

// batchMax is how many calls one batch holds at most.
const batchMax = 100

// batch makes many calls in few requests. A batch that the node refuses is made in halves, down to single calls. The
// error of a single call fails the whole.
func (n *Node) batch(ctx context.Context, calls []rpc.BatchElem) error {
	size := batchMax
	if n.lacks.lacks(batches) {
		size = 1
	}
	for part := range slices.Chunk(calls, size) {
		if err := n.batchHalving(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) batchHalving(ctx context.Context, calls []rpc.BatchElem) error {
	_, err := call(ctx, n, calls[0].Method, func(ctx context.Context, client *rpc.Client) (struct{}, error) {
		return struct{}{}, batchOnce(ctx, client, calls)
	})
	if err == nil || len(calls) == 1 || ctx.Err() != nil || MeaningOf(err) == MeansRefused {
		return err
	}
	half := len(calls) / 2
	if err := n.batchHalving(ctx, calls[:half]); err != nil {
		return err
	}
	if half == 1 {
		n.lacks.note(batches)
	}
	return n.batchHalving(ctx, calls[half:])
}

func batchOnce(ctx context.Context, client *rpc.Client, calls []rpc.BatchElem) error {
	if len(calls) == 1 {
		return client.CallContext(ctx, calls[0].Result, calls[0].Method, calls[0].Args...)
	}
	if err := client.BatchCallContext(ctx, calls); err != nil {
		return err
	}
	for i, c := range calls {
		if errors.Is(c.Error, rpc.ErrMissingBatchResponse) {
			return fmt.Errorf("call %d of %d: %w", i+1, len(calls), c.Error)
		}
		if c.Error != nil {
			return c.Error
		}
	}
	return nil
}
