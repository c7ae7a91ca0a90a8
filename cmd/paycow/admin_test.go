//go:build !slim

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// The first admin's password comes from standard input, is not too short, is shown nowhere, and a second admin of the same
// address changes nothing.
func TestAdminCreate(t *testing.T) {
	database := "sqlite:" + filepath.Join(t.TempDir(), "paycow.db")
	run := func(stdin string, args ...string) (out string, err error) {
		cmd := program(t, args...)
		cmd.Env = append(cmd.Env, "PAYCOW_DATABASE_URL="+database)
		cmd.Stdin = strings.NewReader(stdin)
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		err = cmd.Run()
		return both.String(), err
	}
	_, err := run("", "migrate")
	require.NoError(t, err)
	for name, c := range map[string]struct{ stdin, email, says string }{
		"short":     {"short\n", "admin@example.org", "at least 12 characters"},
		"nothing":   {"", "admin@example.org", "at least 12 characters"},
		"too long":  {strings.Repeat("x", 300), "admin@example.org", "at most 256 characters"},
		"no e-mail": {"a long enough password\n", "admin", "not an e-mail address"},
	} {
		out, err := run(c.stdin, "admin", "create", "--email", c.email)
		require.Error(t, err, name)
		require.Contains(t, out, c.says, name)
	}
	out, err := run("a long enough password\nand more\n", "admin", "create", "--email", "Admin@Example.org")
	require.NoError(t, err, out)
	require.NotContains(t, out, "a long enough password")
	const nobody = "Nobody is told of this by mail: that needs PAYCOW_SMTP_URL"
	require.Contains(t, out, nobody)
	t.Setenv("PAYCOW_SMTP_URL", "smtp://localhost")
	t.Setenv("PAYCOW_MAIL_FROM", "pay@example.org")
	t.Setenv("PAYCOW_MASTER_KEY", strings.Repeat("ab", 32))
	out, err = run("a long enough password\n", "admin", "create", "--email", "second@example.org")
	require.NoError(t, err, out)
	require.NotContains(t, out, nobody)
	out, err = run("another long password\n", "admin", "create", "--email", "admin@example.org")
	require.Error(t, err)
	require.Contains(t, out, "already")
	db, err := store.Open(t.Context(), database, newLogger(os.Stderr, Settings{}))
	require.NoError(t, err)
	defer db.Close()
	account, err := db.AccountByEmail(t.Context(), models.RoleAdmin, "admin@example.org")
	require.NoError(t, err)
	ok, err := secrets.CheckPassword("a long enough password", account.PasswordHash)
	require.NoError(t, err)
	require.True(t, ok)
	entries, _, err := db.ListAudit(t.Context(), store.AuditFilter{Action: "admin_created"})
	require.NoError(t, err)
	require.Len(t, entries, 2)
}
