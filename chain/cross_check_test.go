package chain

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/models"
)

// How a node can lie about logs.
const (
	lieNone = iota
	lieHideAll
	lieHideFirst
	lieExtra
	lieMore
	lieLast
)

// namedNode is one node over the model chain. It may lie about our transfers.
type namedNode struct {
	*fakeChain
	name string
	lie  int
	down atomic.Bool
}

func (n *namedNode) Name() string { return n.name }

func (n *namedNode) HeaderByNumber(ctx context.Context, number uint64) (Header, error) {
	if n.down.Load() {
		return Header{}, fmt.Errorf("%s is down", n.name)
	}
	return n.fakeChain.HeaderByNumber(ctx, number)
}

func (n *namedNode) HeadHeader(ctx context.Context) (Header, error) {
	if n.down.Load() {
		return Header{}, fmt.Errorf("%s is down", n.name)
	}
	return n.fakeChain.HeadHeader(ctx)
}

func (n *namedNode) TokenLogsByBlockHash(ctx context.Context, token common.Address, hash common.Hash) ([]types.Log, error) {
	logs, err := n.fakeChain.TokenLogsByBlockHash(ctx, token, hash)
	return n.spoil(logs), err
}

func (n *namedNode) TokenLogsInRange(ctx context.Context, token common.Address, from, to uint64) ([]types.Log, error) {
	logs, err := n.fakeChain.TokenLogsInRange(ctx, token, from, to)
	return n.spoil(logs), err
}

func (n *namedNode) BlockLogs(ctx context.Context, header Header) ([]types.Log, error) {
	return n.TokenLogsByBlockHash(ctx, testToken, header.Hash) // whoever believes this node believes everything
}

func (n *namedNode) RangeLogs(ctx context.Context, from, to uint64) ([]types.Log, error) {
	return n.TokenLogsInRange(ctx, testToken, from, to)
}

func (n *namedNode) spoil(logs []types.Log) []types.Log {
	logs = slices.Clone(logs)
	if len(logs) == 0 {
		return logs
	}
	switch n.lie {
	case lieHideAll:
		return nil
	case lieHideFirst:
		return logs[1:]
	case lieExtra:
		extra := logs[len(logs)-1]
		extra.Index++
		extra.Topics = slices.Clone(transferLog(pay(ourAddress1, 77)).Topics)
		extra.Data = common.BigToHash(big.NewInt(77)).Bytes()
		return append(logs, extra)
	case lieMore:
		logs[0].Data = common.BigToHash(big.NewInt(99)).Bytes()
	case lieLast:
		logs[len(logs)-1].Topics = slices.Clone(transferLog(pay(ourAddress2, 1)).Topics)
	}
	return logs
}

// panel is nodes over one model chain and the pool of them.
type panel struct {
	nodes []*namedNode
	pool  *Pool
}

func newPanel(chain *fakeChain, quorum int, lies ...int) *panel {
	p := &panel{}
	var endpoints []Endpoint
	for i, lie := range lies {
		p.nodes = append(p.nodes, &namedNode{fakeChain: chain, name: fmt.Sprint("node", i), lie: lie})
		endpoints = append(endpoints, p.nodes[i])
	}
	config := testConfig()
	config.Quorum = quorum
	p.pool = NewPool(endpoints, config, nil, quiet())
	return p
}

// reported returns the names of the nodes that were contradicted.
func (p *panel) reported() map[string]bool {
	lying := map[string]bool{}
	for _, health := range p.pool.Health() {
		if health.State == models.NodeLying {
			lying[health.Name] = true
		}
	}
	return lying
}

func newCheck(p *panel, store *memoryStore, alarms Alarms) *CrossCheck {
	return NewCrossCheck(p.pool.config, p.pool, store, alarms, quiet())
}

// exhaust steps until nothing is left to compare.
func exhaust(t require.TestingT, check *CrossCheck) {
	for range 5000 {
		worked, err := check.Step(context.Background())
		require.NoError(t, err)
		if !worked {
			return
		}
	}
	require.Fail(t, "it never ends")
}

