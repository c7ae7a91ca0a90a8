package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// read advances the cursor by a block as a follower with a quorum does: nothing is agreed on yet.
func (f *fixture) readBlock(t testing.TB, number uint64, events ...models.TokenEvent) models.BlockRef {
	t.Helper()
	to := block(number, "main")
	for i := range events {
		events[i].BlockNumber, events[i].BlockHash, events[i].BlockTime = to.Number, to.Hash, to.Time
	}
	require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, models.BlockBatch{From: f.tip, To: to, Head: to.Number, Events: events}))
	f.tip = to
	return to
}

// agree makes the quorum agree on the block, and on the token's state in it.
func (f *fixture) agree(t testing.TB, on models.BlockRef, states ...models.TokenState) []models.TokenEvent {
	t.Helper()
	require.NoError(t, f.SetAgreed(t.Context(), models.NetworkERC20, on))
	corrected, err := f.SetTokenState(t.Context(), models.NetworkERC20, on, states)
	require.NoError(t, err)
	return corrected
}

func tokenEvent(tx int, kind models.TokenEventKind, address string) models.TokenEvent {
	return models.TokenEvent{TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(tx)}, Kind: kind, Address: address}
}

func (f *fixture) expiry(p models.Payment) models.ExpireInput {
	return models.ExpireInput{
		PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt,
		State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
	}
}

// TestNothingExpiresWhileTheTokensStateIsUnknown: the node that was read may have hidden a pause, in which nobody could pay.
func TestNothingExpiresWhileTheTokensStateIsUnknown(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		start := f.tip
		soon := f.readBlock(t, f.tip.Number+2)
		require.Empty(t, f.agree(t, soon, models.TokenState{}))
		far := f.readBlock(t, 600)
		require.NoError(t, f.SetAgreed(ctx, models.NetworkERC20, far))
		result, err := f.Expire(ctx, f.expiry(p))
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitToken, result.Wait)
		require.Equal(t, soon.Number, result.WaitBlock)
		unagreed := f.readBlock(t, 650)
		_, err = f.SetTokenState(ctx, models.NetworkERC20, unagreed, []models.TokenState{{}})
		require.ErrorIs(t, err, models.ErrCursorMoved, "the quorum has not agreed on the block")

		// The pause may have begun right after the nodes last agreed that there was none.
		corrected := f.agree(t, far, models.TokenState{Paused: true})
		require.Len(t, corrected, 1)
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused)
		pauses, err := f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: soon.Time}}, pauses)
		result, err = f.Expire(ctx, f.expiry(p))
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitPaused, result.Wait)

		later := f.readBlock(t, 700)
		require.Empty(t, f.agree(t, later, models.TokenState{Paused: true}), "it is known by now")
		end := f.readBlock(t, 800, tokenEvent(5, models.TokenUnpause, ""))
		require.Empty(t, f.agree(t, end, models.TokenState{}))
		require.Empty(t, f.openAlarms(t))
		result, err = f.Expire(ctx, f.expiry(p))
		require.NoError(t, err)
		require.Equal(t, p.ExpiresAt.Add(end.Time.Sub(soon.Time)), result.WindowEnd.UTC())

		// A reorg takes the agreement back with everything else.
		require.NoError(t, f.RewindAgreed(ctx, models.NetworkERC20, end, start, models.BlockRef{}))
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, start.Number, cursor.TokenNumber)
		require.Equal(t, start.Time, cursor.TokenTime.UTC())
		pauses, err = f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Empty(t, pauses)
		_, err = f.SetTokenState(ctx, models.NetworkERC20, far, nil)
		require.ErrorIs(t, err, models.ErrCursorMoved)
	})
}

