package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"paycow/internal/retry"
)

const (
	// gapMin and gapMax bound the time between two calls to a node that limits their rate.
	gapMin = 50 * time.Millisecond
	gapMax = 2 * time.Second
	// refusalsMax is how many calls in a row a node may refuse before it is left alone for a while.
	refusalsMax = 5
	// refusedPause is how long a node is left alone that refuses every call and names no time.
	refusedPause = 10 * time.Second
	// paceWaitMax is how long a call waits for a node at most.
	paceWaitMax = 30 * time.Second
	// slowedFor is how long after a refusal a node is shown as one that limits the rate of calls.
	slowedFor = 10 * time.Second
)

// pacer spaces the calls to a node that limits their rate: the time between them grows with each refusal and shrinks
// with each answer. Calls that decide about money go first. The zero value spaces nothing.
type pacer struct {
	mu       sync.Mutex
	gap      time.Duration // between two calls; 0 = none
	free     time.Time     // when the next call may begin
	until    time.Time     // when the pause ends that the node asked for
	urgent   int           // calls about money that wait
	refusals int           // in a row
	last     time.Time     // of the last refusal
	words    string        // of the last refusal
}

type urgentKey struct{}

// urgently marks calls that decide about money.
func urgently(ctx context.Context) context.Context { return context.WithValue(ctx, urgentKey{}, true) }

// refused notes that the node refused a call.
func (p *pacer) refused(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.refusals++
	p.last, p.words = now, wordsFrom(err)
	p.gap = min(max(p.gap+p.gap/2, gapMin), gapMax)
	p.free = later(p.free, now.Add(p.gap))
	pause := time.Duration(0)
	if known, ok := errors.AsType[*NodeError](err); ok {
		pause = known.After
	}
	if pause == 0 && p.refusals >= refusalsMax {
		pause = refusedPause
	}
	if pause > 0 {
		p.until = later(p.until, now.Add(pause))
		p.free = later(p.free, p.until)
	}
}

// answered notes that the node answered a call.
func (p *pacer) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals = 0
	if p.gap = p.gap * 7 / 10; p.gap < gapMin/2 {
		p.gap = 0
	}
}

// wait returns when the next call may begin. It fails at once if that is too far away, or if the node need not be asked
// now, because others can be.
func (p *pacer) wait(ctx context.Context, needless bool) error {
	urgent := ctx.Value(urgentKey{}) != nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if urgent {
		p.urgent++
		defer func() { p.urgent-- }()
	}
	for began := time.Now(); ; {
		now := time.Now()
		pause := p.free.Sub(now)
		if pause <= 0 && p.gap > 0 && !urgent && p.urgent > 0 {
			pause = p.gap
		}
		if pause <= 0 {
			p.free = now.Add(p.gap)
			return nil
		}
		if deadline, ok := ctx.Deadline(); needless && p.until.After(now) || pause > paceWaitMax ||
			now.Sub(began) > paceWaitMax || ok && now.Add(pause).After(deadline) {
			return &NodeError{Meaning: MeansRefused, After: pause, cause: fmt.Errorf("it limits the rate of calls: %s", p.words)}
		}
		p.mu.Unlock()
		err := retry.Sleep(ctx, pause)
		p.mu.Lock()
		if err != nil {
			return err
		}
	}
}

// isPaused reports whether the node asked to be left alone.
func (p *pacer) isPaused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.until)
}

// isSlowed reports whether calls are spaced because the node refused some lately.
func (p *pacer) isSlowed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gap > 0 && time.Since(p.last) < slowedFor
}

func (p *pacer) reason() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		return fmt.Sprintf("it limits the rate of calls and is left alone until %s: %s",
			p.until.UTC().Format(time.RFC3339), p.words)
	}
	return fmt.Sprintf("it limits the rate of calls, which are %s apart: %s", p.gap.Round(time.Millisecond), p.words)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
