package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

const adminsPassword = "a password of an admin"

// adminBench runs `paycow admin` on a database of its own.
type adminBench struct {
	*testing.T
	db    *store.Store
	shown *shownText // by the next run
}

// shownText is output that can be read while it is written.
type shownText struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (s *shownText) Write(text []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(text)
}

func (s *shownText) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

func newAdminBench(t *testing.T) *adminBench {
	t.Helper()
	settingsOf(t, nil)
	url := "sqlite:" + filepath.Join(t.TempDir(), "paycow.db")
	db, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, db.Migrate(t.Context()))
	t.Setenv("PAYCOW_DATABASE_URL", url)
	return &adminBench{T: t, db: db, shown: &shownText{}}
}

func (b *adminBench) run(ctx context.Context, in *os.File, arguments ...string) (output string, err error) {
	b.Helper()
	shown := b.shown
	b.shown = &shownText{}
	err = newProgram(in, shown, shown).Run(ctx, append([]string{"paycow", "admin", "create"}, arguments...))
	output = shown.String()
	if err != nil {
		output += err.Error()
	}
	return output, err
}

// piped is standard input that is no terminal.
func (b *adminBench) piped(text string) *os.File {
	b.Helper()
	path := filepath.Join(b.TempDir(), "stdin")
	require.NoError(b, os.WriteFile(path, []byte(text), 0o600))
	in, err := os.Open(path)
	require.NoError(b, err)
	b.Cleanup(func() { _ = in.Close() })
	return in
}

func (b *adminBench) hasAdmin(email, password string) bool {
	b.Helper()
	admin, err := b.db.AdminByEmail(b.Context(), email)
	if errors.Is(err, models.ErrNotFound) {
		return false
	}
	require.NoError(b, err)
	ok, err := secrets.CheckPassword(password, admin.PasswordHash)
	require.NoError(b, err)
	return ok
}

func TestAdminCreateReadsTheFirstLine(t *testing.T) {
	b := newAdminBench(t)
	for i, input := range []string{adminsPassword, adminsPassword + "\n", adminsPassword + "\r\n", adminsPassword + "\nsecond line\n"} {
		email := fmt.Sprintf("Admin%d@Example.org", i)
		output, err := b.run(t.Context(), b.piped(input), "--email", email)
		require.NoError(t, err)
		require.Contains(t, output, strings.ToLower(email))
		require.NotContains(t, output, adminsPassword)
		require.True(t, b.hasAdmin(strings.ToLower(email), adminsPassword))
	}
	entries, _, err := b.db.ListAudit(t.Context(), store.AuditFilter{Action: "admin_created"})
	require.NoError(t, err)
	require.Len(t, entries, 4)
	require.Equal(t, models.ActorCLI, entries[0].Actor)
	require.NotContains(t, fmt.Sprint(entries), adminsPassword)

	output, err := b.run(t.Context(), b.piped("another password\n"), "--email", "admin0@example.org")
	require.ErrorContains(t, err, "already")
	require.NotContains(t, output, "another password")
	require.True(t, b.hasAdmin("admin0@example.org", adminsPassword), "who is an admin already is left alone")
}

func TestAdminCreateRefuses(t *testing.T) {
	b := newAdminBench(t)
	for name, c := range map[string]struct {
		input, says string
		arguments   []string
	}{
		"nothing":           {"", "at least 12 characters", []string{"--email", "a@example.org"}},
		"short":             {"elevenchars\n", "at least 12 characters", []string{"--email", "a@example.org"}},
		"long":              {strings.Repeat("abc", 100_000), "at most 256 characters", []string{"--email", "a@example.org"}},
		"NUL":               {"a password\x00of an admin", "without a NUL", []string{"--email", "a@example.org"}},
		"not UTF-8":         {"a password \xff of an admin", "must be text", []string{"--email", "a@example.org"}},
		"one letter":        {strings.Repeat("a", 20), "too easy", []string{"--email", "a@example.org"}},
		"own address":       {"A@example.org", "too easy", []string{"--email", "a@example.org"}},
		"no address":        {adminsPassword, "e-mail", []string{"--email", "a"}},
		"name and address":  {adminsPassword, "e-mail", []string{"--email", "A <a@example.org>"}},
		"without address":   {adminsPassword, "email", nil},
		"password flag":     {adminsPassword, "flag provided but not defined", []string{"--email", "a@example.org", "--password", "hidden password"}},
		"password argument": {adminsPassword, "unexpected argument", []string{"--email", "a@example.org", "hidden password"}},
	} {
		output, err := b.run(t.Context(), b.piped(c.input), c.arguments...)
		require.Error(t, err, name)
		require.Contains(t, output, c.says, name)
		for _, secret := range []string{"hidden password", adminsPassword} {
			require.NotContains(t, output, secret, name)
		}
		require.False(t, b.hasAdmin("a@example.org", adminsPassword), name)
	}
	_, err := b.db.AdminByEmail(t.Context(), "a@example.org")
	require.ErrorIs(t, err, models.ErrNotFound)
}
