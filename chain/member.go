package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"paycow/models"
)

// troubleShown is how long the last error of a node is shown that is well otherwise.
const troubleShown = time.Minute

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
	chainOK     bool      // the chain id was checked since the last failure
	wrongChain  string    // why the node is of another chain, "" while it is not
	chainAt     time.Time // when a node of another chain was asked for its chain last
	lyingUntil  time.Time
	lyingReason string
	// returning is true from a contradiction until the node has shown, after its quarantine, that it is on the quorum's
	// branch.
	returning bool
	forked    string // why the node is on another branch than the quorum, "" when it is not
	pace      pacer
	// lateUntil is when the time ends in which others are preferred, because they answered before this node did.
	lateUntil  time.Time
	syncing    bool
	head       Header
	headAt     time.Time     // when the node reported the head
	othersWere uint64        // the agreed head at that time, 0 if there was none
	roseAt     time.Time     // when it first reported a head of that height
	answeredAt time.Time     // of the last call that succeeded
	latency    time.Duration // moving average, weighted towards the latest call
	lastError  string        // in the node's own words
	failedAt   time.Time     // when that was
	// silentSince is when the first call began of those that were given up since the last answer; zero if there is none.
	silentSince time.Time

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
	agreed, _ := m.pool.agreedHead()
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
	case m.pace.isPaused():
		return models.NodeRateLimited, m.pace.reason()
	case m.breaker.IsOpen() && m.breaker.RemainingDelay() > 0:
		return models.NodeErroring, "its calls fail: " + m.lastError
	case m.syncing:
		return models.NodeSyncing, "it is still catching up with its peers"
	case headIsFresh && m.head.Number+staleBlocks < min(m.othersWere, agreed):
		return models.NodeStale, fmt.Sprintf("it was at block %d when others were at %d", m.head.Number, m.othersWere)
	case config.BlockTime > 0 && headIsFresh && reference.Sub(m.head.Time) > config.staleAfter():
		return models.NodeStale, "its newest block is from " + m.head.Time.UTC().Format(time.RFC3339)
	case m.pace.isSlowed():
		return models.NodeSlow, m.pace.reason()
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
	if reason == "" && !m.failedAt.IsZero() && now.Sub(m.failedAt) < troubleShown {
		reason = "some calls fail: " + m.lastError
	}
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
	return time.Since(m.answeredAt) < within && time.Since(m.headAt) < within || m.pace.isPaused()
}

// noteHead notes the head that the node has just reported. It is compared with what the others have reported by now:
// what they report later does not make a node stale that was not asked since. A head that is not believed any more
// makes none stale either: see state.
func (m *member) noteHead(head Header) {
	agreed, _ := m.pool.agreedHead()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.headAt.IsZero() || head.Number > m.head.Number {
		m.roseAt = now
	}
	m.head, m.headAt, m.othersWere = head, now, agreed
}

func (m *member) headAge() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.headAt)
}

// isOverdue reports whether the node's head has stood still for longer than a block takes.
func (m *member) isOverdue() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	blockTime := m.pool.config.BlockTime
	return blockTime > 0 && !m.roseAt.IsZero() && time.Since(m.roseAt) > blockTime
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

const (
	// refusedTries is how often a call that the node refuses for now is made at most, when no other node can be asked.
	refusedTries = 8
	// brokenTries is how often a call is made at most whose connection broke, when no other node can be asked.
	brokenTries = 3
)

// tracked makes a call to the node and updates its health from the outcome. While the node limits the rate of calls,
// they are spaced. A call that it refuses is made again when there is no other node to ask.
func tracked[T any](ctx context.Context, m *member, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := m.checkChain(ctx); err != nil {
		return none, err
	}
	return paced(ctx, m, do)
}

func paced[T any](ctx context.Context, m *member, do func(context.Context) (T, error)) (T, error) {
	var none T
	for try := 1; ; try++ {
		if err := m.pace.wait(ctx, m.pool.canDoWithout(m)); err != nil {
			return none, fmt.Errorf("%s: %w", m.name, err)
		}
		permitted := m.breaker.TryAcquirePermit() // a node whose breaker is open is still asked when no other is left
		started := time.Now()
		value, err := do(ctx)
		m.record(ctx, permitted, started, err)
		if try >= triesOf(err) || ctx.Err() != nil || m.pool.canDoWithout(m) {
			return value, err
		}
	}
}

