package chain

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// The head of one node does not count when it is far above that of the others, and others are asked when it stands
// still.
func TestOneNodesHeadDoesNotDecide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes, mine := clockNodes(0)
		pool := clockPool(nodes)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = pool.Run(ctx) }()
		mine(10)
		head, err := pool.HeadHeader(t.Context())
		require.NoError(t, err)
		honest := head.Number

		nodes[0].set(func(n *faultyNode) { n.head.Number += 1000 })
		head, err = pool.HeadHeader(t.Context())
		require.NoError(t, err)
		require.Equal(t, honest, head.Number, "the preferred node claims a thousand blocks more")
		nodes[0].set(func(n *faultyNode) { n.head.Number -= 1000 })
		_, err = pool.HeadHeader(t.Context())
		require.NoError(t, err)

		frozen := head.Number
		for range 3 {
			time.Sleep(12 * time.Second)
			for _, n := range nodes[1:] {
				n.set(func(n *faultyNode) { n.head.Number++; n.head.Time = time.Now() })
			}
			time.Sleep(time.Second)
			head, err = pool.HeadHeader(t.Context())
			require.NoError(t, err)
			require.Greater(t, head.Number, frozen, "the preferred node stands still")
		}
		require.Equal(t, models.NodeOK, pool.stateOf(1))
		cancel()
		synctest.Wait()
	})
}

// A node is behind when it reports an old head, not when others have reported newer ones since it was asked. With many
// blocks at once it would be left out just when it is needed in place of one that fails.
func TestANodeThatWasNotAskedIsNotBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newFaultyNode("a", 100), newFaultyNode("b", 100), newFaultyNode("c", 100)
		pool := poolOf(2, nil, a, b, c)
		pool.Probe(t.Context())
		for _, n := range []*faultyNode{a, b, c} {
			n.set(func(n *faultyNode) { n.head.Number = 113 })
		}
		for _, m := range pool.members[:2] {
			_, err := m.HeadHeader(t.Context())
			require.NoError(t, err)
		}
		a.set(func(n *faultyNode) { n.err = errAway })
		require.Equal(t, models.NodeOK, pool.stateOf(2))
		began := time.Now()
		head, err := pool.AgreedHead(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(113), head.Number)
		require.Less(t, time.Since(began), time.Second)

		c.set(func(n *faultyNode) { n.head.Number = 100 })
		_, err = pool.members[2].HeadHeader(t.Context())
		require.NoError(t, err)
		require.Equal(t, models.NodeStale, pool.stateOf(2), "it was asked, and is behind")
	})
}

// A node that makes up a high head leaves nobody behind once it is not believed any more.
func TestADisbelievedHeadMakesNobodyStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newFaultyNode("a", 1100), newFaultyNode("b", 100)
		pool := poolOf(1, nil, a, b)
		for _, m := range pool.members {
			_, err := m.HeadHeader(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, models.NodeStale, pool.stateOf(1), "one of one may be right")
		pool.reportLying(t.Context(), pool.members[0], "it made up a block")
		require.Equal(t, models.NodeOK, pool.stateOf(1))
	})
}

// A hanging node among three costs a question to two of them no more than the time after which the third is asked.
func TestGatherDoesNotWaitForOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newFaultyNode("a", 1), newFaultyNode("b", 1), newFaultyNode("c", 1)
		pool := poolOf(2, nil, a, b, c)
		a.set(func(n *faultyNode) { n.delay = time.Hour })
		ask := func(ctx context.Context, m *member) error {
			_, err := m.HeadHeader(ctx)
			return err
		}
		began, good := time.Now(), 0
		gather(t.Context(), pool.members, 2, ask, func(err error) int {
			if err == nil {
				good++
			}
			return 2 - good
		})
		require.Equal(t, 2, good)
		require.LessOrEqual(t, time.Since(began), gatherHedge)

		// When one fails, the next is asked at once; when all have answered, it ends.
		a.set(func(n *faultyNode) { n.delay, n.err = 0, errAway })
		began, good = time.Now(), 0
		gather(t.Context(), pool.members, 2, ask, func(err error) int {
			if err == nil {
				good++
			}
			return 2 - good
		})
		require.Equal(t, 2, good)
		require.Less(t, time.Since(began), gatherHedge)
		answers := 0
		gather(t.Context(), pool.members, 5, ask, func(error) int { answers++; return 5 })
		require.Equal(t, 3, answers)
		synctest.Wait()
	})
}
