package chain

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"paycow/models"
)

// Store is everything that watching a chain reads and writes.
type Store interface {
	BlockStore
	CheckStore
	MempoolStore
	Alarms
	// BindGenesis binds the database to the chain's first block. Returns a *models.BindingError when it belongs to
	// another one.
	BindGenesis(ctx context.Context, hash string) error
	// PutNodeHealth replaces what is stored about the network's nodes.
	PutNodeHealth(ctx context.Context, network string, health []models.NodeHealth) error
}

// nodeHealthInterval is how often the nodes' health is stored.
const nodeHealthInterval = 5 * time.Second

// Watcher does everything that one worker does for a network. At any time one watcher per network should run; when two
// do, the store lets one of them win each block, so nothing is lost or stored twice.
type Watcher struct {
	config Config
	pool   *Pool
	store  Store
	log    *slog.Logger
}

// NewWatcher returns a watcher that reads from the pool into the store.
func NewWatcher(config Config, pool *Pool, store Store, log *slog.Logger) *Watcher {
	return &Watcher{config: config, pool: pool, store: store, log: log}
}

// Watch runs until ctx ends and returns its error. It follows the chain into the store, has what was read checked by
// other nodes, stores the health of the nodes, and looks for pending transfers if the configuration says so. It calls
// onProgress as Follower.Run does, and says in each Progress whether the follower sees anything.
func (w *Watcher) Watch(ctx context.Context, onProgress func(context.Context, Progress) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		seen := newSight(w.config)
		source, store := sightSource{w.pool, seen}, sightStore{w.store, seen}
		return NewFollower(w.config, source, store, w.store, w.log).Run(ctx, seen.judging(store, onProgress))
	})
	group.Go(func() error { return NewCrossCheck(w.config, w.pool, w.store, w.store, w.log).Run(ctx) })
	if w.config.WatchMempool {
		group.Go(func() error { return NewMempoolWatch(w.config, w.pool, w.store, w.log).Run(ctx) })
	}
	group.Go(func() error { return w.storeNodeHealth(ctx) })
	group.Go(func() error { return w.watchClock(ctx) })
	group.Go(func() error { return w.bindGenesis(ctx) })
	return group.Wait()
}

// storeNodeHealth keeps the nodes' health in the database, where the API and the metrics of other processes read it.
func (w *Watcher) storeNodeHealth(ctx context.Context) error {
	tick := time.NewTicker(nodeHealthInterval)
	defer tick.Stop()
	for {
		if err := w.store.PutNodeHealth(ctx, w.config.Network, w.pool.Health()); err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "cannot store the health of the nodes", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
