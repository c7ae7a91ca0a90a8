package chain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"paycow/models"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// read asks the best node. When it fails, the next is asked at once; when it thinks for longer than HedgeAfter, the next is
// asked as well and the first good answer counts. It fails when every node has failed.
func read[T any](ctx context.Context, p *Pool, ask func(context.Context, *member) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	candidates := p.candidates()
	if len(candidates) == 0 {
		return none, p.whyNone()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(candidates))
	asked, open := 0, 0
	askNext := func() {
		m := candidates[asked]
		asked++
		open++
		go func() {
			value, err := ask(ctx, m)
			answers <- answer{value, err}
		}()
	}
	askNext()
	hedge := time.NewTimer(p.config.HedgeAfter)
	defer hedge.Stop()
	var failures []error
	for {
		select {
		case a := <-answers:
			open--
			if a.err == nil {
				return a.value, nil
			}
			failures = append(failures, a.err)
			switch {
			case ctx.Err() != nil:
				return none, ctx.Err()
			case asked < len(candidates):
				askNext()
				hedge.Reset(p.config.HedgeAfter)
			case open == 0:
				if len(failures) == 1 {
					return none, failures[0]
				}
				return none, errors.Join(failures...)
			}
		case <-hedge.C:
			if asked < len(candidates) {
				candidates[asked-1].noteLate() // now: the read after this one may begin before the call here has ended
				askNext()
				hedge.Reset(p.config.HedgeAfter)
			}
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

// errBehind means that a node's head is behind what the others have.
var errBehind = errors.New("the node is behind the others")

// HeadHeader returns the newest head of the best node that is not behind the others, or else the highest that any tells of.
func (p *Pool) HeadHeader(ctx context.Context) (Header, error) {
	var mu sync.Mutex
	var highest Header
	head, err := read(ctx, p, func(ctx context.Context, m *member) (Header, error) {
		head, err := m.HeadHeader(ctx)
		if err != nil {
			return Header{}, err
		}
		mu.Lock()
		if head.Number >= highest.Number {
			highest = head
		}
		mu.Unlock()
		if agreed, ok := p.agreedHead(); ok && head.Number+p.config.StaleBlocks < agreed {
			return Header{}, fmt.Errorf("%s: %w: it is at block %d, they are at %d", m.name, errBehind, head.Number, agreed)
		}
		return head, nil
	})
	if err != nil && ctx.Err() == nil && errors.Is(err, errBehind) {
		mu.Lock()
		defer mu.Unlock()
		return highest, nil
	}
	return head, err
}

// HeaderByNumber returns the header of the canonical block with that number, or ErrBlockNotFound.
func (p *Pool) HeaderByNumber(ctx context.Context, number uint64) (Header, error) {
	return read(ctx, p, func(ctx context.Context, m *member) (Header, error) { return m.HeaderByNumber(ctx, number) })
}

// AgreedHeader returns the header of the canonical block with that number when as many nodes as the quorum have the same
// block there. Returns ErrQuorumMissing when they do not.
func (p *Pool) AgreedHeader(ctx context.Context, number uint64) (Header, error) {
	if p.config.Quorum == 1 {
		return p.HeaderByNumber(ctx, number)
	}
	votes := map[common.Hash]int{}
	members := p.Members()
	for answer := range askAll(ctx, p, members, func(ctx context.Context, m *member) (Header, error) { return m.HeaderByNumber(ctx, number) }) {
		if answer.err != nil {
			continue
		}
		if votes[answer.value.Hash]++; votes[answer.value.Hash] == p.config.Quorum {
			return answer.value, nil // the others need not be waited for
		}
	}
	return Header{}, fmt.Errorf("%w: no block %d that %d of %d nodes have", models.ErrQuorumMissing, number, p.config.Quorum, len(members))
}

// answered is what one node answered.
type answered[T any] struct {
	value T
	err   error
}

// askAll asks all these nodes at once and yields the answers as they come. A silent node does not hold up the others for
// longer than SlowAfter; whoever has heard enough stops asking by leaving the loop.
func askAll[T any](ctx context.Context, p *Pool, members []Member, ask func(context.Context, *member) (T, error)) iter.Seq[answered[T]] {
	return func(yield func(answered[T]) bool) {
		ctx, cancel := context.WithTimeout(ctx, p.config.SlowAfter)
		defer cancel()
		answers := make(chan answered[T], len(members))
		for _, m := range members {
			go func() {
				value, err := ask(ctx, m.(*member))
				answers <- answered[T]{value, err}
			}()
		}
		for range members {
			if !yield(<-answers) {
				return
			}
		}
	}
}

// FinalizedNumber returns the highest number that the quorum calls final; ok is false when there is none.
func (p *Pool) FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error) {
	type answer struct {
		number uint64
		ok     bool
	}
	if p.config.Quorum == 1 {
		a, err := read(ctx, p, func(ctx context.Context, m *member) (answer, error) {
			number, ok, err := m.FinalizedNumber(ctx)
			return answer{number, ok}, err
		})
		return a.number, a.ok, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var enough *time.Timer
	var numbers []uint64
	for a := range askAll(ctx, p, p.Members(), func(ctx context.Context, m *member) (answer, error) {
		number, ok, err := m.FinalizedNumber(ctx)
		return answer{number, ok}, err
	}) {
		if a.err == nil && a.value.ok {
			if numbers = append(numbers, a.value.number); len(numbers) == p.config.Quorum {
				enough = time.AfterFunc(p.config.HedgeAfter, cancel) // the others may make it a newer number, if they are quick
			}
		}
	}
	if enough == nil {
		return 0, false, nil
	}
	enough.Stop()
	slices.SortFunc(numbers, func(a, b uint64) int { return -compare(a, b) })
	return numbers[p.config.Quorum-1], true, nil
}

// BlockLogs returns the token's watched logs of one block. Returns ErrDoubtful when no node gives a believable answer.
func (p *Pool) BlockLogs(ctx context.Context, header Header) ([]types.Log, error) {
	return read(ctx, p, func(ctx context.Context, m *member) ([]types.Log, error) {
		return believableLogs(ctx, m, p.config.Token, header, p.logger)
	})
}

// RangeLogs returns the token's watched logs in the canonical blocks from one number to another, both included.
func (p *Pool) RangeLogs(ctx context.Context, from, to uint64) ([]types.Log, error) {
	return read(ctx, p, func(ctx context.Context, m *member) ([]types.Log, error) {
		return m.TokenLogsInRange(ctx, p.config.Token, from, to)
	})
}

// ReceiptsByBlockHash returns all receipts of the block with that hash.
func (p *Pool) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	return read(ctx, p, func(ctx context.Context, m *member) ([]*types.Receipt, error) {
		return m.ReceiptsByBlockHash(ctx, hash)
	})
}

// SubscribeHeads subscribes at the best node that offers it. Returns ErrNoSubscriptions when none does.
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
