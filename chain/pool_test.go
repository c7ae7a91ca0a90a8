package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

// faultyNode is a node in memory that goes wrong as a test wants. It returns the same head for every block.
type faultyNode struct {
	name string

	mu        sync.Mutex
	chainID   uint64
	head      Header
	finalized uint64
	delay     time.Duration
	err       error
	syncing   bool
	calls     int
	receipt   *types.Receipt
	receipts  []*types.Receipt
	// hideReceipts makes the node never answer a question for the receipts of a block.
	hideReceipts bool
}

func newFaultyNode(name string, head uint64) *faultyNode {
	return &faultyNode{
		name:    name,
		chainID: testChainID,
		head:    Header{Number: head, Hash: common.BigToHash(new(big.Int).SetUint64(head + 1)), Time: time.Now()},
	}
}

func (n *faultyNode) set(change func(*faultyNode)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// answer waits as long as the node takes and returns its failure.
func (n *faultyNode) answer(ctx context.Context) error {
	n.mu.Lock()
	n.calls++
	delay, err := n.delay, n.err
	n.mu.Unlock()
	select {
	case <-time.After(delay):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *faultyNode) Name() string { return n.name }
func (n *faultyNode) Close()       {}

func (n *faultyNode) ChainID(ctx context.Context) (uint64, error) { return n.chainID, n.answer(ctx) }

func (n *faultyNode) Syncing(ctx context.Context) (bool, error) { return n.syncing, n.answer(ctx) }

func (n *faultyNode) HeadHeader(ctx context.Context) (Header, error) {
	err := n.answer(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.head, err
}

func (n *faultyNode) HeaderByNumber(ctx context.Context, number uint64) (Header, error) {
	err := n.answer(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	header := n.head
	header.Number = number
	return header, err
}

func (n *faultyNode) FinalizedNumber(ctx context.Context) (uint64, bool, error) {
	return n.finalized, n.finalized > 0, n.answer(ctx)
}

func (n *faultyNode) TokenLogsByBlockHash(ctx context.Context, _ Contracts, _ common.Hash) ([]types.Log, error) {
	return nil, n.answer(ctx)
}

func (n *faultyNode) TokenLogsInRange(ctx context.Context, _ Contracts, _, _ uint64) ([]types.Log, error) {
	return nil, n.answer(ctx)
}

func (n *faultyNode) ReceiptsByBlockHash(ctx context.Context, _ common.Hash) ([]*types.Receipt, error) {
	if n.hideReceipts {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return n.receipts, n.answer(ctx)
}

func (n *faultyNode) Receipt(ctx context.Context, _ common.Hash) (*types.Receipt, bool, error) {
	err := n.answer(ctx)
	return n.receipt, n.receipt != nil, err
}

func (n *faultyNode) CallToken(context.Context, common.Address, common.Hash, ...string) ([]hexutil.Bytes, error) {
	return nil, errors.New("not offered")
}

func (n *faultyNode) Balances(
	ctx context.Context, _ common.Address, addresses []common.Address, _ common.Hash,
) ([]*big.Int, error) {
	return make([]*big.Int, len(addresses)), n.answer(ctx)
}

func (n *faultyNode) SubscribeHeads(ctx context.Context, _ chan<- Header) (ethereum.Subscription, error) {
	if err := n.answer(ctx); err != nil {
		return nil, err
	}
	return nil, models.ErrNoSubscriptions
}

func (n *faultyNode) SubscribePending(context.Context, chan<- PendingTransaction) (ethereum.Subscription, error) {
	return nil, models.ErrNoSubscriptions
}

// alarmList remembers what was raised.
type alarmList struct {
	mu       sync.Mutex
	raised   []models.Alarm
	resolved []models.AlarmKind
}

func (a *alarmList) Raise(_ context.Context, alarm models.Alarm) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.raised = append(a.raised, alarm)
	return nil
}

func (a *alarmList) Resolve(_ context.Context, _ string, kind models.AlarmKind, _, _, _ string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.resolved = append(a.resolved, kind)
	return nil
}

func (a *alarmList) kinds() []models.AlarmKind {
	a.mu.Lock()
	defer a.mu.Unlock()
	var kinds []models.AlarmKind
	for _, alarm := range a.raised {
		kinds = append(kinds, alarm.Kind)
	}
	return kinds
}

func poolOf(quorum int, alarms Alarms, nodes ...*faultyNode) *Pool {
	endpoints := make([]Endpoint, len(nodes))
	for i, node := range nodes {
		endpoints[i] = node
	}
	return NewPool(endpoints,
		Config{Network: models.NetworkERC20, ChainID: testChainID, Token: testToken, Quorum: quorum}, alarms, quiet())
}

func (p *Pool) stateOf(position int) models.NodeState { return p.Health()[position].State }

var errAway = errors.New("connection refused")

func TestReadingFailsOverWithinASecondAndComesBack(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*faultyNode){
		"errors":       func(n *faultyNode) { n.err = errAway },
		"hangs":        func(n *faultyNode) { n.delay = time.Hour },
		"answers late": func(n *faultyNode) { n.delay = 5 * time.Second },
		"limits": func(n *faultyNode) {
			n.err = &NodeError{Meaning: MeansRefused, After: 20 * time.Second, cause: rpc.HTTPError{StatusCode: http.StatusTooManyRequests}}
		},
		"another chain": func(n *faultyNode) { n.chainID = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				first, second := newFaultyNode("first", 100), newFaultyNode("second", 101)
				alarms := &alarmList{}
				pool := poolOf(1, alarms, first, second)
				if name != "another chain" {
					head, err := pool.HeadHeader(t.Context())
					require.NoError(t, err)
					require.EqualValues(t, 100, head.Number, "the preferred node")
				}
				first.set(fault)
				for range 5 {
					started := time.Now()
					head, err := pool.HeadHeader(t.Context())
					require.NoError(t, err)
					require.EqualValues(t, 101, head.Number, "the other node")
					require.Less(t, time.Since(started), time.Second)
				}
				first.set(func(n *faultyNode) { n.err, n.delay, n.chainID = nil, 0, testChainID })
				time.Sleep(30 * time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				go func() { _ = pool.Run(ctx) }()
				time.Sleep(5 * time.Minute) // whatever state it was in, probing finds it well
				head, err := pool.HeadHeader(t.Context())
				require.NoError(t, err)
				require.EqualValues(t, 100, head.Number, "the preferred node is back")
				if name == "another chain" {
					require.Equal(t, []models.AlarmKind{models.AlarmNodeWrongChain}, alarms.kinds())
					require.Equal(t, []models.AlarmKind{models.AlarmNodeWrongChain}, alarms.resolved)
				} else {
					require.Empty(t, alarms.kinds())
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

func TestTheStatesOfANode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newFaultyNode("a", 100), newFaultyNode("b", 100), newFaultyNode("c", 100)
		alarms := &alarmList{}
		pool := poolOf(2, alarms, a, b, c)
		states := func() (states [3]models.NodeState) {
			time.Sleep(11 * time.Second) // past the probe interval
			for range 3 {
				pool.Probe(t.Context())
			}
			for i, h := range pool.Health() {
				states[i] = h.State
			}
			return states
		}
		require.Equal(t, [3]models.NodeState{models.NodeOK, models.NodeOK, models.NodeOK}, states())

		b.set(func(n *faultyNode) { n.head.Number = 90 })
		require.Equal(t, [3]models.NodeState{models.NodeOK, models.NodeStale, models.NodeOK}, states())
		require.Len(t, pool.usable(), 2)

		b.set(func(n *faultyNode) { n.head.Number = 100; n.syncing = true })
		require.Equal(t, models.NodeSyncing, states()[1])

		b.set(func(n *faultyNode) { n.syncing = false; n.err = errAway })
		require.Equal(t, models.NodeErroring, states()[1])

		b.set(func(n *faultyNode) { n.err = nil; n.delay = 9 * time.Second })
		for range 20 {
			states()
		}
		require.Equal(t, models.NodeSlow, states()[1])
		require.Len(t, pool.usable(), 3, "a slow node is believed")

		// One node that makes up a high head does not make the others stale.
		b.set(func(n *faultyNode) { n.delay = 0; n.head.Number = 1_000_000 })
		for range 20 {
			states()
		}
		require.Equal(t, [3]models.NodeState{models.NodeOK, models.NodeOK, models.NodeOK}, states())

		pool.reportLying(t.Context(), pool.members[1], "it made up a block")
		pool.reportLying(t.Context(), pool.members[1], "it made up a block")
		require.Equal(t, models.NodeLying, pool.stateOf(1))
		require.Equal(t, []models.AlarmKind{models.AlarmNodeLying}, alarms.kinds())
		require.Len(t, pool.usable(), 2)
		time.Sleep(time.Hour)
		require.Equal(t, models.NodeOK, states()[1], "tried again after an hour")
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	limited := true
	var mu sync.Mutex
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		calls++
		if limited {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":"0x539"}`)
	}))
	defer server.Close()
	node, err := Dial(t.Context(), server.URL, quiet())
	require.NoError(t, err)
	pool := NewPool([]Endpoint{node}, Config{ChainID: testChainID}, nil, quiet())
	_, err = pool.HeadHeader(t.Context())
	var limit *NodeError
	require.ErrorAs(t, err, &limit)
	require.InDelta(t, 2*time.Minute, limit.After, float64(10*time.Second))
	require.Equal(t, models.NodeRateLimited, pool.stateOf(0))
	require.Len(t, pool.usable(), 1, "there is no other to ask")

	now := time.Now()
	for value, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": 0, "7": 7 * time.Second, "999999": retryAfterMax,
		now.Add(90 * time.Second).UTC().Format(http.TimeFormat): 89 * time.Second,
	} {
		require.InDelta(t, want, retryAfter(value, now), float64(2*time.Second), value)
	}
}

func TestFinalityIsWhatTheQuorumHasReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newFaultyNode("a", 100), newFaultyNode("b", 100), newFaultyNode("c", 100)
		a.finalized, b.finalized, c.finalized = 90, 40, 36
		for quorum, want := range map[int]uint64{1: 90, 2: 40, 3: 36} {
			number, ok, err := poolOf(quorum, nil, a, b, c).FinalizedNumber(t.Context())
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, want, number, "quorum of %d", quorum)
		}
		c.set(func(n *faultyNode) { n.err = errAway })
		_, ok, err := poolOf(3, nil, a, b, c).FinalizedNumber(t.Context())
		require.NoError(t, err)
		require.False(t, ok, "too few nodes answer")
	})
}

func TestTheFirstBlockIsTheQuorums(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		liar, a, b := newFaultyNode("liar", 100), newFaultyNode("a", 100), newFaultyNode("b", 100)
		liar.head.Hash = common.Hash{0xff}
		header, err := poolOf(2, nil, liar, a, b).AgreedHeader(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, a.head.Hash, header.Hash)
		b.set(func(n *faultyNode) { n.err = errAway })
		_, err = poolOf(2, nil, liar, a, b).AgreedHeader(t.Context(), 0)
		require.ErrorIs(t, err, models.ErrQuorumMissing)
	})
}
