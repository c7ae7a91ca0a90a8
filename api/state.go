package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
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
	log         *slog.Logger
	known       *lru.Cache[string, knownState]
	inFlight    singleflight.Group
	pausedUntil atomic.Int64 // unix nanoseconds
}

// knownState is what a workflow answered when the row had the version askedAt.
type knownState struct {
	state   models.PaymentState
	askedAt int64
}

func newStateReader(engine Engine, log *slog.Logger) *stateReader {
	return &stateReader{engine: engine, log: log, known: newCache[string, knownState](stateCacheEntries)}
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
			r.log.WarnContext(ctx, "the workflow did not answer, the row does", "payment_id", row.ID, "error", err)
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

// live returns a payment with its newest state, and the newest block number read of its network. The block is read last:
// the confirmations shown are never fewer than those the state rests on.
func (s *Server) live(ctx context.Context, row models.Payment) (p models.Payment, head uint64, err error) {
	if err := s.checkAddress(row); err != nil {
		return models.Payment{}, 0, err
	}
	row.PaymentState = s.states.current(ctx, row)
	head, err = s.head(ctx, row.Network)
	return row, head, err
}

// head returns the newest block number read, 0 before the first.
func (s *Server) head(ctx context.Context, network string) (uint64, error) {
	cursor, err := s.Store.Cursor(ctx, network)
	if errors.Is(err, models.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the chain cursor: %w", err)
	}
	return cursor.BlockNumber, nil
}

// requiredConfirmations is what the payment was made with: a changed setting concerns new payments only.
func (s *Server) requiredConfirmations(p models.Payment) uint64 {
	if p.Confirmations == 0 {
		return s.Confirmations
	}
	return p.Confirmations
}

// pausesLifetime is how long the token's pauses are taken from memory: every poll of a payment needs them.
const pausesLifetime = time.Second

// pauseCache holds the token's pauses by network for a moment.
type pauseCache struct {
	mutex  sync.Mutex
	byName map[string]cachedPauses
}

type cachedPauses struct {
	pauses []models.Pause
	at     time.Time
}

// windowEnd returns when a payment's window really ends: a pause of the token moves it. When the pauses cannot be read,
// the last ones known count.
func (s *Server) windowEnd(ctx context.Context, p models.Payment) time.Time {
	end, _ := s.window(ctx, p)
	return end
}

// window returns also whether the token is paused now, so that the end moves with the clock.
func (s *Server) window(ctx context.Context, p models.Payment) (end time.Time, isPaused bool) {
	return models.WindowEnd(p.CreatedAt, p.ExpiresAt, s.pausesOf(ctx, p.Network), s.Clock())
}

func (s *Server) pausesOf(ctx context.Context, network string) []models.Pause {
	s.pauses.mutex.Lock()
	defer s.pauses.mutex.Unlock()
	known, ok := s.pauses.byName[network]
	if ok && time.Since(known.at) < pausesLifetime {
		return known.pauses
	}
	pauses, err := s.Store.Pauses(ctx, network)
	if err != nil {
		s.Log.WarnContext(ctx, "the token's pauses cannot be read", "network", network, "error", err)
		return known.pauses
	}
	if s.pauses.byName == nil {
		s.pauses.byName = map[string]cachedPauses{}
	}
	s.pauses.byName[network] = cachedPauses{pauses: pauses, at: time.Now()}
	return pauses
}
