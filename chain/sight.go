package chain

import (
	"context"
	"errors"
	"sync"
	"time"

	"paycow/models"
)

const (
	// sightLasts is how long an answer of a node counts: longer than the head is left alone while a subscription is
	// silent.
	sightLasts = 20 * time.Second
	// sightTimeout bounds the question to the database.
	sightTimeout = 5 * time.Second
	// agreementLasts is how long the agreed block may stand still below the cursor. Then this worker may reach one node,
	// and another worker a quorum of them.
	agreementLasts = 5 * time.Minute
)

// sight is what a follower has seen of the nodes and of the database. A follower that sees nothing must not be taken
// for one that has nothing to do.
type sight struct {
	config Config

	mu        sync.Mutex
	node      time.Time // when a node last reported its head
	database  time.Time // when the database last answered
	stored    bool      // the cursor moved since the last report
	head      uint64    // the highest head that was reported
	headMoved time.Time // when it last rose
	agreed    uint64    // the agreed block
	agreedAt  time.Time // when it last moved, or was the cursor
}

func newSight(config Config) *sight {
	return &sight{config: config, headMoved: time.Now(), agreedAt: time.Now()}
}

func (s *sight) noteHead(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node = time.Now()
	if number > s.head {
		s.head, s.headMoved = number, s.node
	}
}

func (s *sight) noteDatabase(moved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.database = time.Now()
	s.stored = s.stored || moved
}

// judging returns an onProgress that sets Proven and Reached before it calls the given one.
func (s *sight) judging(
	store BlockStore, onProgress func(context.Context, Progress) error,
) func(context.Context, Progress) error {
	return func(ctx context.Context, progress Progress) error {
		asked, cancel := context.WithTimeout(ctx, sightTimeout)
		_, _ = store.Cursor(asked, s.config.Network) // the store notes the answer
		cancel()
		sees := s.takeStored() || progress.CaughtUp && s.nothingNew()
		progress.Proven = sees && s.agreementMoves()
		progress.Reached = sees || s.reached()
		return onProgress(ctx, progress)
	}
}

// takeStored reports whether blocks were stored since it was last called.
func (s *sight) takeStored() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.stored
	s.stored = false
	return stored
}

func (s *sight) reached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reachedNow()
}

func (s *sight) reachedNow() bool {
	return time.Since(s.node) < sightLasts && time.Since(s.database) < sightTimeout
}

// nothingNew reports whether a node and the database both answer and the chain goes on. Nodes whose head stands still
// hide blocks that another worker's nodes may show.
func (s *sight) nothingNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reachedNow() && (s.config.BlockTime <= 0 || time.Since(s.headMoved) < s.config.staleAfter())
}

// agreementMoves reports whether the nodes that this worker reaches agree on what it reads.
func (s *sight) agreementMoves() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.agreedAt) < agreementLasts
}

func (s *sight) noteAgreed(cursor models.ChainCursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cursor.AgreedNumber != s.agreed || cursor.AgreedNumber >= cursor.BlockNumber {
		s.agreed, s.agreedAt = cursor.AgreedNumber, time.Now()
	}
}

// sightSource is a BlockSource whose reported heads are noted.
type sightSource struct {
	BlockSource
	sight *sight
}

func (s sightSource) HeadHeader(ctx context.Context) (Header, error) {
	head, err := s.BlockSource.HeadHeader(ctx)
	if err == nil {
		s.sight.noteHead(head.Number)
	}
	return head, err
}

// sightStore is a BlockStore whose answers are noted.
type sightStore struct {
	BlockStore
	sight *sight
}

func (s sightStore) Cursor(ctx context.Context, network string) (models.ChainCursor, error) {
	cursor, err := s.BlockStore.Cursor(ctx, network)
	if err == nil || errors.Is(err, models.ErrNotFound) {
		s.sight.noteDatabase(false)
	}
	if err == nil {
		s.sight.noteAgreed(cursor)
	}
	return cursor, err
}

func (s sightStore) Advance(ctx context.Context, network string, batch models.BlockBatch) error {
	err := s.BlockStore.Advance(ctx, network, batch)
	if err == nil {
		s.sight.noteDatabase(true)
	}
	return err
}

func (s sightStore) RewindAgreed(ctx context.Context, network string, from, to, branch models.BlockRef) error {
	err := s.BlockStore.RewindAgreed(ctx, network, from, to, branch)
	if err == nil {
		s.sight.noteDatabase(true)
	}
	return err
}

func (s sightStore) Rewind(ctx context.Context, network string, from, to models.BlockRef) error {
	err := s.BlockStore.Rewind(ctx, network, from, to)
	if err == nil {
		s.sight.noteDatabase(true)
	}
	return err
}
