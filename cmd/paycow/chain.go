package main

import (
	"context"
	"fmt"

	"paycow/activities"
	"paycow/chain"
	"paycow/models"
)

// chainConfig returns what the settings say about the chain.
func (s *Settings) chainConfig() chain.Config {
	return chain.Config{
		Network: models.NetworkERC20, ChainID: s.ChainID, Genesis: s.Genesis, Token: s.Token, Quorum: s.RPCQuorum,
		BlockTime: s.BlockTime, FinalizedAbove: s.FinalizedAbove, WatchMempool: s.WatchMempool, OwnClock: s.ownChain,
	}
}

// dialPool prepares the connections to the Ethereum nodes. A node that is down is not an error.
func (a *app) dialPool(ctx context.Context) (*chain.Pool, error) {
	pool, err := chain.DialPool(ctx, a.settings.RPCURLs, a.settings.chainConfig(), a.store, a.log,
		chain.WithCallCounter(countNodeCall))
	if err != nil {
		return nil, fmt.Errorf("PAYCOW_ETH_RPC_URLS: %w", err)
	}
	return pool, nil
}

// activitiesOn returns the activities of a worker that uses these nodes.
func (a *app) activitiesOn(pool *chain.Pool) *activities.Activities {
	config := a.settings.chainConfig()
	derives := a.settings.derives
	if a.settings.XPub == nil {
		derives = nil
	}
	return activities.New(activities.Dependencies{
		Derives:  derives,
		Payments: a.store, Crowds: a.store, Signals: a.store, Expiries: a.store,
		Verifier: chain.NewVerifier(config, pool), Engine: a.engine,
		Deliveries: a.store, Sender: a.settings.webhookSender(),
		Books: a.store, Balances: pool, Alarms: a.store, Watcher: chain.NewWatcher(config, pool, a.store, a.log),
	}, activities.Settings{
		Network: config.Network, Confirmations: a.settings.Confirmations, FinalizedAbove: a.settings.FinalizedAbove,
		Ages: a.settings.Ages,
	}, a.log)
}
