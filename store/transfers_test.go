package store

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// A transfer beyond 64 bits is kept aside with an alarm and never credited; one from our address is a sweep, which
// reconciliation takes off what the address should hold, as it does destroyed funds.
func TestQuarantineAndSweeps(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		seen := f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		to := block(f.tip.Number+1, "main")
		b := batch(f.tip, to, to.Number, []models.TokenTransfer{{
			TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(2)}, From: p.DepositAddress, To: "0xColdWallet", Amount: 20 * models.USDT, Block: to,
		}})
		b.Oversized = []models.OversizedTransfer{{TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(3)}, From: "0xPayer", To: p.DepositAddress, Value: "99999999999999999999", Block: to}}
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, b))
		f.tip = to
		require.Contains(t, f.openAlarms(t), models.AlarmAmountTooLarge)
		f.requireBalance(t, 0, 50*models.USDT)
		held := func(at uint64) string {
			balances, err := f.ExpectedBalances(ctx, models.NetworkERC20, at, "", 10)
			require.NoError(t, err)
			require.Len(t, balances, 1)
			return balances[0].Units.String()
		}
		require.Equal(t, "50000000", held(seen.Number))
		require.Equal(t, "30000000", held(to.Number))
		f.event(t, 4, models.TokenFundsDestroyed, p.DepositAddress, "30000000")
		require.Equal(t, "0", held(f.tip.Number))
		stored, err := f.StoredTransfers(ctx, models.NetworkERC20, seen.Number, f.tip.Number)
		require.NoError(t, err)
		require.Len(t, stored, 2, "what came and what went")
		f.rewind(t, seen)
		require.Equal(t, "50000000", held(to.Number))
	})
}

func TestAdvanceStoresOnlyOurTransfers(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, other := f.create(t), f.create(t)
		misspelt, stranger, nothing, own := transferTo(p, 1, 5, block(101, "main")), transferTo(p, 2, 5, block(101, "main")),
			transferTo(p, 3, 0, block(101, "main")), transferTo(p, 4, math.MaxInt64, block(101, "main"))
		misspelt.To = strings.ToLower(p.DepositAddress)
		stranger.To = "0xStranger"
		second := transferTo(other, 4, 6, block(101, "main")) // the same transaction pays two of ours
		second.Ordinal = 1
		second.LogIndex = 4
		transfers := []models.TokenTransfer{misspelt, stranger, nothing, own, second, own} // one log twice
		for i := range 40_000 {                                                            // a busy range, beyond any limit on parameters
			crowd := stranger
			crowd.To = fmt.Sprintf("0xCrowd%034d", i)
			transfers = append(transfers, crowd)
		}
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, block(101, "main"), 90, transfers)))
		rows, err := f.Transfers(ctx, p.ID)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		due := uint64(101)
		require.False(t, rows[0].CreatedAt.IsZero())
		rows[0].CreatedAt, rows[0].UpdatedAt = time.Time{}, time.Time{}
		require.Equal(t, models.Transfer{
			TransferKey: own.TransferKey, PaymentID: p.ID, FromAddress: "0xPayer", Amount: math.MaxInt64, LogIndex: 3, BlockNumber: 101,
			BlockHash: block(101, "main").Hash, BlockTime: block(101, "main").Time, Canonical: true, Revision: 1, SignalDueAt: &due,
		}, rows[0])
		require.Equal(t, second.TransferKey, f.transfer(t, other.ID).TransferKey)
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 101, cursor.HeadNumber, "the head is not below the cursor")
	})
}

func TestReorg(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, untouched := f.create(t), f.create(t)
		ancestor := f.mine(t, "main", transferTo(untouched, 9, 1, models.BlockRef{}))
		f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{f.transfer(t, p.ID), f.transfer(t, untouched.ID)}, 102, 12))
		before := f.transfer(t, untouched.ID)

		f.rewind(t, ancestor)
		removed := f.transfer(t, p.ID)
		require.False(t, removed.Canonical)
		require.EqualValues(t, 2, removed.Revision)
		require.EqualValues(t, 102, *removed.SignalDueAt, "when the new branch is as long as the old one was")
		require.Zero(t, removed.SignalledConfirmations)
		require.Equal(t, before, f.transfer(t, untouched.ID))
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, ancestor, cursor.Block())
		require.EqualValues(t, 102, cursor.HeadNumber)
		_, err = f.RecentBlock(ctx, models.NetworkERC20, 102)
		require.ErrorIs(t, err, models.ErrNotFound)
		kept, err := f.RecentBlock(ctx, models.NetworkERC20, 101)
		require.NoError(t, err)
		require.Equal(t, ancestor, kept)

		due, err := f.DueSignals(ctx, models.NetworkERC20, 101, 10)
		require.NoError(t, err)
		require.Empty(t, due)
		due, err = f.DueSignals(ctx, models.NetworkERC20, 102, 10)
		require.NoError(t, err)
		require.Equal(t, []DueSignal{{Payment: f.payment(t, p.ID), Transfers: []models.Transfer{removed}}}, due)

		f.mine(t, "side")
		again := f.mine(t, "side", transferTo(p, 1, 5, models.BlockRef{}))
		back := f.transfer(t, p.ID)
		require.True(t, back.Canonical)
		require.EqualValues(t, 3, back.Revision)
		require.Equal(t, again, back.Block())
		require.EqualValues(t, 103, *back.SignalDueAt)
		require.Equal(t, removed.CreatedAt, back.CreatedAt)

		// What a slow signaller read before the reorg does not count for the transfer as it is now.
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{removed}, 103, 12))
		require.Equal(t, back, f.transfer(t, p.ID))
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{back}, 103, 12))
		f.rewind(t, block(102, "side"))
		gone := f.transfer(t, p.ID)
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{gone}, 102, 12))
		require.Nil(t, f.transfer(t, p.ID).SignalDueAt, "the removal was told; there is no more to know")
	})
}

// A transfer that the new branch holds again, up to where the old one was, was never gone for its payment, however often the
// signals are looked for meanwhile. One that it does not hold is told.
func TestATransferThatIsMinedAgainIsNotToldAsRemoved(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for depth := uint64(1); depth <= 3; depth++ {
			for _, again := range []bool{true, false} {
				p := f.create(t)
				branch := fmt.Sprintf("b%d%t", depth, again)
				ancestor := f.tip
				f.mine(t, "old"+branch, transferTo(p, int(depth)*10, 5, models.BlockRef{}))
				for range depth - 1 {
					f.mine(t, "old"+branch)
				}
				tell := func() (told []models.Transfer) {
					due, err := f.DueSignals(ctx, models.NetworkERC20, f.tip.Number, 10)
					require.NoError(t, err)
					for _, signal := range due {
						told = append(told, signal.Transfers...)
						require.NoError(t, f.MarkSignalled(ctx, signal.Transfers, f.tip.Number, 12))
					}
					return told
				}
				require.Len(t, tell(), 1)
				f.rewind(t, ancestor)
				require.Empty(t, tell())
				for range depth - 1 {
					f.mine(t, branch)
					require.Empty(t, tell())
				}
				if again {
					f.mine(t, branch, transferTo(p, int(depth)*10, 5, models.BlockRef{}))
				} else {
					f.mine(t, branch)
				}
				told := tell()
				require.Len(t, told, 1)
				require.Equal(t, again, told[0].Canonical)
				if again { // leave nothing behind for the next round
					require.NoError(t, f.Disprove(ctx, models.NetworkERC20, []models.TokenTransfer{transferTo(p, int(depth)*10, 5, f.tip)}, "gone"))
					require.Len(t, tell(), 1)
				}
			}
		}
	})
}
