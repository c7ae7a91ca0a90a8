package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"paycow/models"
)

const (
	// slowAfter is the usual time of an answer above which a node counts as slow.
	slowAfter = 2 * time.Second
	// probeInterval is how often a node that is not in use is probed.
	probeInterval = 10 * time.Second
	// breakerDelay is how long a node whose calls fail is left alone.
	breakerDelay = 3 * time.Second
	// quarantine is how long a contradicted node is left out.
	quarantine = time.Hour
	// headFreshFor is how long a node's head is compared with the heads of the others.
	headFreshFor = time.Minute
	// staleBlocks is how many blocks a node may be behind the others.
	staleBlocks = 4
)

// Pool is the Ethereum nodes of an installation, in order of preference. Reading asks the best node and fails over to
// the next; a Verifier and a CrossCheck ask as many nodes as the quorum needs. A Pool is safe for concurrent use.
type Pool struct {
	config     Config
	quarantine time.Duration
	members    []*member
	branches   branchChecks
	alarms     Alarms
	log        *slog.Logger
	countCall  func(node string, meaning Meaning) // nil if nobody counts
	genesis    atomic.Pointer[common.Hash]        // nil until it is known
}

// PoolOption changes a pool's behaviour.
type PoolOption func(*Pool)

// WithQuarantine sets how long a contradicted node is left out, instead of one hour. Simulations of a few minutes need
// it for a node to lie more than once.
func WithQuarantine(duration time.Duration) PoolOption {
	return func(p *Pool) { p.quarantine = duration }
}

// WithCallCounter has each call to a node counted by what its outcome means.
func WithCallCounter(count func(node string, meaning Meaning)) PoolOption {
	return func(p *Pool) { p.countCall = count }
}

// NewPool returns a pool of the endpoints, best first.
func NewPool(endpoints []Endpoint, config Config, alarms Alarms, log *slog.Logger, options ...PoolOption) *Pool {
	p := &Pool{config: config, quarantine: quarantine, alarms: alarms, log: log.With("network", config.Network)}
	if config.Genesis != (common.Hash{}) {
		p.genesis.Store(&config.Genesis)
	}
	for _, option := range options {
		option(p)
	}
	used := map[string]int{}
	for position, endpoint := range endpoints {
		name := endpoint.Name()
		used[name]++
		if used[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, used[name])
		}
		p.members = append(p.members, newMember(p, endpoint, name, position))
	}
	return p
}

// DialPool returns a pool of the nodes with these URLs. A node that is down right now is no error; a URL that can never
// work is one.
func DialPool(
	ctx context.Context, urls []string, config Config, alarms Alarms, log *slog.Logger, options ...PoolOption,
) (*Pool, error) {
	endpoints := make([]Endpoint, len(urls))
	for i, rawURL := range urls {
		node, err := Dial(ctx, rawURL, log)
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
		endpoints[i] = node
	}
	return NewPool(endpoints, config, alarms, log, options...), nil
}

// Close ends every connection.
func (p *Pool) Close() {
	for _, m := range p.members {
		m.endpoint.Close()
	}
}

// usable returns the nodes that are believed now, best first. Nodes that limit the rate of calls are waited for when
// there are too few others.
func (p *Pool) usable() []*member {
	var usable, slow, limited []*member
	for _, m := range p.members {
		switch state, _ := m.state(); {
		case state == models.NodeOK, state == models.NodeStale && len(p.members) == 1:
			usable = append(usable, m)
		case state.IsUsable():
			slow = append(slow, m)
		case state == models.NodeRateLimited:
			limited = append(limited, m)
		}
	}
	if usable = append(usable, slow...); len(usable) < p.config.quorum() {
		usable = append(usable, limited...)
	}
	return usable
}

// canDoWithout reports whether enough other nodes are well, so that a node that limits the rate of calls can be left
// alone.
func (p *Pool) canDoWithout(without *member) bool {
	others := 0
	for _, m := range p.members {
		if m == without {
			continue
		}
		if state, _ := m.state(); state.IsUsable() && !m.pace.isSlowed() {
			others++
		}
	}
	return others >= p.config.quorum()
}

// Health returns the state of each node, in order of preference.
func (p *Pool) Health() []models.NodeHealth {
	health := make([]models.NodeHealth, len(p.members))
	for i, m := range p.members {
		health[i] = m.health()
	}
	return health
}

// Balances returns the token's balanceOf each address at the block with that hash, in micro-USDT, from the first node
// that answers.
func (p *Pool) Balances(ctx context.Context, addresses []common.Address, block common.Hash) ([]*big.Int, error) {
	err := errNoNode
	for _, m := range p.usable() {
		var balances []*big.Int
		if balances, err = m.Balances(ctx, p.config.Token, addresses, block); err == nil {
			return balances, nil
		}
	}
	return nil, err
}

// reportLying excludes a node that was contradicted for the time of the quarantine and raises an alarm.
func (p *Pool) reportLying(ctx context.Context, m *member, reason string) {
	if m.distrust(reason) {
		p.raise(ctx, models.AlarmNodeLying, m.name, reason)
	}
}

