package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// keyring returns the installation's master keys, nil if none is set.
func (s *Settings) keyring() (*secrets.Keyring, error) {
	if len(s.MasterKey) == 0 {
		return nil, nil //nolint:nilnil // commands that need no key run without one
	}
	keys, err := secrets.NewKeyring(s.MasterKey, s.PreviousKeys...)
	if err != nil {
		return nil, fmt.Errorf("PAYCOW_MASTER_KEY: %w", err)
	}
	return keys, nil
}

// useMasterKey makes the database work with the master key, if one is set. It refuses a key that is not the database's.
func (s *Settings) useMasterKey(ctx context.Context, db *store.Store) error {
	keys, err := s.keyring()
	if err != nil || keys == nil {
		return err
	}
	derives := s.derives
	if s.XPub == nil {
		derives = nil
	}
	err = db.UseMasterKey(ctx, keys, derives)
	if errors.Is(err, models.ErrMasterKey) {
		return errors.New("PAYCOW_MASTER_KEY is not the key that this database was used with; if you changed it, give the " +
			"earlier one in PAYCOW_PREVIOUS_MASTER_KEYS and run `paycow rekey`")
	}
	return err
}

func rekeyCommand() *cli.Command {
	return &cli.Command{
		Name: "rekey", Usage: "seal and prove everything in the database with the current master key; safe to repeat",
		Flags: settingFlags(),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return withStore(ctx, cmd, func(_ Settings, db *store.Store) error {
				changed, left, err := db.Rekey(ctx)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.Root().Writer, "%d rows now use the current master key.\n", changed)
				if left > 0 {
					return fmt.Errorf("%d values neither open nor prove anything with the keys given; see the log", left)
				}
				fmt.Fprintln(cmd.Root().Writer,
					"Remove PAYCOW_PREVIOUS_MASTER_KEYS once every process runs with the current key.")
				return nil
			}, "MASTER_KEY")
		},
	}
}
