package chain

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum"

	"paycow/internal/retry"
	"paycow/models"
)

// resubscribeDelay is the pause between a subscription's failure and the next attempt.
const resubscribeDelay = 10 * time.Second

// headSubscription keeps a subscription to new heads alive if the source offers one.
type headSubscription struct {
	source BlockSource
	log    *slog.Logger

	// heads holds the newest head that was not taken yet.
	heads chan Header
	// changed holds a token after the subscription began or ended: heads may have been missed meanwhile.
	changed chan struct{}
	live    atomic.Bool
	done    sync.WaitGroup
}

// subscribeHeads subscribes in the background until ctx ends. Wait for done after that.
func subscribeHeads(ctx context.Context, source BlockSource, log *slog.Logger) *headSubscription {
	s := &headSubscription{source: source, log: log, heads: make(chan Header, 1), changed: make(chan struct{}, 1)}
	s.done.Go(func() { s.run(ctx) })
	return s
}

// run subscribes again each time the subscription fails. It returns when ctx ends or the source offers no
// subscriptions; polling is all there is then.
func (s *headSubscription) run(ctx context.Context) {
	policy := retry.Policy{Pause: resubscribeDelay, OnRetry: func(err error, _ time.Duration) {
		s.log.WarnContext(ctx, "no subscription to new heads; polling meanwhile", "error", err)
	}}
	_ = retry.Until(ctx, policy, func() error {
		incoming := make(chan Header, 16)
		subscription, err := s.source.SubscribeHeads(ctx, incoming)
		if errors.Is(err, models.ErrNoSubscriptions) {
			return retry.Permanent(err)
		}
		if err != nil {
			return err
		}
		s.setLive(true)
		defer s.setLive(false)
		return s.forward(ctx, incoming, subscription)
	})
}

// forward passes heads on until the subscription fails or ctx ends. A newer head replaces one that was not taken yet.
func (s *headSubscription) forward(
	ctx context.Context, incoming <-chan Header, subscription ethereum.Subscription,
) error {
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
			case <-s.heads:
			default:
			}
			s.heads <- head // there is room: this goroutine is the only sender
		}
	}
}

func (s *headSubscription) setLive(live bool) {
	s.live.Store(live)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