// canonicalOurs returns the stored transfers that pay us.
func canonicalOurs(store *memoryStore) []models.TokenTransfer {
	return slices.DeleteFunc(store.canonical(), func(t models.TokenTransfer) bool { return !store.ours[t.To] })
}

// TestOneLiarOfThreeChangesNothing lets the follower itself read from any node, the liar too: what is stored at the end is
// the truth, by blocks and by ranges, and no honest node was accused.
func TestOneLiarOfThreeChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		chain := newFakeChain()
		mine := func(label string) {
			for range rapid.IntRange(1, 30).Draw(t, label) {
				chain.mine(drawTxs(t, "txs")...)
			}
		}
		nodes := rapid.IntRange(2, 3).Draw(t, "nodes")
		lies := make([]int, nodes)
		liar := rapid.IntRange(0, nodes-1).Draw(t, "liar")
		lies[liar] = rapid.IntRange(lieNone, lieLast).Draw(t, "lie")
		panel := newPanel(chain, 2, lies...)
		store, alarms := ourStore(), &memoryAlarms{}
		config := startAt(1)
		config.quorum, config.rangesFrom = 2, rapid.Uint64Range(1, 64).Draw(t, "windows from")
		source := panel.nodes[rapid.IntRange(0, nodes-1).Draw(t, "source")]
		follow := func(check *CrossCheck) {
			follower := config.follower(source, store, alarms)
			for range 200 {
				progress, err := follower.Step(context.Background())
				if err != nil {
					source = panel.nodes[(liar+1)%nodes]
					follower = config.follower(source, store, alarms)
					continue
				}
				if rapid.Bool().Draw(t, "between") {
					_, err := check.Step(context.Background())
					require.NoError(t, err)
				}
				if progress.CaughtUp && progress.Advanced == 0 {
					return
				}
			}
		}
		check := newCheck(panel, store, alarms)
		for round := range 3 {
			mine("blocks")
			if round > 0 {
				chain.cut(rapid.IntRange(0, min(5, chain.height()-1)).Draw(t, "depth"))
				for range 6 {
					chain.mine(drawTxs(t, "txs")...)
				}
			}
			if rapid.Bool().Draw(t, "finality") {
				chain.finalized = max(chain.finalized, int64(max(chain.height()-8, 0)))
			}
			follow(check)
			exhaust(t, check)
		}
		for name := range panel.reported() {
			require.Equal(t, panel.nodes[liar].name, name, "an honest node was accused")
		}
		cursor, err := store.Cursor(context.Background(), "")
		require.NoError(t, err)
		if nodes == 3 || !panel.reported()[panel.nodes[liar].name] {
			require.EqualValues(t, chain.height(), cursor.AgreedNumber)
			require.Equal(t, chain.truth(store.ours, 0), canonicalOurs(store))
		}
		for _, transfer := range canonicalOurs(store) { // up to the agreed block nothing but the truth, in any case
			if transfer.Block.Number <= cursor.AgreedNumber {
				require.Contains(t, chain.truth(store.ours, 0), transfer)
			}
		}
	})
}

func TestSecondReadingHealsAndCostsLittle(t *testing.T) {
	t.Parallel()
	chain := newFakeChain()
	chain.mine(fakeTx{txHash(1), []payment{pay(ourAddress1, 5), pay(ourAddress1, 6)}})
	for range 99 {
		chain.mine()
	}
	panel := newPanel(chain, 1, lieHideFirst)
	store, alarms := ourStore(), &memoryAlarms{}
	catchUp(t, startAt(1).follower(panel.nodes[0], store, alarms))
	require.Len(t, store.canonical(), 1)
	check := newCheck(panel, store, alarms)
	clear(chain.calls)
	exhaust(t, check)
	require.Empty(t, chain.calls, "nothing is final")

	panel.nodes[0].lie = lieNone
	require.NoError(t, store.SetFinalized(t.Context(), "", chain.ref(31)))
	exhaust(t, check)
	require.Empty(t, chain.calls, "too few blocks are final")
	require.NoError(t, store.SetFinalized(t.Context(), "", chain.ref(60)))
	exhaust(t, check)
	require.Equal(t, 1, chain.calls["range"])
	require.Equal(t, chain.truth(store.ours, 0), store.canonical())
	require.True(t, alarms.isOpen(models.AlarmTransferMissed))
	cursor, _ := store.Cursor(t.Context(), "")
	require.EqualValues(t, 60, cursor.RecheckedNumber)
}

