package store

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestCursorMovesOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		_, err := f.Cursor(ctx, "TRC20")
		require.ErrorIs(t, err, models.ErrNotFound)
		require.NoError(t, f.InitCursor(ctx, models.NetworkERC20, block(7, "other"), 7))
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, f.tip, cursor.Block(), "the first cursor stays")

		p := f.create(t)
		to := block(101, "main")
		transfers := []models.TokenTransfer{transferTo(p, 1, 5, to)}
		stores := []*Store{f.Store, open(t, f.url)}
		var moved atomic.Int64
		together(10, func(i int) { // followers that do not know of each other
			err := stores[i%2].Advance(withTimeout(t), models.NetworkERC20, batch(f.tip, to, 105, transfers))
			if err == nil {
				moved.Add(1)
			} else {
				assert.ErrorIs(t, err, models.ErrCursorMoved)
			}
		})
		require.EqualValues(t, 1, moved.Load())
		cursor, err = f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, to, cursor.Block())
		require.EqualValues(t, 105, cursor.HeadNumber)
		require.EqualValues(t, 1, f.transfer(t, p.ID).Revision)

		otherHash := to
		otherHash.Hash = "0xother"
		require.ErrorIs(t, f.Advance(ctx, models.NetworkERC20, batch(otherHash, block(102, "main"), 102, nil)), models.ErrCursorMoved)
		require.ErrorIs(t, f.Rewind(ctx, models.NetworkERC20, otherHash, block(100, "main")), models.ErrCursorMoved)
		require.ErrorIs(t, f.Advance(ctx, "TRC20", batch(to, block(102, "main"), 102, nil)), models.ErrCursorMoved)
		for _, wrong := range []models.BlockRef{to, block(100, "main")} {
			require.Error(t, f.Advance(ctx, models.NetworkERC20, batch(to, wrong, 105, nil)), "not forward")
		}
		require.Error(t, f.Rewind(ctx, models.NetworkERC20, to, to), "not backward")
		require.Error(t, f.Advance(ctx, models.NetworkERC20, batch(to, block(102, "main"), 102, transfers)), "the transfer is in another block")

		require.NoError(t, f.SetHead(ctx, models.NetworkERC20, 110))
		cursor, err = f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 110, cursor.HeadNumber)
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
		require.EqualValues(t, 0, *removed.SignalDueAt)
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

func TestSignalsAcrossMilestones(t *testing.T) {
	for required, want := range map[uint64][]uint64{1: {1}, 2: {1, 2}, 3: {1, 2, 3}, 12: {1, 2, 12}} {
		t.Run(fmt.Sprint(required), func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				p := f.create(t)
				f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}), transferTo(p, 2, 6, models.BlockRef{}))
				var told []uint64
				repeats := 0 // after the last milestone, because nothing is credited
				for range 25 {
					head := f.tip.Number
					due, err := f.DueSignals(ctx, models.NetworkERC20, head, 10)
					require.NoError(t, err)
					for _, signal := range due {
						require.Equal(t, p.ID, signal.Payment.ID)
						require.Len(t, signal.Transfers, 2)
						confirmations := models.Confirmations(head, signal.Transfers[0].BlockNumber)
						if confirmations <= required {
							told = append(told, confirmations)
						} else {
							repeats++
						}
						require.NoError(t, f.MarkSignalled(ctx, signal.Transfers, head, required))
						rows, err := f.Transfers(ctx, p.ID)
						require.NoError(t, err)
						require.Equal(t, min(confirmations, required), rows[0].SignalledConfirmations)
					}
					f.mine(t, "main")
				}
				require.Equal(t, want, told)
				doublings := 0
				for at := 2 * required; at <= 25; at *= 2 {
					doublings++
				}
				require.Equal(t, doublings, repeats)
			})
		})
	}
}

func TestSignalsSkipMilestonesAfterAGap(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		row := f.transfer(t, p.ID)
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{row}, row.BlockNumber+6, 12))
		row = f.transfer(t, p.ID)
		require.EqualValues(t, models.ConfirmingFrom, row.SignalledConfirmations)
		require.Equal(t, row.BlockNumber+11, *row.SignalDueAt)
		due, err := f.DueSignals(ctx, models.NetworkERC20, row.BlockNumber+10, 10)
		require.NoError(t, err)
		require.Empty(t, due)
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{row}, row.BlockNumber+50, 12))
		require.Equal(t, row.BlockNumber+50+51, *f.transfer(t, p.ID).SignalDueAt, "told again until it is credited, with growing pauses")
		_, err = f.Credit(ctx, f.creditInput(f.payment(t, p.ID), []models.Transfer{f.transfer(t, p.ID)}, nil))
		require.NoError(t, err)
		require.Nil(t, f.transfer(t, p.ID).SignalDueAt)
		// The signaller may be slower than the workflow it told.
		require.NoError(t, f.MarkSignalled(ctx, []models.Transfer{row}, row.BlockNumber+51, 12))
		require.Nil(t, f.transfer(t, p.ID).SignalDueAt)
		require.NoError(t, f.MarkSignalled(ctx, nil, 1, 12))
	})
}

func TestDueSignalsGroupAndLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		a, b := f.create(t), f.create(t)
		f.mine(t, "main", transferTo(a, 1, 5, models.BlockRef{}), transferTo(b, 2, 5, models.BlockRef{}), transferTo(a, 3, 5, models.BlockRef{}))
		f.mine(t, "main", transferTo(b, 4, 5, models.BlockRef{}))
		all, err := f.DueSignals(ctx, models.NetworkERC20, f.tip.Number, 10)
		require.NoError(t, err)
		require.Len(t, all, 2)
		for _, signal := range all {
			require.Len(t, signal.Transfers, 2)
			require.Equal(t, f.payment(t, signal.Payment.ID), signal.Payment)
			for _, transfer := range signal.Transfers {
				require.Equal(t, signal.Payment.ID, transfer.PaymentID)
			}
		}
		for name, c := range map[string]struct {
			network string
			head    uint64
			limit   int
			want    int
		}{
			"limit": {models.NetworkERC20, 200, 3, 3}, "head": {models.NetworkERC20, 101, 10, 3}, "not yet": {models.NetworkERC20, 100, 10, 0},
			"network": {"TRC20", 200, 10, 0},
		} {
			signals, err := f.DueSignals(ctx, c.network, c.head, c.limit)
			require.NoError(t, err)
			count := 0
			for _, signal := range signals {
				count += len(signal.Transfers)
			}
			require.Equal(t, c.want, count, name)
		}
	})
}

func TestKeptBlocks(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		var blocks []models.ChainBlock
		for number := uint64(101); number < 100+keptBlocks; number++ {
			b := block(number, "main")
			blocks = append(blocks, models.ChainBlock{Network: models.NetworkERC20, Number: number, Hash: b.Hash, BlockTime: b.Time})
		}
		require.NoError(t, f.writer.CreateInBatches(blocks, batchRows).Error)
		lowest, err := f.LowestRecentBlock(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, block(100, "main"), lowest)
		end := block(100+keptBlocks-1, "main")
		require.NoError(t, f.writer.Model(&models.ChainCursor{}).Where("network = ?", models.NetworkERC20).
			UpdateColumns(map[string]any{"block_number": end.Number, "block_hash": end.Hash}).Error)
		f.tip = end
		f.mine(t, "main")
		f.mine(t, "main")
		lowest, err = f.LowestRecentBlock(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.Equal(t, block(102, "main"), lowest)
		var count int64
		require.NoError(t, f.writer.Model(&models.ChainBlock{}).Count(&count).Error)
		require.EqualValues(t, keptBlocks, count)
		_, err = f.LowestRecentBlock(ctx, "TRC20")
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

func TestOldestPayment(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		_, ok, err := f.OldestPaymentAt(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.False(t, ok)
		for _, hours := range []int{3, -2, 1} {
			in := f.newPayment()
			in.CreatedAt = epoch.Add(time.Duration(hours) * time.Hour)
			_, _, err := f.CreatePayment(t.Context(), in, derive)
			require.NoError(t, err)
		}
		at, ok, err := f.OldestPaymentAt(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, epoch.Add(-2*time.Hour), at)
	})
}

// TestBusyFollower runs everything that touches one payment's rows at once and then looks whether the books are right.
func TestBusyFollower(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		creditor := open(t, f.url)
		const payments = 8
		var all []models.Payment
		for range payments {
			all = append(all, f.create(t))
		}
		start := f.tip
		done := make(chan struct{})
		together(payments+2, func(i int) {
			if i == 0 { // the follower: blocks with transfers of everyone, and reorgs
				defer close(done)
				for round := range 15 {
					var transfers []models.TokenTransfer
					for n, p := range all {
						transfers = append(transfers, transferTo(p, n+1, 3, models.BlockRef{}), transferTo(p, n+100, 4, models.BlockRef{}))
					}
					slices.Reverse(transfers)
					branch := "b" + string(rune('a'+round))
					to := block(start.Number+1, branch)
					for n := range transfers {
						transfers[n].Block = to
					}
					assert.NoError(t, f.Advance(withTimeout(t), models.NetworkERC20, batch(start, to, to.Number, transfers)))
					due, err := f.DueSignals(withTimeout(t), models.NetworkERC20, to.Number, 1000)
					assert.NoError(t, err)
					for _, signal := range due {
						assert.NoError(t, f.MarkSignalled(withTimeout(t), signal.Transfers, to.Number, 12))
					}
					if round < 14 {
						assert.NoError(t, f.Rewind(withTimeout(t), models.NetworkERC20, to, start))
					}
				}
				return
			}
			if i == 1 { // new payments meanwhile
				for range 30 {
					_, _, err := f.CreatePayment(withTimeout(t), f.newPayment(), derive)
					assert.NoError(t, err)
				}
				return
			}
			p := all[i-2] // a workflow that credits and reverses whatever it sees
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				settle(t, creditor, p.ID)
			}
		})
		f.tip = block(start.Number+1, "b"+string(rune('a'+14)))
		f.requireBooked(t)
		f.requireBalance(t, payments*7, 0)
	})
}

// settle credits and reverses what a payment's rows ask for, as its workflow would.
func settle(t *testing.T, s *Store, paymentID string) {
	snapshot, err := s.Snapshot(withTimeout(t), paymentID)
	if !assert.NoError(t, err) {
		return
	}
	p, err := s.Payment(withTimeout(t), paymentID)
	if !assert.NoError(t, err) {
		return
	}
	in := models.CreditInput{PaymentID: p.ID, OperatorID: p.OperatorID, State: snapshot.State}
	in.State.Version++
	for _, notice := range snapshot.Transfers {
		switch {
		case notice.Canonical && notice.CreditedAmount == 0:
			in.Credits = append(in.Credits, notice)
			in.State.AmountCredited += notice.Amount
		case !notice.Canonical && notice.CreditedAmount > 0:
			in.Reversals = append(in.Reversals, notice)
			in.State.AmountCredited -= notice.CreditedAmount
		}
	}
	if len(in.Credits)+len(in.Reversals) > 0 {
		_, err = s.Credit(withTimeout(t), in)
		assert.NoError(t, err)
	}
}
