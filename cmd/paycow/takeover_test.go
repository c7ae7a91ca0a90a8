//go:build !slim

package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"paycow/activities"
	"paycow/chain"
	"paycow/engine"
	"paycow/models"
	"paycow/store"
	"paycow/worker"
)

// testWatcher stands in for a worker's view of the chain.
type testWatcher struct {
	sees  atomic.Bool
	began atomic.Int64 // how often it was given the chain
	ended atomic.Int64
}

func (w *testWatcher) Watch(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
	w.began.Add(1)
	defer w.ended.Add(1)
	for ctx.Err() == nil {
		progress := chain.Progress{Cursor: models.BlockRef{Number: 100, Hash: "0x64"}, Head: 105}
		if w.sees.Load() {
			progress.Head, progress.CaughtUp, progress.Proven, progress.Reached = 100, true, true, true
		}
		_ = onProgress(ctx, progress)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return ctx.Err()
}

// nothingDue is a store without signals.
type nothingDue struct{}

func (nothingDue) DueSignals(context.Context, string, uint64, int) ([]store.DueSignal, error) {
	return nil, nil
}

func (nothingDue) MarkSignalled(context.Context, []models.Transfer, uint64, uint64) error { return nil }

func (nothingDue) DeferSignals(context.Context, []models.Transfer, uint64) error { return nil }

func (nothingDue) NoteWork(context.Context, string) error { return nil }

// watchingWorker runs a worker with its own view of the chain.
func watchingWorker(t *testing.T, c client.Client, watcher *testWatcher) *worker.Worker {
	t.Helper()
	w, _ := worker.New(c, activities.New(activities.Dependencies{Signals: nothingDue{}, Watcher: watcher},
		activities.Settings{Network: models.NetworkERC20}, slog.New(slog.DiscardHandler)))
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return w
}

// TestABlindWorkerHandsTheChainOver has two workers on a real Temporal server, of which one sees nothing. Whichever got the
// chain first, within minutes the other one follows it.
func TestABlindWorkerHandsTheChainOver(t *testing.T) {
	t.Parallel()
	c := dialEmbedded(t)
	starter := engine.NewClient(c, engine.ClientSettings{Namespace: "paycow", Confirmations: 12})
	var blind, seeing testWatcher
	seeing.sees.Store(true)
	watchingWorker(t, c, &blind)
	require.NoError(t, starter.EnsureChainWatch(t.Context(), models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: 3600, HeartbeatSeconds: 10}))
	require.Eventually(t, func() bool { return blind.began.Load() > 0 }, 20*time.Second, 10*time.Millisecond)
	watchingWorker(t, c, &seeing)
	require.Eventually(t, func() bool { return seeing.began.Load() > 0 }, 4*time.Minute, 100*time.Millisecond, "the worker that sees follows")
	time.Sleep(3 * time.Second)
	require.Zero(t, seeing.ended.Load(), "and keeps the chain")
	require.Equal(t, blind.began.Load(), blind.ended.Load(), "the blind one has let go")
}

// TestTheWatchMovesToItsTaskQueue upgrades an installation whose watch and reconciliation were started on the payments'
// task queue.
func TestTheWatchMovesToItsTaskQueue(t *testing.T) {
	c := dialEmbedded(t)
	starter := engine.NewClient(c, engine.ClientSettings{Namespace: "paycow", Confirmations: 12})
	input := models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: 2, HeartbeatSeconds: 10}
	id := models.ChainWatchWorkflowID(models.NetworkERC20)
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: models.TaskQueue}, models.WorkflowChainWatch, input)
	require.NoError(t, err)
	schedule := models.ReconciliationScheduleID(models.NetworkERC20)
	_, err = c.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID: schedule, Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Minute,
		Action: &client.ScheduleWorkflowAction{
			ID: schedule, Workflow: models.WorkflowReconciliation, TaskQueue: models.TaskQueue,
			Args: []any{models.ReconciliationInput{Network: models.NetworkERC20}},
		},
	})
	require.NoError(t, err)

	var watcher testWatcher
	watcher.sees.Store(true)
	watchingWorker(t, c, &watcher)
	require.NoError(t, starter.EnsureChainWatch(t.Context(), input))
	require.Eventually(t, func() bool {
		d, err := c.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && d.WorkflowExecutionInfo.TaskQueue == models.TaskQueueChain && watcher.began.Load() > 1
	}, time.Minute, 50*time.Millisecond, "the watch continues on the chain's queue")

	for range 2 { // the second time there is nothing to change
		require.NoError(t, starter.EnsureReconciliation(t.Context(), models.NetworkERC20, time.Hour))
		d, err := c.ScheduleClient().GetHandle(t.Context(), schedule).Describe(t.Context())
		require.NoError(t, err)
		action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction)
		require.True(t, ok)
		require.Equal(t, models.TaskQueueChain, action.TaskQueue)
		require.Len(t, d.Schedule.Spec.Intervals, 1)
	}
	require.NoError(t, starter.EnsureReconciliation(t.Context(), models.NetworkERC20, 10*time.Minute))
	d, err := c.ScheduleClient().GetHandle(t.Context(), schedule).Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, 10*time.Minute, d.Schedule.Spec.Intervals[0].Every)
}