func TestRescanIsSafeToRepeat(t *testing.T) {
	t.Parallel()
	chain := newFakeChain()
	for i := range 50 {
		chain.mine(fakeTx{txHash(i), []payment{pay(ourAddress2, 5), pay(stranger, 1), pay(ourAddress1, 6)}})
	}
	for _, lie := range []int{lieHideFirst, lieExtra, lieMore, lieLast} {
		panel := newPanel(chain, 1, lie)
		store := ourStore()
		catchUp(t, startAt(1).follower(panel.nodes[0], store, &memoryAlarms{}))
		require.NotEqual(t, chain.truth(store.ours, 0), canonicalOurs(store))
		panel.nodes[0].lie = lieNone
		check := newCheck(panel, store, &memoryAlarms{})
		var done uint64
		report, err := check.Rescan(t.Context(), 1, 1000, func(blocks uint64) { done = blocks })
		require.NoError(t, err)
		require.EqualValues(t, 50, report.Blocks)
		require.EqualValues(t, 50, done)
		require.Equal(t, chain.truth(store.ours, 0), canonicalOurs(store))
		again, err := check.Rescan(t.Context(), 1, 50, nil)
		require.NoError(t, err)
		require.Equal(t, RescanReport{Blocks: 50, Found: 100}, again)
	}
}

func TestACreditThatIsDisprovedRaisesItsOwnAlarm(t *testing.T) {
	t.Parallel()
	chain := newFakeChain()
	chain.mine(fakeTx{txHash(1), []payment{pay(stranger, 5)}})
	panel := newPanel(chain, 2, lieExtra, lieNone, lieNone)
	store, alarms := ourStore(), &memoryAlarms{}
	config := startAt(1)
	config.quorum = 2
	catchUp(t, config.follower(panel.nodes[0], store, alarms))
	require.Len(t, store.canonical(), 1)
	store.credited = map[models.TransferKey]bool{store.canonical()[0].TransferKey: true}
	exhaust(t, newCheck(panel, store, alarms))
	require.Empty(t, store.canonical())
	require.True(t, alarms.isOpen(models.AlarmTransferDisproved))
	require.True(t, alarms.isOpen(models.AlarmCreditedWithoutNode))
	require.True(t, panel.reported()["node0"])
}

func TestTooFewNodesRaiseAnAlarmThatResolves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chain := newFakeChain()
		chain.mine()
		panel := newPanel(chain, 2, lieNone, lieNone)
		store, alarms := ourStore(), &memoryAlarms{}
		config := startAt(1)
		config.quorum = 2
		catchUp(t, config.follower(panel.nodes[0], store, alarms))
		panel.nodes[1].down.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- newCheck(panel, store, alarms).Run(ctx) }()
		time.Sleep(time.Minute)
		require.False(t, alarms.isOpen(models.AlarmQuorumMissing))
		time.Sleep(90 * time.Second)
		require.True(t, alarms.isOpen(models.AlarmQuorumMissing))
		cursor, _ := store.Cursor(ctx, "")
		require.Zero(t, cursor.AgreedNumber)
		panel.nodes[1].down.Store(false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.False(t, alarms.isOpen(models.AlarmQuorumMissing))
		cursor, _ = store.Cursor(ctx, "")
		require.EqualValues(t, 1, cursor.AgreedNumber)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

// AgreedHeader is the same as HeaderByNumber: one node is its own quorum.
func (n *namedNode) AgreedHeader(ctx context.Context, number uint64) (Header, error) {
	return n.HeaderByNumber(ctx, number)
}