func (p *Pool) raise(ctx context.Context, kind models.AlarmKind, node, reason string) {
	p.log.ErrorContext(ctx, "the node is excluded", "node", node, "alarm", string(kind), "error", reason)
	p.raiseAlarm(ctx, models.Alarm{
		Network: p.config.Network,
		Kind:    kind,
		Subject: node,
		Message: "The node " + node + " is not believed: " + reason + ".",
	})
}

func (p *Pool) raiseAlarm(ctx context.Context, alarm models.Alarm) {
	if p.alarms == nil {
		return
	}
	// What was found must be recorded even when the call that found it is being cancelled.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := p.alarms.Raise(ctx, alarm); err != nil {
		p.log.ErrorContext(ctx, "cannot raise an alarm", "alarm", string(alarm.Kind), "error", err)
	}
}

func (p *Pool) resolveAlarm(ctx context.Context, kind models.AlarmKind, subject, resolution string) {
	if p.alarms == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := p.alarms.Resolve(ctx, p.config.Network, kind, subject, models.ActorSystem, resolution); err != nil {
		p.log.ErrorContext(ctx, "cannot resolve an alarm", "alarm", string(kind), "error", err)
	}
}

// Run probes the nodes that are not in use until ctx ends, so that their health is known and they come back into use.
func (p *Pool) Run(ctx context.Context) error {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for {
		p.Probe(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Probe asks each node that has not answered lately for its head and for whether it is syncing.
func (p *Pool) Probe(ctx context.Context) {
	var group errgroup.Group
	for _, m := range p.members {
		if m.answeredWithin(probeInterval) {
			continue
		}
		group.Go(func() error {
			m.probe(ctx)
			return nil
		})
	}
	_ = group.Wait() // each probe records its own outcome
}

// agreedHead returns the highest head that at least a quorum of nodes has reached lately; fewer nodes could make it up.
// ok is false when too few heads are known.
func (p *Pool) agreedHead() (number uint64, ok bool) {
	var heads []uint64
	for _, m := range p.members {
		if head, known := m.freshHead(); known {
			heads = append(heads, head.Number)
		}
	}
	quorum := p.config.quorum()
	if len(heads) < quorum {
		return 0, false
	}
	return nthHighest(heads, quorum), true
}

// othersHead returns the highest head that at least a quorum of the other nodes has reached lately, and how far it may
// have come since they were asked. ok is false when too few heads are known.
func (p *Pool) othersHead(without *member) (reached, atMost uint64, ok bool) {
	var heads, since []uint64
	for _, m := range p.members {
		head, known := m.freshHead()
		if !known || m == without {
			continue
		}
		heads = append(heads, head.Number)
		if p.config.BlockTime > 0 {
			since = append(since, head.Number+uint64(max(0, m.headAge()/p.config.BlockTime)))
		}
	}
	quorum := p.config.quorum()
	if len(heads) < quorum {
		return 0, 0, false
	}
	if atMost = math.MaxUint64 - staleBlocks; len(since) > 0 {
		atMost = nthHighest(since, quorum)
	}
	return nthHighest(heads, quorum), atMost, true
}

// candidates returns the nodes to read from: the healthy ones in order of preference, then those that have problems but
// may still answer. Nodes of another chain or branch and nodes in quarantine are never among them.
func (p *Pool) candidates() []*member {
	var healthy, others []*member
	for _, m := range p.members {
		switch state, _ := m.state(); state {
		case models.NodeOK:
			healthy = append(healthy, m)
		case models.NodeWrongChain, models.NodeLying, models.NodeForked:
		default:
			others = append(others, m)
		}
	}
	slices.SortStableFunc(others, func(a, b *member) int { return cmp.Compare(severity(a), severity(b)) })
	return append(healthy, others...)
}

// severity orders the nodes that have problems: slow ones first, then those that are behind, then those that fail.
func severity(m *member) int {
	switch state, _ := m.state(); state {
	case models.NodeOK, models.NodeSlow:
		return 0
	case models.NodeStale, models.NodeSyncing:
		return 1
	default:
		return 2
	}
}

// errNoNode means that no node is left to ask.
var errNoNode = errors.New("no Ethereum node is usable")

// whyNone returns an error that says why no node is usable. It is models.ErrWrongChain when all follow another chain.
func (p *Pool) whyNone() error {
	wrong := 0
	reasons := make([]error, 0, len(p.members))
	for _, m := range p.members {
		state, reason := m.state()
		if state == models.NodeWrongChain {
			wrong++
		}
		reasons = append(reasons, fmt.Errorf("%s: %s", m.name, reason))
	}
	if wrong == len(p.members) {
		return fmt.Errorf("%w: %w", models.ErrWrongChain, errors.Join(reasons...))
	}
	return fmt.Errorf("%w: %w", errNoNode, errors.Join(reasons...))
}