// triesOf returns how often a call that ended so is made at most. Reading again changes nothing at the node.
func triesOf(err error) int {
	switch MeaningOf(err) {
	case MeansRefused:
		return refusedTries
	case MeansBroken:
		if _, said := refusalOf(err); said || errors.Is(err, context.DeadlineExceeded) || isTooLarge(err) {
			return 1
		}
		return brokenTries
	default:
		return 1
	}
}

// record updates the node's health from the outcome of a call.
func (m *member) record(ctx context.Context, permitted bool, started time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	took := now.Sub(started)
	meaning := MeaningOf(err)
	if err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		m.recordGivenUp(permitted, started, took)
		return
	}
	m.count(meaning)
	if meaning == MeansRefused {
		m.pace.refused(err)
	}
	if meaning.isWell() {
		m.pace.answered()
		m.answeredAt, m.silentSince = now, time.Time{}
		m.latency = (m.latency*4 + took) / 5
		if permitted {
			m.breaker.RecordSuccess()
		}
		if meaning == MeansTooOld || meaning == MeansTooMuch {
			m.lastError, m.failedAt = wordsFrom(err), now
		}
		return
	}
	m.lastError, m.failedAt = wordsFrom(err), now
	m.chainOK = m.chainOK && (meaning == MeansRefused || wasRefusedInWords(err))
	if permitted && meaning != MeansRefused { // the pacer deals with refusals
		m.breaker.RecordFailure()
	} else if permitted {
		m.breaker.RecordSuccess()
	}
}

func (m *member) count(meaning Meaning) {
	if m.pool.countCall != nil {
		m.pool.countCall(m.name, meaning)
	}
}

// recordGivenUp updates the node's health after a call that the caller gave up, usually because another node was
// quicker. All that says about this node is how long it took at least. A node that is only ever given up does not
// answer.
func (m *member) recordGivenUp(permitted bool, started time.Time, took time.Duration) {
	m.latency = (m.latency*4 + took) / 5
	if took >= hedgeAfter {
		m.lateUntil = time.Now().Add(breakerDelay) // the next call asks another node first
		if m.silentSince.IsZero() {
			m.silentSince = started
		}
	}
	silent := time.Duration(0)
	if !m.silentSince.IsZero() {
		silent = time.Since(m.silentSince)
	}
	switch {
	case silent >= callTimeout:
		m.count(MeansBroken)
		m.lastError, m.failedAt = fmt.Sprintf("no answer for %s", silent.Round(time.Second)), time.Now()
		if permitted {
			m.breaker.RecordFailure()
		}
	case permitted:
		m.breaker.RecordSuccess()
	}
}

// wasRefusedInWords reports whether the node answered with a JSON-RPC error in words that are not known. It was there
// and answered.
func wasRefusedInWords(err error) bool {
	_, said := refusalOf(err)
	return said && MeaningOf(err) == MeansBroken
}

// wrongChainRecheck is how often a node of another chain is asked for its chain again.
const wrongChainRecheck = time.Minute

// checkChain refuses a node for as long as it follows another chain. It checks the chain at the first call, again after
// each failure, because the node behind a URL can change, and every minute while it is wrong.
func (m *member) checkChain(ctx context.Context) error {
	m.mu.Lock()
	wrong, checked := m.wrongChain, m.chainOK
	due := !checked && (wrong == "" || time.Since(m.chainAt) >= wrongChainRecheck)
	if due && wrong != "" {
		m.chainAt = time.Now() // one call asks, the others need not
	}
	m.mu.Unlock()
	if due {
		reason, err := paced(ctx, m, m.otherChain)
		if err != nil && wrong == "" {
			return err
		}
		if err == nil {
			m.noteChain(ctx, wrong, reason)
			wrong = reason
		}
	}
	if wrong != "" {
		return fmt.Errorf("%s: %w: %s", m.name, models.ErrWrongChain, wrong)
	}
	return nil
}

// noteChain notes why the node is of another chain now, "" if it is not, and tells a person when that changes.
func (m *member) noteChain(ctx context.Context, before, reason string) {
	m.mu.Lock()
	m.chainOK, m.wrongChain = reason == "", reason
	if reason != "" {
		m.chainAt = time.Now()
	}
	m.mu.Unlock()
	switch {
	case reason != "" && before == "":
		m.pool.raise(ctx, models.AlarmNodeWrongChain, m.name, reason)
	case reason == "" && before != "":
		m.pool.resolveAlarm(ctx, models.AlarmNodeWrongChain, m.name, "The node follows the right chain again.")
	}
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
