package realnode

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/chain/nodetest"
	"paycow/models"
)

// patience is how long a test waits for what must come. It says nothing about speed: `make bench` measures that.
const patience = 3 * time.Minute

// shop is a real geth whose blocks PayCow's parts read through the nodes of one pool.
type shop struct {
	t        testing.TB
	geth     *gethChain
	pool     *chain.Pool
	store    *chaintest.Store
	alarms   *chaintest.Alarms
	verifier *chain.Verifier
	paid     int64
}

// openShop starts to read the chain as a worker does, from several nodes of which quorum must agree.
func openShop(t testing.TB, geth *gethChain, quorum int, urls ...string) *shop {
	t.Helper()
	config := testConfig()
	config.Quorum = quorum
	s := &shop{t: t, geth: geth, store: ourStore(), alarms: &chaintest.Alarms{}}
	nodes := make([]chain.Endpoint, len(urls))
	for i, url := range urls {
		nodes[i] = dial(t, url)
	}
	s.pool = chain.NewPool(nodes, config, s.alarms, quiet())
	s.verifier = chain.NewVerifier(config, s.pool)
	head := geth.ref(geth.head().Number.Uint64())
	require.NoError(t, s.store.InitCursor(t.Context(), models.NetworkERC20, head, head.Number))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{}, 3)
	run := func(part func(context.Context) error) {
		go func() {
			_ = part(ctx)
			ended <- struct{}{}
		}()
	}
	follower := chain.NewFollower(config, s.pool, s.store, s.alarms, quiet())
	run(func(ctx context.Context) error {
		return follower.Run(ctx, func(context.Context, chain.Progress) error { return nil })
	})
	run(chain.NewCrossCheck(config, s.pool, s.store, s.alarms, quiet()).Run)
	run(s.pool.Run)
	t.Cleanup(func() {
		cancel()
		s.pool.Close()
		for range 3 {
			<-ended
		}
	})
	return s
}

// pay mines a payment with its confirmations, and returns its amount. Other transfers are in the same block.
func (s *shop) pay() models.Amount {
	s.t.Helper()
	s.paid++
	s.geth.mine(s.geth.transaction(pay(chaintest.Stranger, 9)), s.geth.transaction(pay(chaintest.Payee2, 8), pay(chaintest.Payee1, s.paid)))
	s.geth.mineEmpty(12)
	return models.Amount(s.paid)
}

// verified reports whether a payment was read and verified, or why not.
func (s *shop) verified(amount models.Amount) error {
	transfers := s.store.Canonical()
	i := slices.IndexFunc(transfers, func(t models.TokenTransfer) bool {
		return t.Amount == amount && t.To == chaintest.Payee1.Hex()
	})
	if i < 0 {
		var reasons []string
		for _, health := range s.pool.Health() {
			reasons = append(reasons, health.Reason)
		}
		return fmt.Errorf("it was not read: %s", strings.Join(reasons, "; "))
	}
	t := transfers[i]
	return s.verifier.VerifyTransfer(s.t.Context(), chain.Verification{
		DepositAddress: t.To, Confirmations: 12, Notice: models.TransferNotice{
			TransferKey: t.TransferKey, Amount: t.Amount, Canonical: true, Block: t.Block,
		},
	})
}

