package chain_test

import (
	"context"
	"math/big"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"paycow/chain"
	"paycow/chain/chaintest"
	"paycow/models"
)

// upgradedToken is the contract that the model's token is upgraded to.
var upgradedToken = common.HexToAddress("0x00000000000000000000000000000000070ce401")

// eventsOf returns the events in the blocks that concern us, as an honest reading finds them.
func eventsOf(blocks []*chaintest.Block, contracts ...common.Address) []models.TokenEvent {
	found := []models.TokenEvent{}
	for _, block := range blocks {
		events := chain.DecodeLogs(chaintest.ChainID, contracts, block.Header.Ref(), block.Logs(contracts...)).Events
		found = append(found, slices.DeleteFunc(events, func(event models.TokenEvent) bool {
			return event.Kind.OnlyIfOurs() && event.Address == chaintest.Stranger.Hex()
		})...)
	}
	return found
}

// TestOneNodeCannotHideOrInventAnEvent: whatever the node that is read says about pauses, the store holds the truth as
// soon as the quorum has agreed on the block, also where the blocks were read in ranges.
func TestOneNodeCannotHideOrInventAnEvent(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]chaintest.Lie{
		"hides": chaintest.LieHideAll, "hides one": chaintest.LieHideFirst, "invents": chaintest.LieExtraPause,
	} {
		for _, rangesFrom := range []uint64{2, 64} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m := newModel()
				m.Mine(chaintest.Tx(1, chaintest.Event("Pause()")))
				m.Mine()
				m.Mine(chaintest.Tx(2, chaintest.Event("Unpause()"), chaintest.Pay(chaintest.Payee1, 7)))
				m.Mine(chaintest.Tx(3, chaintest.Event("AddedBlackList(address)", chaintest.Payee2.Bytes())))
				for range 8 {
					m.Mine()
				}
				panel := newPanel(m.Chain, 2, lie, chaintest.LieNone, chaintest.LieNone)
				for _, node := range panel.nodes {
					node.Finalize(m.Height() - 2)
				}
				store, alarms := ourStore(), &chaintest.Alarms{}
				config := startAt(1)
				config.quorum, config.rangesFrom = 2, rangesFrom
				_, _ = chaintest.CatchUp(t.Context(), config.follower(panel.gullible(0), store, alarms)) // it may see the lie in a range
				catchUp(t, config.follower(panel.gullible(1), store, alarms))
				exhaust(t, newCheck(panel, store, alarms))
				require.Equal(t, eventsOf(m.Blocks(), chaintest.Token), store.Events())
			})
		}
	}
}

// TestTheSecondReadingFindsEvents: with a quorum of one, what one node left out is found when the block is read again.
func TestTheSecondReadingFindsEvents(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.Mine(chaintest.Tx(1, chaintest.Event("Unpause()"), chaintest.Pay(chaintest.Payee1, 7)))
	for range 99 {
		m.Mine()
	}
	panel := newPanel(m.Chain, 1, chaintest.LieHideFirst)
	store, alarms := ourStore(), &chaintest.Alarms{}
	catchUp(t, startAt(1).follower(panel.gullible(0), store, alarms))
	require.Empty(t, store.Events())
	panel.lie(0, chaintest.LieNone)
	require.NoError(t, store.SetFinalized(t.Context(), "", m.Ref(60)))
	exhaust(t, newCheck(panel, store, alarms))
	require.Equal(t, eventsOf(m.Blocks(), chaintest.Token), store.Events())
	require.True(t, alarms.IsOpen(models.AlarmTransferMissed))
}

// TestTheStateOfTheTokenNeedsAQuorum: a node that lies about it is contradicted; without a quorum it stays unknown.
func TestTheStateOfTheTokenNeedsAQuorum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		m.Mine(chaintest.Tx(1, chaintest.Event("Pause()"), chaintest.Event("Params(uint256,uint256)", []byte{10}, []byte{200})))
		m.Mine()
		panel := newPanel(m.Chain, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
		panel.nodes[0].Set(func(b *chaintest.Behaviour) { b.LieAboutPause = true })
		store, alarms := ourStore(), &chaintest.Alarms{}
		config := startAt(1)
		config.quorum = 2
		follower, check := config.follower(panel.gullible(1), store, alarms), newCheck(panel, store, alarms)
		mark := func() uint64 {
			catchUp(t, follower)
			time.Sleep(time.Minute)
			exhaust(t, check)
			cursor, err := store.Cursor(t.Context(), "")
			require.NoError(t, err)
			require.EqualValues(t, m.Height(), cursor.AgreedNumber)
			return cursor.TokenNumber
		}
		require.EqualValues(t, m.Height(), mark())
		require.Equal(t, []models.TokenState{{Paused: true, HasFee: true, Fee: "10/200"}}, store.TokenStates())
		require.Equal(t, map[string]bool{"node0": true}, panel.reported())

		panel.nodes[1].Set(func(b *chaintest.Behaviour) { b.NoState = true })
		before := m.Height()
		m.Mine(chaintest.Tx(2, chaintest.Event("Unpause()")))
		require.EqualValues(t, before, mark(), "one node's word")
		time.Sleep(3 * time.Minute)
		m.Mine()
		require.EqualValues(t, before, mark())
		require.True(t, alarms.IsOpen(models.AlarmQuorumMissing))
		panel.nodes[1].Set(func(b *chaintest.Behaviour) { b.NoState = false })
		require.EqualValues(t, m.Height(), mark())
		require.False(t, store.TokenStates()[0].Paused)
		require.False(t, alarms.IsOpen(models.AlarmQuorumMissing))
	})
}

