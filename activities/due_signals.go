package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"golang.org/x/sync/errgroup"

	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

const (
	// signalBatch is how many transfers with due signals are read at once.
	signalBatch = 500
	// signalConcurrency is how many signals are sent at the same time.
	signalConcurrency = 8
)

// SignalStore knows which transfers are due to be signalled to their payments' workflows.
type SignalStore interface {
	DueSignals(ctx context.Context, network string, head uint64, limit int) ([]store.DueSignal, error)
	MarkSignalled(ctx context.Context, transfers []models.Transfer, head, required uint64) error
	DeferSignals(ctx context.Context, transfers []models.Transfer, until uint64) error
	// NoteWork notes that the chain is read and payments are signalled.
	NoteWork(ctx context.Context, network string) error
}

// signalPayments signals what is due after each report of the follower, until ctx ends. It runs beside the follower, so
// the next block waits for no signal. A round works on the newest report and ends when nothing is due for it. So every
// payment has its turn, crowded ones too, however fast blocks come; what became due meanwhile belongs to the next
// round.
func (a *Activities) signalPayments(ctx context.Context, held *lease, reports <-chan chain.Progress) {
	signalled := make(chan struct{}, 1)
	go a.wakeExpiries(ctx, signalled)
	for {
		select {
		case <-ctx.Done():
			return
		case progress := <-reports:
			a.signalRound(ctx, held, progress)
		}
		replace(signalled, struct{}{}) // transfers are signalled before expiries
	}
}

func (a *Activities) signalRound(ctx context.Context, held *lease, progress chain.Progress) {
	held.beginSignals()
	err := a.signalDue(ctx, held, progress.Cursor.Number)
	defer func() { held.endSignals(err) }() // later than the note below: one that hangs counts as a signal that hangs
	if err != nil {
		if ctx.Err() == nil { // what is due stays due
			a.log.WarnContext(ctx, "cannot signal the payments yet", "block", progress.Cursor.Number, "error", err)
		}
		return
	}
	if progress.Reached && held.takeWork() {
		if err := a.signals.NoteWork(ctx, a.settings.Network); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "cannot note that the chain is watched", "error", err)
		}
	}
}

// replace puts a value into a channel that has room for one, in place of the value that nobody has taken yet. Only one
// goroutine may put values into the channel.
func replace[T any](channel chan T, value T) {
	select {
	case <-channel:
	default:
	}
	channel <- value
}

// signalDue signals to every payment the transfers that are due when the chain has been read up to head. A payment that
// cannot be signalled does not hold up the others; an error of the engine that concerns all of them ends the round.
func (a *Activities) signalDue(ctx context.Context, held *lease, head uint64) error {
	for {
		due, err := a.signals.DueSignals(ctx, a.settings.Network, head, signalBatch)
		if err != nil {
			return fmt.Errorf("read the due signals: %w", err)
		}
		if len(due) == 0 {
			return nil
		}
		if err := a.sendBatch(ctx, held, due, head); err != nil {
			return err
		}
	}
}

// sendBatch sends signals, and notes meanwhile which ones were sent.
func (a *Activities) sendBatch(ctx context.Context, held *lease, due []store.DueSignal, head uint64) error {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	sent, marked := make(chan store.DueSignal, len(due)), make(chan error, 1)
	go func() {
		err := a.markSent(ctx, sent, head)
		if err != nil {
			stop() // what cannot be noted would be sent again
		}
		marked <- err
	}()
	group, groupCtx := errgroup.WithContext(sending)
	group.SetLimit(signalConcurrency)
	for _, d := range due {
		group.Go(func() error {
			err := a.signalPayment(groupCtx, held, d, head)
			switch {
			case err == nil:
				sent <- d
				return nil
			case engineIsAway(err):
				return err
			default:
				return a.putOff(groupCtx, d, head, err)
			}
		})
	}
	failed := group.Wait()
	close(sent)
	if err := <-marked; err != nil {
		return err
	}
	return failed
}

// engineIsAway reports whether a call failed for a reason that concerns every payment.
func engineIsAway(err error) bool {
	var unavailable *serviceerror.Unavailable
	var deadline *serviceerror.DeadlineExceeded
	var canceled *serviceerror.Canceled
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.As(err, &canceled) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func (a *Activities) signalPayment(ctx context.Context, held *lease, due store.DueSignal, head uint64) error {
	signal := models.TransfersSignal{Crowd: due.Crowd, WindowEnd: due.WindowEnd, WindowAsOf: due.WindowAsOf}
	for _, transfer := range due.Transfers {
		signal.Transfers = append(signal.Transfers, transfer.Notice(head, due.LastBefore))
	}
	if err := a.engine.SignalTransfers(ctx, due.Payment, signal); err != nil {
		return fmt.Errorf("signal payment %s: %w", due.Payment.ID, err)
	}
	held.noteSignal()
	held.heartbeat(ctx, Heartbeat{Signalling: due.Payment.ID, Head: head})
	return nil
}

// putOff moves a payment that cannot be signalled behind the others, so that no number of such payments can keep them
// from being signalled.
func (a *Activities) putOff(ctx context.Context, due store.DueSignal, head uint64, why error) error {
	a.log.ErrorContext(ctx, "cannot signal the payment", "payment_id", due.Payment.ID, "block", head, "error", why)
	if due.Crowd != nil {
		return a.crowds.DeferCrowd(ctx, due.Payment.ID, head+1)
	}
	return a.signals.DeferSignals(ctx, due.Transfers, head+1)
}

// markSent notes that signals were sent, until the channel is closed. One transaction notes all that were sent during
// the one before. It ends early when the database takes no notes.
func (a *Activities) markSent(ctx context.Context, sent <-chan store.DueSignal, head uint64) error {
	for first := range sent {
		batch := []store.DueSignal{first}
		for len(sent) > 0 {
			batch = append(batch, <-sent)
		}
		if a.markSignalled(ctx, batch, head) == nil {
			continue
		}
		for _, due := range batch { // one that cannot be noted must not keep the others from being noted
			err := a.markSignalled(ctx, []store.DueSignal{due}, head)
			if err == nil {
				continue
			}
			if err := a.putOff(ctx, due, head, fmt.Errorf("note that it was signalled: %w", err)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Activities) markSignalled(ctx context.Context, sent []store.DueSignal, head uint64) error {
	transfers := map[uint64][]models.Transfer{} // by the confirmations that their payments need
	for _, due := range sent {
		if due.Crowd != nil {
			if err := a.crowds.MarkCrowdSignalled(ctx, due.Payment.ID, *due.Crowd); err != nil {
				return err
			}
			continue
		}
		required := due.Payment.Confirmations
		transfers[required] = append(transfers[required], due.Transfers...)
	}
	for required, signalled := range transfers {
		if err := a.signals.MarkSignalled(ctx, signalled, head, required); err != nil {
			return err
		}
	}
	return nil
}
