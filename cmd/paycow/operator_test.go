package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
)

// TestOperatorCreateRefuses shows that an operator cannot be created with an e-mail address that logging in refuses.
func TestOperatorCreateRefuses(t *testing.T) {
	db := newTestStore(t)
	masterKey, err := secrets.NewKeyring(make([]byte, 32))
	require.NoError(t, err)
	for name, email := range map[string]string{
		"a blank inside":   "a@b c",
		"name and address": "Name <a@b.c>",
		"300 characters":   strings.Repeat("a", 290) + "@example.org",
		"no host":          "a@",
		"no name":          "@example.org",
		"two addresses":    "a@b.c, d@e.f",
		"invisible":        "a\u200b@example.org",
		"empty":            "",
	} {
		_, _, err := createOperator(t.Context(), db, masterKey, email, "Shop", "")
		require.ErrorIs(t, err, models.ErrEmail, name)
		require.EqualError(t, err, fmt.Sprintf("%q is not an e-mail address", email), name)
	}
	credential, _, err := createOperator(t.Context(), db, masterKey, " Shop@Example.org ", "Shop", "")
	require.NoError(t, err)
	operator, err := db.OperatorByEmail(t.Context(), "shop@example.org")
	require.NoError(t, err)
	require.Equal(t, credential.OperatorID, operator.ID)
}
