package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"

	"paycow/models"
)

// receiptsRoot returns the root of the trie of a block's receipts, as the block's header states it (Ethereum yellow
// paper, 4.3.1): with the header, every log of the block can be proved. The receipts must be in the order of their
// transactions.
func receiptsRoot(receipts []*types.Receipt) common.Hash {
	return types.DeriveSha(types.Receipts(receipts), trie.NewStackTrie(nil))
}

// isKnownType reports whether the receipts of a type of transaction can be encoded, which their root needs.
func isKnownType(receipt *types.Receipt) bool {
	switch receipt.Type {
	case types.LegacyTxType, types.AccessListTxType, types.DynamicFeeTxType, types.BlobTxType, types.SetCodeTxType:
		return true
	default:
		return false
	}
}

// receiptsDigest returns a hash of everything in the receipts that their root would prove, and of the transactions.
func receiptsDigest(receipts []*types.Receipt) common.Hash {
	hash := crypto.NewKeccakState()
	for _, r := range receipts {
		_, _ = fmt.Fprintf(hash, "%d %d %x %d %x %d\n", r.Type, r.Status, r.PostState, r.CumulativeGasUsed, r.TxHash,
			len(r.Logs))
		for _, log := range r.Logs {
			_, _ = fmt.Fprintf(hash, "%x %x %x\n", log.Address, log.Topics, log.Data)
		}
	}
	return common.BytesToHash(hash.Sum(nil))
}

// receiptsReading is what one node answers about the receipts of a block.
type receiptsReading struct {
	node     *member
	receipts []*types.Receipt
	err      error
}

// failedReceipts are receipts that do not have the root that their block's header states.
type failedReceipts struct {
	node     *member
	receipts []*types.Receipt
	reason   string
}

