package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"

	"paycow/api"
	"paycow/engine"
	"paycow/models"
	"paycow/store"
	"paycow/web"
	"paycow/worker"
)

const (
	// namespaceRetention is how long the engine keeps the histories of ended workflows. Payments themselves stay in the database.
	namespaceRetention = 30 * 24 * time.Hour
	// chainWatchRun is how long one run of the watcher lasts before it continues as new.
	chainWatchRun = 24 * time.Hour
	// chainWatchHeartbeat is how long a silent watcher is believed to be alive; after it another worker takes over.
	chainWatchHeartbeat = 10 * time.Second
	// watchCheckInterval is how often a worker makes sure that the watcher runs.
	watchCheckInterval = 30 * time.Second
	// shutdownTimeout bounds how long requests under way may take to end.
	shutdownTimeout = 10 * time.Second
)

// parts are what API and worker share in one process.
type parts struct {
	settings Settings
	log      *slog.Logger
	store    *store.Store
	temporal client.Client
	engine   *engine.Client
	outbox   *engine.Outbox

	// In development only: a node that payers' wallets may be told of, and a faucet that pays an address.
	walletRPCURL string
	faucet       func(ctx context.Context, address string, amount models.Amount) (txHash string, err error)
}

// network is what the checkout page tells payers and their wallets.
func (p *parts) network() web.Network {
	network := web.Network{ChainID: p.settings.ChainID, Token: p.settings.Token.Hex(), RPCURL: p.walletRPCURL}
	if p.settings.ExplorerURL != noExplorer {
		network.ExplorerURL = p.settings.ExplorerURL
	}
	return network
}

// openParts opens the database and prepares the connection to the engine, which need not be there yet.
func openParts(ctx context.Context, s Settings, log *slog.Logger) (*parts, error) {
	db, err := store.Open(ctx, s.DatabaseURL, log)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := db.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	temporal, err := engine.Dial(s.Temporal, log)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	client := engine.NewClient(temporal, engine.ClientSettings{Confirmations: s.Confirmations, ExpiryGrace: s.ExpiryGrace()})
	return &parts{settings: s, log: log, store: db, temporal: temporal, engine: client, outbox: engine.NewOutbox(db, client, log)}, nil
}

func (p *parts) close() error {
	p.temporal.Close()
	return p.store.Close()
}

// serveAPI answers HTTP requests on the listener until ctx ends.
func (p *parts) serveAPI(ctx context.Context, listener net.Listener) error {
	lagLimit := time.Duration(0)
	if p.settings.BlockTime == 0 {
		lagLimit = 365 * 24 * time.Hour // blocks come when they are asked for, so their age says nothing
	}
	server := api.New(api.Config{
		Store: p.store, Engine: p.engine, Starter: p.outbox, Addresses: p.settings.XPub,
		PublicURL: p.settings.PublicURL, TrustedProxies: p.settings.TrustedProxies,
		Confirmations: p.settings.Confirmations, Quorum: p.settings.RPCQuorum, PaymentWindow: p.settings.PaymentWindow, MaxAmount: p.settings.MaxAmount,
		BlockTime: p.settings.BlockTime, LagLimit: lagLimit, Log: p.log,
		Network: p.network(), Faucet: p.faucet, MasterKey: p.settings.MasterKey,
		TemporalUIURL: p.settings.TemporalUIURL, TemporalNamespace: p.settings.Temporal.Namespace,
	})
	return p.serveHTTP(ctx, listener, server.Handler(), server.EndStreams)
}

// runWorker runs workflows and activities, among them the chain's watcher, until ctx ends. ready is called when the worker
// has started. An engine that is away is waited for.
func (p *parts) runWorker(ctx context.Context, ready func()) error {
	pool, err := p.dialPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	acts := p.activitiesOn(pool)
	poolCtx, stopPool := context.WithCancel(ctx)
	probing := make(chan struct{})
	go func() {
		defer close(probing)
		_ = pool.Run(poolCtx) // ends with its context only
	}()
	defer func() { stopPool(); <-probing }()

	if err := p.untilEngineAnswers(ctx, func() error {
		return engine.EnsureNamespace(ctx, p.temporal, p.settings.Temporal.Namespace, namespaceRetention, engine.SearchAttributes())
	}); err != nil {
		return err
	}
	sdkworker.SetStickyWorkflowCacheSize(worker.StickyCacheSize)
	w, fatal := worker.New(p.temporal, acts)
	if err := p.untilEngineAnswers(ctx, w.Start); err != nil {
		return err
	}
	defer w.Stop()
	if err := p.untilEngineAnswers(ctx, func() error { return p.ensureSchedules(ctx) }); err != nil {
		return err
	}
	ready()
	check := time.NewTicker(watchCheckInterval)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-fatal:
			return fmt.Errorf("worker: %w", err)
		case <-check.C:
			if err := p.ensureSchedules(ctx); err != nil && ctx.Err() == nil {
				p.log.WarnContext(ctx, "cannot make sure that the chain is watched and the books are compared", "error", err)
			}
		}
	}
}

// ensureSchedules makes sure that the chain's watcher runs and that the books are compared from time to time.
func (p *parts) ensureSchedules(ctx context.Context) error {
	return errors.Join(p.ensureChainWatch(ctx), p.engine.EnsureReconciliation(ctx, models.NetworkERC20, p.settings.ReconcileEvery))
}

func (p *parts) ensureChainWatch(ctx context.Context) error {
	return p.engine.EnsureChainWatch(ctx, models.ChainWatchInput{
		Network: models.NetworkERC20, RunSeconds: int64(chainWatchRun / time.Second), HeartbeatSeconds: int64(chainWatchHeartbeat / time.Second),
	})
}

// untilEngineAnswers repeats a call until it succeeds or ctx ends.
func (p *parts) untilEngineAnswers(ctx context.Context, call func() error) error {
	const pause = 2 * time.Second
	for {
		err := call()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		p.log.WarnContext(ctx, "waiting for the workflow engine", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
