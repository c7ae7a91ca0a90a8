package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
)

// TestAccessCommands runs what each command does to an operator and to an admin.
func TestAccessCommands(t *testing.T) {
	db := newTestStore(t)
	keys, err := secrets.NewKeyring(make([]byte, 32))
	require.NoError(t, err)
	require.NoError(t, db.UseMasterKey(t.Context(), keys, nil))
	s := Settings{PublicURL: "https://pay.example.com", MasterKey: make([]byte, 32)}
	credential, _, err := createOperator(t.Context(), db, keys, "shop@example.org", "Shop", "")
	require.NoError(t, err)
	require.NoError(t, createAdmin(t.Context(), db, "root@example.org", "a long enough passphrase"))
	run := func(role models.Role, email string, change accessChange) (string, error) {
		var out bytes.Buffer
		err := changeAccess(t.Context(), s, db, role, email, change, &out)
		return out.String(), err
	}
	out, err := run(models.RoleOperator, " Shop@Example.org ", accessChange{do: revokeKeys})
	require.NoError(t, err)
	require.Equal(t, "1 API keys of shop@example.org are revoked.\n", out)
	_, _, err = db.Credential(t.Context(), credential.APIKey)
	require.ErrorIs(t, err, models.ErrNotFound)
	out, err = run(models.RoleOperator, "shop@example.org", accessChange{do: makePasswordLink})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(out, "https://pay.example.com/password.html#"), out)
	for _, role := range []models.Role{models.RoleOperator, models.RoleAdmin} {
		email := map[models.Role]string{models.RoleOperator: "shop@example.org", models.RoleAdmin: "root@example.org"}[role]
		for _, change := range []accessChange{{do: endSessions}, {do: removeTOTP}, {do: unlock}} {
			out, err := run(role, email, change)
			require.NoError(t, err)
			require.Contains(t, out, email)
		}
	}
	operator, err := db.OperatorByEmail(t.Context(), "shop@example.org")
	require.NoError(t, err)
	require.NoError(t, db.CreateMember(t.Context(), models.Member{
		ID: models.NewID(), OperatorID: operator.ID, Email: "books@example.org", Role: models.MemberDeveloper,
	}, models.AuditEntry{Actor: models.ActorCLI, Action: "member_invited"}))
	_, err = run(models.RoleOperator, "books@example.org", accessChange{do: unlock})
	require.NoError(t, err)
	_, err = run(models.RoleOperator, "books@example.org", accessChange{do: revokeKeys})
	require.ErrorContains(t, err, "belong to the shop", "a member who leaves must not stop the shop")
	_, err = run(models.RoleAdmin, "root@example.org", accessChange{do: setDisabled(true)})
	require.ErrorContains(t, err, "the last admin")
	_, err = run(models.RoleAdmin, "shop@example.org", accessChange{do: unlock})
	require.EqualError(t, err, "no admin has the e-mail address shop@example.org")
	require.NoError(t, createAdmin(t.Context(), db, "second@example.org", "a long enough passphrase"))
	for _, disabled := range []bool{true, false} {
		_, err = run(models.RoleAdmin, "root@example.org", accessChange{do: setDisabled(disabled)})
		require.NoError(t, err)
		admin, err := db.AdminByEmail(t.Context(), "root@example.org")
		require.NoError(t, err)
		require.Equal(t, disabled, admin.DisabledAt != nil)
	}
}
