package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdkworker "go.temporal.io/sdk/worker"

	"paycow/chain"
	"paycow/engine"
	"paycow/internal/retry"
	"paycow/models"
	"paycow/worker"
)

const (
	// namespaceRetention is how long Temporal keeps the histories of closed workflows. Payments stay in the database.
	namespaceRetention = 30 * 24 * time.Hour
	// chainWatchRun is how long one run of the chain watch lasts before it continues as new.
	chainWatchRun = 24 * time.Hour
	// chainWatchHeartbeat is how long a chain watch without a heartbeat is left alone before another worker takes over.
	chainWatchHeartbeat = 10 * time.Second
	// scheduleCheckInterval is how often a worker checks that the chain watch and the reconciliation are scheduled.
	scheduleCheckInterval = 30 * time.Second
	// temporalPause is the time between two attempts to reach Temporal at the start.
	temporalPause = 2 * time.Second
)

// runWorker runs workflows and activities, including the chain watch, until ctx ends. It waits for Temporal if
// Temporal is down, and calls ready once the worker has started.
func (a *app) runWorker(ctx context.Context, ready func()) error {
	pool, err := a.dialPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	acts := a.activitiesOn(pool)
	defer probe(ctx, pool)()

	if err := a.awaitTemporal(ctx, a.ensureNamespace); err != nil {
		return err
	}
	sdkworker.SetStickyWorkflowCacheSize(worker.StickyCacheSize)
	w, fatal := worker.New(a.temporal, acts)
	if err := a.awaitTemporal(ctx, func(context.Context) error { return w.Start() }); err != nil {
		return err
	}
	defer w.Stop()
	if err := a.awaitTemporal(ctx, a.ensureSchedules); err != nil {
		return err
	}
	ready()
	check := time.NewTicker(scheduleCheckInterval)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-fatal:
			return fmt.Errorf("run the worker: %w", err)
		case <-check.C:
			if err := a.ensureSchedules(ctx); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "cannot schedule the chain watch and the reconciliation", "error", err)
			}
		}
	}
}

// probe checks the nodes in the background. The function it returns stops that and waits for its end.
func probe(ctx context.Context, pool *chain.Pool) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = pool.Run(ctx) // returns only when ctx ends
	}()
	return func() { cancel(); <-stopped }
}

func (a *app) ensureNamespace(ctx context.Context) error {
	return engine.EnsureNamespace(
		ctx, a.temporal, a.settings.Temporal.Namespace, namespaceRetention, engine.SearchAttributes(),
	)
}

// ensureSchedules makes sure that the chain watch runs and that the reconciliation is scheduled.
func (a *app) ensureSchedules(ctx context.Context) error {
	watch := a.engine.EnsureChainWatch(ctx, models.ChainWatchInput{
		Network: models.NetworkERC20, RunSeconds: int64(chainWatchRun / time.Second),
		HeartbeatSeconds: int64(chainWatchHeartbeat / time.Second),
	})
	return errors.Join(watch, a.engine.EnsureReconciliation(ctx, models.NetworkERC20, a.settings.ReconcileEvery))
}

// awaitTemporal repeats a call until it succeeds or ctx ends.
func (a *app) awaitTemporal(ctx context.Context, call func(ctx context.Context) error) error {
	policy := retry.Policy{Pause: temporalPause, OnRetry: func(err error, _ time.Duration) {
		a.log.WarnContext(ctx, "waiting for Temporal", "error", err)
	}}
	return retry.Until(ctx, policy, func() error { return call(ctx) })
}
