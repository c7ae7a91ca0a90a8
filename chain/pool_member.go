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
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"paycow/models"
)

// breakerThreshold is how many calls of a node must fail in a row before it is left alone for a while.
const breakerThreshold = 3

// member is a node of a pool together with what is thought of it.
type member struct {
	pool     *Pool
	endpoint Endpoint
	name     string
	position int
	breaker  circuitbreaker.CircuitBreaker[any]

	mu          sync.Mutex
	chainOK     bool // the chain id was asked since the last trouble
	wrongChain  uint64
	lyingUntil  time.Time
	lyingReason string
	// limitedUntil is how long the node asked to be left alone.
	limitedUntil time.Time
	// lateUntil is how long others are preferred because the node did not answer before they did.
	lateUntil time.Time
	syncing   bool
	head      Header
	headAt    time.Time     // when the node told of it
	heardAt   time.Time     // of the last call that succeeded
	latency   time.Duration // usual, weighted towards the latest
	lastError string

	shownState models.NodeState
	since      time.Time
}

func newMember(p *Pool, endpoint Endpoint, name string, position int) *member {
	return &member{
		pool: p, endpoint: endpoint, name: name, position: position,
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakerThreshold).WithDelay(p.config.BreakerDelay).Build(),
	}
}

// state judges the node, with the reason in a sentence when all is not well.
func (m *member) state() (models.NodeState, string) {
	agreed, known := m.pool.agreedHead()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	config := m.pool.config
	headIsFresh := !m.headAt.IsZero() && now.Sub(m.headAt) < config.HeadMaxAge
	switch {
	case m.wrongChain != 0:
		return models.NodeWrongChain, fmt.Sprintf("it follows chain %d instead of %d", m.wrongChain, config.ChainID)
	case now.Before(m.lyingUntil):
		return models.NodeLying, m.lyingReason
	case now.Before(m.limitedUntil):
		return models.NodeRateLimited, "it asked to be left alone until " + m.limitedUntil.UTC().Format(time.RFC3339)
	case m.breaker.IsOpen() && m.breaker.RemainingDelay() > 0:
		return models.NodeErroring, "its calls fail: " + m.lastError
	case m.syncing:
		return models.NodeSyncing, "it is still catching up with its peers"
	case known && headIsFresh && m.head.Number+config.StaleBlocks < agreed:
		return models.NodeStale, fmt.Sprintf("it is at block %d while others are at %d", m.head.Number, agreed)
	case config.BlockTime > 0 && headIsFresh && now.Sub(m.head.Time) > max(staleBlockTimes*config.BlockTime, staleAtLeast):
		return models.NodeStale, "its newest block is from " + m.head.Time.UTC().Format(time.RFC3339)
	case now.Before(m.lateUntil):
		return models.NodeSlow, "others answered before it did"
	case m.latency > config.SlowAfter:
		return models.NodeSlow, fmt.Sprintf("it usually takes %s to answer", m.latency.Round(10*time.Millisecond))
	default:
		return models.NodeOK, ""
	}
}

// A head is far behind the clock when so many usual block times, and at least so long, have passed since.
const (
	staleBlockTimes = 20
	staleAtLeast    = 3 * time.Minute
)

func (m *member) health() models.NodeHealth {
	state, reason := m.state()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if state != m.shownState {
		m.shownState, m.since = state, now
	}
	return models.NodeHealth{
		Network: m.pool.config.Network, Name: m.name, Position: m.position, State: state, Reason: reason,
		Head: m.head.Number, HeadTime: m.head.Time, LatencyMillis: m.latency.Milliseconds(), Since: m.since, UpdatedAt: now,
	}
}

// distrust notes that the node was contradicted. It returns whether that is news.
func (m *member) distrust(reason string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	news := !now.Before(m.lyingUntil)
	m.lyingUntil, m.lyingReason = now.Add(m.pool.config.LyingFor), reason
	return news
}

func (m *member) freshHead() (Header, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	believed := m.wrongChain == 0 && !now.Before(m.lyingUntil)
	return m.head, believed && !m.headAt.IsZero() && now.Sub(m.headAt) < m.pool.config.HeadMaxAge
}

func (m *member) heardLately(within time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wrongChain != 0 || time.Since(m.heardAt) < within && time.Since(m.headAt) < within || time.Now().Before(m.limitedUntil)
}

func (m *member) noteHead(head Header) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.head, m.headAt = head, time.Now()
}

// noteLate lets others be asked before the node for a while.
func (m *member) noteLate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lateUntil = time.Now().Add(m.pool.config.BreakerDelay)
}

