package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/rules/rulestest"
)

// dust are tiny transfers to a payment, numbered from first on.
func dust(p models.Payment, first, count int, amount models.Amount) []models.TokenTransfer {
	transfers := make([]models.TokenTransfer, count)
	for i := range transfers {
		transfers[i] = transferTo(p, first+i, amount, models.BlockRef{})
		transfers[i].LogIndex = uint(i)
	}
	return transfers
}

// signalAll sends everything that is due at the tip, and returns it.
func (f *fixture) signalAll(t testing.TB) []DueSignal {
	t.Helper()
	var all []DueSignal
	for range 50 {
		due, err := f.DueSignals(withTimeout(t), models.NetworkERC20, f.tip.Number, 500)
		require.NoError(t, err)
		if len(due) == 0 {
			return all
		}
		for _, d := range due {
			if d.Crowd != nil {
				require.NoError(t, f.MarkCrowdSignalled(t.Context(), d.Payment.ID, *d.Crowd))
			} else {
				require.NoError(t, f.MarkSignalled(t.Context(), d.Transfers, f.tip.Number, 12))
			}
		}
		all = append(all, due...)
	}
	require.Fail(t, "there is always something due")
	return nil
}

// settleAll books everything that can be booked for a payment, in pages, and returns how many transfers that were.
func (f *fixture) settleAll(t testing.TB, p models.Payment, page int) (booked int) {
	t.Helper()
	for {
		reversals, err := f.TransfersToReverse(t.Context(), p.ID, 0, page)
		require.NoError(t, err)
		credits, _, err := f.TransfersToCredit(t.Context(), p, 0, page)
		require.NoError(t, err)
		if len(reversals)+len(credits) == 0 {
			return booked
		}
		after, count, err := f.Settle(t.Context(), p.ID, credits, reversals)
		require.NoError(t, err)
		require.Positive(t, count)
		require.Equal(t, f.payment(t, p.ID).Version, after.Version)
		booked += count
	}
}

// A flood of tiny transfers costs a payment a handful of signals of a bounded size, and no other payment waits for it.
// What completes the amount is signalled in the block in which it is confirmed.
func TestAFloodIsSignalledAsSums(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p, normal := f.needing(t, 12), f.needing(t, 12)
		signals := 0
		tx := 1
		for range 40 {
			f.mine(t, "main", dust(p, tx, 60, 1)...)
			tx += 60
			for _, d := range f.signalAll(t) {
				require.LessOrEqual(t, len(d.Transfers), models.CrowdedAbove)
				signals++
			}
		}
		require.LessOrEqual(t, signals, 6, "signals for 2400 tiny transfers in 40 blocks")
		f.mine(t, "main", append(dust(p, tx, 60, 1), transferTo(p, 1_000_000, 50*models.USDT, models.BlockRef{}),
			transferTo(normal, 1_000_001, 50*models.USDT, models.BlockRef{}))...)
		paidAt := f.tip.Number
		due, err := f.DueSignals(t.Context(), models.NetworkERC20, f.tip.Number, 500)
		require.NoError(t, err)
		require.Len(t, due, 1, "the crowded payment comes last")
		require.Equal(t, normal.ID, due[0].Payment.ID)
		var told []uint64
		for confirmations := uint64(1); confirmations <= 14; confirmations++ {
			for _, d := range f.signalAll(t) {
				if d.Payment.ID == p.ID {
					told = append(told, confirmations)
					require.EqualValues(t, 2461, d.Crowd.Transfers)
				}
			}
			f.mine(t, "main")
		}
		require.Equal(t, []uint64{1, 2, 12}, told)

		page, _, err := f.TransfersToCredit(t.Context(), p, 0, 20)
		require.NoError(t, err)
		require.Equal(t, 50*models.USDT, page[0].Amount, "the largest first")
		require.LessOrEqual(t, page[0].BlockNumber, paidAt)
		require.Equal(t, 2461, f.settleAll(t, p, 500))
		f.requireBooked(t)
		require.Equal(t, 50*models.USDT+2460, f.payment(t, p.ID).AmountCredited)
		require.Zero(t, f.settleAll(t, p, 500))
		f.requireBalance(t, 50*models.USDT+2460, 50*models.USDT)

		// A reorg takes the last blocks away; what was credited is reversed, and comes back.
		f.rewind(t, block(paidAt-1, "main"))
		var again []int64
		for range 20 { // removals are signalled when the other branch is as long as the one that died
			f.mine(t, "side")
			for _, d := range f.signalAll(t) {
				if d.Payment.ID == p.ID {
					again = append(again, d.Crowd.Outdated)
				}
			}
		}
		require.Equal(t, []int64{61}, again)
		require.Equal(t, 61, f.settleAll(t, p, 40))
		f.requireBooked(t)
		require.EqualValues(t, 2400, f.payment(t, p.ID).AmountCredited)
		f.mine(t, "side", transferTo(p, 1_000_000, 50*models.USDT, models.BlockRef{}))
		f.confirm2(t, "side", 12)
		require.Equal(t, 1, f.settleAll(t, p, 40))
		f.requireBooked(t)
		require.Equal(t, 50*models.USDT+2400, f.payment(t, p.ID).AmountCredited)
	})
}

