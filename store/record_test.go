package store

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 7, models.BlockRef{}))
		state := next(p, func(s *models.PaymentState) {
			s.Status, s.AmountReceived = models.StatusRejected, 7
			s.TxHash, s.LastBlock, s.Decision, s.Reason = txHash(1), 101, models.DecisionReject, "out of stock"
		})
		result, err := f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: state})
		require.NoError(t, err)
		require.Equal(t, models.RecordResult{Recorded: true}, result)
		require.Equal(t, state, f.payment(t, p.ID).PaymentState, "every field is written")

		result, err = f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: state})
		require.NoError(t, err)
		require.Equal(t, models.RecordResult{Recorded: true}, result, "our own earlier attempt")

		otherwise := state
		otherwise.Reason = "something else"
		result, err = f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: otherwise})
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.Equal(t, state, result.Snapshot.State)

		for _, version := range []int64{0, 1, 4, 100} { // stale ones and ones that skip
			wrong := state
			wrong.Version = version
			result, err = f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: wrong})
			require.NoError(t, err)
			require.False(t, result.Recorded, "version %d", version)
			require.Equal(t, state, result.Snapshot.State)
		}
		_, err = f.Record(ctx, models.RecordInput{PaymentID: models.NewID(), State: state})
		require.ErrorIs(t, err, models.ErrNotFound)

		events, err := timelineOf(f.reader, p.ID)
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.Equal(t, models.PaymentEvent{
			PaymentID: p.ID, Version: 2, Status: state.Status, Exception: state.Exception, AmountReceived: 7,
			TxHash: state.TxHash, Reason: state.Reason, CreatedAt: f.payment(t, p.ID).UpdatedAt,
		}, events[1])
	})
}

// TestRacingWriters lets writers of all three kinds try for the same next version: one wins, the others learn of it.
func TestRacingWriters(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		stores := []*Store{f.Store, open(t, f.url)}
		for range 5 {
			p := f.create(t)
			f.mine(t, "main", transferTo(p, int(p.AddressIndex)+1, p.AmountRequested, models.BlockRef{}))
			for f.tip.Time.Before(p.ExpiresAt) { // far enough that Expire may answer; in one step
				to := block(f.tip.Number+400, "main")
				require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, batch(f.tip, to, to.Number, nil)))
				f.tip = to
			}
			credit := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
			expire := models.ExpireInput{
				PaymentID: p.ID, State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
			}
			var won atomic.Int64
			together(30, func(i int) {
				s := stores[i%2]
				var recorded bool
				var snapshot *models.PaymentSnapshot
				switch i % 3 {
				case 0:
					state := next(p, func(s *models.PaymentState) {
						s.Status, s.Decision, s.Reason = models.StatusRejected, models.DecisionReject, txHash(i)
						s.AmountReceived = p.AmountRequested
					})
					result, err := s.Record(withTimeout(t), models.RecordInput{PaymentID: p.ID, State: state})
					assert.NoError(t, err)
					recorded, snapshot = result.Recorded, result.Snapshot
				case 1:
					in := credit
					in.State.Reason = txHash(i)
					result, err := s.Credit(withTimeout(t), in)
					assert.NoError(t, err)
					recorded, snapshot = result.Recorded, result.Snapshot
				case 2:
					in := expire
					in.State.Reason = txHash(i)
					result, err := s.Expire(withTimeout(t), in)
					assert.NoError(t, err)
					recorded, snapshot = result.Recorded, result.Snapshot
				}
				if recorded {
					won.Add(1)
					assert.Nil(t, snapshot)
				} else if assert.NotNil(t, snapshot) {
					assert.LessOrEqual(t, snapshot.State.Version, int64(2))
				}
			})
			require.EqualValues(t, 1, won.Load())
			events, err := timelineOf(f.reader, p.ID)
			require.NoError(t, err)
			require.Len(t, events, 2)
			f.requireBooked(t)
		}
	})
}

