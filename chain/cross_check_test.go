package chain_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// panel is nodes over one model chain and the pool of them.
type panel struct {
	nodes  []*chaintest.Node
	pool   *chain.Pool
	quorum int
}

func newPanel(c *chaintest.Chain, quorum int, lies ...chaintest.Lie) *panel {
	p := &panel{quorum: quorum}
	var endpoints []chain.Endpoint
	for i, lie := range lies {
		p.nodes = append(p.nodes, chaintest.NewNode(c, fmt.Sprint("node", i), 0))
		endpoints = append(endpoints, p.nodes[i])
		p.lie(i, lie)
	}
	p.pool = chain.NewPool(endpoints, configOf(quorum), nil, quiet())
	return p
}

func (p *panel) lie(node int, lie chaintest.Lie) {
	p.nodes[node].Set(func(b *chaintest.Behaviour) { b.Lie = lie })
}

// gullible returns a source that believes everything that one node answers.
func (p *panel) gullible(node int) chain.BlockSource {
	return gullible{p.nodes[node]}
}

type gullible struct{ *chaintest.Node }

func (g gullible) AgreedHead(ctx context.Context) (chain.Header, error) { return g.HeadHeader(ctx) }

func (g gullible) AgreedHeader(ctx context.Context, number uint64) (chain.Header, error) {
	return g.HeaderByNumber(ctx, number)
}

func (g gullible) CheckBranch(ctx context.Context, marks models.ChainCursor) (chain.Header, error) {
	return g.HeaderByNumber(ctx, marks.AgreedNumber)
}

func (g gullible) BlockLogs(ctx context.Context, contracts chain.Contracts, header chain.Header) ([]types.Log, error) {
	return g.TokenLogsByBlockHash(ctx, contracts, header.Hash)
}

func (g gullible) RangeLogs(ctx context.Context, contracts chain.Contracts, from, to uint64) ([]types.Log, error) {
	return g.TokenLogsInRange(ctx, contracts, from, to)
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

func newCheck(p *panel, store *chaintest.Store, alarms chain.Alarms) *chain.CrossCheck {
	return chain.NewCrossCheck(configOf(p.quorum), p.pool, store, alarms, quiet())
}

// exhaust steps until nothing is left to compare.
func exhaust(t require.TestingT, check *chain.CrossCheck) {
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
func canonicalOurs(store *chaintest.Store) []models.TokenTransfer {
	return slices.DeleteFunc(store.Canonical(), func(t models.TokenTransfer) bool { return !store.Ours[t.To] })
}

// unnumbered returns transfers without the numbers of their logs, which nodes may choose as they like, in the order of
// the blocks.
func unnumbered(transfers []models.TokenTransfer) []models.TokenTransfer {
	transfers = slices.Clone(transfers)
	for i := range transfers {
		transfers[i].LogIndex = 0
	}
	slices.SortFunc(transfers, func(a, b models.TokenTransfer) int {
		return cmp.Or(cmp.Compare(a.Block.Number, b.Block.Number), a.Compare(b.TransferKey))
	})
	return transfers
}

// TestOneLiarOfThreeChangesNothing lets the follower itself read from any node, the liar too: what is stored at the end
// is the truth, by blocks and by ranges, and no honest node was accused.
func TestOneLiarOfThreeChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		mine := func(label string) {
			for range rapid.IntRange(1, 30).Draw(t, label) {
				m.Mine(drawTxs(t, "txs")...)
			}
		}
		nodes := rapid.IntRange(2, 3).Draw(t, "nodes")
		lies := make([]chaintest.Lie, nodes)
		liar := rapid.IntRange(0, nodes-1).Draw(t, "liar")
		lies[liar] = chaintest.Lie(
			rapid.IntRange(int(chaintest.LieNone), int(chaintest.LieExtraPause)).Draw(t, "lie"),
		)
		panel := newPanel(m.Chain, 2, lies...)
		store, alarms := ourStore(), &chaintest.Alarms{}
		config := startAt(1)
		config.quorum, config.rangesFrom = 2, rapid.Uint64Range(1, 64).Draw(t, "windows from")
		source := panel.gullible(rapid.IntRange(0, nodes-1).Draw(t, "source"))
		finalized := -1
		follow := func(check *chain.CrossCheck) {
			follower := config.follower(source, store, alarms)
			for range 200 {
				progress, err := follower.Step(context.Background())
				if err != nil {
					source = panel.gullible((liar + 1) % nodes)
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
				m.Cut(rapid.IntRange(0, min(5, m.Height()-1)).Draw(t, "depth"))
				for range 6 {
					m.Mine(drawTxs(t, "txs")...)
				}
			}
			if rapid.Bool().Draw(t, "finality") {
				finalized = max(finalized, m.Height()-8, 0)
				for _, node := range panel.nodes {
					node.Finalize(finalized)
				}
			}
			follow(check)
			exhaust(t, check)
		}
		for name := range panel.reported() {
			require.Equal(t, panel.nodes[liar].Name(), name, "an honest node was accused")
		}
		cursor, err := store.Cursor(context.Background(), "")
		require.NoError(t, err)
		if nodes == 3 || !panel.reported()[panel.nodes[liar].Name()] {
			require.EqualValues(t, m.Height(), cursor.AgreedNumber)
			require.Equal(t, unnumbered(m.Truth(store.Ours, 0)), unnumbered(canonicalOurs(store)))
			require.Equal(t, eventsOf(m.Blocks(), chaintest.Token), store.Events())
		}
		for _, transfer := range unnumbered(canonicalOurs(store)) { // up to the agreed block nothing but the truth, in any case
			if transfer.Block.Number <= cursor.AgreedNumber {
				require.Contains(t, unnumbered(m.Truth(store.Ours, 0)), transfer)
			}
		}
	})
}

