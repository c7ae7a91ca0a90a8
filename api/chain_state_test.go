package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/views"
)

// TestConfirmationsFitTheStateBesideACachedBlock polls a payment whose state moves faster than the cached block.
func TestConfirmationsFitTheStateBesideACachedBlock(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.server.chain.lifetime = time.Hour
	p := f.payment(f.account)
	f.startChain(100)
	shown := func() uint64 {
		view := parse[views.PublicPayment](t, f.call(f.account, http.MethodGet, "/payment/data/"+p.ID, "").body)
		return view.Confirmations
	}
	require.Zero(t, shown())
	f.moveChain(100, 101, transferTo(p, 50*models.USDT, 101))
	f.record(p.ID, func(s *models.PaymentState) {
		s.Status, s.AmountReceived, s.TxHash, s.LastBlock = models.StatusDetected, 50*models.USDT, exampleTx, 101
	})
	require.EqualValues(t, 1, shown())
	f.moveChain(101, 102)
	require.EqualValues(t, 1, shown(), "the block is cached")
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusConfirming })
	require.EqualValues(t, 2, shown())

	// What an operator reads is of the newest block.
	f.moveChain(102, 103)
	require.EqualValues(t, 2, shown(), "the block is cached")
	require.Contains(t, f.call(f.account, http.MethodGet, "/api/payments", "").body, `"confirmations":3`)
	f.moveChain(103, 104)
	require.EqualValues(t, 3, shown(), "the block is cached")
	require.Contains(t, f.call(f.account, http.MethodGet, "/api/payment/"+p.ID, "").body, `"confirmations":4`)

	f.moveChain(104, 112)
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusPaid })
	require.EqualValues(t, 12, shown())
}

// TestTheChainIsReadOnceForAll: callers share reads that begin no earlier than they need, and an error is not kept.
func TestTheChainIsReadOnceForAll(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	var failing atomic.Bool
	reader := newChainReader(func(context.Context, string) (chainState, error) {
		if failing.Load() {
			return chainState{}, errors.New("the database is away")
		}
		return chainState{head: uint64(reads.Add(1))}, nil
	}, slog.New(slog.DiscardHandler))
	reader.lifetime = time.Hour
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			for range 10 {
				state, err := reader.current(t.Context(), "n")
				if err != nil || state.head != 1 {
					t.Error(state, err)
				}
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, reads.Load())

	state, err := reader.since(t.Context(), "n", time.Now())
	require.NoError(t, err)
	require.EqualValues(t, 2, state.head)
	failing.Store(true)
	state, err = reader.since(t.Context(), "n", time.Now())
	require.Error(t, err)
	require.EqualValues(t, 2, state.head, "the last known state")
	failing.Store(false)
	state, err = reader.since(t.Context(), "n", time.Now())
	require.NoError(t, err)
	require.EqualValues(t, 3, state.head)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	reader.read = func(ctx context.Context, _ string) (chainState, error) {
		time.Sleep(50 * time.Millisecond)
		return chainState{head: 4}, ctx.Err()
	}
	_, err = reader.since(gone, "n", time.Now())
	require.ErrorIs(t, err, context.Canceled)
	state, err = reader.since(t.Context(), "n", time.Now())
	require.NoError(t, err, "who gives up takes the answer from nobody")
	require.EqualValues(t, 4, state.head)

	reader.read = func(context.Context, string) (chainState, error) { panic("a bug") }
	state, err = reader.since(t.Context(), "n", time.Now())
	require.ErrorContains(t, err, "a bug", "and the process lives")
	require.EqualValues(t, 4, state.head)
}

// TestASlowWorkflowHoldsNobodyUp: the row answers, and the workflow's answer serves the next reader.
func TestASlowWorkflowHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	f := setup(t)
	states := f.server.states
	states.patience = time.Millisecond
	p := f.started(f.account)
	newer := p.PaymentState
	newer.Version, newer.Status = p.Version+1, models.StatusDetected
	answer := make(chan struct{})
	f.engine.onQuery(func(context.Context, string) (models.PaymentState, error) {
		<-answer
		return newer, nil
	})
	require.Equal(t, models.StatusPending, states.current(t.Context(), p).Status)
	require.Eventually(t, func() bool { return len(states.asking) == 1 }, 5*time.Second, time.Millisecond)
	for range cap(states.asking) - 1 {
		states.asking <- struct{}{}
	}
	require.Equal(t, models.StatusPending, states.current(t.Context(), f.started(f.account)).Status)
	require.EqualValues(t, 1, f.engine.queries.Load(), "no more workflows are asked at a time")
	close(answer)
	require.Eventually(t, func() bool { return states.current(t.Context(), p).Status == models.StatusDetected },
		5*time.Second, time.Millisecond)
	require.EqualValues(t, 1, f.engine.queries.Load())

	for range cap(states.asking) - 1 {
		<-states.asking
	}
	states.patience = 5 * time.Second
	f.engine.onQuery(func(context.Context, string) (models.PaymentState, error) { panic("a bug") })
	other := f.started(f.account)
	require.Equal(t, other.PaymentState, states.current(t.Context(), other), "the row answers, and the process lives")
	require.Empty(t, states.asking)
}
