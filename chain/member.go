package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"paycow/models"
)

// breakerThreshold is how many calls of a node must fail in a row before it is left alone for a while.
const breakerThreshold = 3

// member is a node of a pool and what is known about its health.
type member struct {
	pool     *Pool
	endpoint Endpoint
	name     string
	position int
	breaker  circuitbreaker.CircuitBreaker[any]

	mu          sync.Mutex
	chainOK     bool   // the chain id was checked since the last failure
	wrongChain  string // why the node is of another chain, "" while it is not
	lyingUntil  time.Time
	lyingReason string
	// returning is true from a contradiction until the node has shown, after its quarantine, that it is on the quorum's
	// branch.
	returning bool
	forked    string // why the node is on another branch than the quorum, "" when it is not
	// limitedUntil is when the pause ends that the node asked for.
	limitedUntil time.Time
	// lateUntil is when the time ends in which others are preferred, because they answered before this node did.
	lateUntil  time.Time
	syncing    bool
	head       Header
	headAt     time.Time     // when the node reported the head
	roseAt     time.Time     // when it first reported a head of that height
	answeredAt time.Time     // of the last call that succeeded
	latency    time.Duration // moving average, weighted towards the latest call
	lastError  string

	shownState models.NodeState
	since      time.Time
}

func newMember(p *Pool, endpoint Endpoint, name string, position int) *member {
	return &member{
		pool:     p,
		endpoint: endpoint,
		name:     name,
		position: position,
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakerThreshold).
			WithDelay(breakerDelay).
			Build(),
	}
}

// state returns the state of the node, and the reason in one sentence unless it is OK.
func (m *member) state() (models.NodeState, string) {
	agreed, known := m.pool.agreedHead()
	reference := m.pool.headReference(time.Now())
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	config := m.pool.config
	headIsFresh := !m.headAt.IsZero() && now.Sub(m.headAt) < headFreshFor
	switch {
	case m.wrongChain != "":
		return models.NodeWrongChain, m.wrongChain
	case now.Before(m.lyingUntil):
		return models.NodeLying, m.lyingReason
	case m.returning:
		return models.NodeLying, "it has not shown yet that it is on the quorum's branch; before, " + m.lyingReason
	case m.forked != "":
		return models.NodeForked, m.forked
	case now.Before(m.limitedUntil):
		return models.NodeRateLimited, "it asked to be left alone until " + m.limitedUntil.UTC().Format(time.RFC3339)
	case m.breaker.IsOpen() && m.breaker.RemainingDelay() > 0:
		return models.NodeErroring, "its calls fail: " + m.lastError
	case m.syncing:
		return models.NodeSyncing, "it is still catching up with its peers"
	case known && headIsFresh && m.head.Number+staleBlocks < agreed:
		return models.NodeStale, fmt.Sprintf("it is at block %d while others are at %d", m.head.Number, agreed)
	case config.BlockTime > 0 && headIsFresh && reference.Sub(m.head.Time) > config.staleAfter():
		return models.NodeStale, "its newest block is from " + m.head.Time.UTC().Format(time.RFC3339)
	case now.Before(m.lateUntil):
		return models.NodeSlow, "others answered before it did"
	case m.latency > slowAfter:
		return models.NodeSlow, fmt.Sprintf("it usually takes %s to answer", m.latency.Round(10*time.Millisecond))
	default:
		return models.NodeOK, ""
	}
}

func (m *member) health() models.NodeHealth {
	state, reason := m.state()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if state != m.shownState {
		m.shownState, m.since = state, now
	}
	return models.NodeHealth{
		Network:       m.pool.config.Network,
		Name:          m.name,
		Position:      m.position,
		State:         state,
		Reason:        reason,
		Head:          m.head.Number,
		HeadTime:      m.head.Time,
		LatencyMillis: m.latency.Milliseconds(),
		Since:         m.since,
		UpdatedAt:     now,
	}
}

// distrust puts the node into quarantine. It reports whether it was not there yet.
func (m *member) distrust(reason string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	isNew := !now.Before(m.lyingUntil)
	m.lyingUntil, m.lyingReason = now.Add(m.pool.quarantine), reason
	m.returning, m.forked = m.pool.branches.enabled.Load(), ""
	return isNew
}

func (m *member) freshHead() (Header, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	believed := m.wrongChain == "" && !now.Before(m.lyingUntil) && !m.returning && m.forked == ""
	return m.head, believed && !m.headAt.IsZero() && now.Sub(m.headAt) < headFreshFor
}

func (m *member) answeredWithin(within time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wrongChain != "" || time.Since(m.answeredAt) < within && time.Since(m.headAt) < within ||
		time.Now().Before(m.limitedUntil)
}

func (m *member) noteHead(head Header) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.headAt.IsZero() || head.Number > m.head.Number {
		m.roseAt = now
	}
	m.head, m.headAt = head, now
}

// noteLate makes others be asked before the node for a while.
func (m *member) noteLate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lateUntil = time.Now().Add(breakerDelay)
}

// probe updates what is known about the node.
func (m *member) probe(ctx context.Context) {
	if _, err := m.HeadHeader(ctx); err != nil {
		return // recorded already
	}
	syncing, err := tracked(ctx, m, m.endpoint.Syncing)
	if err == nil {
		m.mu.Lock()
		m.syncing = syncing
		m.mu.Unlock()
	}
}

// tracked makes a call to the node and updates its health from the outcome.
func tracked[T any](ctx context.Context, m *member, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := m.checkChain(ctx); err != nil {
		return none, err
	}
	permitted := m.breaker.TryAcquirePermit() // a node whose breaker is open is still asked when no other is left
	started := time.Now()
	value, err := do(ctx)
	m.record(ctx, permitted, time.Since(started), err)
	return value, err
}

