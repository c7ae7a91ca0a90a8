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

func operatorCommand() *cli.Command {
	return &cli.Command{
		Name: "operator", Usage: "manage operators",
		Commands: append([]*cli.Command{{
			Name: "create", Usage: "create an active operator; prints its API key and secret, which are not shown again",
			Flags: append(settingFlags(),
				emailFlag("the operator's e-mail address"),
				&cli.StringFlag{Name: "name", Usage: "the operator's name"}),
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return withStore(ctx, cmd, func(s Settings, db *store.Store) error {
					keys, err := s.keyring()
					if err != nil {
						return err
					}
					credential, secret, err := createOperator(
						ctx, db, keys, cmd.String("email"), cmd.String("name"), "",
					)
					if err != nil {
						return err
					}
					fmt.Fprintf(cmd.Root().Writer, "x-api-key: %s\nx-api-secret: %s\n", credential.APIKey, secret)
					return nil
				}, "MASTER_KEY")
			},
		}}, accessCommands(models.RoleOperator)...),
	}
}

// createOperator creates an active operator with credentials and returns them with their secret. Without a password
// nobody can log in as the operator.
func createOperator(
	ctx context.Context, db *store.Store, keys *secrets.Keyring, email, name, password string,
) (models.Credential, string, error) {
	normal, err := models.NormalEmail(email)
	if err != nil {
		return models.Credential{}, "", fmt.Errorf("%q is %w", email, err)
	}
	operator := models.Operator{ID: models.NewID(), Email: normal, Name: name, Status: models.OperatorActive}
	if password != "" {
		operator.PasswordHash = secrets.HashPassword(password)
	}
	credential, secret, err := secrets.NewCredential(operator.ID, keys)
	if err != nil {
		return models.Credential{}, "", fmt.Errorf("make credentials: %w", err)
	}
	err = db.CreateOperator(ctx, operator, &credential)
	if errors.Is(err, models.ErrAlreadyExists) {
		return models.Credential{}, "", fmt.Errorf("an operator with the e-mail address %s already exists", normal)
	}
	if err != nil {
		return models.Credential{}, "", fmt.Errorf("store the operator: %w", err)
	}
	return credential, secret, nil
}