// TestAnUpgradeOfTheTokenIsFollowed: after deprecate(), the new contract makes the logs. They are found from the
// upgrade on, are identified by their contract, and are verified; logs of any other contract are not.
func TestAnUpgradeOfTheTokenIsFollowed(t *testing.T) {
	t.Parallel()
	for _, quorum := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			m := newModel()
			foreign := chaintest.ForeignToken
			payAt := func(contract common.Address, units int64) chaintest.Output {
				return chaintest.Transfer(contract, chaintest.Sender, chaintest.Payee1, big.NewInt(units))
			}
			m.Mine(chaintest.Tx(1, payAt(chaintest.Token, 1), payAt(upgradedToken, 100))) // before the upgrade it is any contract
			m.Mine(chaintest.Tx(2, chaintest.Event("Deprecate(address)", upgradedToken.Bytes())))
			m.Mine(chaintest.Tx(3, payAt(foreign, 1000), payAt(upgradedToken, 2), payAt(upgradedToken, 3)))
			panel := newPanel(m.Chain, quorum, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
			store, alarms := ourStore(), &chaintest.Alarms{}
			config := startAt(1)
			config.quorum = quorum
			follower, check := config.follower(panel.pool, store, alarms), newCheck(panel, store, alarms)
			follow := func() {
				for range 3 {
					_, err := chaintest.CatchUp(t.Context(), follower)
					if err != nil {
						require.ErrorIs(t, err, models.ErrCursorMoved)
						catchUp(t, follower)
					}
					time.Sleep(time.Minute)
					exhaust(t, check)
				}
			}
			follow()
			// Both contracts in one transaction: each counts for itself.
			m.Mine(chaintest.Tx(4, payAt(chaintest.Token, 4), payAt(upgradedToken, 5), payAt(foreign, 1000)))
			m.Mine(chaintest.Tx(5, payAt(upgradedToken, 6)))
			follow()
			var amounts []models.Amount
			for _, transfer := range store.Canonical() {
				amounts = append(amounts, transfer.Amount)
				require.Equal(t, transfer.Amount != 1 && transfer.Amount != 4, transfer.Token == upgradedToken.Hex(), "the first contract is not named")
			}
			require.Equal(t, []models.Amount{1, 2, 3, 4, 5, 6}, amounts)
			cursor, err := store.Cursor(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, []string{upgradedToken.Hex()}, cursor.Upgrades)
			require.EqualValues(t, m.Height(), cursor.AgreedNumber)
			require.Empty(t, panel.reported())
			header := m.Blocks()[m.Height()].Header
			require.True(t, header.MayHoldLogs(chain.Contracts{chaintest.Token, upgradedToken}), "a block with logs of the new contract alone")
			require.False(t, header.MayHoldLogs(chain.Contracts{chaintest.Token}))

			verifier := chain.NewVerifier(configOf(quorum), panel.pool)
			verify := func(transfer models.TokenTransfer) error {
				return verifier.VerifyTransfer(t.Context(), chain.Verification{
					DepositAddress: transfer.To, Confirmations: 1,
					Notice: models.TransferNotice{TransferKey: transfer.TransferKey, From: transfer.From, Amount: transfer.Amount, Block: transfer.Block},
				})
			}
			for _, transfer := range store.Canonical() {
				require.NoError(t, verify(transfer), transfer)
				transfer.Token = foreign.Hex()
				require.ErrorIs(t, verify(transfer), models.ErrTransferDiffers, "what a database row claims does not count")
			}
			// Without the receipts of the block, the transaction's own receipt decides.
			for _, node := range panel.nodes {
				node.Set(func(b *chaintest.Behaviour) { b.NoReceipts = true })
			}
			verifier = chain.NewVerifier(configOf(quorum), panel.pool)
			for _, transfer := range store.Canonical() {
				require.NoError(t, verify(transfer), transfer)
			}
			unnamed := store.Canonical()[1]
			unnamed.Token = ""
			require.ErrorIs(t, verify(unnamed), models.ErrTransferDiffers, "of another contract than it says")
			stolen := store.Canonical()[1]
			stolen.Token, stolen.Ordinal, stolen.Amount = foreign.Hex(), 0, 1000 // it is on the chain, of another contract
			require.ErrorIs(t, verify(stolen), models.ErrTransferDiffers)
			stolen.Token = ""
			require.ErrorIs(t, verify(stolen), models.ErrTransferDiffers)
		})
	}
}

