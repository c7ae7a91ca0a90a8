package store

import (
	"slices"
	"sync/atomic"
	"testing"

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
		require.ErrorIs(t, f.RewindAgreed(ctx, models.NetworkERC20, otherHash, block(100, "main"), models.BlockRef{}), models.ErrCursorMoved)
		require.ErrorIs(t, f.Advance(ctx, "TRC20", batch(to, block(102, "main"), 102, nil)), models.ErrCursorMoved)
		for _, wrong := range []models.BlockRef{to, block(100, "main")} {
			require.Error(t, f.Advance(ctx, models.NetworkERC20, batch(to, wrong, 105, nil)), "not forward")
		}
		require.Error(t, f.RewindAgreed(ctx, models.NetworkERC20, to, to, models.BlockRef{}), "not backward")
		require.Error(t, f.Advance(ctx, models.NetworkERC20, batch(to, block(102, "main"), 102, transfers)), "the transfer is in another block")

		require.NoError(t, f.SetHead(ctx, models.NetworkERC20, 110))
		cursor, err = f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 110, cursor.HeadNumber)
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
						assert.NoError(t, f.RewindAgreed(withTimeout(t), models.NetworkERC20, to, start, models.BlockRef{}))
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
	p, err := s.Payment(withTimeout(t), paymentID)
	if !assert.NoError(t, err) {
		return
	}
	transfers, err := s.Transfers(withTimeout(t), paymentID)
	if !assert.NoError(t, err) {
		return
	}
	in := models.CreditInput{PaymentID: p.ID, OperatorID: p.OperatorID}
	var credits, reversals []models.Transfer
	for _, transfer := range transfers {
		switch {
		case transfer.Canonical && transfer.CreditedAmount == 0:
			credits = append(credits, transfer)
			in.Credits = append(in.Credits, transfer.Notice(0, 0))
		case !transfer.Canonical && transfer.CreditedAmount > 0:
			reversals = append(reversals, transfer)
			in.Reversals = append(in.Reversals, transfer.Notice(0, 0))
		}
	}
	in.State = honestState(s, p, credits, reversals)
	if len(in.Credits)+len(in.Reversals) > 0 {
		_, err = s.Credit(withTimeout(t), in)
		assert.NoError(t, err)
	}
}

// What the quorum agreed on, and more so what was final, is taken back only on the conditions that the transaction itself
// checks.
func TestTheMarksAreFloors(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		for range 4 {
			f.mine(t, "main")
		}
		require.NoError(t, f.SetFinalized(ctx, models.NetworkERC20, block(102, "main")))
		require.ErrorIs(t, f.Rewind(ctx, models.NetworkERC20, f.tip, block(104, "main")), models.ErrBelowAgreed)
		unagreed := batch(f.tip, block(106, "main"), 106, nil)
		unagreed.Agreed = false
		require.NoError(t, f.Advance(ctx, models.NetworkERC20, unagreed))
		require.ErrorIs(t, f.Rewind(ctx, models.NetworkERC20, block(106, "main"), block(104, "main")), models.ErrBelowAgreed)
		require.NoError(t, f.Rewind(ctx, models.NetworkERC20, block(106, "main"), f.tip), "one node's branch above the agreed block")
		require.NoError(t, f.RewindAgreed(ctx, models.NetworkERC20, f.tip, block(103, "main"), models.BlockRef{}), "above the finalized block")
		f.tip = block(103, "main")

		branch, other := block(102, "branch"), block(102, "other")
		back := func(branch models.BlockRef) error {
			return f.RewindAgreed(ctx, models.NetworkERC20, f.tip, block(100, "main"), branch)
		}
		resolve := func(subject string) {
			alarm := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Subject: subject, Message: "deep"}
			require.NoError(t, f.Raise(ctx, alarm))
			require.NoError(t, f.ResolveAlarm(ctx, f.openAlarms(t)[models.AlarmReorgBelowFinality].ID, "cli", "", "looked at it"))
		}
		require.ErrorIs(t, back(branch), models.ErrReorgBelowFinality)
		require.ErrorIs(t, back(models.BlockRef{}), models.ErrReorgBelowFinality)
		resolve("")
		require.ErrorIs(t, back(branch), models.ErrReorgBelowFinality, "an alarm that names no branch accepts none")
		require.ErrorIs(t, back(models.BlockRef{}), models.ErrReorgBelowFinality)
		resolve(models.BranchSubject(other))
		require.ErrorIs(t, back(branch), models.ErrReorgBelowFinality, "another branch was accepted")
		cursor, err := f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 102, cursor.FinalizedNumber)
		require.Equal(t, block(102, "main").Hash, cursor.FinalizedHash)
		require.True(t, f.transfer(t, p.ID).Canonical)

		resolve(models.BranchSubject(branch))
		require.NoError(t, back(branch))
		require.False(t, f.transfer(t, p.ID).Canonical)
		cursor, err = f.Cursor(ctx, models.NetworkERC20)
		require.NoError(t, err)
		require.EqualValues(t, 100, cursor.FinalizedNumber)
		require.Empty(t, cursor.AcceptedHash, "it is accepted once")
	})
}
