package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// removalLasts is how long a verified removal counts. The database checks that the transfer has not come back.
const removalLasts = time.Minute

// VerifyRemoval returns nil when a quorum of nodes shows that the canonical chain does not contain the transfer as it
// was credited: to the deposit address, with the notice's CreditedAmount. Only then may its credit be reversed. The
// sender does not count: nobody was credited for it, and a changed row must not make the transfer look gone. Returns
// models.ErrStillCanonical when a node shows the transfer, models.ErrQuorumMissing, ErrDoubtful, or an error of a node.
func (v *Verifier) VerifyRemoval(ctx context.Context, credited Verification) error {
	credited.Notice.Amount, credited.Notice.From = credited.Notice.CreditedAmount, ""
	key := v.keyOf(credited)
	key.removal = true
	if at, known := v.shared.when(key); known && time.Since(at) < removalLasts {
		return nil
	}
	err := v.shared.do(ctx, key, func(ctx context.Context) error { return v.verifyRemoval(ctx, credited) })
	if err != nil {
		return fmt.Errorf("verify that transfer %s is gone: %w", credited.Notice.TransferKey, err)
	}
	return nil
}

func (v *Verifier) verifyRemoval(ctx context.Context, credited Verification) error {
	ctx = urgently(ctx)
	quorum := v.config.quorum()
	nodes := v.pool.usable()
	if len(nodes) < quorum {
		return fmt.Errorf("%w: %d of %d needed nodes are usable", models.ErrQuorumMissing, len(nodes), quorum)
	}
	var reasons []string
	var first error
	denying := 0
	read := func(ctx context.Context, node *member) transferReading {
		return transferReading{node: node, err: v.deny(ctx, node, credited)}
	}
	gather(ctx, nodes, quorum, read, func(r transferReading) (missing int) {
		if r.err == nil {
			denying++
			return quorum - denying
		}
		if first == nil || errors.Is(r.err, models.ErrStillCanonical) {
			first = r.err
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", r.node.Name(), r.err))
		return quorum - denying
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case denying >= quorum:
		return nil
	case quorum == 1:
		return first
	}
	return fmt.Errorf("%w: %d of %d needed nodes do not have it (%s): %w", models.ErrQuorumMissing, denying, quorum,
		strings.Join(reasons, "; "), first)
}

// deny returns nil when one node's canonical chain does not contain the transfer, although it has come as far as the
// block that the transfer was last seen in.
func (v *Verifier) deny(ctx context.Context, node Endpoint, credited Verification) error {
	n := credited.Notice
	contracts, err := v.contractsOf(ctx, n)
	if err != nil {
		return err
	}
	receipt, ok, err := node.Receipt(ctx, common.HexToHash(n.TxHash))
	if err != nil {
		return err
	}
	// The headers come last, so that the receipt is not of a branch that was abandoned meanwhile.
	seen, err := node.HeaderByNumber(ctx, n.Block.Number)
	if err != nil {
		return err
	}
	if ok {
		return v.denyReceipt(ctx, node, receipt, contracts, credited)
	}
	if seen.Hash.Hex() != n.Block.Hash {
		return nil
	}
	// A node that no longer keeps old transactions has no receipt of it either. The block's logs decide.
	logs, err := believableLogs(ctx, node, contracts, seen, v.pool.log)
	if err != nil {
		return err
	}
	transfers, _ := DecodeTransfers(n.ChainID, contracts, n.Block, logs)
	if holds(transfers, credited) == nil {
		return fmt.Errorf("%w: block %s contains it", models.ErrStillCanonical, n.Block)
	}
	return nil
}

// denyReceipt returns nil when a transaction's receipt is of an abandoned block or shows that the transfer is not what
// was credited.
func (*Verifier) denyReceipt(
	ctx context.Context, node Endpoint, receipt *types.Receipt, contracts Contracts, credited Verification,
) error {
	if receipt.BlockNumber == nil || !receipt.BlockNumber.IsUint64() {
		return fmt.Errorf("%w: its receipt names no block", models.ErrDoubtful)
	}
	block, err := node.HeaderByNumber(ctx, receipt.BlockNumber.Uint64())
	if err != nil {
		return err
	}
	if block.Hash != receipt.BlockHash {
		return fmt.Errorf("%w: its receipt is of block %s, which is not canonical", models.ErrDoubtful,
			receipt.BlockHash)
	}
	n := credited.Notice
	n.Block = block.Ref()
	if checkReceipt(receipt, contracts, credited.DepositAddress, n) == nil {
		return fmt.Errorf("%w: block %s contains it", models.ErrStillCanonical, n.Block)
	}
	return nil
}
