package activities

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"paycow/models"
	"paycow/store"
)

const (
	// wakeBatch is how many waiting expiries are read at once.
	wakeBatch = 200
	// wakeConcurrency is how many of them are woken at the same time: fewer than signals of transfers, which come first.
	wakeConcurrency = 4
)

// ExpiryStore knows which payments wait for the chain to be read past their window.
type ExpiryStore interface {
	// DueExpiries returns those that need not wait any longer. more is false when no others are due.
	DueExpiries(ctx context.Context, network string, limit int) (due []store.DueExpiry, more bool, err error)
	// MarkExpiriesWoken notes that these were told to ask again.
	MarkExpiriesWoken(ctx context.Context, woken []store.DueExpiry) error
}

// wakeExpiries tells payments that wait for their expiry to ask again, each time that the follower made progress, until
// ctx ends. While none is due it costs one statement, however many wait. It runs beside the follower, which waits for
// none of it. A payment is noted as woken after it was signalled, so a crash in between wakes it again; and what is
// lost altogether is made up for by the activity's own, rare repetition.
func (a *Activities) wakeExpiries(ctx context.Context, progressed <-chan struct{}) {
	if a.expiries == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-progressed:
		}
		for more := true; more; {
			var err error
			if more, err = a.wakeSome(ctx); err != nil {
				if ctx.Err() == nil {
					a.log.WarnContext(ctx, "cannot wake the payments that wait for their expiry", "error", err)
				}
				break
			}
		}
	}
}

// wakeSome wakes one batch, and reports whether more are due.
func (a *Activities) wakeSome(ctx context.Context) (more bool, err error) {
	due, more, err := a.expiries.DueExpiries(ctx, a.settings.Network, wakeBatch)
	if err != nil {
		return false, fmt.Errorf("read the due expiries: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(wakeConcurrency)
	var mu sync.Mutex
	var woken []store.DueExpiry
	for _, expiry := range due {
		group.Go(func() error {
			signal := models.TransfersSignal{WindowEnd: expiry.WindowEnd, WindowAsOf: expiry.WindowAsOf}
			if err := a.engine.SignalTransfers(groupCtx, expiry.Payment, signal); err != nil {
				if engineIsAway(err) {
					return fmt.Errorf("wake payment %s: %w", expiry.Payment.ID, err)
				}
				// It repeats its question by itself; the others must not wait for it.
				a.log.ErrorContext(ctx, "cannot wake the payment", "payment_id", expiry.Payment.ID, "error", err)
			}
			mu.Lock()
			defer mu.Unlock()
			woken = append(woken, expiry)
			return nil
		})
	}
	sent := group.Wait()
	if err := a.expiries.MarkExpiriesWoken(ctx, woken); err != nil {
		return false, fmt.Errorf("note the woken expiries: %w", err)
	}
	return more, sent
}