func TestSecondReadingHealsAndCostsLittle(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5), chaintest.Pay(chaintest.Payee1, 6)))
	for range 99 {
		m.Mine()
	}
	panel := newPanel(m.Chain, 1, chaintest.LieHideFirst)
	store, alarms := ourStore(), &chaintest.Alarms{}
	catchUp(t, startAt(1).follower(panel.gullible(0), store, alarms))
	require.Len(t, store.Canonical(), 1)
	check := newCheck(panel, store, alarms)
	panel.nodes[0].ResetCalls()
	exhaust(t, check)
	readings := func() int {
		return panel.nodes[0].Calls("header") + panel.nodes[0].Calls("logs") + panel.nodes[0].Calls("range")
	}
	require.Zero(t, readings(), "nothing is final")

	panel.lie(0, chaintest.LieNone)
	require.NoError(t, store.SetFinalized(t.Context(), "", m.Ref(31)))
	exhaust(t, check)
	require.Zero(t, readings(), "too few blocks are final")
	require.NoError(t, store.SetFinalized(t.Context(), "", m.Ref(60)))
	exhaust(t, check)
	require.Equal(t, 1, panel.nodes[0].Calls("range"))
	require.Equal(t, m.Truth(store.Ours, 0), store.Canonical())
	require.True(t, alarms.IsOpen(models.AlarmTransferMissed))
	cursor, _ := store.Cursor(t.Context(), "")
	require.EqualValues(t, 60, cursor.RecheckedNumber)
}

func TestRescanIsSafeToRepeat(t *testing.T) {
	t.Parallel()
	m := newModel()
	for i := range 50 {
		m.Mine(
			chaintest.Tx(i, chaintest.Pay(chaintest.Payee2, 5), chaintest.Pay(chaintest.Stranger, 1),
				chaintest.Pay(chaintest.Payee1, 6)),
		)
	}
	for _, lie := range []chaintest.Lie{chaintest.LieHideFirst, chaintest.LieExtraTransfer, chaintest.LieAnotherAmount, chaintest.LieAnotherAccount} {
		panel := newPanel(m.Chain, 1, lie)
		store := ourStore()
		catchUp(t, startAt(1).follower(panel.gullible(0), store, &chaintest.Alarms{}))
		require.NotEqual(t, m.Truth(store.Ours, 0), canonicalOurs(store))
		panel.lie(0, chaintest.LieNone)
		check := newCheck(panel, store, &chaintest.Alarms{})
		var done uint64
		report, err := check.Rescan(t.Context(), 1, 1000, func(blocks uint64) { done = blocks })
		require.NoError(t, err)
		require.EqualValues(t, 50, report.Blocks)
		require.EqualValues(t, 50, done)
		again, err := check.Rescan(t.Context(), 1, 50, nil)
		require.NoError(t, err)
		require.Equal(t, chain.RescanReport{Blocks: 50, Found: 100}, again)
	}
}

func TestACreditThatIsDisprovedRaisesItsOwnAlarm(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Stranger, 5)))
	panel := newPanel(m.Chain, 2, chaintest.LieExtraTransfer, chaintest.LieNone, chaintest.LieNone)
	store, alarms := ourStore(), &chaintest.Alarms{}
	config := startAt(1)
	config.quorum = 2
	catchUp(t, config.follower(panel.gullible(0), store, alarms))
	require.Len(t, store.Canonical(), 1)
	store.Credited = map[models.TransferKey]bool{store.Canonical()[0].TransferKey: true}
	exhaust(t, newCheck(panel, store, alarms))
	require.Empty(t, store.Canonical())
	require.True(t, alarms.IsOpen(models.AlarmTransferDisproved))
	require.True(t, alarms.IsOpen(models.AlarmCreditedWithoutNode))
	require.True(t, panel.reported()["node0"])
}

func TestTooFewNodesRaiseAnAlarmThatResolves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		m.Mine()
		panel := newPanel(m.Chain, 2, chaintest.LieNone, chaintest.LieNone)
		store, alarms := ourStore(), &chaintest.Alarms{}
		config := startAt(1)
		config.quorum = 2
		catchUp(t, config.follower(panel.gullible(0), store, alarms))
		panel.nodes[1].Set(func(b *chaintest.Behaviour) { b.Down = true })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- newCheck(panel, store, alarms).Run(ctx) }()
		time.Sleep(time.Minute)
		require.False(t, alarms.IsOpen(models.AlarmQuorumMissing))
		time.Sleep(90 * time.Second)
		require.True(t, alarms.IsOpen(models.AlarmQuorumMissing))
		cursor, _ := store.Cursor(ctx, "")
		require.Zero(t, cursor.AgreedNumber)
		panel.nodes[1].Set(func(b *chaintest.Behaviour) { b.Down = false })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.False(t, alarms.IsOpen(models.AlarmQuorumMissing))
		cursor, _ = store.Cursor(ctx, "")
		require.EqualValues(t, 1, cursor.AgreedNumber)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}