// confirm2 lets so many blocks of a branch follow.
func (f *fixture) confirm2(t testing.TB, branch string, blocks int) {
	t.Helper()
	for range blocks {
		f.mine(t, branch)
	}
}

// The sums of the one statement are those of adding up transfer by transfer.
func TestCrowdIsTheSumOfItsTransfers(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		rnd := rand.New(rand.NewPCG(1, 2))
		for round := range 6 {
			in := f.newPayment()
			in.Confirmations, in.Tolerance = []uint64{12, 1, 20}[round%3], models.Amount(round%2)*10*models.USDT
			p, _, err := f.CreatePayment(t.Context(), in, derive)
			require.NoError(t, err)
			early := transferTo(p, 100_000*round+99_999, 45*models.USDT, f.tip)
			_, err = f.Heal(t.Context(), models.NetworkERC20, []models.TokenTransfer{early})
			require.NoError(t, err)
			for n := range 40 {
				var transfers []models.TokenTransfer
				for i := range rnd.IntN(4) {
					amount := []models.Amount{1, 3, 4 * models.USDT, 5 * models.USDT, 30 * models.USDT}[rnd.IntN(5)]
					one := transferTo(p, 100_000*round+1000*n+i, amount, models.BlockRef{})
					one.LogIndex = uint(i)
					transfers = append(transfers, one)
				}
				branch := fmt.Sprint("round", round)
				switch {
				case n%11 == 10:
					f.rewind(t, models.BlockRef{Number: f.tip.Number - 3, Hash: f.hashOf(t, f.tip.Number-3), Time: block(f.tip.Number-3, "x").Time})
				case n == 23: // the window ends
					to := block(f.tip.Number+300, branch)
					require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, batch(f.tip, to, to.Number, nil)))
					f.tip = to
				}
				f.mine(t, branch+fmt.Sprint(n), transfers...)
				if n%9 == 8 {
					page, _, err := f.TransfersToCredit(t.Context(), p, rnd.IntN(3), 1+rnd.IntN(6))
					require.NoError(t, err)
					_, _, err = f.Settle(t.Context(), p.ID, page, nil)
					require.NoError(t, err)
				}
				rows, err := f.Transfers(t.Context(), p.ID)
				require.NoError(t, err)
				got, err := f.Crowd(t.Context(), f.payment(t, p.ID))
				require.NoError(t, err)
				if len(rows) <= models.CrowdedAbove {
					require.Nil(t, got)
					continue
				}
				notices := make([]models.TransferNotice, len(rows))
				for i, row := range rows {
					notices[i] = row.Notice(f.tip.Number, p.CreatedAfter)
				}
				want := rulestest.SumUp(notices, p.ExpiresAt, p.Enough(), p.Confirmations)
				want.Version, want.Head = f.payment(t, p.ID).Version, f.tip.Number
				require.True(t, want.WindowEnd.Equal(got.WindowEnd))
				got.WindowEnd = want.WindowEnd
				require.Equal(t, want, *got)
				snapshot, err := f.Snapshot(t.Context(), p.ID)
				require.NoError(t, err)
				require.Empty(t, snapshot.Transfers)
				require.Equal(t, got.Received, snapshot.Crowd.Received)
			}
			f.requireBooked(t)
		}
	})
}

// hashOf returns the hash of the block that was read at that height.
func (f *fixture) hashOf(t testing.TB, number uint64) string {
	t.Helper()
	known, err := f.RecentBlock(t.Context(), models.NetworkERC20, number)
	require.NoError(t, err)
	return known.Hash
}