// TestTheContractEndsAnInventedPause: a pause that one node made up, or whose end it hid, does not make everything wait for ever.
func TestTheContractEndsAnInventedPause(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		invented := f.readBlock(t, f.tip.Number+1, tokenEvent(1, models.TokenPause, ""))
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused)
		now := f.readBlock(t, f.tip.Number+5)
		require.Len(t, f.agree(t, now, models.TokenState{}), 1)
		require.Empty(t, f.openAlarms(t))
		pauses, err := f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: invented.Time, To: now.Time}}, pauses)

		// What corrects is no log: no reading of the block can disprove it. The event itself can be.
		stored, err := f.StoredEvents(ctx, models.NetworkERC20, 0, 1000)
		require.NoError(t, err)
		require.Len(t, stored, 1)
		for range 2 {
			require.NoError(t, f.DisproveEvents(ctx, models.NetworkERC20, stored, "the quorum does not have it"))
		}
		pauses, err = f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Empty(t, pauses)
		require.Len(t, f.audited(t, "token_event_disproved"), 1)

		// A contract that says the same as the events corrects nothing, whatever else it has.
		require.Empty(t, f.agree(t, f.readBlock(t, f.tip.Number+1), models.TokenState{HasFee: true, Fee: "0/0"}))
		require.Len(t, f.agree(t, f.readBlock(t, f.tip.Number+1), models.TokenState{HasFee: true, Fee: "10/5"}), 1)
		require.Contains(t, f.openAlarms(t), models.AlarmTokenFeeChanged)
		require.Empty(t, f.agree(t, f.readBlock(t, f.tip.Number+1), models.TokenState{HasFee: true, Fee: "10/5"}))
		require.Empty(t, f.agree(t, f.readBlock(t, f.tip.Number+1), models.TokenState{}), "the fee was not asked for")
	})
}

// TestHealingEvents: what a second reading finds changes pauses and alarms as the first reading would have.
func TestHealingEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		began := f.readBlock(t, f.tip.Number+1)
		f.readBlock(t, f.tip.Number+1, tokenEvent(2, models.TokenUnpause, ""))
		pause := tokenEvent(1, models.TokenPause, "")
		pause.BlockNumber, pause.BlockHash, pause.BlockTime = began.Number, began.Hash, began.Time
		for range 2 {
			require.NoError(t, f.HealEvents(ctx, models.NetworkERC20, []models.TokenEvent{pause}))
		}
		require.Empty(t, f.openAlarms(t), "the pause has ended since")
		pauses, err := f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: began.Time, To: f.tip.Time}}, pauses)

		end, err := f.StoredEvents(ctx, models.NetworkERC20, f.tip.Number, f.tip.Number)
		require.NoError(t, err)
		require.NoError(t, f.DisproveEvents(ctx, models.NetworkERC20, end, "invented"))
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused, "it lasts")
		pause.BlockHash = "0xother"
		require.ErrorIs(t, f.HealEvents(ctx, models.NetworkERC20, []models.TokenEvent{pause}), models.ErrCursorMoved)
		require.NoError(t, f.DisproveEvents(ctx, models.NetworkERC20, []models.TokenEvent{pause}, "another block"))
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused, "the stored event is of another block than the doubted one")

		p := f.create(t)
		banned := f.readBlock(t, f.tip.Number+1, tokenEvent(3, models.TokenBlacklisted, p.DepositAddress))
		require.Contains(t, f.openAlarms(t), models.AlarmAddressBlacklisted)
		stored, err := f.StoredEvents(ctx, models.NetworkERC20, banned.Number, banned.Number)
		require.NoError(t, err)
		require.NoError(t, f.DisproveEvents(ctx, models.NetworkERC20, stored, "invented"))
		require.NotContains(t, f.openAlarms(t), models.AlarmAddressBlacklisted)
	})
}

