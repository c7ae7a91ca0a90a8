package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"paycow/models"
	"paycow/store"
)

// chainLifetime is how long a process uses what it has read about the chain, because every poll of a payment needs it.
const chainLifetime = 200 * time.Millisecond

// chainState is what has been read of a network's chain.
type chainState struct {
	head   uint64    // the number of the newest block read, 0 before the first one
	readTo time.Time // the time of that block
	pauses []models.Pause
	token  models.TokenCondition
	clock  store.AgreedClock
}

// chainReader reads the state of the chain, at most once in its lifetime and once at a time for each network. It is
// safe for concurrent use.
type chainReader struct {
	read     func(ctx context.Context, network string) (chainState, error)
	lifetime time.Duration
	log      *slog.Logger
	reading  singleflight.Group

	mutex sync.Mutex
	known map[string]knownChain // by network
}

// knownChain is the state as it was at a time or later.
type knownChain struct {
	chainState
	at time.Time
}

func newChainReader(
	read func(ctx context.Context, network string) (chainState, error), log *slog.Logger,
) *chainReader {
	return &chainReader{read: read, lifetime: chainLifetime, log: log, known: map[string]knownChain{}}
}

// current returns the state, no older than its lifetime; with an error, the last known one.
func (r *chainReader) current(ctx context.Context, network string) (chainState, error) {
	return r.since(ctx, network, time.Now().Add(-r.lifetime))
}

// since returns the state as it was at the given time or later; with an error, the last known one.
func (r *chainReader) since(ctx context.Context, network string, earliest time.Time) (chainState, error) {
	for {
		known := r.last(network)
		if known.at.After(earliest) {
			return known.chainState, nil
		}
		// All waiting callers share the read, so it must not end when the first of them disconnects. One that began too
		// early for this caller is followed by another one.
		done := r.reading.DoChan(network, func() (_ any, err error) {
			defer recovered(ctx, r.log, &err)
			if r.last(network).at.After(earliest) {
				return struct{}{}, nil // another read has ended since this caller looked
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
			defer cancel()
			at := time.Now()
			var state chainState
			state, err = r.read(ctx, network)
			if err == nil {
				r.keep(network, knownChain{state, at})
			}
			return nil, err
		})
		select {
		case result := <-done:
			if result.Err != nil {
				return r.last(network).chainState, result.Err
			}
		case <-ctx.Done():
			return known.chainState, fmt.Errorf("wait for the state of the chain: %w", ctx.Err())
		}
	}
}

// recovered logs a panic and turns it into an error. What several callers wait for runs in a goroutine of its own, in
// which a panic would end the process.
func recovered(ctx context.Context, log *slog.Logger, err *error) {
	if cause := recover(); cause != nil {
		log.ErrorContext(ctx, "panic", "error", fmt.Sprint(cause), "stack", string(debug.Stack()))
		*err = fmt.Errorf("panic: %v", cause)
	}
}

func (r *chainReader) last(network string) knownChain {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.known[network]
}

func (r *chainReader) keep(network string, known knownChain) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.known[network] = known
}

// lastChain returns the state of the chain, the last known one if it cannot be read now.
func (s *Server) lastChain(ctx context.Context, network string) chainState {
	known, err := s.chain.current(ctx, network)
	if err != nil {
		s.Log.WarnContext(ctx, "cannot read the state of the chain", "network", network, "error", err)
	}
	return known
}

// readChain reads the cursor before the pauses, so that it is never past an end of a pause that was not read.
func (s *Server) readChain(ctx context.Context, network string) (chainState, error) {
	cursor, err := s.Store.Cursor(ctx, network)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return chainState{}, fmt.Errorf("read the chain cursor: %w", err)
	}
	pauses, err := s.Store.Pauses(ctx, network)
	if err != nil {
		return chainState{}, err
	}
	token, err := s.Store.TokenCondition(ctx, network)
	if err != nil {
		return chainState{}, err
	}
	clock, err := s.Store.AgreedClock(ctx, network)
	return chainState{
		head: cursor.BlockNumber, readTo: cursor.BlockTime, pauses: pauses, token: token, clock: clock,
	}, err
}
