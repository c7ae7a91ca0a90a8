package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// BlockSource is what a Follower reads from. A Pool is one; its answers come from the best node whose answer is
// believable.
type BlockSource interface {
	// HeadHeader returns the header of the newest block.
	HeadHeader(ctx context.Context) (Header, error)
	// HeaderByNumber returns the header of the canonical block with that number. Returns models.ErrBlockNotFound.
	HeaderByNumber(ctx context.Context, number uint64) (Header, error)
	// AgreedHead returns the header of the newest block that a quorum of nodes has. Returns models.ErrQuorumMissing.
	AgreedHead(ctx context.Context) (Header, error)
	// AgreedHeader returns the header of the canonical block with that number when at least a quorum of nodes has the
	// same block, of the same time, there. Returns models.ErrQuorumMissing otherwise.
	AgreedHeader(ctx context.Context, number uint64) (Header, error)
	// CheckBranch returns the header that a quorum of nodes has in place of the agreed block, and leaves out the nodes
	// that have another one there until they have that one. Returns models.ErrQuorumMissing when no header has a quorum.
	CheckBranch(ctx context.Context, marks models.ChainCursor) (Header, error)
	// FinalizedNumber returns the highest number that the quorum calls final. ok is false when there is none.
	FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error)
	// BlockLogs returns the contracts' watched logs in one block. Returns models.ErrDoubtful when no node gives a
	// believable answer.
	BlockLogs(ctx context.Context, contracts Contracts, header Header) ([]types.Log, error)
	// RangeLogs returns the contracts' watched logs in the canonical blocks from one number to another, both included.
	RangeLogs(ctx context.Context, contracts Contracts, from, to uint64) ([]types.Log, error)
	// ReceiptsByBlockHash returns all receipts of the block with that hash. A Follower asks for them only in doubt.
	ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error)
	// SubscribeHeads sends each new head to the channel until the subscription ends. Returns models.ErrNoSubscriptions
	// when no node offers one.
	SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error)
}

var _ BlockSource = (*Pool)(nil)

// errOffHead means that a node's head is far from the head of the others.
var errOffHead = errors.New("its head is not where the heads of the others are")

// HeadHeader returns the newest head of the best node. Others are asked as well when its head is behind theirs, so far
// above theirs that it may be made up, or overdue, because the node may stand still. A head that only one of several
// nodes claims does not count then.
func (p *Pool) HeadHeader(ctx context.Context) (Header, error) {
	var mu sync.Mutex
	var heads []Header
	head, err := firstAnswer(ctx, p, func(ctx context.Context, m *member) (Header, error) {
		head, err := m.HeadHeader(ctx)
		if err != nil {
			return Header{}, err
		}
		mu.Lock()
		heads = append(heads, head)
		mu.Unlock()
		reached, atMost, ok := p.othersHead(m)
		if ok && (head.Number+staleBlocks < reached || head.Number > atMost+staleBlocks) {
			return Header{}, fmt.Errorf("%s: %w: it is at block %d, they are at %d", m.name, errOffHead, head.Number, reached)
		}
		if len(p.members) > 1 && m.isOverdue() {
			return p.newestHead(ctx, head)
		}
		return head, nil
	})
	if err != nil && ctx.Err() == nil && errors.Is(err, errOffHead) {
		mu.Lock()
		defer mu.Unlock()
		slices.SortFunc(heads, func(a, b Header) int { return cmp.Compare(b.Number, a.Number) })
		return heads[min(p.config.quorum(), len(heads))-1], nil
	}
	return head, err
}

// newestHead asks all nodes for their head and returns the newest of those that more than one node has reached, or the
// given one if that is newer.
func (p *Pool) newestHead(ctx context.Context, head Header) (Header, error) {
	ask := func(ctx context.Context, m *member) (Header, error) { return m.HeadHeader(ctx) }
	for a := range answersOf(ctx, p.usable(), ask) {
		if a.err != nil || a.value.Number <= head.Number {
			continue
		}
		if a.value.Number <= head.Number+staleBlocks {
			return a.value, nil // no need to wait for the others
		}
	}
	return head, ctx.Err()
}

// HeaderByNumber returns the header of the canonical block with that number. Returns models.ErrBlockNotFound.
func (p *Pool) HeaderByNumber(ctx context.Context, number uint64) (Header, error) {
	return firstAnswer(ctx, p,
		func(ctx context.Context, m *member) (Header, error) { return m.HeaderByNumber(ctx, number) })
}

// AgreedHead returns the header of the newest block that a quorum of nodes has: the highest head may be made up.
// Returns models.ErrQuorumMissing.
func (p *Pool) AgreedHead(ctx context.Context) (Header, error) {
	quorum := p.config.quorum()
	if quorum == 1 {
		return p.HeadHeader(ctx)
	}
	members := p.usable()
	var heads []uint64
	ask := func(ctx context.Context, m *member) (Header, error) { return m.HeadHeader(ctx) }
	for a := range answersOf(ctx, members, ask) {
		if a.err == nil {
			heads = append(heads, a.value.Number)
		}
	}
	if len(heads) < quorum {
		return Header{}, fmt.Errorf("%w: %d of %d nodes have a head", models.ErrQuorumMissing, len(heads), len(members))
	}
	return p.AgreedHeader(ctx, nthHighest(heads, quorum))
}

