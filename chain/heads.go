package chain

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"paycow/models"

	"github.com/ethereum/go-ethereum"
)

// headWatch keeps a subscription to new heads alive where the source offers one.
type headWatch struct {
	source BlockSource
	logger *slog.Logger
	delay  time.Duration // between a failure and the next try

	// heads holds the newest head not yet taken.
	heads chan Header
	// changed holds a token after the subscription came or went: heads may have been missed meanwhile.
	changed chan struct{}
	live    atomic.Bool
	done    sync.WaitGroup
}

// watchHeads subscribes in the background until the context ends. Wait for done after that.
func watchHeads(ctx context.Context, source BlockSource, delay time.Duration, logger *slog.Logger) *headWatch {
	w := &headWatch{source: source, logger: logger, delay: delay, heads: make(chan Header, 1), changed: make(chan struct{}, 1)}
	w.done.Go(func() { w.run(ctx) })
	return w
}

func (w *headWatch) run(ctx context.Context) {
	for {
		incoming := make(chan Header, 16)
		subscription, err := w.source.SubscribeHeads(ctx, incoming)
		if errors.Is(err, models.ErrNoSubscriptions) {
			return // polling is all there is
		}
		if err == nil {
			w.setLive(true)
			err = w.forward(ctx, incoming, subscription)
			w.setLive(false)
		}
		if ctx.Err() != nil {
			return
		}
		w.logger.Warn("no subscription to new heads; polling meanwhile", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.delay):
		}
	}
}

// forward passes heads on until the subscription fails or the context ends. A head not yet taken gives way to a newer one.
func (w *headWatch) forward(ctx context.Context, incoming <-chan Header, subscription ethereum.Subscription) error {
	defer subscription.Unsubscribe()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-subscription.Err():
			if err == nil {
				err = errors.New("the node ended the subscription")
			}
			return err
		case head := <-incoming:
			select {
			case <-w.heads:
			default:
			}
			w.heads <- head // there is room: this goroutine is the only sender
		}
	}
}

func (w *headWatch) setLive(live bool) {
	w.live.Store(live)
	select {
	case w.changed <- struct{}{}:
	default:
	}
}
