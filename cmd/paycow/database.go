package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v3"

	"paycow/store"
)

// openStore opens the database, whatever its schema.
func openStore(ctx context.Context, s Settings, log *slog.Logger) (*store.Store, error) {
	db, err := store.Open(ctx, s.DatabaseURL, log)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.UsePublicURL(s.PublicURL)
	if s.sendsMails() {
		db.UseMail()
	}
	return db, nil
}

// openCurrentStore opens the database, and returns an error unless its schema is up to date and the master key, if
// one is set, is the database's.
func openCurrentStore(ctx context.Context, s Settings, log *slog.Logger) (*store.Store, error) {
	db, err := openStore(ctx, s, log)
	if err != nil {
		return nil, err
	}
	if err := db.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.useMasterKey(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// withStore loads the settings and opens the database for one call. needed names the settings that must be set.
func withStore(
	ctx context.Context, cmd *cli.Command, call func(s Settings, db *store.Store) error, needed ...string,
) error {
	s, err := loadSettings(cmd, needed...)
	if err != nil {
		return err
	}
	db, err := openCurrentStore(ctx, s, newLogger(cmd.Root().ErrWriter, s))
	if err != nil {
		return err
	}
	return errors.Join(call(s, db), db.Close())
}

// changeAccounts is withStore for a command that changes an account. It says so if nobody is told of that by mail.
func changeAccounts(
	ctx context.Context, cmd *cli.Command, call func(s Settings, db *store.Store) error, needed ...string,
) error {
	return withStore(ctx, cmd, func(s Settings, db *store.Store) error {
		if err := call(s, db); err != nil {
			return err
		}
		if !s.sendsMails() || len(s.MasterKey) == 0 {
			fmt.Fprintln(cmd.Root().ErrWriter,
				"Nobody is told of this by mail: that needs PAYCOW_SMTP_URL, PAYCOW_MAIL_FROM and PAYCOW_MASTER_KEY.")
		}
		return nil
	}, needed...)
}

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name: "migrate", Usage: "bring the database's schema up to date; safe to repeat", Flags: settingFlags(),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			db, err := openStore(ctx, s, newLogger(cmd.Root().ErrWriter, s))
			if err != nil {
				return err
			}
			if err := db.Migrate(ctx); err != nil {
				return errors.Join(err, db.Close())
			}
			fmt.Fprintln(cmd.Root().Writer, "The database's schema is up to date.")
			return db.Close()
		},
	}
}
