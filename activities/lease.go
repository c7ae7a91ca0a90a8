package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"paycow/chain"
	"paycow/models"
)

const (
	// contactLimit is how long a new follower may take to reach a node and the database at all. It is short, because the
	// worker that has just given the network back may be the one that gets it again.
	contactLimit = 20 * time.Second
	// progressLimit is how long a follower may see nothing, or signal nothing that is due. It is longer than the two
	// minutes after which the chain's own alarms are raised, so that a change of workers cannot keep them from being
	// raised.
	progressLimit = 3 * time.Minute
	// againContactLimit and againProgressLimit apply instead when this worker was the one that gave the network back, so
	// that the next one has it soon.
	againContactLimit  = 3 * time.Second
	againProgressLimit = 30 * time.Second
	// workEvery is how often it is noted in the database that everything works.
	workEvery = models.WorkPause / 6
	// takeoverDelay is the time until the next worker begins.
	takeoverDelay = time.Second
	// endTimeout is how long a watcher may take to end.
	endTimeout = 5 * time.Second
)

// The reasons why a follower gives the network back.
var (
	errNoContact  = errors.New("this worker reaches no Ethereum node or not the database")
	errNoProgress = errors.New("this worker reads nothing from the chain")
	errNoSignals  = errors.New("this worker cannot signal the payments")
)

// lease is the right of one follower to be the network's only one. It lasts as long as there is progress: blocks are
// stored, or a node and the database both say that there is nothing new, and what is due can be signalled. A follower
// that is alive but blind loses it, and another worker takes over. When every worker is blind, the lease moves around;
// two followers at once do no harm, because the database lets one of them win each block.
type lease struct {
	mu         sync.Mutex
	since      time.Time
	reached    bool      // a node and the database have answered
	progressAt time.Time // zero before the first progress
	failingAt  time.Time // since when due signals have failed; zero when they do not
	sentAt     time.Time // the last signal, or the beginning, of the round under way; zero between rounds
	why        error
	workedAt   time.Time // when it was last noted that everything works

	contactLimit, progressLimit time.Duration
}

// newLease returns a lease that has just begun. again is true when the same worker held the one before and lost it.
func newLease(again bool) *lease {
	l := &lease{since: time.Now(), contactLimit: contactLimit, progressLimit: progressLimit}
	if again {
		l.contactLimit, l.progressLimit = againContactLimit, againProgressLimit
	}
	return l
}

// lostBefore reports whether the worker of that name was the last to hold the network, and lost it.
func lostBefore(ctx context.Context, worker string) bool {
	var last Heartbeat
	return activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil &&
		last.LostBy == worker
}

// watch ends the follower when its lease is lost, and closes the channel then.
func (l *lease) watch(ctx context.Context, end context.CancelFunc) <-chan struct{} {
	broken := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if l.reason() != nil {
				close(broken)
				end()
				return
			}
		}
	}()
	return broken
}

// reason returns why the lease is lost, nil while it lasts. Once lost, it stays lost.
func (l *lease) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.progressAt
	if last.IsZero() {
		last = l.since
	}
	switch {
	case l.why != nil:
	case !l.reached && time.Since(l.since) > l.contactLimit:
		l.why = errNoContact
	case time.Since(last) > l.limit():
		l.why = errNoProgress
	case !l.failingAt.IsZero() && time.Since(l.failingAt) > progressLimit,
		!l.sentAt.IsZero() && time.Since(l.sentAt) > progressLimit:
		l.why = errNoSignals
	}
	return l.why
}

// limit is how long nothing may be seen: a worker that has seen something is like any other.
func (l *lease) limit() time.Duration {
	if l.progressAt.IsZero() {
		return l.progressLimit
	}
	return progressLimit
}

func (l *lease) noteProgress(progress chain.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reached = l.reached || progress.Reached
	if progress.Proven {
		l.progressAt = time.Now()
	}
}

// beginSignals notes that signalling what is due begins. Each payment that is signalled is progress of it, and none of
// reading the chain.
func (l *lease) beginSignals() { l.setSentAt(time.Now()) }

// noteSignal notes that a payment was signalled.
func (l *lease) noteSignal() { l.setSentAt(time.Now()) }

func (l *lease) setSentAt(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sentAt = at
}

// endSignals notes the outcome of signalling what is due.
func (l *lease) endSignals(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sentAt = time.Time{}
	switch {
	case err == nil:
		l.failingAt = time.Time{}
	case l.failingAt.IsZero() && !errors.Is(err, context.Canceled):
		l.failingAt = time.Now()
	}
}

// takeWork reports whether it is time to note again that everything works.
func (l *lease) takeWork() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.workedAt) < workEvery {
		return false
	}
	l.workedAt = time.Now()
	return true
}

// heartbeat tells Temporal that the follower is alive, while it holds the lease.
func (l *lease) heartbeat(ctx context.Context, beat Heartbeat) {
	if l.reason() != nil {
		return
	}
	l.mu.Lock()
	beat.ProgressAt = l.progressAt
	l.mu.Unlock()
	activity.RecordHeartbeat(ctx, beat)
}
