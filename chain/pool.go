package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"paycow/models"
)

// PoolConfig is what a pool has to know. Zero durations and numbers mean the defaults beside them.
type PoolConfig struct {
	Network string
	ChainID uint64
	Token   common.Address
	// Quorum is how many nodes must agree before anything is credited or expires; at least 1.
	Quorum int
	// BlockTime is the usual time between blocks. 0 means that blocks come when they are asked for, so a head's age says nothing.
	BlockTime time.Duration

	HedgeAfter    time.Duration // 600 ms: how long the first node may think before the next is asked as well
	SlowAfter     time.Duration // 2 s: usual time of an answer above which a node counts as slow
	ProbeInterval time.Duration // 10 s: how often a node that is not in use is looked after
	RetryAfter    time.Duration // 10 s: pause of a rate limited node that names none
	BreakerDelay  time.Duration // 3 s: pause of a node whose calls fail
	LyingFor      time.Duration // 1 h: how long a contradicted node is left out
	HeadMaxAge    time.Duration // 1 min: how long a head that a node told of is compared with the others'
	// StaleBlocks is how many blocks a node may be behind the others. 4.
	StaleBlocks uint64
}

func (c PoolConfig) withDefaults() PoolConfig {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&c.HedgeAfter, 600 * time.Millisecond},
		{&c.SlowAfter, 2 * time.Second},
		{&c.ProbeInterval, 10 * time.Second},
		{&c.RetryAfter, 10 * time.Second},
		{&c.BreakerDelay, 3 * time.Second},
		{&c.LyingFor, time.Hour},
		{&c.HeadMaxAge, time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	if c.StaleBlocks == 0 {
		c.StaleBlocks = 4
	}
	c.Quorum = max(c.Quorum, 1)
	return c
}

// Pool is the Ethereum nodes of an installation, in order of preference. Reading asks the best node and fails over to the
// next; agreement is asked of its members. It is safe for concurrent use.
type Pool struct {
	config  PoolConfig
	members []*member
	alarms  Alarms
	logger  *slog.Logger
}

var (
	_ BlockSource = (*Pool)(nil)
	_ Panel       = (*Pool)(nil)
)

// NewPool returns a pool of these nodes, best first.
func NewPool(endpoints []Endpoint, config PoolConfig, alarms Alarms, logger *slog.Logger) *Pool {
	p := &Pool{config: config.withDefaults(), alarms: alarms, logger: logger}
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

// DialPool prepares a pool of the nodes with these URLs. A node that is away right now is no error; a URL that can never
// work is.
func DialPool(ctx context.Context, urls []string, config PoolConfig, alarms Alarms, logger *slog.Logger) (*Pool, error) {
	endpoints := make([]Endpoint, len(urls))
	for i, rawURL := range urls {
		node, err := Dial(ctx, rawURL, logger)
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", i+1, err)
		}
		endpoints[i] = node
	}
	return NewPool(endpoints, config, alarms, logger), nil
}

// Close ends every connection.
func (p *Pool) Close() {
	for _, m := range p.members {
		m.endpoint.Close()
	}
}

// Quorum returns how many nodes must agree.
func (p *Pool) Quorum() int { return p.config.Quorum }

// Members returns the nodes that are believed now, best first.
func (p *Pool) Members() []Member {
	var usable []Member
	for _, m := range p.members {
		if state, _ := m.state(); state.IsUsable() || state == models.NodeStale && len(p.members) == 1 {
			usable = append(usable, m)
		}
	}
	return usable
}

// Health tells what is thought of each node, in the order of preference.
func (p *Pool) Health() []models.NodeHealth {
	health := make([]models.NodeHealth, len(p.members))
	for i, m := range p.members {
		health[i] = m.health()
	}
	return health
}

// Report says that a node was contradicted. It is left out for a while and an alarm is raised.
func (p *Pool) Report(name string, state models.NodeState, reason string) {
	for _, m := range p.members {
		if m.name == name && state == models.NodeLying && m.distrust(reason) {
			p.raise(models.AlarmNodeLying, name, reason)
		}
	}
}

func (p *Pool) raise(kind models.AlarmKind, node, reason string) {
	p.logger.Error("a node is not believed any more", "node", node, "alarm", string(kind), "error", reason)
	if p.alarms == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := p.alarms.Raise(ctx, models.Alarm{Network: p.config.Network, Kind: kind, Subject: node, Message: "The node " + node + " is not believed: " + reason + "."})
	if err != nil {
		p.logger.Error("an alarm could not be raised", "alarm", string(kind), "error", err)
	}
}

// Run looks after the nodes that are not in use until the context ends, so that their health is known and they come back.
// A single node is looked after by whoever uses it.
func (p *Pool) Run(ctx context.Context) error {
	if len(p.members) < 2 {
		<-ctx.Done()
		return ctx.Err()
	}
	ticker := time.NewTicker(p.config.ProbeInterval)
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

// Probe asks each node that has not answered lately for its head, and whether it is syncing.
func (p *Pool) Probe(ctx context.Context) {
	var group errgroup.Group
	for _, m := range p.members {
		if m.heardLately(p.config.ProbeInterval) {
			continue
		}
		group.Go(func() error {
			m.probe(ctx)
			return nil
		})
	}
	_ = group.Wait() // each probe notes its own outcome
}

// agreedHead is the highest head that as many nodes as the quorum have reached lately: fewer could make it up. ok is false
// when too few are known.
func (p *Pool) agreedHead() (number uint64, ok bool) {
	var heads []uint64
	for _, m := range p.members {
		if head, known := m.freshHead(); known {
			heads = append(heads, head.Number)
		}
	}
	if len(heads) < p.config.Quorum {
		return 0, false
	}
	slices.SortFunc(heads, func(a, b uint64) int { return -compare(a, b) })
	return heads[p.config.Quorum-1], true
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// candidates returns the nodes to read from: the usable ones in order of preference, then those that are in trouble and may
// still answer. Nodes that are not believed are never among them.
func (p *Pool) candidates() []*member {
	var usable, doubtful []*member
	for _, m := range p.members {
		switch state, _ := m.state(); state {
		case models.NodeOK:
			usable = append(usable, m)
		case models.NodeWrongChain, models.NodeLying:
		default:
			doubtful = append(doubtful, m)
		}
	}
	// Slow ones come before those that do not work.
	slices.SortStableFunc(doubtful, func(a, b *member) int { return trouble(a) - trouble(b) })
	return append(usable, doubtful...)
}

func trouble(m *member) int {
	switch state, _ := m.state(); state {
	case models.NodeOK, models.NodeSlow:
		return 0
	case models.NodeStale, models.NodeSyncing:
		return 1
	default:
		return 2
	}
}

// errNoNode means that no node is left to be asked.
var errNoNode = errors.New("no Ethereum node can be asked")

// whyNone says why no node can be asked.
func (p *Pool) whyNone() error {
	wrong := 0
	var reasons []error
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
