package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"paycow/chain"
	"paycow/engine"
	"paycow/models"
)

func apiCommand() *cli.Command {
	return &cli.Command{
		Name: "api", Usage: "serve the API and the pages; any number may run", Flags: settingFlags(),
		Action: func(ctx context.Context, cmd *cli.Command) error { return runProcess(ctx, cmd, process{api: true}) },
	}
}

func workerCommand() *cli.Command {
	return &cli.Command{
		Name: "worker", Usage: "run the payments' workflows and watch the chain; any number may run", Flags: settingFlags(),
		Action: func(ctx context.Context, cmd *cli.Command) error { return runProcess(ctx, cmd, process{worker: true}) },
	}
}

func serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "run the API and a worker in one process",
		Flags: append(settingFlags(),
			&cli.BoolFlag{
				Name:  "embedded",
				Usage: "also run Temporal in this process, for a single machine; it listens on PAYCOW_TEMPORAL_ADDRESS",
			},
			&cli.StringFlag{
				Name: "data-dir", Value: "paycow-engine",
				Usage: "where the embedded Temporal keeps its state, unless the database is Postgres",
			},
			&cli.StringFlag{
				Name: "temporal-ui", Value: "127.0.0.1:8233",
				Usage: "listen address of the embedded Temporal's web UI, which asks for no password",
			},
			temporalUIWritesFlag()),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return runProcess(ctx, cmd, process{api: true, worker: true, embedded: cmd.Bool("embedded")})
		},
	}
}

// temporalUIWritesFlag is of the commands that run Temporal.
func temporalUIWritesFlag() cli.Flag {
	return &cli.BoolFlag{
		Name:  "temporal-ui-writes",
		Usage: "let Temporal's web UI signal and terminate workflows; it does not ask who does it",
	}
}

// process says what runs in one process.
type process struct{ api, worker, embedded bool }

func (what process) needs() (settings []string) {
	if what.api {
		settings = append(settings, needsForAPI...)
	}
	if what.worker {
		settings = append(settings, needsForWorker...)
	}
	return settings
}

// runProcess runs the API, a worker or both until ctx ends. Either of them also runs the outbox.
func runProcess(ctx context.Context, cmd *cli.Command, what process) (err error) {
	s, err := loadSettings(cmd, what.needs()...)
	if err != nil {
		return err
	}
	log := newLogger(cmd.Root().ErrWriter, s)
	if what.worker {
		if err := chain.CheckTokenContract(ctx, s.RPCURLs, s.chainConfig(), log); err != nil {
			return fmt.Errorf("PAYCOW_TOKEN_ADDRESS: %w", err)
		}
	}
	if what.embedded {
		stop, err := startEmbeddedTemporal(ctx, cmd, &s, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	a, err := openApp(ctx, s, log)
	if err != nil {
		return err
	}
	var listener net.Listener
	if what.api {
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.HTTPAddr); err != nil {
			return errors.Join(fmt.Errorf("PAYCOW_HTTP_ADDR: %w", err), a.close())
		}
		log.InfoContext(ctx, "serving the API", "address", listener.Addr().String())
	}
	return errors.Join(a.run(ctx, listener, what.worker, func() {
		log.InfoContext(ctx, "worker started", "network", models.NetworkERC20)
	}), a.close())
}

// run runs the outboxes, the metrics, the API on the listener unless it is nil, and the worker if wanted. It returns
// when ctx ends or one of them fails. ready is called once the worker has started.
func (a *app) run(ctx context.Context, listener net.Listener, withWorker bool, ready func()) error {
	if listener != nil {
		a.noticeRestoreAtStart(ctx)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { a.outbox.Run(ctx); return nil })
	group.Go(func() error { a.webhooks.Run(ctx); return nil })
	group.Go(func() error { a.watchForRestores(ctx); return nil })
	group.Go(func() error { engine.NewDecisions(a.store, a.engine, a.log).Run(ctx); return nil })
	group.Go(func() error { engine.NewTestPayments(a.store, a.log).Run(ctx); return nil })
	group.Go(func() error { return a.runMails(ctx) })
	group.Go(func() error { return a.serveMetrics(ctx) })
	if listener != nil {
		group.Go(func() error { return a.serveAPI(ctx, listener) })
	}
	if withWorker {
		group.Go(func() error { return a.runWorker(ctx, ready) })
	}
	return group.Wait()
}