func TestExpire(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		expiryBlock := uint64(100 + 3600/12) // its time is exactly the payments' expiresAt
		early, atTheLimit, late, none, gone := f.create(t), f.create(t), f.create(t), f.create(t), f.create(t)
		input := func(p models.Payment) models.ExpireInput {
			return models.ExpireInput{
				PaymentID: p.ID, Network: models.NetworkERC20, ExpiresAt: p.ExpiresAt,
				State: next(p, func(s *models.PaymentState) {
					s.Status = models.StatusExpired
					if p.ID == late.ID || p.ID == gone.ID {
						s.AmountReceived = f.received(t, p.ID)
					}
				}),
			}
		}
		expire := func(p models.Payment) models.ExpireResult {
			result, err := f.Expire(ctx, input(p))
			require.NoError(t, err)
			return result
		}
		waits := func(result models.ExpireResult, upTo uint64) {
			require.Equal(t, models.ExpireResult{Wait: models.ExpiryWaitScan, WaitBlock: upTo}, result)
		}
		reach := func(number uint64, transfers ...models.TokenTransfer) {
			to := block(number, "main")
			require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(f.tip, to, number, transfers)))
			f.tip = to
		}
		reach(expiryBlock-1, transferTo(early, 1, 1, block(expiryBlock-1, "main")))
		waits(expire(none), f.tip.Number)
		reach(expiryBlock, transferTo(atTheLimit, 2, 1, block(expiryBlock, "main")))
		waits(expire(none), f.tip.Number) // a block at expiresAt is not past it
		seen := expire(early)
		require.False(t, seen.Recorded || seen.ScannedPast)
		require.Len(t, seen.Snapshot.Transfers, 1, "what came is told before the scan is past")
		// A lying clock never expires a payment.
		wrong := input(none)
		wrong.ExpiresAt = epoch.Add(-time.Hour)
		result, err := f.Expire(ctx, wrong)
		require.NoError(t, err)
		waits(result, f.tip.Number)

		reach(expiryBlock+1, transferTo(late, 3, 1, block(expiryBlock+1, "main")), transferTo(gone, 4, 1, block(expiryBlock+1, "main")))
		for _, p := range []models.Payment{early, atTheLimit} {
			result := expire(p)
			require.True(t, result.ScannedPast)
			require.False(t, result.Recorded)
			require.Len(t, result.Snapshot.Transfers, 1)
			require.Equal(t, models.StatusPending, f.payment(t, p.ID).Status)
		}
		for _, p := range []models.Payment{late, none} {
			require.Equal(t, models.ExpireResult{ScannedPast: true, RecordResult: models.RecordResult{Recorded: true}}, expire(p))
			require.Equal(t, models.StatusExpired, f.payment(t, p.ID).Status)
		}
		f.rewind(t, block(expiryBlock, "main"))
		require.Equal(t, models.ExpireResult{ScannedPast: true, RecordResult: models.RecordResult{Recorded: true}}, expire(none),
			"the answer to a repeat does not change with the chain")
		waits(expire(gone), f.tip.Number) // the scan is no longer past

		moved := input(none)
		moved.State.Reason = "another writer"
		result, err = f.Expire(ctx, moved)
		require.NoError(t, err)
		require.False(t, result.Recorded)
		require.NotNil(t, result.Snapshot)

		reach(expiryBlock + 1)
		require.True(t, expire(gone).Recorded)
		_, err = f.Expire(ctx, models.ExpireInput{PaymentID: "nobody", Network: models.NetworkERC20})
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

func TestSnapshot(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		seen := f.mine(t, "main", transferTo(p, 1, 5, models.BlockRef{}))
		f.mine(t, "main")
		snapshot, err := f.Snapshot(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, models.PaymentSnapshot{State: p.PaymentState, Transfers: []models.TransferNotice{{
			TransferKey: models.TransferKey{ChainID: 1, TxHash: txHash(1)}, From: "0xPayer", Amount: 5, Block: seen, Canonical: true,
			Revision: 1, Confirmations: 2,
		}}}, snapshot)
		_, err = f.Snapshot(t.Context(), "nobody")
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}
