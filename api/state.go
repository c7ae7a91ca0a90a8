package api

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"paycow/models"
)

const (
	// queryPatience is how long a reader waits for a workflow's answer before the row answers. The answer then serves the
	// next reader.
	queryPatience = 25 * time.Millisecond
	// queryTimeout is how long a workflow has to answer.
	queryTimeout = time.Second
	// maxQueries is how many workflows a process asks at a time. Beyond it, rows answer.
	maxQueries = 64
	// queryPause is how long workflows are not queried after the engine has failed, so that reads stay fast during an
	// outage.
	queryPause = 2 * time.Second
)

// stateReader returns the newest state of a payment, from its row or from its workflow. It queries a workflow once
// per version of the row, however many clients poll.
type stateReader struct {
	engine      Engine
	log         *slog.Logger
	known       *lru.Cache[string, knownState]
	inFlight    singleflight.Group
	asking      chan struct{} // holds a value for each workflow that is being asked
	patience    time.Duration
	pausedUntil atomic.Int64 // unix nanoseconds
}

// knownState is a workflow's answer from when the row had the version askedAt.
type knownState struct {
	state   models.PaymentState
	askedAt int64
}

func newStateReader(engine Engine, log *slog.Logger) *stateReader {
	return &stateReader{
		engine: engine, log: log, known: newCache[string, knownState](stateCacheEntries),
		asking: make(chan struct{}, maxQueries), patience: queryPatience,
	}
}

// current returns the newest known state of a payment, never older than the given row.
func (r *stateReader) current(ctx context.Context, row models.Payment) models.PaymentState {
	if row.Status.IsFinal() || row.WorkflowStartedAt == nil {
		return row.PaymentState // nothing can be newer, or no workflow runs yet
	}
	known, ok := r.known.Get(row.ID)
	if !ok || known.askedAt < row.Version && known.state.Version < row.Version {
		known, ok = r.ask(ctx, row)
	}
	if !ok || known.state.Version <= row.Version {
		return row.PaymentState // at the same version, the row decides between racing writers
	}
	return known.state
}

// ask queries the workflow. Concurrent callers share one query. ok is false if there is no answer in time.
func (r *stateReader) ask(ctx context.Context, row models.Payment) (known knownState, ok bool) {
	if time.Now().UnixNano() < r.pausedUntil.Load() {
		return knownState{}, false
	}
	// All waiting callers share the query, so it must not end when the first of them disconnects.
	ctx = context.WithoutCancel(ctx)
	answer := r.inFlight.DoChan(row.ID+"/"+strconv.FormatInt(row.Version, 10), func() (_ any, err error) {
		defer recovered(ctx, r.log, &err)
		if known, ok := r.known.Get(row.ID); ok && known.askedAt >= row.Version {
			return known, nil // another query finished in the meantime
		}
		select {
		case r.asking <- struct{}{}:
			defer func() { <-r.asking }()
			return r.query(ctx, row)
		default:
			return knownState{}, errTooManyQueries
		}
	})
	patience := time.NewTimer(r.patience)
	defer patience.Stop()
	select {
	case result := <-answer:
		known, ok = result.Val.(knownState)
		return known, ok && result.Err == nil
	case <-patience.C:
		return knownState{}, false
	}
}

var errTooManyQueries = errors.New("too many workflows are being asked")

// query asks the workflow and keeps its answer.
func (r *stateReader) query(ctx context.Context, row models.Payment) (knownState, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	state, err := r.engine.QueryState(ctx, row.ID)
	if errors.Is(err, models.ErrNotFound) {
		state, err = row.PaymentState, nil
	}
	if err != nil {
		r.pausedUntil.Store(time.Now().Add(queryPause).UnixNano())
		r.log.WarnContext(ctx, "cannot query the workflow; using the row", "payment_id", row.ID, "error", err)
		return knownState{}, err
	}
	known := knownState{state: state, askedAt: row.Version}
	r.known.Add(row.ID, known)
	return known, nil
}

// live returns a payment with its newest state, and the newest block number read on its network. The confirmations
// shown are never fewer than those the state is based on: if the block is too old for the state, it is read anew.
func (s *Server) live(ctx context.Context, row models.Payment) (p models.Payment, head uint64, err error) {
	if err := s.checkHandedOut(ctx, row); err != nil {
		return models.Payment{}, 0, err
	}
	row.PaymentState = s.states.current(ctx, row)
	head, err = s.head(ctx, row.Network)
	if err == nil && head < s.leastHead(row) {
		var now chainState
		now, err = s.chain.since(ctx, row.Network, time.Now())
		head = now.head
	}
	return row, head, err
}

// leastHead returns the block that must have been read before a payment can have its state.
func (s *Server) leastHead(p models.Payment) uint64 {
	switch {
	case p.LastBlock == 0:
		return 0
	case p.Status == models.StatusConfirming:
		return p.LastBlock + models.ConfirmingFrom - 1
	case p.Status == models.StatusPaid:
		return p.LastBlock + s.requiredConfirmations(p) - 1
	default:
		return p.LastBlock
	}
}

// head returns the newest block number read, 0 before the first one. It is at most chainLifetime old.
func (s *Server) head(ctx context.Context, network string) (uint64, error) {
	known, err := s.chain.current(ctx, network)
	return known.head, err
}

// requiredConfirmations returns the number that the payment was created with. A changed setting applies to new
// payments only.
func (s *Server) requiredConfirmations(p models.Payment) uint64 {
	if p.Confirmations == 0 {
		return s.Confirmations
	}
	return p.Confirmations
}

// windowEnd returns the end of a payment's window, which a pause of the token extends. If the pauses cannot be read,
// the last known ones are used.
func (s *Server) windowEnd(ctx context.Context, p models.Payment) time.Time {
	end, _ := s.window(ctx, p)
	return end
}

// window returns the end of a payment's window, and whether the token is paused now. While it is, the end moves with
// each block that is read, as it does for the payment's workflow.
func (s *Server) window(ctx context.Context, p models.Payment) (end time.Time, isPaused bool) {
	if p.IsTest {
		return p.ExpiresAt, false
	}
	known := s.lastChain(ctx, p.Network)
	return models.WindowEnd(p.CreatedAt, p.ExpiresAt, known.pauses, known.readTo)
}
