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

// How signals are sent: so many payments read at once, so many calls under way.
const (
	signalBatch       = 500
	signalConcurrency = 8
)

// Follow brings the chain's transfers into the database, block by block, until ctx ends, and calls onProgress after what it
// committed and every few seconds when there was nothing. Each call starts from the cursor in the database.
type Follow func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error

// SignalStore knows which transfers their payments' workflows have not been told of.
type SignalStore interface {
	DueSignals(ctx context.Context, network string, head uint64, limit int) ([]store.DueSignal, error)
	MarkSignalled(ctx context.Context, transfers []models.Transfer, head, required uint64) error
	DeferSignals(ctx context.Context, transfers []models.Transfer, until uint64) error
}

// Engine reaches the workflows of payments.
type Engine interface {
	// SignalTransfers tells a payment of its transfers, starting its workflow when none is running.
	SignalTransfers(ctx context.Context, p models.Payment, signal models.TransfersSignal) error
	// RunningPayments lists the payments whose workflow is running. The list may lag behind.
	RunningPayments(ctx context.Context) (map[string]bool, error)
	// IsRunning tells whether a payment's workflow is running now.
	IsRunning(ctx context.Context, paymentID string) (bool, error)
	// Resume starts a workflow for a payment that has none running.
	Resume(ctx context.Context, p models.Payment) error
	// KnownTransfers asks a payment's workflow for the transfers it knows. Returns models.ErrNotFound when there is none.
	KnownTransfers(ctx context.Context, paymentID string) ([]models.TransferNotice, error)
}

// FollowChain follows the network's chain for input.RunSeconds and signals the payments concerned after each commit. What is
// due is read from the database, so a crash between commit and signal repeats a signal and loses none.
func (a *Activities) FollowChain(ctx context.Context, input models.ChainWatchInput) error {
	if input.Network != a.settings.Network {
		return temporal.NewNonRetryableApplicationError("this worker does not watch network "+input.Network, "UnknownNetwork", nil)
	}
	runCtx, cancel := context.WithTimeout(ctx, time.Duration(input.RunSeconds)*time.Second)
	defer cancel()
	go func() {
		// A worker that is told to stop hands the chain over at once instead of letting the heartbeat run out.
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			cancel()
		case <-runCtx.Done():
		}
	}()
	err := a.follow(runCtx, func(ctx context.Context, progress chain.Progress) error {
		cursor := progress.Cursor
		activity.RecordHeartbeat(ctx, Heartbeat{Cursor: cursor, Head: progress.Head})
		if err := a.signalDue(ctx, cursor.Number); err != nil && ctx.Err() == nil {
			// The chain is followed all the same: what is due stays due.
			a.log.WarnContext(ctx, "payments not told of their transfers yet", "block", cursor.Number, "error", err)
		}
		return nil
	})
	switch {
	case isClosed(activity.GetWorkerStopChannel(ctx)):
		return temporal.NewApplicationErrorWithOptions("the worker is stopping", "WorkerStopping",
			temporal.ApplicationErrorOptions{NextRetryDelay: time.Millisecond, Category: temporal.ApplicationErrorCategoryBenign})
	case ctx.Err() != nil:
		return fmt.Errorf("follow the chain: %w", ctx.Err())
	case errors.Is(runCtx.Err(), context.DeadlineExceeded):
		return nil
	case err != nil:
		return fmt.Errorf("follow the chain: %w", err)
	default:
		return errors.New("the follower ended without a reason")
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

// Heartbeat is what the engine's UI shows of the pending activity.
type Heartbeat struct {
	Cursor models.BlockRef `json:"cursor"`
	Head   uint64          `json:"head"`
	// Telling is the payment being told of its transfers, when that is what takes the time.
	Telling string `json:"telling,omitempty"`
}

// signalDue tells every payment of its transfers that are due when the chain has been read up to head. One payment that
// cannot be told holds up no other; an engine that is away ends the round.
func (a *Activities) signalDue(ctx context.Context, head uint64) error {
	for {
		due, err := a.signals.DueSignals(ctx, a.settings.Network, head, signalBatch)
		if err != nil {
			return fmt.Errorf("read what is due: %w", err)
		}
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(signalConcurrency)
		for _, d := range due {
			group.Go(func() error {
				err := a.signalPayment(groupCtx, d, head)
				if err == nil || engineIsAway(err) {
					return err
				}
				a.log.ErrorContext(ctx, "payment not told of its transfers", "payment_id", d.Payment.ID, "block", head, "error", err)
				// It goes behind the others, so that no number of such payments keeps them from being told.
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

// engineIsAway tells whether a call failed for a reason that concerns every payment.
func engineIsAway(err error) bool {
	var unavailable *serviceerror.Unavailable
	var deadline *serviceerror.DeadlineExceeded
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func (a *Activities) signalPayment(ctx context.Context, due store.DueSignal, head uint64) error {
	signal := models.TransfersSignal{WindowEnd: due.WindowEnd}
	for _, transfer := range due.Transfers {
		signal.Transfers = append(signal.Transfers, transfer.Notice(head))
	}
	// A backlog takes longer than the engine believes a silent follower.
	activity.RecordHeartbeat(ctx, Heartbeat{Telling: due.Payment.ID, Head: head})
	if err := a.engine.SignalTransfers(ctx, due.Payment, signal); err != nil {
		return fmt.Errorf("tell payment %s: %w", due.Payment.ID, err)
	}
	if err := a.signals.MarkSignalled(ctx, due.Transfers, head, due.Payment.Confirmations); err != nil {
		return fmt.Errorf("mark payment %s as told: %w", due.Payment.ID, err)
	}
	return nil
}
