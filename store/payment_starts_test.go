package store

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// takeStarts takes payments to start and returns their ids.
func (f *fixture) takeStarts(t *testing.T, limit int) (ids []string, more bool) {
	t.Helper()
	taken, more, err := f.TakeUnstartedPayments(t.Context(), limit)
	require.NoError(t, err)
	return pluck(taken, func(p models.Payment) string { return p.ID }), more
}

func TestOutbox(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		var ids []string
		for i := range 5 {
			in := f.newPayment()
			in.CreatedAt = epoch.Add(time.Duration(-i) * time.Second)
			p, _, err := f.CreatePayment(ctx, in, derive)
			require.NoError(t, err)
			ids = append([]string{p.ID}, ids...)
		}
		unstarted := func() int64 {
			figures, err := f.NetworkFigures(ctx, models.NetworkERC20)
			require.NoError(t, err)
			return figures.Unstarted
		}
		now := epoch.Add(-time.Second)
		f.now = func() time.Time { return now }
		first, more := f.takeStarts(t, 2)
		require.Equal(t, ids[:2], first, "oldest first")
		require.True(t, more)
		second, more := f.takeStarts(t, 3)
		require.Equal(t, ids[2:4], second, "not what was taken, nor what is later")
		require.False(t, more)
		require.EqualValues(t, 5, unstarted(), "nothing was noted")

		at := epoch.Add(time.Minute + 999)
		require.NoError(t, f.MarkStarted(ctx, nil, at))
		require.NoError(t, f.MarkStarted(ctx, []string{ids[0], ids[3], "nobody"}, at))
		require.NoError(t, f.MarkStarted(ctx, ids[:1], at.Add(time.Hour)))
		require.EqualValues(t, 3, unstarted())
		started := f.payment(t, ids[0])
		require.Equal(t, epoch.Add(time.Minute), *started.WorkflowStartedAt, "the first time stays")
		require.Equal(t, started.CreatedAt, started.UpdatedAt, "the state was not touched")

		now = now.Add(paymentsTakenFor - time.Millisecond)
		left, _ := f.takeStarts(t, 9)
		require.Equal(t, ids[4:], left)
		now = now.Add(time.Millisecond) // who took the others has died before it noted them
		left, _ = f.takeStarts(t, 9)
		require.Equal(t, ids[1:3], left)
		require.NoError(t, f.MarkStarted(ctx, ids, at))
		require.Zero(t, unstarted())
	})
}

// A payment that a process of the release before creates beside us is in the outbox, too.
func TestEachRowOfAPaymentIsInTheOutbox(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		require.NoError(t, f.MarkStarted(t.Context(), []string{p.ID}, epoch))
		row := f.payment(t, p.ID)
		row.ID, row.Reference, row.WorkflowStartedAt = models.NewID(), models.NewReference(), nil
		require.NoError(t, f.writer.Create(&row).Error)
		ids, _ := f.takeStarts(t, 9)
		require.Equal(t, []string{row.ID}, ids)
		// It notes in the payment alone that the workflow has started.
		require.NoError(t, f.writer.Exec("UPDATE payments SET workflow_started_at = ? WHERE id = ?", epoch, row.ID).Error)
		waiting, err := f.countUnstarted(t.Context())
		require.NoError(t, err)
		require.Zero(t, waiting)
	})
}

// Of processes that look at the same time, one takes each payment.
func TestProcessesShareTheOutbox(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		const many, batch = 60, 7
		for range many {
			f.create(t)
		}
		var mutex sync.Mutex
		times := map[string]int{}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for empty := 0; empty < 3; {
					taken, _, err := f.TakeUnstartedPayments(t.Context(), batch)
					if err != nil {
						t.Error(err)
						return
					}
					if len(taken) == 0 {
						empty++
					}
					mutex.Lock()
					for _, p := range taken {
						times[p.ID]++
					}
					mutex.Unlock()
				}
			})
		}
		group.Wait()
		require.Len(t, times, many)
		for _, n := range times {
			require.Equal(t, 1, n)
		}
	})
}
