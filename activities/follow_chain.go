package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

const (
	// signalBatch is how many payments with due signals are read at once.
	signalBatch = 500
	// signalConcurrency is how many signals are sent at the same time.
	signalConcurrency = 8
)

// ChainWatcher brings a network's transfers from the chain into the database.
type ChainWatcher interface {
	// Watch reads the chain from the cursor in the database on until ctx ends, and returns ctx's error. It calls
	// onProgress after each commit at the head of the chain, and at least every few seconds; everything up to the
	// reported cursor is committed. An error of onProgress is logged and ends nothing.
	Watch(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error
}

// SignalStore knows which transfers are due to be signalled to their payments' workflows.
type SignalStore interface {
	DueSignals(ctx context.Context, network string, head uint64, limit int) ([]store.DueSignal, error)
	MarkSignalled(ctx context.Context, transfers []models.Transfer, head, required uint64) error
	DeferSignals(ctx context.Context, transfers []models.Transfer, until uint64) error
	// NoteWork notes that the chain is read and payments are signalled.
	NoteWork(ctx context.Context, network string) error
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
// Due signals are read from the database, so a crash between commit and signal repeats a signal and loses none.
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
	progressed := make(chan struct{}, 1)
	go a.wakeExpiries(runCtx, progressed)
	ended := make(chan error, 1)
	go func() {
		ended <- a.watcher.Watch(runCtx, func(ctx context.Context, progress chain.Progress) error {
			a.report(ctx, held, progress)
			select {
			case progressed <- struct{}{}:
			default: // the expiries of the report before are still being woken
			}
			return nil
		})
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

// report tells Temporal and the payments how far the chain has been read.
func (a *Activities) report(ctx context.Context, held *lease, progress chain.Progress) {
	cursor := progress.Cursor
	held.noteProgress(progress)
	held.heartbeat(ctx, Heartbeat{Cursor: cursor, Head: progress.Head})
	err := a.signalDue(ctx, held, cursor.Number)
	held.noteSignals(err)
	if err != nil && ctx.Err() == nil {
		// Reading the chain goes on: due signals stay due.
		a.log.WarnContext(ctx, "cannot signal the payments yet", "block", cursor.Number, "error", err)
	}
	if err == nil && progress.Reached && held.takeWork() {
		if err := a.signals.NoteWork(ctx, a.settings.Network); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "cannot note that the chain is watched", "error", err)
		}
	}
}

// awaitEnd waits for the watcher's end. A watcher that does not end within a few seconds after ctx did hangs; another
// one must not wait for it, and two do no harm.
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

// signalDue signals to every payment the transfers that are due when the chain has been read up to head. A payment that
// cannot be signalled does not hold up the others; an error of the engine that concerns all of them ends the round.
func (a *Activities) signalDue(ctx context.Context, held *lease, head uint64) error {
	for {
		due, err := a.signals.DueSignals(ctx, a.settings.Network, head, signalBatch)
		if err != nil {
			return fmt.Errorf("read the due signals: %w", err)
		}
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(signalConcurrency)
		for _, d := range due {
			group.Go(func() error {
				err := a.signalPayment(groupCtx, held, d, head)
				if err == nil || engineIsAway(err) {
					return err
				}
				a.log.ErrorContext(ctx, "cannot signal the payment", "payment_id", d.Payment.ID, "block", head, "error",
					err)
				// It moves behind the others, so that no number of such payments can keep them from being signalled.
				if d.Crowd != nil {
					return a.crowds.DeferCrowd(groupCtx, d.Payment.ID, head+1)
				}
				return a.signals.DeferSignals(groupCtx, d.Transfers, head+1)
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if len(due) == 0 {
			return nil
		}
	}
}

// engineIsAway reports whether a call failed for a reason that concerns every payment.
func engineIsAway(err error) bool {
	var unavailable *serviceerror.Unavailable
	var deadline *serviceerror.DeadlineExceeded
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled)
}

func (a *Activities) signalPayment(ctx context.Context, held *lease, due store.DueSignal, head uint64) error {
	signal := models.TransfersSignal{Crowd: due.Crowd, WindowEnd: due.WindowEnd, WindowAsOf: due.WindowAsOf}
	for _, transfer := range due.Transfers {
		signal.Transfers = append(signal.Transfers, transfer.Notice(head, due.LastBefore))
	}
	if err := a.engine.SignalTransfers(ctx, due.Payment, signal); err != nil {
		return fmt.Errorf("signal payment %s: %w", due.Payment.ID, err)
	}
	if err := a.markSignalled(ctx, due, head); err != nil {
		return fmt.Errorf("mark payment %s as signalled: %w", due.Payment.ID, err)
	}
	// Working through a backlog takes longer than the heartbeat timeout.
	held.noteWork()
	held.heartbeat(ctx, Heartbeat{Signalling: due.Payment.ID, Head: head})
	return nil
}

func (a *Activities) markSignalled(ctx context.Context, due store.DueSignal, head uint64) error {
	if due.Crowd != nil {
		return a.crowds.MarkCrowdSignalled(ctx, due.Payment.ID, *due.Crowd)
	}
	return a.signals.MarkSignalled(ctx, due.Transfers, head, due.Payment.Confirmations)
}
