package api

import (
	"context"
	"sync"
	"time"

	"paycow/models"
)

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
		s.Logger.WarnContext(ctx, "the token's pauses cannot be read", "network", network, "error", err)
		return known.pauses
	}
	if s.pauses.byName == nil {
		s.pauses.byName = map[string]cachedPauses{}
	}
	s.pauses.byName[network] = cachedPauses{pauses: pauses, at: time.Now()}
	return pauses
}
