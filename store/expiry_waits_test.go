package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

func expireInput(p models.Payment) models.ExpireInput {
	return models.ExpireInput{
		PaymentID: p.ID, Network: p.Network, ExpiresAt: p.ExpiresAt, AwaitScan: true,
		State: next(p, func(s *models.PaymentState) { s.Status = models.StatusExpired }),
	}
}

// waiting creates a payment that has asked for its expiry too early.
func (f *fixture) waiting(t testing.TB) models.Payment {
	t.Helper()
	p := f.create(t)
	result, err := f.Expire(t.Context(), expireInput(p))
	require.NoError(t, err)
	require.NotEmpty(t, result.Wait)
	return p
}

// reach moves the cursor and the agreed block to a number.
func (f *fixture) reach(t testing.TB, number uint64) {
	t.Helper()
	to := block(number, "main")
	require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, batch(f.tip, to, number, nil)))
	f.tip = to
}

func (f *fixture) due(t testing.TB, limit int) (ids []string, due []DueExpiry, more bool) {
	t.Helper()
	due, more, err := f.DueExpiries(t.Context(), models.NetworkERC20, limit)
	require.NoError(t, err)
	for _, expiry := range due {
		ids = append(ids, expiry.Payment.ID)
	}
	return ids, due, more
}

const pastTheWindow = 100 + 3600/12 + 1

// Payments that wait cost the follower one statement a round, however many they are, until their time comes.
func TestWaitingExpiriesCostOneStatementUntilTheyAreDue(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		for range 300 {
			f.waiting(t)
		}
		statements := 0
		count := func(*gorm.DB) { statements++ }
		for _, db := range f.pools() {
			require.NoError(t, db.Callback().Query().Before("*").Register("count", count))
			require.NoError(t, db.Callback().Row().Before("*").Register("count", count))
			require.NoError(t, db.Callback().Raw().Before("*").Register("count", count))
		}
		for range 5 {
			f.reach(t, f.tip.Number+1)
			statements = 0
			ids, _, more := f.due(t, 100)
			require.Empty(t, ids)
			require.False(t, more)
			require.Equal(t, 1, statements)
		}
		f.reach(t, pastTheWindow)
		var all []string
		for more := true; more; {
			statements = 0
			var due []DueExpiry
			var ids []string
			ids, due, more = f.due(t, 100)
			require.Less(t, statements, 10, "a batch costs the same, however large it is")
			require.NoError(t, f.MarkExpiriesWoken(t.Context(), due))
			all = append(all, ids...)
		}
		require.Len(t, all, 300)
		slices.Sort(all)
		require.Len(t, slices.Compact(all), 300, "each once")
	})
}

// A question that comes too early waits for no lock and holds none: the follower may hold the cursor meanwhile.
func TestAnEarlyQuestionLocksNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		early := expireInput(p)
		early.AwaitScan = false
		err := f.write(t.Context(), func(tx *gorm.DB) error {
			if _, err := lockCursor(tx, models.NetworkERC20); err != nil {
				return err
			}
			if _, err := lockPayment(tx, p.ID); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			result, err := f.Expire(ctx, early)
			require.Equal(t, models.ExpiryWaitScan, result.Wait)
			return err
		})
		require.NoError(t, err)
	})
}

// The answer that counts is the one under the locks: a block with the transfer that is stored between question and
// writing keeps the payment open.
func TestTheWriteAsksAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		f.reach(t, pastTheWindow)
		inTime := transferTo(p, 1, 50*models.USDT, models.BlockRef{})
		once := true
		hook := func(db *gorm.DB) { // the unlocked question has just read the window
			if db.Statement.Table != "chain_cursors" || !once {
				return
			}
			once = false
			back := block(150, "main")
			ctx := context.WithoutCancel(t.Context())
			require.NoError(t, f.RewindAgreed(ctx, models.NetworkERC20, f.tip, back, models.BlockRef{}))
			inTime.Block = block(151, "side")
			require.NoError(t, f.Advance(ctx, models.NetworkERC20, batch(back, block(pastTheWindow, "side"), pastTheWindow, []models.TokenTransfer{inTime})))
		}
		require.NoError(t, f.reader.Callback().Row().After("*").Register("hook", hook))
		result, err := f.Expire(t.Context(), expireInput(p))
		require.NoError(t, err)
		require.False(t, once)
		require.False(t, result.Recorded)
		require.NotNil(t, result.Snapshot)
		require.Equal(t, models.StatusPending, f.payment(t, p.ID).Status)
	})
}