// record updates the node's health from the outcome of a call.
func (m *member) record(ctx context.Context, permitted bool, took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var status rpc.HTTPError
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		// Another node was quicker, or the caller stops. All it says about this node is how long it took at least.
		m.latency = (m.latency*4 + took) / 5
		if took >= hedgeAfter {
			m.lateUntil = now.Add(breakerDelay) // the next call asks another node first
		}
		if permitted {
			m.breaker.RecordSuccess()
		}
		return
	case isAnswer(err):
		m.answeredAt = now
		m.latency = (m.latency*4 + took) / 5
		m.lastError = ""
		if permitted {
			m.breaker.RecordSuccess()
		}
		return
	case errors.As(err, &status) && status.StatusCode == http.StatusTooManyRequests:
		pause := rateLimitPause
		if limited, ok := errors.AsType[*RateLimitError](err); ok && limited.After > 0 {
			pause = limited.After
		}
		m.limitedUntil = now.Add(pause)
	}
	m.lastError, m.chainOK = err.Error(), false
	if permitted {
		m.breaker.RecordFailure()
	}
}

// isAnswer reports whether the node did its job: a refusal, and not having a block, are answers too.
func isAnswer(err error) bool {
	var refusal rpc.Error
	return err == nil || errors.As(err, &refusal) || errors.Is(err, models.ErrBlockNotFound) ||
		errors.Is(err, models.ErrNoSubscriptions)
}

// checkChain excludes a node of another chain for good. It checks the chain at the first call and again after each
// failure, because the node behind a URL can change.
func (m *member) checkChain(ctx context.Context) error {
	m.mu.Lock()
	wrong, checked := m.wrongChain, m.chainOK
	m.mu.Unlock()
	if wrong == "" && !checked {
		permitted := m.breaker.TryAcquirePermit()
		started := time.Now()
		reason, err := m.otherChain(ctx)
		m.record(ctx, permitted, time.Since(started), err)
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.chainOK = reason == ""
		isNew := !m.chainOK && m.wrongChain == ""
		if isNew {
			m.wrongChain = reason
		}
		wrong = m.wrongChain
		m.mu.Unlock()
		if isNew {
			m.pool.raise(ctx, models.AlarmNodeWrongChain, m.name, reason)
		}
	}
	if wrong != "" {
		return fmt.Errorf("%s: %w: %s", m.name, models.ErrWrongChain, wrong)
	}
	return nil
}

// The methods below make a member an Endpoint whose calls are tracked.

func (m *member) Name() string { return m.name }

func (m *member) Close() { m.endpoint.Close() }

func (m *member) ChainID(ctx context.Context) (uint64, error) {
	return tracked(ctx, m, m.endpoint.ChainID)
}

func (m *member) Syncing(ctx context.Context) (bool, error) {
	return tracked(ctx, m, m.endpoint.Syncing)
}

func (m *member) HeadHeader(ctx context.Context) (Header, error) {
	head, err := tracked(ctx, m, m.endpoint.HeadHeader)
	if err == nil {
		m.noteHead(head)
	}
	return head, err
}

func (m *member) HeaderByNumber(ctx context.Context, number uint64) (Header, error) {
	return tracked(ctx, m, func(ctx context.Context) (Header, error) { return m.endpoint.HeaderByNumber(ctx, number) })
}

func (m *member) FinalizedNumber(ctx context.Context) (number uint64, ok bool, err error) {
	number, err = tracked(ctx, m, func(ctx context.Context) (uint64, error) {
		var number uint64
		var err error
		number, ok, err = m.endpoint.FinalizedNumber(ctx)
		return number, err
	})
	return number, ok, err
}

func (m *member) TokenLogsByBlockHash(
	ctx context.Context, contracts Contracts, hash common.Hash,
) ([]types.Log, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]types.Log, error) {
		return m.endpoint.TokenLogsByBlockHash(ctx, contracts, hash)
	})
}

func (m *member) TokenLogsInRange(ctx context.Context, contracts Contracts, from, to uint64) ([]types.Log, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]types.Log, error) {
		return m.endpoint.TokenLogsInRange(ctx, contracts, from, to)
	})
}

func (m *member) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	return tracked(ctx, m,
		func(ctx context.Context) ([]*types.Receipt, error) { return m.endpoint.ReceiptsByBlockHash(ctx, hash) })
}

func (m *member) Receipt(ctx context.Context, txHash common.Hash) (receipt *types.Receipt, ok bool, err error) {
	receipt, err = tracked(ctx, m, func(ctx context.Context) (*types.Receipt, error) {
		var receipt *types.Receipt
		var err error
		receipt, ok, err = m.endpoint.Receipt(ctx, txHash)
		return receipt, err
	})
	return receipt, ok, err
}

func (m *member) Balances(
	ctx context.Context, token common.Address, addresses []common.Address, block common.Hash,
) ([]*big.Int, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]*big.Int, error) {
		return m.endpoint.Balances(ctx, token, addresses, block)
	})
}

func (m *member) CallToken(
	ctx context.Context, contract common.Address, block common.Hash, functions ...string,
) ([]hexutil.Bytes, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]hexutil.Bytes, error) {
		return m.endpoint.CallToken(ctx, contract, block, functions...)
	})
}

func (m *member) SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error) {
	return tracked(ctx, m,
		func(ctx context.Context) (ethereum.Subscription, error) { return m.endpoint.SubscribeHeads(ctx, heads) })
}

func (m *member) SubscribePending(
	ctx context.Context, pending chan<- PendingTransaction,
) (ethereum.Subscription, error) {
	return tracked(ctx, m, func(ctx context.Context) (ethereum.Subscription, error) {
		return m.endpoint.SubscribePending(ctx, pending)
	})
}
