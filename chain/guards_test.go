package chain_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// halfReady is a source that does not have the logs of one block yet when it is asked for a range.
type halfReady struct {
	chain.BlockSource
	missing uint64
}

func (s halfReady) RangeLogs(ctx context.Context, contracts chain.Contracts, from, to uint64) (kept []types.Log, err error) {
	logs, err := s.BlockSource.RangeLogs(ctx, contracts, from, to)
	for _, log := range logs {
		if log.BlockNumber != s.missing {
			kept = append(kept, log)
		}
	}
	return kept, err
}

// The logs of a range's first and last block must be there if their receipts have some: a node that has not indexed its
// newest block yet answers without them.
func TestTheEdgesOfARangeAreChecked(t *testing.T) {
	t.Parallel()
	for _, missing := range []uint64{1, 30} {
		synctest.Test(t, func(t *testing.T) {
			m := newModel()
			for number := range 40 {
				m.Mine(chaintest.Tx(number, chaintest.Pay(chaintest.Payee1, 5)))
			}
			m.node.Finalize(30)
			store, alarms := ourStore(), &chaintest.Alarms{}
			s := startAt(1)
			s.rangesFrom = 4
			follower := s.follower(halfReady{m.pool, missing}, store, alarms)
			for range 3 {
				_, err := follower.Step(t.Context())
				require.ErrorIs(t, err, models.ErrDoubtful)
				require.Empty(t, store.Canonical())
			}
			catchUp(t, s.follower(m.pool, store, alarms))
			require.Len(t, store.Canonical(), 40)
		})
	}
}

// The preferred node is on a branch of its own that begins above what was agreed on. It is followed at first, found
// out, and left out; reading goes on from the others.
func TestANodeOnABranchOfItsOwnIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, false)
		agreed := w.Height()
		for range 20 {
			w.Mine(chaintest.Tx(100+w.Height(), chaintest.Pay(chaintest.Payee2, 9)))
		}
		branch := w.Blocks()
		w.Cut(20)
		w.nodes[0].See(branch[:agreed+2])
		w.mine(1)
		require.EqualValues(t, agreed, w.cursor().AgreedNumber, "the node that is read is alone")
		require.NotEqual(t, models.NodeLying, w.pool.Health()[0].State, "it may still change its mind")
		w.nodes[0].See(branch)
		w.mine(3)
		require.Equal(t, models.NodeLying, w.pool.Health()[0].State)
		require.Equal(t, w.Ref(w.Height()), w.store.Block())
		require.EqualValues(t, w.Height(), w.cursor().AgreedNumber)
		require.Len(t, w.store.Canonical(), 1)
	})
}

// interrupted is a store that is away when something is to be repaired.
type interrupted struct {
	*chaintest.Store
	away bool
}

var errStoreAway = errors.New("the database is away")

func (s *interrupted) Heal(ctx context.Context, network string, found []models.TokenTransfer) (int, error) {
	if s.away {
		return 0, errStoreAway
	}
	return s.Store.Heal(ctx, network, found)
}

func (s *interrupted) Disprove(ctx context.Context, network string, wrong []models.TokenTransfer, reason string) error {
	if s.away {
		return errStoreAway
	}
	return s.Store.Disprove(ctx, network, wrong, reason)
}

// A node that was contradicted is left out even if what it made the store hold cannot be repaired at once, and the
// block is not agreed on before it is.
func TestALiarIsLeftOutThoughTheRepairIsInterrupted(t *testing.T) {
	t.Parallel()
	for lie := chaintest.LieHideFirst; lie <= chaintest.LieAnotherAccount; lie++ {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.NewChain()
			c.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 5), chaintest.Pay(chaintest.Payee1, 6)))
			p := newPanel(c, 2, lie, chaintest.LieNone, chaintest.LieNone)
			store := &interrupted{Store: ourStore(), away: true}
			s := startAt(1)
			s.quorum = 2
			_, _ = s.follower(p.gullible(0), store.Store, &chaintest.Alarms{}).Step(t.Context())
			check := chain.NewCrossCheck(configOf(2), p.pool, store, &chaintest.Alarms{}, quiet())
			_, err := check.Step(t.Context())
			require.ErrorIs(t, err, errStoreAway)
			require.Equal(t, map[string]bool{"node0": true}, p.reported())
			cursor, err := store.Cursor(t.Context(), models.NetworkERC20)
			require.NoError(t, err)
			require.Zero(t, cursor.AgreedNumber)
			store.away = false
			time.Sleep(time.Second)
			exhaust(t, check)
			require.Equal(t, unnumbered(c.Truth(store.Ours, 0)), unnumbered(canonicalOurs(store.Store)))
		})
	}
}

// An attempt that is given up midway accuses nobody and decides nothing.
func TestAnInterruptedComparisonAccusesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := withUnknownType(false)
		p := newPanel(c, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
		store := ourStore()
		s := startAt(1)
		s.quorum = 2
		catchUp(t, s.follower(p.pool, store, &chaintest.Alarms{}))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = newCheck(p, store, &chaintest.Alarms{}).Step(ctx)
		require.ErrorIs(t, chain.NewVerifier(configOf(2), p.pool).VerifyTransfer(ctx, verification(store.Canonical()[0])), context.Canceled)
		require.ErrorIs(t, chain.NewVerifier(configOf(2), p.pool).VerifyRemoval(ctx, credited(store.Canonical()[0])), context.Canceled)
		require.Empty(t, p.reported())
	})
}
