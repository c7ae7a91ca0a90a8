package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"paycow/chain"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
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
		Name: "serve", Usage: "api and worker in one process",
		Flags: append(settingFlags(),
			&cli.BoolFlag{Name: "embedded", Usage: "run the workflow engine inside, for a shop with one machine (listens on PAYCOW_TEMPORAL_ADDRESS)"},
			&cli.StringFlag{Name: "data-dir", Usage: "where the embedded engine keeps its state, unless the database is Postgres", Value: "paycow-engine"},
			&cli.StringFlag{Name: "temporal-ui", Usage: "listen address of the embedded engine's web UI; it asks for no password", Value: "127.0.0.1:8233"}),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return runProcess(ctx, cmd, process{api: true, worker: true, embedded: cmd.Bool("embedded")})
		},
	}
}

// process says what runs in one process.
type process struct{ api, worker, embedded bool }

// runProcess runs API, worker or both with the settings of the environment. Each process works the outbox off.
func runProcess(ctx context.Context, cmd *cli.Command, what process) (err error) {
	var needed []string
	if what.api {
		needed = append(needed, needsForAPI...)
	}
	if what.worker {
		needed = append(needed, needsForWorker...)
	}
	s, err := loadSettings(cmd, needed...)
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
		stop, err := startEmbeddedEngine(ctx, cmd, &s, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	p, err := openParts(ctx, s, log)
	if err != nil {
		return err
	}
	var listener net.Listener
	if what.api {
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.HTTPAddr); err != nil {
			return errors.Join(fmt.Errorf("PAYCOW_HTTP_ADDR: %w", err), p.close())
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { p.outbox.Run(ctx); return nil })
	group.Go(func() error { return p.serveMetrics(ctx) })
	if what.api {
		log.InfoContext(ctx, "api listens", "address", listener.Addr().String())
		group.Go(func() error { return p.serveAPI(ctx, listener) })
	}
	if what.worker {
		group.Go(func() error {
			return p.runWorker(ctx, func() { log.InfoContext(ctx, "worker runs", "network", models.NetworkERC20) })
		})
	}
	return errors.Join(group.Wait(), p.close())
}

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name: "migrate", Usage: "bring the database's schema up to date; safe to repeat", Flags: settingFlags(),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			db, err := store.Open(ctx, s.DatabaseURL, newLogger(cmd.Root().ErrWriter, s))
			if err != nil {
				return fmt.Errorf("open the database: %w", err)
			}
			if err := db.Migrate(ctx); err != nil {
				return errors.Join(err, db.Close())
			}
			fmt.Fprintln(cmd.Root().Writer, "The database's schema is up to date.")
			return db.Close()
		},
	}
}

func operatorCommand() *cli.Command {
	return &cli.Command{
		Name: "operator", Usage: "manage operators",
		Commands: []*cli.Command{{
			Name: "create", Usage: "create an active operator and print its API key and secret once",
			Flags: append(settingFlags(),
				&cli.StringFlag{Name: "email", Usage: "the operator's e-mail address", Required: true},
				&cli.StringFlag{Name: "name", Usage: "the operator's name"}),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				s, err := loadSettings(cmd, "MASTER_KEY")
				if err != nil {
					return err
				}
				db, err := store.Open(ctx, s.DatabaseURL, newLogger(cmd.Root().ErrWriter, s))
				if err != nil {
					return fmt.Errorf("open the database: %w", err)
				}
				credential, secret, err := createOperator(ctx, db, s.MasterKey, cmd.String("email"), cmd.String("name"), "")
				if err != nil {
					return errors.Join(err, db.Close())
				}
				fmt.Fprintf(cmd.Root().Writer, "x-api-key: %s\nx-api-secret: %s\n", credential.APIKey, secret)
				return db.Close()
			},
		}},
	}
}

// createOperator makes an active operator with credentials. Without a password nobody can log in as the operator.
func createOperator(ctx context.Context, db *store.Store, masterKey []byte, email, name, password string) (models.Credential, string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if at := strings.LastIndex(email, "@"); at < 1 || at == len(email)-1 {
		return models.Credential{}, "", errors.New("the e-mail address needs a name and a host around its @")
	}
	operator := models.Operator{ID: models.NewID(), Email: email, Name: name, Status: models.OperatorActive}
	if password != "" {
		operator.PasswordHash = secrets.HashPassword(password)
	}
	credential, secret, err := secrets.NewCredential(operator.ID, masterKey)
	if err != nil {
		return models.Credential{}, "", fmt.Errorf("make credentials: %w", err)
	}
	if err := db.CreateOperator(ctx, operator, &credential); err != nil {
		if errors.Is(err, models.ErrAlreadyExists) {
			return models.Credential{}, "", fmt.Errorf("there is an operator with the e-mail address %s already", email)
		}
		return models.Credential{}, "", fmt.Errorf("store the operator: %w", err)
	}
	return credential, secret, nil
}
