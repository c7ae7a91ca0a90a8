package chain_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// watched is a panel of three nodes whose blocks a follower and a cross-check read, two of which make a quorum.
type watched struct {
	*chaintest.Chain
	*panel
	t        *testing.T
	store    *chaintest.Store
	alarms   *chaintest.Alarms
	follower *chain.Follower
	check    *chain.CrossCheck
	fork     []*chaintest.Block // another branch, from block 10 on, longer than the chain
}

// watch lets three nodes show a chain of 30 blocks with a transfer to us in block 12, and the quorum agree on all of
// it. The final block is 20 for all of them when finalized is true.
func watch(t *testing.T, finalized bool) *watched {
	c := chaintest.NewChain()
	for range 10 {
		c.Mine()
	}
	for range 60 {
		c.Mine()
	}
	fork := c.Blocks()
	c.Cut(60)
	c.Mine()
	c.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 50)))
	for range 18 {
		c.Mine()
	}
	w := &watched{
		Chain: c, panel: newPanel(c, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone), t: t,
		store: ourStore(), alarms: &chaintest.Alarms{}, fork: fork,
	}
	if finalized {
		for _, node := range w.nodes {
			node.Finalize(20)
		}
	}
	s := startAt(1)
	s.quorum = 2
	w.follower = s.follower(w.pool, w.store, w.alarms)
	w.check = newCheck(w.panel, w.store, w.alarms)
	w.read()
	time.Sleep(2 * time.Minute) // the finalized block is asked for now and then
	w.Mine()
	w.read()
	cursor := w.cursor()
	require.EqualValues(t, 31, cursor.AgreedNumber)
	require.Equal(t, finalized, cursor.FinalizedNumber == 20)
	return w
}

func (w *watched) cursor() models.ChainCursor {
	cursor, err := w.store.Cursor(context.Background(), models.NetworkERC20)
	require.NoError(w.t, err)
	return cursor
}

// read steps the follower and the cross-check for a minute, and lets the nodes be probed.
func (w *watched) read() {
	for second := range 60 {
		if second%10 == 0 {
			w.pool.Probe(w.t.Context())
		}
		_, _ = w.follower.Step(w.t.Context())
		_, _ = w.check.Step(w.t.Context())
		time.Sleep(time.Second)
	}
}

// mine adds a block to the honest chain and lets it be read, some times.
func (w *watched) mine(blocks int) {
	for range blocks {
		w.Mine()
		w.read()
	}
}

// requireUntouched requires that nothing was taken back and that reading has come to the newest honest block.
func (w *watched) requireUntouched() {
	_, rewinds := w.store.Counts()
	require.Zero(w.t, rewinds)
	require.Len(w.t, w.store.Canonical(), 1)
	require.Equal(w.t, w.Ref(w.Height()), w.store.Block())
	require.EqualValues(w.t, w.Height(), w.cursor().AgreedNumber, "crediting and expiring go on")
	require.False(w.t, w.alarms.IsOpen(models.AlarmReorgBelowFinality))
}

// The preferred node alone shows another branch, deeper than what was agreed on.
func TestOneNodeTakesBackNothingThatTheQuorumAgreedOn(t *testing.T) {
	t.Parallel()
	for _, finalized := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := watch(t, finalized)
			w.nodes[0].See(w.fork)
			w.mine(5)
			w.requireUntouched()
			require.Equal(t, models.NodeLying, w.pool.Health()[0].State)
			require.NotEmpty(t, w.pool.Health()[0].Reason)
		})
	}
}

// A node of a minority fork comes back after its quarantine, and its branch begins below the finalized block.
func TestAReturningNodeMustBeOnTheQuorumsBranch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, true)
		w.nodes[0].See(w.fork)
		w.mine(5)
		for range 3 {
			time.Sleep(chain.Quarantine)
			require.Equal(t, models.NodeLying, w.pool.Health()[0].State, "it is not read before it was asked for its branch")
			w.mine(2)
			w.requireUntouched()
			require.Equal(t, models.NodeLying, w.pool.Health()[0].State)
		}
		w.nodes[0].See(nil)
		time.Sleep(chain.Quarantine)
		w.mine(2)
		w.requireUntouched()
		require.Equal(t, models.NodeOK, w.pool.Health()[0].State, "it is on the quorum's branch again")
		w.nodes[0].ResetCalls()
		w.mine(1)
		require.Positive(t, w.nodes[0].Calls("head"), "and is read again")
	})
}

// A node that is a block ahead on another branch is left out for as long as that lasts, and not called lying.
func TestANodeThatIsQuickerThanTheQuorumIsNotCalledLying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, false)
		before := w.Blocks()
		w.Cut(1)
		w.Mine()
		w.Mine()
		w.nodes[1].See(before)
		w.nodes[2].See(before)
		w.read()
		_, rewinds := w.store.Counts()
		require.Zero(t, rewinds)
		require.Equal(t, models.NodeForked, w.pool.Health()[0].State)
		w.nodes[1].See(nil)
		w.nodes[2].See(nil)
		w.read()
		_, rewinds = w.store.Counts()
		require.Equal(t, 1, rewinds)
		require.Equal(t, w.Ref(w.Height()), w.store.Block())
		for _, health := range w.pool.Health() {
			require.Equal(t, models.NodeOK, health.State)
		}
	})
}

// Two of three nodes are a quorum: what they take back is taken back, wherever the third is preferred.
func TestTheQuorumTakesBackWhatItAgreedOn(t *testing.T) {
	t.Parallel()
	for behind := range 3 {
		synctest.Test(t, func(t *testing.T) {
			w := watch(t, false)
			for i, node := range w.nodes {
				if i != behind {
					node.See(w.fork)
				}
			}
			w.read()
			w.read()
			require.Empty(t, w.store.Canonical())
			require.Equal(t, w.fork[len(w.fork)-1].Header.Ref(), w.store.Block())
			require.NotEqual(t, models.NodeOK, w.pool.Health()[behind].State)
		})
	}
}

// Below the finalized block the quorum's branch waits for an admin, and only the branch that the admin has seen is
// followed, for as long as a quorum has it.
func TestAnAdminAcceptsOneBranchOfTheQuorum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, true)
		w.nodes[1].See(w.fork)
		w.nodes[2].See(w.fork)
		w.read()
		require.True(t, w.alarms.IsOpen(models.AlarmReorgBelowFinality))
		require.Len(t, w.store.Canonical(), 1)
		accepted := w.alarms.Latest(models.AlarmReorgBelowFinality)
		require.Equal(t, models.BranchSubject(w.fork[20].Header.Ref()), accepted.Subject)

		// The quorum is back on the old chain before the admin resolves the alarm: there is nothing to follow.
		w.nodes[1].See(nil)
		w.nodes[2].See(nil)
		w.store.Accept(accepted.Subject)
		w.nodes[0].See(w.fork) // the only one that still has the branch
		time.Sleep(chain.Quarantine)
		w.mine(3)
		_, rewinds := w.store.Counts()
		require.Zero(t, rewinds)
		require.Len(t, w.store.Canonical(), 1)
		require.EqualValues(t, 20, w.cursor().FinalizedNumber, "the floor stays")

		// Now a quorum has it, and the admin has accepted it.
		w.nodes[1].See(w.fork)
		time.Sleep(chain.Quarantine)
		w.read()
		w.read()
		require.Empty(t, w.store.Canonical())
		require.Equal(t, w.fork[len(w.fork)-1].Header.Ref(), w.store.Block())
	})
}
