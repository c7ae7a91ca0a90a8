//go:build !slim

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// prepareDatabase brings the schema up to date and creates the demo accounts unless they exist.
func (d *dev) prepareDatabase(ctx context.Context) error {
	if d.settings.DatabaseURL == "" {
		d.settings.DatabaseURL = "sqlite:" + filepath.Join(d.dir, devDatabaseName)
	}
	d.sayf("preparing the database")
	db, err := openStore(ctx, d.settings, d.log)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is pending
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	if err := d.settings.useMasterKey(ctx, db); err != nil {
		return fmt.Errorf("the database belongs to another data directory: %w", err)
	}
	d.file.Operator = devOperator{Email: "operator@paycow.test", Password: d.secrets.OperatorPassword}
	if d.file.Operator.APIKey, d.file.Operator.APISecret, err = d.demoOperator(ctx, db); err != nil {
		return fmt.Errorf("prepare the demo operator: %w", err)
	}
	if err := d.demoTestKey(ctx, db); err != nil {
		return fmt.Errorf("prepare the demo operator's key for test payments: %w", err)
	}
	d.file.Admin = devAdmin{Email: "admin@paycow.test", Password: d.secrets.AdminPassword}
	if err := d.demoAdmin(ctx, db); err != nil {
		return fmt.Errorf("prepare the demo admin: %w", err)
	}
	return nil
}

// demoOperator returns the demo operator's API key and secret. It creates the operator the first time.
func (d *dev) demoOperator(ctx context.Context, db *store.Store) (apiKey, apiSecret string, err error) {
	demo := d.file.Operator
	keys, err := d.settings.keyring()
	if err != nil {
		return "", "", err
	}
	operator, err := db.OperatorByEmail(ctx, demo.Email)
	if errors.Is(err, models.ErrNotFound) {
		credential, secret, err := createOperator(ctx, db, keys, demo.Email, "Demo shop", demo.Password)
		return credential.APIKey, secret, err
	}
	if err != nil {
		return "", "", err
	}
	credential, err := db.CurrentCredential(ctx, operator.ID)
	if err == nil {
		secret, err := secrets.OpenSecret(credential, keys)
		if err != nil {
			return "", "", fmt.Errorf("the database belongs to another data directory: %w", err)
		}
		return credential.APIKey, secret, nil
	}
	if !errors.Is(err, models.ErrNotFound) {
		return "", "", err
	}
	// Somebody tried what an admin does after an incident.
	next, secret, err := secrets.NewCredential(operator.ID, keys)
	if err != nil {
		return "", "", err
	}
	err = db.RotateCredential(ctx, "", next, time.Now(), models.AuditEntry{
		Actor: models.ActorCLI, Action: "credential_rotated", Subject: "operator:" + operator.ID,
		Detail: next.APIKey + " is the first API key after all were revoked.",
	})
	return next.APIKey, secret, err
}

// demoTestKey notes the demo operator's API key for test payments. It makes one unless there is one.
func (d *dev) demoTestKey(ctx context.Context, db *store.Store) error {
	keys, err := d.settings.keyring()
	if err != nil {
		return err
	}
	operator, err := db.OperatorByEmail(ctx, d.file.Operator.Email)
	if err != nil {
		return err
	}
	known, err := db.KeysOf(ctx, operator.ID)
	if err != nil {
		return err
	}
	for _, key := range known {
		if key.Test && key.ExpiresAt == nil && key.Scopes == "" && key.Networks == "" {
			d.file.Operator.TestAPIKey = key.APIKey
			d.file.Operator.TestAPISecret, err = secrets.OpenSecret(key, keys)
			return err
		}
	}
	next, secret, err := secrets.NewCredential(operator.ID, keys)
	if err != nil {
		return err
	}
	next.Name, next.Test = "Tests", true
	err = db.CreateCredential(ctx, next, "", models.AuditEntry{
		Actor: models.ActorCLI, Action: "key_created", Subject: "operator:" + operator.ID,
		Detail: "Made the API key " + next.APIKey + ", for test payments only.",
	})
	if errors.Is(err, models.ErrAlreadyExists) || errors.Is(err, models.ErrNotPossible) {
		return nil // somebody has used up the name or all keys, and can make one for tests
	}
	d.file.Operator.TestAPIKey, d.file.Operator.TestAPISecret = next.APIKey, secret
	return err
}

func (d *dev) demoAdmin(ctx context.Context, db *store.Store) error {
	demo := d.file.Admin
	_, err := db.AdminByEmail(ctx, demo.Email)
	if !errors.Is(err, models.ErrNotFound) {
		return err
	}
	return db.CreateAdmin(ctx, models.Admin{
		ID: models.NewID(), Email: demo.Email, PasswordHash: secrets.HashPassword(demo.Password),
	})
}