// TestADeprecatedTokenExtendsWindowsUntilItIsFollowed: payments then cause logs on a contract that is not read yet. When it is,
// everything since the upgrade is read again, and nothing that was stored is lost.
func TestADeprecatedTokenExtendsWindowsUntilItIsFollowed(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		paid := f.mine(t, "main", transferTo(p, 1, 10, models.BlockRef{}))
		upgraded := f.readBlock(t, f.tip.Number+1, tokenEvent(2, models.TokenDeprecate, "0xNew"))
		number, err := f.DeprecatedAt(ctx, "", "0xNew")
		require.NoError(t, err)
		require.Equal(t, upgraded.Number, number)
		_, err = f.DeprecatedAt(ctx, "", "0xOther")
		require.ErrorIs(t, err, models.ErrNotFound)
		q := f.create(t)
		far := f.readBlock(t, 600)
		require.Empty(t, f.agree(t, far, models.TokenState{Deprecated: true, Upgrade: "0xNew"}))
		result, err := f.Expire(ctx, f.expiry(q))
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, models.ExpiryWaitPaused, result.Wait)
		require.NoError(t, f.SetFinalized(ctx, models.NetworkERC20, block(500, "main")))

		follow := models.TokenUpgrade{Address: "0xNew", From: paid, At: far}
		for range 2 {
			require.NoError(t, f.FollowUpgrade(ctx, models.NetworkERC20, follow))
		}
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []string{"0xNew"}, cursor.Upgrades)
		require.Equal(t, []uint64{paid.Number, paid.Number, paid.Number, 500},
			[]uint64{cursor.BlockNumber, cursor.AgreedNumber, cursor.TokenNumber, cursor.FinalizedNumber})
		require.Equal(t, paid.Hash, cursor.BlockHash)
		require.True(t, f.transfer(t, p.ID).Canonical)
		f.tip = paid

		missed := transferTo(q, 3, 20, models.BlockRef{})
		missed.Token, missed.Block = "0xNew", block(paid.Number+2, "main")
		to := block(601, "main")
		stale := models.BlockBatch{From: paid, To: to, Head: to.Number, Transfers: []models.TokenTransfer{missed}}
		require.ErrorIs(t, f.Advance(ctx, models.NetworkERC20, stale), models.ErrCursorMoved, "read for the old contract only")
		stale.Upgrades = []string{"0xNew"}
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, stale))
		got := f.transfer(t, q.ID)
		require.Equal(t, "0xNew", got.Token)
		require.Equal(t, models.Amount(20), got.Amount)
		pauses, err := f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: upgraded.Time, To: far.Time}}, pauses)
		require.Contains(t, f.openAlarms(t), models.AlarmTokenDeprecated)
		require.Len(t, f.audited(t, "token_followed"), 1)
	})
}

// TestTwoContractsPauseForThemselves: a time counts once, whichever of the contracts was paused in it.
func TestTwoContractsPauseForThemselves(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		of := func(tx int, kind models.TokenEventKind, token string) models.TokenEvent {
			event := tokenEvent(tx, kind, "")
			event.Token = token
			return event
		}
		first := f.readBlock(t, f.tip.Number+1, of(1, models.TokenPause, ""))
		f.readBlock(t, f.tip.Number+1, of(2, models.TokenPause, "0xNew"))
		f.readBlock(t, f.tip.Number+1, of(3, models.TokenUnpause, ""))
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused, "the other contract is still paused")
		last := f.readBlock(t, f.tip.Number+1, of(4, models.TokenUnpause, "0xNew"))
		require.Empty(t, f.openAlarms(t))
		pauses, err := f.Pauses(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: first.Time, To: last.Time}}, pauses)
	})
}

// TestAContractIsPartOfATransfersIdentity: the same ordinal of two contracts in one transaction is two transfers, each credited
// once, under an external id of its own. That of the first contract is what it always was.
func TestAContractIsPartOfATransfersIdentity(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		old, fresh := transferTo(p, 1, 30*models.USDT, models.BlockRef{}), transferTo(p, 1, 20*models.USDT, models.BlockRef{})
		fresh.Token, fresh.LogIndex = "0xNew", 4
		f.mine(t, "main", old, fresh)
		transfers, err := f.Transfers(ctx, p.ID)
		require.NoError(t, err)
		require.Len(t, transfers, 2)
		result, err := f.Credit(ctx, f.creditInput(p, transfers, nil))
		require.NoError(t, err)
		require.True(t, result.Recorded)
		var ids []string
		require.NoError(t, f.read(ctx).Model(&models.LedgerTransaction{}).Order("external_id").Pluck("external_id", &ids).Error)
		require.Equal(t, []string{"transfer:1:" + txHash(1) + ":0", "transfer:1:" + txHash(1) + ":0:0xNew"}, ids)
		f.requireBooked(t)
		require.Empty(t, f.compareAll(t))
		old.Block = transfers[0].Block()
		require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{old}, "test"))
		transfers, err = f.Transfers(ctx, p.ID)
		require.NoError(t, err)
		require.False(t, transfers[0].Canonical)
		require.True(t, transfers[1].Canonical, "of another contract")
	})
}