// AgreedHeader returns the header of the canonical block with that number when at least a quorum of nodes has the same
// block, of the same time, there: a node may state another time for the right block. Returns models.ErrQuorumMissing
// otherwise, which is also models.ErrBlockNotFound when a quorum says that it does not have the block.
func (p *Pool) AgreedHeader(ctx context.Context, number uint64) (Header, error) {
	quorum := p.config.quorum()
	if quorum == 1 {
		return p.HeaderByNumber(ctx, number)
	}
	type vote struct {
		hash common.Hash
		time int64
	}
	votes := map[vote]int{}
	members, without := p.usable(), 0
	ask := func(ctx context.Context, m *member) (Header, error) { return m.HeaderByNumber(ctx, number) }
	for a := range answersOf(ctx, members, ask) {
		if meaning := MeaningOf(a.err); meaning == MeansNotYet || meaning == MeansTooOld {
			without++
		}
		if a.err != nil {
			continue
		}
		same := vote{a.value.Hash, a.value.Time.Unix()}
		if votes[same]++; votes[same] == quorum {
			return a.value, nil // no need to wait for the others
		}
	}
	err := fmt.Errorf("%w: no block %d that %d of %d nodes have", models.ErrQuorumMissing, number, quorum, len(members))
	if without >= quorum {
		err = fmt.Errorf("%w: %w", err, models.ErrBlockNotFound)
	}
	return Header{}, err
}

// FinalizedNumber returns the highest number that the quorum calls final. ok is false when there is none.
func (p *Pool) FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error) {
	type finalized struct {
		number uint64
		known  bool
	}
	ask := func(ctx context.Context, m *member) (finalized, error) {
		number, known, err := m.FinalizedNumber(ctx)
		return finalized{number, known}, err
	}
	quorum := p.config.quorum()
	if quorum == 1 {
		f, err := firstAnswer(ctx, p, ask)
		return f.number, f.known, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const spread = 100 * time.Millisecond // the others may know a newer one, if they are as quick as the quorum
	answered := 0
	var timer *time.Timer
	var numbers []uint64
	for a := range answersOf(ctx, p.usable(), ask) {
		if a.err != nil {
			continue
		}
		if answered++; answered == quorum {
			timer = time.AfterFunc(spread, cancel)
		}
		if a.value.known {
			numbers = append(numbers, a.value.number)
		}
	}
	if timer != nil {
		timer.Stop()
	}
	if len(numbers) < quorum {
		return 0, false, nil
	}
	return nthHighest(numbers, quorum), true, nil
}

// nthHighest returns the n-th highest number, counted from 1.
func nthHighest(numbers []uint64, n int) uint64 {
	slices.SortFunc(numbers, func(a, b uint64) int { return cmp.Compare(b, a) })
	return numbers[n-1]
}

// BlockLogs returns the contracts' watched logs in one block. Returns models.ErrDoubtful when no node gives a
// believable answer.
func (p *Pool) BlockLogs(ctx context.Context, contracts Contracts, header Header) ([]types.Log, error) {
	return firstAnswer(ctx, p, func(ctx context.Context, m *member) ([]types.Log, error) {
		return believableLogs(ctx, m, contracts, header, p.log)
	})
}

// RangeLogs returns the contracts' watched logs in the canonical blocks from one number to another, both included.
func (p *Pool) RangeLogs(ctx context.Context, contracts Contracts, from, to uint64) ([]types.Log, error) {
	return firstAnswer(ctx, p, func(ctx context.Context, m *member) ([]types.Log, error) {
		return m.TokenLogsInRange(ctx, contracts, from, to)
	})
}

// ReceiptsByBlockHash returns all receipts of the block with that hash.
func (p *Pool) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	return firstAnswer(ctx, p, func(ctx context.Context, m *member) ([]*types.Receipt, error) {
		return m.ReceiptsByBlockHash(ctx, hash)
	})
}

// SubscribeHeads subscribes at the best node that offers it. Returns models.ErrNoSubscriptions when no node does.
func (p *Pool) SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error) {
	candidates := p.candidates()
	if len(candidates) == 0 {
		return nil, p.whyNone()
	}
	var failures []error
	for _, m := range candidates {
		subscription, err := m.SubscribeHeads(ctx, heads)
		if err == nil {
			return subscription, nil
		}
		if !errors.Is(err, models.ErrNoSubscriptions) {
			failures = append(failures, err)
		}
	}
	if len(failures) == 0 && len(candidates) == len(p.members) {
		return nil, models.ErrNoSubscriptions
	}
	return nil, errors.Join(append(failures, errors.New("no node offers a subscription now"))...)
}
