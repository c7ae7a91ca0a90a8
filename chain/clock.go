package chain

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"paycow/models"
)

const (
	// clockInterval is how often the clock is compared.
	clockInterval = 15 * time.Second
	// clockSamples is how many comparisons in a row must find the clock wrong: a block that comes late is no reason.
	clockSamples = 3
)

// headReference returns the time with which the age of a head is measured: our clock or, when every node's head is old
// by it and the newest still rises, the time of the newest. Then our clock is wrong, and not the nodes.
func (p *Pool) headReference(now time.Time) time.Time {
	var newest, rose time.Time
	for _, m := range p.members {
		if head, roseAt, known := m.risenHead(); known && head.Time.After(newest) {
			newest, rose = head.Time, roseAt
		}
	}
	if newest.IsZero() || now.Sub(newest) <= p.config.staleAfter() || now.Sub(rose) > p.config.staleAfter() {
		return now
	}
	return newest
}

// ClockSkew returns how far our clock is ahead of the chain's, negative when it is behind. It goes by the newest block
// that two nodes have reported, or by the only node's. The time for which a block is on its way counts as skew, so only
// a large one means anything. ok is false when too few nodes have reported a new block lately, or when blocks are made
// on demand.
func (p *Pool) ClockSkew() (skew time.Duration, ok bool) {
	var skews []time.Duration
	for _, m := range p.members {
		head, roseAt, known := m.risenHead()
		if known && time.Since(roseAt) < p.config.staleAfter() {
			skews = append(skews, roseAt.Sub(head.Time))
		}
	}
	needed := min(2, len(p.members))
	if p.config.BlockTime <= 0 || p.config.OwnClock || len(skews) < needed || needed == 0 {
		return 0, false
	}
	slices.Sort(skews)
	return skews[needed-1], true // one node cannot make it up
}

// risenHead returns the node's newest head and when the node first reported a head of that height. ok is false when it
// is not believed or not known lately.
func (m *member) risenHead() (head Header, roseAt time.Time, ok bool) {
	head, ok = m.freshHead()
	m.mu.Lock()
	defer m.mu.Unlock()
	return head, m.roseAt, ok
}

// databaseClock is a store that can compare our clock with the database's.
type databaseClock interface {
	// ClockSkew returns how far our clock is ahead of the database's.
	ClockSkew(ctx context.Context) (time.Duration, error)
}

// watchClock compares our clock with the chain's and the database's until ctx ends, and raises an alarm while it is
// wrong.
func (w *Watcher) watchClock(ctx context.Context) error {
	tick := time.NewTicker(clockInterval)
	defer tick.Stop()
	chain := clockJudge{
		watcher: w, subject: "chain", than: "the time of the newest blocks",
		ahead: models.MaxClockSkew + 2*w.config.BlockTime, behind: models.MaxHeadAhead,
	}
	database := clockJudge{
		watcher: w, subject: "database", than: "the database's clock",
		ahead: models.MaxClockSkew, behind: models.MaxClockSkew,
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if skew, ok := w.pool.ClockSkew(); ok {
			chain.note(ctx, skew)
		}
		if clock, ok := w.store.(databaseClock); ok {
			if skew, err := clock.ClockSkew(ctx); err == nil { // otherwise the database is away, which others report
				database.note(ctx, skew)
			}
		}
	}
}

// clockJudge judges our clock by comparing it with one other.
type clockJudge struct {
	watcher *Watcher
	subject string
	than    string
	ahead   time.Duration // how far it may be ahead
	behind  time.Duration // and how far behind

	wrong int // how many comparisons in a row found it wrong
	right bool
}

func (j *clockJudge) note(ctx context.Context, skew time.Duration) {
	alarms, network := j.watcher.store, j.watcher.config.Network
	if skew <= j.ahead && skew >= -j.behind {
		j.wrong = 0
		if !j.right { // once, and again after it was wrong
			err := alarms.Resolve(ctx, network, models.AlarmClockSkew, j.subject, models.ActorSystem,
				"The clock of the worker that watches the chain is right.")
			j.right = err == nil
		}
		return
	}
	if j.wrong++; j.wrong < clockSamples {
		return
	}
	j.right, j.wrong = false, 0
	direction := "ahead of"
	if skew < 0 {
		direction, skew = "behind", -skew
	}
	host, _ := os.Hostname()
	err := alarms.Raise(ctx, models.Alarm{
		Network: network, Kind: models.AlarmClockSkew, Subject: j.subject,
		Message: fmt.Sprintf("The clock of the worker on %s is %s %s %s.", host, skew.Round(time.Second), direction, j.than),
	})
	if err != nil && ctx.Err() == nil {
		j.watcher.log.ErrorContext(ctx, "cannot raise an alarm", "alarm", string(models.AlarmClockSkew), "error", err)
	}
}
