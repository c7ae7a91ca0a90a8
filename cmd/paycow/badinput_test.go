//go:build !slim

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/api/apitest"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// TestBadInput runs the table of bad requests against the running server.
func TestBadInput(t *testing.T) {
	s := startStack(t)
	// Operators in the other states are made behind the program's back: its own ways to them are the admin's pages.
	db, err := store.Open(t.Context(), "sqlite:"+s.dir+"/"+devDatabaseName, newLogger(s.log, Settings{}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var inDirectory devSecrets
	content, err := os.ReadFile(filepath.Join(s.dir, devSecretsName))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &inDirectory))
	var master []byte
	require.NoError(t, masterKey(&master)(inDirectory.MasterKey))
	keys, err := secrets.NewKeyring(master)
	require.NoError(t, err)
	require.NoError(t, db.UseMasterKey(t.Context(), keys, nil))
	isTest := false
	account := func(status models.OperatorStatus, scopes ...string) apitest.Account {
		operator := models.Operator{ID: models.NewID(), Email: strings.ToLower(string(status)) + models.NewID() + "@paycow.test", Status: status}
		credential, secret, err := secrets.NewCredential(operator.ID, keys)
		require.NoError(t, err)
		credential.Scopes, credential.Test = strings.Join(scopes, " "), isTest
		require.NoError(t, db.CreateOperator(t.Context(), operator, &credential))
		return apitest.Account{APIKey: credential.APIKey, APISecret: secret}
	}
	isTest = true
	forTests := account(models.OperatorActive)
	isTest = false
	apitest.BadInput(t, apitest.Target{
		Test:    forTests,
		BaseURL: s.url, Account: apitest.Account{APIKey: s.key, APISecret: s.secret}, Other: account(models.OperatorActive),
		Keys: account(models.OperatorActive, string(models.ScopeKeysWrite)),
		Inactive: []apitest.Inactive{
			{Account: account(models.OperatorPending), Code: "account_pending"},
			{Account: account(models.OperatorSuspended), Code: "account_suspended"},
			{Account: account(models.OperatorRejected), Code: "account_rejected"},
		},
		MaxAmount: models.DefaultMaxAmount,
	})
}
