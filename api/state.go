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
	// queryTimeout is how long a reader waits for a workflow's answer before the row answers.
	queryTimeout = time.Second
	// queryPause is how long nobody asks after the engine has failed, so that reads stay fast while it is away.
	queryPause = 2 * time.Second
)

// stateReader tells where a payment stands: its row and its workflow's answer, whichever is newer. A workflow is asked once
// for each version of the row, however many poll it.
type stateReader struct {
	engine      Engine
	logger      *slog.Logger
	known       *lru.Cache[string, knownState]
	inFlight    singleflight.Group
	pausedUntil atomic.Int64 // unix nanoseconds
}

// knownState is what a workflow answered when the row had the version askedAt.
type knownState struct {
	state   models.PaymentState
	askedAt int64
}

func newStateReader(engine Engine, logger *slog.Logger) *stateReader {
	return &stateReader{engine: engine, logger: logger, known: newCache[string, knownState](stateCacheEntries)}
}

// current returns the newest state known of the payment whose row was just read, never one older than the row.
func (r *stateReader) current(ctx context.Context, row models.Payment) models.PaymentState {
	if row.Status.IsFinal() || row.WorkflowStartedAt == nil {
		return row.PaymentState // nothing can be newer, or nobody is there to ask
	}
	known, ok := r.known.Get(row.ID)
	if !ok || known.askedAt < row.Version && known.state.Version < row.Version {
		known, ok = r.ask(ctx, row)
	}
	if !ok || known.state.Version <= row.Version {
		return row.PaymentState // at the same version the row is the arbiter between writers
	}
	return known.state
}

// ask queries the workflow, once for all who want to know at this moment.
func (r *stateReader) ask(ctx context.Context, row models.Payment) (knownState, bool) {
	if time.Now().UnixNano() < r.pausedUntil.Load() {
		return knownState{}, false
	}
	answer, err, _ := r.inFlight.Do(row.ID+"/"+strconv.FormatInt(row.Version, 10), func() (any, error) {
		if known, ok := r.known.Get(row.ID); ok && known.askedAt >= row.Version {
			return known, nil // another flight landed between our look and this one
		}
		// The answer is for everybody who waits, so it must not end with the first of them.
		queryCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
		defer cancel()
		state, err := r.engine.QueryState(queryCtx, row.ID)
		if errors.Is(err, models.ErrNotFound) {
			state, err = row.PaymentState, nil
		}
		if err != nil {
			r.pausedUntil.Store(time.Now().Add(queryPause).UnixNano())
			r.logger.WarnContext(ctx, "the workflow did not answer, the row does", "payment_id", row.ID, "error", err)
			return knownState{}, err
		}
		known := knownState{state: state, askedAt: row.Version}
		r.known.Add(row.ID, known)
		return known, nil
	})
	if err != nil {
		return knownState{}, false
	}
	return answer.(knownState), true
}