// What a crash, a lost signal, a halt, a pause or a reorg does to payments that wait.
func TestWaitingExpiriesAreNeitherForgottenNorEarly(t *testing.T) {
	t.Run("a crash between signal and mark wakes again", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.waiting(t)
			f.reach(t, pastTheWindow)
			for range 3 {
				ids, _, _ := f.due(t, 10)
				require.Equal(t, []string{p.ID}, ids)
			}
		})
	})
	t.Run("a payment that waits again after it was read stays noted", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.waiting(t)
			f.reach(t, pastTheWindow)
			_, due, _ := f.due(t, 10)
			back := block(150, "main")
			f.rewind(t, back) // the workflow was woken, asked, and has to wait again, before the follower marks it
			_, err := f.Expire(t.Context(), expireInput(p))
			require.NoError(t, err)
			require.NoError(t, f.MarkExpiriesWoken(t.Context(), due))
			ids, _, _ := f.due(t, 10)
			require.Empty(t, ids, "not past the window any more")
			f.reach(t, pastTheWindow)
			ids, _, _ = f.due(t, 10)
			require.Equal(t, []string{p.ID}, ids)
		})
	})
	t.Run("while crediting is halted nobody is woken", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.waiting(t)
			f.reach(t, pastTheWindow)
			halt := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality}
			require.NoError(t, f.Raise(t.Context(), halt))
			ids, _, more := f.due(t, 1)
			require.Empty(t, ids)
			require.False(t, more)
			require.NoError(t, f.Resolve(t.Context(), models.NetworkERC20, halt.Kind, "", models.ActorCLI, "checked"))
			ids, _, _ = f.due(t, 1)
			require.Equal(t, []string{p.ID}, ids)
		})
	})
	t.Run("a pause moves the end", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.waiting(t)
			paused := f.event(t, 90, models.TokenPause, "", "")
			for f.tip.Number < pastTheWindow+200 {
				f.reach(t, f.tip.Number+50)
				ids, _, more := f.due(t, 10)
				require.Empty(t, ids, "paused")
				require.False(t, more)
			}
			resumed := f.event(t, 91, models.TokenUnpause, "", "")
			end := p.ExpiresAt.Add(resumed.BlockTime.Sub(paused.BlockTime))
			for !f.tip.Time.After(end) {
				ids, _, _ := f.due(t, 10)
				require.Empty(t, ids)
				f.reach(t, f.tip.Number+1)
			}
			f.reach(t, f.tip.Number+6) // a deferred payment is looked at again within a minute
			ids, due, _ := f.due(t, 10)
			require.Equal(t, []string{p.ID}, ids)
			require.Equal(t, end, due[0].WindowEnd.UTC())
			result, err := f.Expire(t.Context(), expireInput(p))
			require.NoError(t, err)
			require.True(t, result.Recorded)
			ids, _, _ = f.due(t, 10)
			require.Empty(t, ids, "an expired payment waits for nothing")
		})
	})
	t.Run("a pause that a reorg takes back moves the end back", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.create(t)
			before := f.tip
			f.event(t, 90, models.TokenPause, "", "")
			f.reach(t, 200)
			f.event(t, 91, models.TokenUnpause, "", "")
			f.reach(t, pastTheWindow)
			early := expireInput(p)
			early.AwaitScan = false // the workflow's first question, after which it waits for a timer
			result, err := f.Expire(t.Context(), early)
			require.NoError(t, err)
			require.Equal(t, models.ExpiryWaitScan, result.Wait)
			require.True(t, result.WindowEnd.After(p.ExpiresAt))
			require.False(t, result.WindowAsOf.IsZero())
			ids, _, _ := f.due(t, 10)
			require.Empty(t, ids)

			f.rewind(t, before)
			f.reach(t, pastTheWindow) // another branch, without the pause
			ids, due, _ := f.due(t, 10)
			require.Equal(t, []string{p.ID}, ids, "woken at the promised end, not at the moved one")
			require.Zero(t, due[0].WindowEnd)
			require.False(t, due[0].WindowAsOf.Before(result.WindowAsOf), "and told that the end moved back")
			result, err = f.Expire(t.Context(), early)
			require.NoError(t, err)
			require.True(t, result.Recorded)
		})
	})
	t.Run("a payment that ended otherwise is dropped", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.waiting(t)
			_, err := f.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
				s.Status, s.Decision = models.StatusRejected, models.DecisionReject
			})})
			require.NoError(t, err)
			f.reach(t, pastTheWindow)
			ids, _, _ := f.due(t, 10)
			require.Empty(t, ids)
			var left int64
			require.NoError(t, f.reader.Model(&models.ExpiryWaiting{}).Count(&left).Error)
			require.Zero(t, left)
		})
	})
	t.Run("without the quorum's agreement nobody is woken", func(t *testing.T) {
		onBoth(t, func(t *testing.T, f *fixture) {
			p := f.waiting(t)
			to := block(pastTheWindow, "main")
			ahead := batch(f.tip, to, to.Number, nil)
			ahead.Agreed = false
			require.NoError(t, f.Advance(t.Context(), models.NetworkERC20, ahead))
			ids, _, _ := f.due(t, 10)
			require.Empty(t, ids)
			require.NoError(t, f.SetAgreed(t.Context(), models.NetworkERC20, to))
			ids, _, _ = f.due(t, 10)
			require.Empty(t, ids, "whether the token is paused is not known yet")
			f.agree(t, to, models.TokenState{})
			ids, _, _ = f.due(t, 10)
			require.Equal(t, []string{p.ID}, ids)
		})
	})
}
