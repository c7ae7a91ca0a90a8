package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"paycow/activities"
	"paycow/chain"
	"paycow/models"
)

const (
	// nodesTellInterval is how often the watching worker tells the database of its nodes' health.
	nodesTellInterval = 5 * time.Second
	// quorumAlarmAfter is how long too few nodes may agree before an alarm is raised.
	quorumAlarmAfter = 2 * time.Minute
)

// dialPool prepares the connections to the Ethereum nodes. Nodes that are away are no error.
func (p *parts) dialPool(ctx context.Context) (*chain.Pool, error) {
	pool, err := chain.DialPool(ctx, p.settings.RPCURLs, chain.PoolConfig{
		Network: models.NetworkERC20, ChainID: p.settings.ChainID, Token: p.settings.Token, Quorum: p.settings.RPCQuorum, BlockTime: p.settings.BlockTime,
	}, p.store, p.log)
	if err != nil {
		return nil, fmt.Errorf("PAYCOW_ETH_RPC_URLS: %w", err)
	}
	return pool, nil
}

// activitiesOn returns the activities of a worker that has these nodes.
func (p *parts) activitiesOn(pool *chain.Pool) *activities.Activities {
	verifier := chain.NewVerifier(pool, chain.VerifierConfig{Token: p.settings.Token, FinalizedAbove: p.settings.FinalizedAbove})
	return activities.New(activities.Dependencies{
		Payments: p.store, Signals: p.store, Verifier: verifier, Engine: p.engine,
		Books: p.store, Chain: pool, Alarms: p.store,
		Follow: func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
			return p.follow(ctx, pool, onProgress)
		},
	}, activities.Settings{Network: models.NetworkERC20, Token: p.settings.Token, Confirmations: p.settings.Confirmations}, p.log)
}

// follow does all that one worker does for a network: it reads the chain, has it read again by other nodes, looks for
// transfers on their way and tells of its nodes. It ends with its context.
func (p *parts) follow(ctx context.Context, pool *chain.Pool, onProgress func(context.Context, chain.Progress) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return chain.NewFollower(p.followerConfig(), pool, p.store, p.store, p.log).Run(ctx, onProgress)
	})
	group.Go(func() error { return p.crossCheck(pool).Run(ctx) })
	if p.settings.WatchMempool {
		group.Go(func() error { return p.mempoolWatch(pool).Run(ctx) })
	}
	group.Go(func() error { return p.tellOfNodes(ctx, pool) })
	return group.Wait()
}

func (p *parts) followerConfig() chain.FollowerConfig {
	config := chain.FollowerConfig{Network: models.NetworkERC20, ChainID: p.settings.ChainID, Token: p.settings.Token, Quorum: p.settings.RPCQuorum}
	if p.settings.BlockTime > 0 {
		config.PollInterval = min(max(p.settings.BlockTime/2, 100*time.Millisecond), 4*time.Second)
	} else {
		config.PollInterval = 250 * time.Millisecond
	}
	return config
}

// tellOfNodes keeps the nodes' health in the database, where the API and the metrics of other processes find it.
func (p *parts) tellOfNodes(ctx context.Context, pool *chain.Pool) error {
	tick := time.NewTicker(nodesTellInterval)
	defer tick.Stop()
	for {
		health := pool.Health()
		now := time.Now()
		for i := range health {
			health[i].Network, health[i].UpdatedAt = models.NetworkERC20, now
		}
		if err := p.store.PutNodeHealth(ctx, models.NetworkERC20, health); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "the nodes' health is not kept", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// crossCheck returns what has other nodes read again what was read.
func (p *parts) crossCheck(pool *chain.Pool) *chain.CrossCheck {
	return chain.NewCrossCheck(chain.CrossCheckConfig{
		Network: models.NetworkERC20, ChainID: p.settings.ChainID, Token: p.settings.Token, AlarmAfter: quorumAlarmAfter,
	}, pool, p.store, p.store, p.log)
}
