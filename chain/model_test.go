package chain_test

import (
	"context"
	"log/slog"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func ourStore() *chaintest.Store {
	return chaintest.NewStore(chaintest.Payee1.Hex(), chaintest.Payee2.Hex())
}

// configOf is a network with blocks mined on demand.
func configOf(quorum int) chain.Config {
	return chain.Config{
		Network: models.NetworkERC20,
		ChainID: chaintest.ChainID,
		Token:   chaintest.Token,
		Quorum:  quorum,
	}
}

// model is a chain, one node and the pool of that node.
type model struct {
	*chaintest.Chain
	node *chaintest.Node
	pool *chain.Pool
}

func newModel() *model { return modelOf(chaintest.NewChain()) }

func modelOf(c *chaintest.Chain) *model {
	m := &model{Chain: c}
	m.node = chaintest.NewNode(m.Chain, "node", 0)
	m.pool = chain.NewPool([]chain.Endpoint{m.node}, configOf(1), nil, quiet())
	return m
}

func (m *model) lag(blocks uint64) { m.node.Set(func(b *chaintest.Behaviour) { b.Lag = blocks }) }

func (m *model) failNext(err error) { m.node.Set(func(b *chaintest.Behaviour) { b.FailNext = err }) }

func (m *model) answerEmpty(times int) {
	m.node.Set(func(b *chaintest.Behaviour) { b.EmptyAnswers = times })
}

func (m *model) refuseReceipts() { m.node.Set(func(b *chaintest.Behaviour) { b.NoReceipts = true }) }

func (m *model) heal() { m.node.Set(func(b *chaintest.Behaviour) { *b = chaintest.Behaviour{} }) }

// start says how a test's follower reads.
type start struct {
	at         uint64 // the first block to read; 0 = as the payments decide
	quorum     int
	rangesFrom uint64
	rangeMax   uint64
}

func startAt(block uint64) start {
	return start{at: block, quorum: 1, rangesFrom: chain.RangesFrom, rangeMax: chain.RangeMax}
}

// follower returns a follower. It sets the store's first cursor unless there is one.
func (s start) follower(source chain.BlockSource, store *chaintest.Store, alarms chain.Alarms) *chain.Follower {
	if store.Block().Hash == "" && s.at > 0 {
		below, err := source.HeaderByNumber(context.Background(), s.at-1)
		if err != nil {
			panic(err)
		}
		_ = store.InitCursor(context.Background(), models.NetworkERC20, below.Ref(), below.Number)
	}
	f := chain.NewFollower(configOf(s.quorum), source, store, alarms, quiet())
	f.SetRanges(s.rangesFrom, s.rangeMax)
	return f
}

// catchUp steps until there is nothing to read and returns the progress of each step.
func catchUp(t interface {
	require.TestingT
	Helper()
}, f *chain.Follower,
) []chain.Progress {
	t.Helper()
	steps, err := chaintest.CatchUp(context.Background(), f)
	require.NoError(t, err)
	return steps
}

// drawTxs draws what a block contains. The numbers are few, so that transactions are mined again elsewhere after a
// reorg.
func drawTxs(t *rapid.T, label string) []chaintest.Transaction {
	recipients := []common.Address{chaintest.Payee1, chaintest.Payee2, chaintest.Stranger}
	var txs []chaintest.Transaction
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 0, 3, rapid.ID).Draw(t, label) {
		tx := chaintest.Tx(n)
		for range rapid.IntRange(0, 3).Draw(t, "logs") {
			to, value := rapid.SampledFrom(recipients).
				Draw(t, "to"),
				big.NewInt(rapid.Int64Range(0, 3).Draw(t, "value"))
			if rapid.IntRange(0, 20).Draw(t, "huge") == 0 {
				value.Lsh(big.NewInt(1), 63)
			}
			tx.Outputs = append(tx.Outputs, chaintest.Transfer(chaintest.Token, chaintest.Sender, to, value))
		}
		txs = append(txs, tx)
	}
	if signature := rapid.SampledFrom([]string{"", "", "", "", "Pause()", "Unpause()", "AddedBlackList(address)"}).
		Draw(t, "event"); signature != "" {
		event := chaintest.Event(signature)
		if signature == "AddedBlackList(address)" {
			event = chaintest.Event(signature, rapid.SampledFrom(recipients).Draw(t, "blacklisted").Bytes())
		}
		txs = append(txs, chaintest.Tx(rapid.IntRange(100, 110).Draw(t, "event's transaction"), event))
	}
	return txs
}