// probe finds out how the node does.
func (m *member) probe(ctx context.Context) {
	if _, err := m.HeadHeader(ctx); err != nil {
		return // noted already
	}
	syncing, err := tracked(ctx, m, m.endpoint.Syncing)
	if err == nil {
		m.mu.Lock()
		m.syncing = syncing
		m.mu.Unlock()
	}
}

// tracked makes a call to the node and learns from how it goes.
func tracked[T any](ctx context.Context, m *member, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := m.checkChain(ctx); err != nil {
		return none, err
	}
	permitted := m.breaker.TryAcquirePermit() // a node whose breaker is open is asked when no other is left
	started := time.Now()
	value, err := do(ctx)
	m.learn(ctx, permitted, time.Since(started), err)
	return value, err
}

// learn draws the conclusions from a call's outcome.
func (m *member) learn(ctx context.Context, permitted bool, took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var status rpc.HTTPError
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		// Another node was quicker or we are stopping. That it was slow is all that can be said.
		m.latency = (m.latency*4 + took) / 5
		if took >= m.pool.config.HedgeAfter {
			m.lateUntil = now.Add(m.pool.config.BreakerDelay) // the next call begins with another
		}
		if permitted {
			m.breaker.RecordSuccess()
		}
		return
	case isAnswer(err):
		m.heardAt = now
		m.latency = (m.latency*4 + took) / 5
		m.lastError = ""
		if permitted {
			m.breaker.RecordSuccess()
		}
		return
	case errors.As(err, &status) && status.StatusCode == http.StatusTooManyRequests:
		pause := m.pool.config.RetryAfter
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

// isAnswer tells whether the node did what it is there for: it gave an answer, be it that it refuses or does not have it.
func isAnswer(err error) bool {
	var refusal rpc.Error
	return err == nil || errors.As(err, &refusal) || errors.Is(err, models.ErrBlockNotFound) || errors.Is(err, models.ErrNoSubscriptions)
}

// checkChain refuses a node of another chain, for good. It asks at the first call and after each trouble, because what
// answers behind a URL can change.
func (m *member) checkChain(ctx context.Context) error {
	m.mu.Lock()
	wrong, checked := m.wrongChain, m.chainOK
	m.mu.Unlock()
	if wrong == 0 && !checked {
		permitted := m.breaker.TryAcquirePermit()
		started := time.Now()
		id, err := m.endpoint.ChainID(ctx)
		m.learn(ctx, permitted, time.Since(started), err)
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.chainOK = id == m.pool.config.ChainID
		news := !m.chainOK && m.wrongChain == 0
		if news {
			m.wrongChain = id
		}
		wrong = m.wrongChain
		m.mu.Unlock()
		if news {
			m.pool.raise(models.AlarmNodeWrongChain, m.name, fmt.Sprintf("it follows chain %d instead of %d", id, m.pool.config.ChainID))
		}
	}
	if wrong != 0 {
		return fmt.Errorf("%s: %w: chain id %d, configured is %d", m.name, models.ErrWrongChain, wrong, m.pool.config.ChainID)
	}
	return nil
}

// The rest makes a member an Endpoint.

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

func (m *member) TokenLogsByBlockHash(ctx context.Context, token common.Address, hash common.Hash) ([]types.Log, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]types.Log, error) {
		return m.endpoint.TokenLogsByBlockHash(ctx, token, hash)
	})
}

func (m *member) TokenLogsInRange(ctx context.Context, token common.Address, from, to uint64) ([]types.Log, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]types.Log, error) {
		return m.endpoint.TokenLogsInRange(ctx, token, from, to)
	})
}

func (m *member) ReceiptsByBlockHash(ctx context.Context, hash common.Hash) ([]*types.Receipt, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]*types.Receipt, error) { return m.endpoint.ReceiptsByBlockHash(ctx, hash) })
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

func (m *member) Balances(ctx context.Context, token common.Address, addresses []common.Address, block common.Hash) ([]*big.Int, error) {
	return tracked(ctx, m, func(ctx context.Context) ([]*big.Int, error) {
		return m.endpoint.Balances(ctx, token, addresses, block)
	})
}

func (m *member) SubscribeHeads(ctx context.Context, heads chan<- Header) (ethereum.Subscription, error) {
	return tracked(ctx, m, func(ctx context.Context) (ethereum.Subscription, error) { return m.endpoint.SubscribeHeads(ctx, heads) })
}

func (m *member) SubscribePending(ctx context.Context, pending chan<- PendingTransaction) (ethereum.Subscription, error) {
	return tracked(ctx, m, func(ctx context.Context) (ethereum.Subscription, error) {
		return m.endpoint.SubscribePending(ctx, pending)
	})
}
