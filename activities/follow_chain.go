package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"paycow/chain"
	"paycow/models"
)

// ChainWatcher brings a network's transfers from the chain into the database.
type ChainWatcher interface {
	// Watch reads the chain from the cursor in the database on until ctx ends, and returns ctx's error. It calls
	// onProgress after each commit at the head of the chain, and at least every few seconds; everything up to the
	// reported cursor is committed. An error of onProgress is logged and ends nothing.
	Watch(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error
}

// Engine reaches the workflows of payments.
type Engine interface {
	// SignalTransfers signals transfers to a payment's workflow and starts it if it is not running.
	SignalTransfers(ctx context.Context, p models.Payment, signal models.TransfersSignal) error
	// RunningPayments lists the payments whose workflow is running. The list may lag behind.
	RunningPayments(ctx context.Context) (map[string]bool, error)
	// IsRunning reports whether a payment's workflow is running now.
	IsRunning(ctx context.Context, paymentID string) (bool, error)
	// Resume starts the workflow of a payment that has none running.
	Resume(ctx context.Context, p models.Payment) error
	// KnownTransfers returns the transfers that a payment's workflow knows. Returns models.ErrNotFound when there is no
	// workflow.
	KnownTransfers(ctx context.Context, paymentID string) ([]models.TransferNotice, error)
}

// FollowChain watches the network's chain for input.RunSeconds and signals the payments concerned after each commit.
// The follower does not wait for the signals. Due signals are read from the database, so a crash between commit and
// signal repeats a signal and loses none.
//
// A follower that makes no progress gives the network back, so that another worker tries: see lease.
func (a *Activities) FollowChain(ctx context.Context, input models.ChainWatchInput) error {
	if input.Network != a.settings.Network {
		return temporal.NewNonRetryableApplicationError("this worker does not watch network "+input.Network,
			"UnknownNetwork", nil)
	}
	runCtx, cancel := context.WithTimeout(ctx, runTime(ctx, input))
	defer cancel()
	go func() {
		// A worker that stops hands the chain over at once, instead of letting its heartbeat time out.
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			cancel()
		case <-runCtx.Done():
		}
	}()
	held := newLease(lostBefore(ctx, a.worker))
	broken := held.watch(runCtx, cancel)
	reports := make(chan chain.Progress, 1)
	signalled := make(chan struct{})
	go func() {
		defer close(signalled)
		a.signalPayments(runCtx, held, reports)
	}()
	ended := make(chan error, 1)
	go func() {
		err := a.watcher.Watch(runCtx, func(ctx context.Context, progress chain.Progress) error {
			held.noteProgress(progress)
			held.heartbeat(ctx, Heartbeat{Cursor: progress.Cursor, Head: progress.Head})
			replace(reports, progress)
			return nil
		})
		cancel()
		<-signalled
		ended <- err
	}()
	err := awaitEnd(runCtx, ended)
	switch {
	case isClosed(activity.GetWorkerStopChannel(ctx)):
		return temporal.NewApplicationErrorWithOptions(
			"the worker is stopping",
			"WorkerStopping",
			temporal.ApplicationErrorOptions{
				NextRetryDelay: time.Millisecond,
				Category:       temporal.ApplicationErrorCategoryBenign,
			},
		)
	case ctx.Err() != nil:
		return fmt.Errorf("follow the chain: %w", ctx.Err())
	case isClosed(broken):
		a.log.WarnContext(ctx, "giving the chain watch back", "error", held.reason())
		activity.RecordHeartbeat(ctx, Heartbeat{LostBy: a.worker})
		return temporal.NewApplicationErrorWithOptions(held.reason().Error(), "NoProgress",
			temporal.ApplicationErrorOptions{NextRetryDelay: takeoverDelay})
	case errors.Is(runCtx.Err(), context.DeadlineExceeded):
		return nil
	case err != nil:
		return fmt.Errorf("follow the chain: %w", err)
	default:
		return errors.New("follow the chain: the watcher returned without an error")
	}
}

// oldQueueRun is how long a follower runs that an earlier version started on the payments' task queue. Then the
// workflow continues on the chain's. It is not shorter, because a workflow that a worker of the earlier version
// continues begins on the old queue again.
const oldQueueRun = time.Minute

// runTime returns how long a follower runs.
func runTime(ctx context.Context, input models.ChainWatchInput) time.Duration {
	run := time.Duration(input.RunSeconds) * time.Second
	if activity.GetInfo(ctx).TaskQueue == models.TaskQueue {
		return min(run, oldQueueRun)
	}
	return run
}

// awaitEnd waits for the end of watching and signalling. What does not end within a few seconds after ctx did hangs;
// another worker must not wait for it, and two do no harm.
func awaitEnd(ctx context.Context, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(endTimeout):
		return ctx.Err()
	}
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

// Heartbeat is what the Temporal UI shows about the running activity.
type Heartbeat struct {
	Cursor models.BlockRef `json:"cursor"`
	Head   uint64          `json:"head"`
	// ProgressAt is when blocks were last stored, or node and database last agreed that there is nothing new.
	ProgressAt time.Time `json:"progressAt,omitzero"`
	// LostBy names the worker that has just given the network back, for the one that gets it next.
	LostBy string `json:"lostBy,omitempty"`
	// Signalling is the id of the payment that is being signalled, if there is one.
	Signalling string `json:"signalling,omitempty"`
}
