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
	// queryTimeout is how long a reader waits for a workflow's answer before it falls back to the row.
	queryTimeout = time.Second
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
	pausedUntil atomic.Int64 // unix nanoseconds
}

// knownState is a workflow's answer from when the row had the version askedAt.
type knownState struct {
	state   models.PaymentState
	askedAt int64
}

func newStateReader(engine Engine, log *slog.Logger) *stateReader {
	return &stateReader{engine: engine, log: log, known: newCache[string, knownState](stateCacheEntries)}
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

// ask queries the workflow. Concurrent callers share one query.
func (r *stateReader) ask(ctx context.Context, row models.Payment) (knownState, bool) {
	if time.Now().UnixNano() < r.pausedUntil.Load() {
		return knownState{}, false
	}
	answer, err, _ := r.inFlight.Do(row.ID+"/"+strconv.FormatInt(row.Version, 10), func() (any, error) {
		if known, ok := r.known.Get(row.ID); ok && known.askedAt >= row.Version {
			return known, nil // another query finished in the meantime
		}
		// All waiting callers share the query, so it must not end when the first of them disconnects.
		queryCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
		defer cancel()
		state, err := r.engine.QueryState(queryCtx, row.ID)
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
	})
	if err != nil {
		return knownState{}, false
	}
	return answer.(knownState), true
}

// live returns a payment with its newest state, and the newest block number read on its network. The block is read
// last, so that the confirmations shown are never fewer than those the state is based on.
func (s *Server) live(ctx context.Context, row models.Payment) (p models.Payment, head uint64, err error) {
	if err := s.checkHandedOut(ctx, row); err != nil {
		return models.Payment{}, 0, err
	}
	row.PaymentState = s.states.current(ctx, row)
	head, err = s.head(ctx, row.Network)
	return row, head, err
}

// head returns the newest block number read, 0 before the first one.
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

// requiredConfirmations returns the number that the payment was created with. A changed setting applies to new
// payments only.
func (s *Server) requiredConfirmations(p models.Payment) uint64 {
	if p.Confirmations == 0 {
		return s.Confirmations
	}
	return p.Confirmations
}

// pausesLifetime is how long the token's pauses are cached, because every poll of a payment needs them.
const pausesLifetime = time.Second

// pauseCache caches the token's pauses by network.
type pauseCache struct {
	mutex  sync.Mutex
	byName map[string]tokenPauses
}

// tokenPauses are the token's pauses as far as the chain has been read.
type tokenPauses struct {
	pauses []models.Pause
	readTo time.Time // the time of the block at the cursor
	token  models.TokenCondition
	at     time.Time // when they were read from the database
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
	known := s.pausesOf(ctx, p.Network)
	return models.WindowEnd(p.CreatedAt, p.ExpiresAt, known.pauses, known.readTo)
}

func (s *Server) pausesOf(ctx context.Context, network string) tokenPauses {
	s.pauses.mutex.Lock()
	defer s.pauses.mutex.Unlock()
	known, ok := s.pauses.byName[network]
	if ok && time.Since(known.at) < pausesLifetime {
		return known
	}
	now, err := s.readPauses(ctx, network)
	if err != nil {
		s.Log.WarnContext(ctx, "cannot read the token's pauses", "network", network, "error", err)
		return known
	}
	if s.pauses.byName == nil {
		s.pauses.byName = map[string]tokenPauses{}
	}
	s.pauses.byName[network] = now
	return now
}

// readPauses reads the cursor before the pauses, so that it is never past an end of a pause that was not read.
func (s *Server) readPauses(ctx context.Context, network string) (tokenPauses, error) {
	cursor, err := s.Store.Cursor(ctx, network)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return tokenPauses{}, fmt.Errorf("read the chain cursor: %w", err)
	}
	pauses, err := s.Store.Pauses(ctx, network)
	if err != nil {
		return tokenPauses{}, err
	}
	token, err := s.Store.TokenCondition(ctx, network)
	return tokenPauses{pauses: pauses, readTo: cursor.BlockTime, token: token, at: time.Now()}, err
}
