package main

import (
	"context"

	"paycow/chain"
	"paycow/models"
)

// mempoolWatch returns what looks for transfers on their way.
func (p *parts) mempoolWatch(pool *chain.Pool) *chain.MempoolWatch {
	note := func(ctx context.Context, network string, seen []chain.SeenTransfer) error {
		rows := make([]models.SeenTransfer, len(seen))
		for i, s := range seen {
			rows[i] = models.SeenTransfer(s)
		}
		return p.store.NoteSeen(ctx, network, rows)
	}
	return chain.NewMempoolWatch(chain.MempoolConfig{Network: models.NetworkERC20, Token: p.settings.Token}, pool, p.store, note, p.log)
}