// await waits until a payment is verified and returns how long that took. Like the workflow, it tries again after a pause.
func (s *shop) await(amount models.Amount, about string) time.Duration {
	s.t.Helper()
	began := time.Now()
	for {
		err := s.verified(amount)
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			require.NoError(s.t, err, about)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestNodesBehaveAsInTheWild plays every behaviour that was seen or reported: with one node nothing is lost, and with a
// second one that is well nothing waits. After the behaviour ends, everything is well again by itself.
func TestNodesBehaveAsInTheWild(t *testing.T) {
	for _, behaviour := range nodetest.Behaviours {
		t.Run(behaviour.Name, func(t *testing.T) {
			t.Parallel()
			geth := newGethChain(t)
			geth.mineEmpty(3)
			wild := nodetest.Start(t, geth.httpURL(), geth.wsURL())

			single := openShop(t, geth, 1, wild.URL())
			single.await(single.pay(), "the node is well")
			wild.Play(behaviour.Play)
			amount := single.pay()
			switch behaviour.Kind {
			case nodetest.Harmless:
				single.await(amount, "a single node")
			case nodetest.Slows:
				single.await(amount, "a single node")
			case nodetest.Stops:
				reason := func() string { return single.pool.Health()[0].Reason }
				for began := time.Now(); !strings.Contains(reason(), behaviour.Says); time.Sleep(100 * time.Millisecond) {
					require.Less(t, time.Since(began), patience, "a person is told %q and not %q", behaviour.Says, reason())
				}
				require.Error(t, single.verified(amount))
			}

			for name, s := range map[string]*shop{
				"one of two":   openShop(t, geth, 1, wild.URL(), geth.httpURL()),
				"two of three": openShop(t, geth, 2, wild.URL(), geth.httpURL(), geth.wsURL()),
			} {
				for range 3 {
					took := s.await(s.pay(), name)
					t.Logf("%s, %s: %s", behaviour.Name, name, took.Round(time.Millisecond))
				}
			}

			wild.Play(nil)
			single.await(amount, "nothing was lost")
			single.await(single.pay(), "the node is well again")
			require.Zero(t, single.alarms.Count(models.AlarmNodeLying))
		})
	}
}

// TestASocketThatVanishes lets the bytes of a WebSocket vanish without closing it. A person is told soon, and the node is
// dialled again.
func TestASocketThatVanishes(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	wild := nodetest.Start(t, geth.httpURL(), geth.wsURL())
	s := openShop(t, geth, 1, wild.WebSocketURL())
	s.await(s.pay(), "the socket is well")
	require.Equal(t, 1, wild.Sockets())
	wild.Mute()
	amount := s.pay()
	require.Eventually(t, func() bool { return s.pool.Health()[0].Reason != "" }, patience, 100*time.Millisecond)
	s.await(amount, "it was dialled again")
	require.Greater(t, wild.Sockets(), 1)
	require.Eventually(t, func() bool { return s.pool.Health()[0].State == models.NodeOK }, patience, 100*time.Millisecond)
}

// catchUpThrough has a follower that is far behind read everything through nodes, and returns the error that stopped it.
func catchUpThrough(t *testing.T, store *chaintest.Store, urls ...string) error {
	t.Helper()
	nodes := make([]chain.Endpoint, len(urls))
	for i, url := range urls {
		nodes[i] = dial(t, url)
	}
	pool := chain.NewPool(nodes, testConfig(), &chaintest.Alarms{}, quiet())
	t.Cleanup(pool.Close)
	_, err := chaintest.CatchUp(t.Context(), followFrom(t, 1, pool, store, chain.WithRangesFrom(5)))
	return err
}

// TestRangesOfWildNodes cuts ranges short without an error, or refuses them. Nothing is skipped.
func TestRangesOfWildNodes(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	for i := range int64(20) {
		geth.mine(geth.transaction(pay(chaintest.Payee1, i+1)))
		geth.mineEmpty(2)
	}
	geth.finalize(55)
	wild := nodetest.Start(t, geth.httpURL(), geth.wsURL())

	wild.Play(nodetest.RefusesRanges)
	store := ourStore()
	require.NoError(t, catchUpThrough(t, store, wild.URL()), "it is read block by block")
	require.Equal(t, geth.truth(store.Ours, 0), store.Canonical())

	wild.Play(nodetest.CutsRanges)
	store = ourStore()
	require.ErrorIs(t, catchUpThrough(t, store, wild.URL()), models.ErrDoubtful)
	require.Empty(t, store.Canonical(), "nothing is skipped")
	wild.Play(nil)
	require.NoError(t, catchUpThrough(t, store, wild.URL()))
	require.Equal(t, geth.truth(store.Ours, 0), store.Canonical())
}

// TestAFirstStartAtANodeWithoutOldBlocks finds the first block although the node keeps only the newest ones.
func TestAFirstStartAtANodeWithoutOldBlocks(t *testing.T) {
	t.Parallel()
	geth := newGethChain(t)
	geth.mineEmpty(300)
	for _, behaviour := range nodetest.Behaviours {
		if !strings.HasPrefix(behaviour.Name, "old blocks") {
			continue
		}
		wild := nodetest.Start(t, geth.httpURL(), geth.wsURL())
		wild.Play(behaviour.Play)
		config := testConfig()
		for quorum := 1; quorum <= 2; quorum++ {
			store := ourStore()
			store.OldestPayment = geth.header(280).Time
			config.Quorum = quorum
			nodes := []chain.Endpoint{dial(t, wild.URL()), dial(t, wild.URL())}
			pool := chain.NewPool(nodes, config, &chaintest.Alarms{}, quiet())
			t.Cleanup(pool.Close)
			follower := chain.NewFollower(config, pool, store, &chaintest.Alarms{}, quiet())
			_, err := follower.Step(t.Context())
			require.NoError(t, err, "%s, quorum of %d", behaviour.Name, quorum)
			require.LessOrEqual(t, store.Block().Number, uint64(280), behaviour.Name)
			require.GreaterOrEqual(t, store.Block().Number, uint64(220), behaviour.Name)
		}
	}
}
