package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/urfave/cli/v3"
	"go.temporal.io/sdk/client"

	"paycow/api"
	"paycow/engine"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
	"paycow/web"
)

// app is what the API, the worker and the commands share in one process.
type app struct {
	settings Settings
	log      *slog.Logger
	store    *store.Store
	temporal client.Client
	engine   *engine.Client
	outbox   *engine.PaymentOutbox
	webhooks *engine.DeliveryOutbox
	keys     *secrets.Keyring // nil without a master key

	// In development only: a node that payers' wallets may use, and a faucet that pays an address.
	walletRPCURL string
	faucet       func(ctx context.Context, address string, amount models.Amount) (txHash string, err error)
}

// openApp opens the database, which must belong to what is configured, and prepares the connection to Temporal, which
// may be down.
func openApp(ctx context.Context, s Settings, log *slog.Logger) (*app, error) {
	keys, err := s.keyring()
	if err != nil {
		return nil, err
	}
	db, err := openCurrentStore(ctx, s, log)
	if err != nil {
		return nil, err
	}
	if err := s.bindDatabase(ctx, db, log); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	temporal, err := engine.Dial(s.Temporal, log)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	client := engine.NewClient(temporal, engine.ClientSettings{
		Namespace: s.Temporal.Namespace, Confirmations: s.Confirmations, ExpiryGrace: s.ExpiryGrace(),
	})
	return &app{
		settings: s, log: log, store: db, temporal: temporal, engine: client,
		outbox:   engine.NewPaymentOutbox(db, client, log),
		webhooks: engine.NewDeliveryOutbox(db, client, log), keys: keys,
	}, nil
}

func (a *app) close() error {
	a.temporal.Close()
	return a.store.Close()
}

// withApp opens the app with the settings that reading the chain needs, for one call.
func withApp(ctx context.Context, cmd *cli.Command, call func(a *app) error) error {
	s, err := loadSettings(cmd, needsForChain...)
	if err != nil {
		return err
	}
	a, err := openApp(ctx, s, newLogger(cmd.Root().ErrWriter, s))
	if err != nil {
		return err
	}
	return errors.Join(call(a), a.close())
}

// previousAddresses returns the account keys of earlier deposit addresses, for the API.
func (a *app) previousAddresses() []api.Addresses {
	previous := make([]api.Addresses, 0, len(a.settings.PreviousXPubs))
	for _, key := range a.settings.PreviousXPubs {
		previous = append(previous, key)
	}
	return previous
}

// network returns what the checkout page tells payers and their wallets.
func (a *app) network() web.Network {
	network := web.Network{ChainID: a.settings.ChainID, Token: a.settings.Token.Hex(), RPCURL: a.walletRPCURL}
	if a.settings.ExplorerURL != noExplorer {
		network.ExplorerURL = a.settings.ExplorerURL
	}
	return network
}