// TestATokenPausedBeforeTheFirstBlock: no event tells of it. With one node the block of the token's state does not move before
// somebody has said what the token is, so nothing expires, and the pause counts from the first block.
func TestATokenPausedBeforeTheFirstBlock(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		require.NoError(t, f.writer.Exec("UPDATE chain_cursors SET token_known = false").Error)
		p, first := f.create(t), f.tip
		f.reach(t, pastTheWindow)
		result, err := f.Expire(ctx, f.expiry(p))
		require.NoError(t, err)
		require.Equal(t, models.ExpiryWaitToken, result.Wait)
		require.Equal(t, first.Number, result.WaitBlock)
		require.Len(t, f.agree(t, f.tip, models.TokenState{Paused: true}), 1)
		require.Contains(t, f.openAlarms(t), models.AlarmTokenPaused)
		result, err = f.Expire(ctx, f.expiry(p))
		require.NoError(t, err)
		require.Equal(t, models.ExpiryWaitPaused, result.Wait)
		pauses, err := f.Pauses(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, []models.Pause{{From: first.Time}}, pauses)
		condition, err := f.TokenCondition(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, models.TokenCondition{Paused: true}, condition)
	})
}

// TestAPauseThatEndsWithoutABeginning: it began before the first block, and ended before the state was read.
func TestAPauseThatEndsWithoutABeginning(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		end := f.readBlock(t, f.tip.Number+100, tokenEvent(1, models.TokenUnpause, ""))
		far := f.readBlock(t, pastTheWindow)
		require.Empty(t, f.agree(t, far, models.TokenState{}))
		result, err := f.Expire(t.Context(), f.expiry(p))
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, p.ExpiresAt.Add(end.Time.Sub(p.CreatedAt)), result.WindowEnd.UTC())
		require.Empty(t, f.openAlarms(t))
	})
}

// TestTheConditionOfTheTokenIsTheQuorums: an event that one node tells of refuses no payment. It counts once the quorum has agreed, and
// ends when the contract says so or is watched. A fee raises an alarm that ends with it.
func TestTheConditionOfTheTokenIsTheQuorums(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		const upgrade = "0x00000000000000000000000000000000000000AA"
		is := func(want models.TokenCondition) {
			t.Helper()
			condition, err := f.TokenCondition(ctx, models.NetworkERC20)
			require.NoError(t, err)
			require.Equal(t, want, condition)
		}
		from := f.tip
		told := f.readBlock(t, f.tip.Number+1, tokenEvent(1, models.TokenDeprecate, upgrade), tokenEvent(2, models.TokenPause, ""))
		is(models.TokenCondition{})
		f.agree(t, told, models.TokenState{Deprecated: true, Upgrade: upgrade, Paused: true, HasFee: true, Fee: "10/5"})
		is(models.TokenCondition{Paused: true, Unfollowed: upgrade})
		require.Contains(t, f.openAlarms(t), models.AlarmTokenFeeChanged)
		f.agree(t, f.readBlock(t, f.tip.Number+1), models.TokenState{HasFee: true, Fee: "0/0"})
		is(models.TokenCondition{})
		require.Empty(t, f.openAlarms(t))
		f.agree(t, f.readBlock(t, f.tip.Number+1), models.TokenState{Deprecated: true, Upgrade: upgrade})
		is(models.TokenCondition{Unfollowed: upgrade})
		// The blocks are read again, and may be others then: a payment that was created before can be paid in them.
		p := f.create(t)
		require.Equal(t, f.tip.Number, p.CreatedAfter)
		require.NoError(t, f.FollowUpgrade(ctx, models.NetworkERC20, models.TokenUpgrade{Address: upgrade, From: from, At: f.tip}))
		is(models.TokenCondition{})
		last, err := lastBefore(f.writer, p)
		require.NoError(t, err)
		require.Equal(t, from.Number, last)
	})
}