// TestOneNodeCannotUpgradeTheToken: neither an invented event nor one node's word about the contract makes it watched.
func TestOneNodeCannotUpgradeTheToken(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.Mine(chaintest.Tx(1, chaintest.Pay(chaintest.Payee1, 1)))
	panel := newPanel(m.Chain, 2, chaintest.LieNone, chaintest.LieNone, chaintest.LieNone)
	store := ourStore()
	config := startAt(1)
	config.quorum = 2
	catchUp(t, config.follower(panel.gullible(1), store, &chaintest.Alarms{}))
	ref := m.Ref(1)
	require.NoError(t, store.HealEvents(context.Background(), "", []models.TokenEvent{{
		TransferKey: models.TransferKey{ChainID: chaintest.ChainID, TxHash: chaintest.TxHash(1).Hex()}, Kind: models.TokenDeprecate,
		Address: upgradedToken.Hex(), BlockNumber: ref.Number, BlockHash: ref.Hash, BlockTime: ref.Time,
	}}))
	exhaust(t, newCheck(panel, store, &chaintest.Alarms{}))
	cursor, err := store.Cursor(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, cursor.Upgrades)
	require.Empty(t, store.Events())
}

// TestTheContractOfALogIsAgreedOn: a node that gives a log to another of the watched contracts is contradicted,
// whatever else is true.
func TestTheContractOfALogIsAgreedOn(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.Mine(chaintest.Tx(1, chaintest.Transfer(upgradedToken, chaintest.Sender, chaintest.Payee1, big.NewInt(5))))
	panel := newPanel(m.Chain, 2, chaintest.LieAnotherContract, chaintest.LieNone, chaintest.LieNone)
	store := ourStore()
	config := startAt(1)
	config.quorum = 2
	follower := config.follower(panel.gullible(0), store, &chaintest.Alarms{})
	require.NoError(t, store.FollowUpgrade(t.Context(), "", models.TokenUpgrade{Address: upgradedToken.Hex(), From: m.Ref(0), At: m.Ref(0)}))
	catchUp(t, follower)
	require.Empty(t, store.Canonical()[0].Token, "the lie")
	exhaust(t, newCheck(panel, store, &chaintest.Alarms{}))
	require.Len(t, store.Canonical(), 1)
	require.Equal(t, upgradedToken.Hex(), store.Canonical()[0].Token)
	require.Equal(t, map[string]bool{"node0": true}, panel.reported())
}

// TestAnUpgradeToNowhereIsNotFollowed: nobody can pay, so windows wait, and no address is watched at which there is no
// contract.
func TestAnUpgradeToNowhereIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, nowhere := range []common.Address{chaintest.Vacant, {}, chaintest.Token} {
		m := newModel()
		m.Mine(chaintest.Tx(1, chaintest.Event("Deprecate(address)", nowhere.Bytes())))
		panel := newPanel(m.Chain, 2, chaintest.LieNone, chaintest.LieNone)
		store := ourStore()
		config := startAt(1)
		config.quorum = 2
		catchUp(t, config.follower(panel.pool, store, &chaintest.Alarms{}))
		exhaust(t, newCheck(panel, store, &chaintest.Alarms{}))
		cursor, err := store.Cursor(t.Context(), "")
		require.NoError(t, err)
		require.Empty(t, cursor.Upgrades)
		require.EqualValues(t, m.Height(), cursor.TokenNumber)
		require.Equal(t, []models.TokenState{{Deprecated: true, Upgrade: nowhere.Hex(), HasFee: true, Fee: "0/0"}}, store.TokenStates())
	}
}

// TestAnUpgradeBeforeTheFirstBlockIsFollowed: no log tells of it. What the new contract logs counts from the first block on, although the
// nodes only say later what the token is.
func TestAnUpgradeBeforeTheFirstBlockIsFollowed(t *testing.T) {
	t.Parallel()
	for _, quorum := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			m := newModel()
			m.Mine(chaintest.Tx(1, chaintest.Event("Deprecate(address)", upgradedToken.Bytes())))
			m.Mine()
			m.Mine(chaintest.Tx(2, chaintest.Transfer(upgradedToken, chaintest.Sender, chaintest.Payee1, big.NewInt(7))))
			for range 5 {
				m.Mine()
			}
			panel := newPanel(m.Chain, quorum, chaintest.LieNone, chaintest.LieNone)
			store, alarms := ourStore(), &chaintest.Alarms{}
			config := startAt(2)
			config.quorum = quorum
			follower, check := config.follower(panel.pool, store, alarms), newCheck(panel, store, alarms)
			for range 3 {
				m.Mine()
				if _, err := chaintest.CatchUp(t.Context(), follower); err != nil {
					require.ErrorIs(t, err, models.ErrCursorMoved)
					catchUp(t, follower)
				}
				time.Sleep(time.Minute)
				exhaust(t, check)
			}
			require.Len(t, store.Canonical(), 1)
			require.EqualValues(t, 7, store.Canonical()[0].Amount)
			cursor, err := store.Cursor(t.Context(), "")
			require.NoError(t, err)
			require.EqualValues(t, m.Height(), cursor.TokenNumber)
		})
	}
}
