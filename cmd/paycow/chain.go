package main

import (
	"context"
	"fmt"

	"paycow/activities"
	"paycow/chain"
	"paycow/models"
)

// chainConfig returns what the settings say about the chain.
func (s Settings) chainConfig() chain.Config {
	return chain.Config{
		Network: models.NetworkERC20, ChainID: s.ChainID, Token: s.Token, Quorum: s.RPCQuorum, BlockTime: s.BlockTime,
		FinalizedAbove: s.FinalizedAbove, WatchMempool: s.WatchMempool,
	}
}

// dialPool prepares the connections to the Ethereum nodes. A node that is down is no error.
func (p *parts) dialPool(ctx context.Context) (*chain.Pool, error) {
	pool, err := chain.DialPool(ctx, p.settings.RPCURLs, p.settings.chainConfig(), p.store, p.log)
	if err != nil {
		return nil, fmt.Errorf("PAYCOW_ETH_RPC_URLS: %w", err)
	}
	return pool, nil
}

// activitiesOn returns the activities of a worker that asks these nodes.
func (p *parts) activitiesOn(pool *chain.Pool) *activities.Activities {
	config := p.settings.chainConfig()
	return activities.New(activities.Dependencies{
		Payments: p.store, Signals: p.store, Verifier: chain.NewVerifier(config, pool), Engine: p.engine,
		Books: p.store, Balances: pool, Alarms: p.store, Watcher: chain.NewWatcher(config, pool, p.store, p.log),
	}, activities.Settings{Network: config.Network, Confirmations: p.settings.Confirmations}, p.log)
}