// proveReceipts returns the receipts of a block that have the root which its header states, as the first of the nodes
// offers them: the given ones, which state that header, and then the others. A node that hangs costs no more than the
// time after which the next one is asked. A node whose receipts do not have the root contradicts itself and is reported
// when another one's have it. A node that is behind, or has other problems, can prove as well as any, but what else it
// says does not count.
//
// When no node's have it, but enough nodes return the same ones, or there is a type of transaction that is not known
// here, then this program cannot compute the root: an alarm is raised, nobody is accused, and the receipts that a
// quorum returns count. It returns nil receipts when those that cannot be checked have no quorum; then the agreement of
// the nodes must do. Returns errNoReceipts, models.ErrDoubtful or an error of a node.
func (p *Pool) proveReceipts(ctx context.Context, nodes []*member, block Header) ([]*types.Receipt, error) {
	counting := withMore(nodes, p.usable())
	left := len(counting)
	var proved []*types.Receipt
	isProved := false
	var failure error
	var failed []failedReceipts
	read := func(ctx context.Context, node *member) receiptsReading {
		receipts, err := node.ReceiptsByBlockHash(ctx, block.Hash)
		return receiptsReading{node, receipts, err}
	}
	gather(ctx, withMore(counting, p.candidates()), 1, read, func(r receiptsReading) (missing int) {
		root := common.Hash{}
		if r.err == nil {
			root = receiptsRoot(r.receipts)
		}
		switch {
		case r.err == nil && root == block.ReceiptsRoot:
			proved, isProved = r.receipts, true
			return 0
		case !slices.Contains(counting, r.node):
			return 1
		case r.err == nil:
			failed = append(failed, failedReceipts{r.node, r.receipts, fmt.Sprintf(
				"the receipts of block %d have the root %s, its header states %s", block.Number, root, block.ReceiptsRoot)})
		case !mayLack(r.err) || MeaningOf(r.err) == MeansNotYet:
			failure = cmp.Or(failure, r.err)
		}
		if left--; left == 0 && failure == nil {
			return 0 // nobody is worth waiting for
		}
		return 1
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if isProved {
		p.reportFailed(ctx, failed)
		return proved, nil
	}
	if agreed, ok := p.undecodable(failed, block); ok {
		p.raiseUndecodable(ctx, failed[0].reason)
		return agreed, nil
	}
	switch {
	case len(failed) > 0:
		return nil, fmt.Errorf("%s: %w: %s", failed[0].node.Name(), models.ErrDoubtful, failed[0].reason)
	case failure != nil:
		return nil, failure
	default:
		return nil, errNoReceipts
	}
}

// withMore returns the nodes and those of the others that are not among them.
func withMore(nodes, others []*member) []*member {
	return slices.Concat(nodes, slices.DeleteFunc(others, func(m *member) bool { return slices.Contains(nodes, m) }))
}

// errNoReceipts means that no node offers the receipts of a block, so that nothing proves what the nodes say about it.
var errNoReceipts = errors.New("no node offers the receipts of the block")

// undecodable reports whether receipts without the right root are the fault of this program. It returns those that a
// quorum of nodes, and no fewer than two, returns alike, if there are any. The bloom filter of the header, which does
// not depend on how receipts are encoded, must be that of the receipts.
func (p *Pool) undecodable(failed []failedReceipts, block Header) (agreed []*types.Receipt, ok bool) {
	alike := map[common.Hash]int{}
	for _, f := range failed {
		if bloomOf(f.receipts) != block.Bloom {
			continue
		}
		digest := receiptsDigest(f.receipts)
		if alike[digest]++; alike[digest] == max(p.config.quorum(), 2) {
			return f.receipts, true
		}
		ok = ok || slices.ContainsFunc(f.receipts, func(r *types.Receipt) bool { return !isKnownType(r) })
	}
	return nil, ok
}

// reportFailed reports the nodes whose receipts do not have the root that another node's have. With a quorum of one
// it is one node's word against another's.
func (p *Pool) reportFailed(ctx context.Context, failed []failedReceipts) {
	if p.config.quorum() < 2 {
		return
	}
	for _, f := range failed {
		p.reportLying(ctx, f.node, f.reason)
	}
}

// raiseUndecodable raises the alarm that this program cannot compute the root of receipts.
func (p *Pool) raiseUndecodable(ctx context.Context, reason string) {
	p.log.ErrorContext(ctx, "the receipts of a block cannot be checked against its header", "error", reason)
	p.raiseAlarm(ctx, models.Alarm{
		Network: p.config.Network, Kind: models.AlarmReceiptsUndecodable,
		Message: "This version cannot compute the root of the receipts that the nodes return: " + reason +
			". Until it is updated, transfers are credited by the agreement of the nodes alone.",
	})
}

// watchedLogs returns the token's watched logs in the receipts.
func watchedLogs(receipts []*types.Receipt, contracts Contracts) []types.Log {
	var logs []types.Log
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			if isWatched(*log, contracts) {
				logs = append(logs, *log)
			}
		}
	}
	return logs
}

// bloomOf returns the bloom filter of the receipts' logs.
func bloomOf(receipts []*types.Receipt) types.Bloom {
	var bloom types.Bloom
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			bloom.Add(log.Address.Bytes())
			for _, topic := range log.Topics {
				bloom.Add(topic.Bytes())
			}
		}
	}
	return bloom
}

// logsOfReceipts resolves the doubt about an empty answer for a block whose bloom filter matches the token's watched
// logs. Some nodes answer so while they are not ready, but a well-filled bloom filter also matches what is not there.
// The receipts decide if their own bloom filter equals the header's. Returns models.ErrDoubtful if it does not.
func logsOfReceipts(receipts []*types.Receipt, contracts Contracts, header Header) ([]types.Log, error) {
	for _, receipt := range receipts {
		for _, log := range receipt.Logs {
			if log.BlockHash != header.Hash {
				return nil, fmt.Errorf("%w: the receipts of block %d contain a log of another block",
					models.ErrDoubtful, header.Number)
			}
		}
	}
	if bloomOf(receipts) != header.Bloom {
		return nil, fmt.Errorf("%w: the receipts of block %d are not complete", models.ErrDoubtful, header.Number)
	}
	return watchedLogs(receipts, contracts), nil
}
