package store

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

func TestOpenRefusesWithoutTellingSecrets(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "mysql://user:hunter2@host/db", "sqlite:", "sqlite:" + filepath.Join(t.TempDir(), "no", "such", "folder", "x.db"),
		"postgres://user:hunter2@host:notaport/db", "postgres://user:hunter2@127.0.0.1:1/db?connect_timeout=1",
	} {
		_, err := Open(withTimeout(t), url, slog.New(slog.DiscardHandler))
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestSQLiteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd #name?with%41signs.db")
	s := open(t, path)
	require.NoError(t, s.Migrate(t.Context()))
	info, err := os.Stat(path)
	require.NoError(t, err, "the file has exactly the name that was asked for")
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for name, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "2"} {
		var got string
		require.NoError(t, s.writer.Raw("PRAGMA "+name).Scan(&got).Error)
		require.Equal(t, want, got, name)
	}
	require.Error(t, s.reader.Exec("DELETE FROM chain_blocks").Error, "the reading pool cannot write")
}

func TestLoggerNeverShowsValues(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s, err := Open(t.Context(), sqliteURL(t), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Migrate(t.Context()))
	admin := models.Admin{ID: models.NewID(), Email: "secret@example.com", PasswordHash: "$argon2id$topsecret"}
	require.NoError(t, s.CreateAdmin(t.Context(), admin))
	require.ErrorIs(t, s.CreateAdmin(t.Context(), admin), models.ErrAlreadyExists)
	_, err = s.AdminByEmail(t.Context(), "nobody@example.com")
	require.ErrorIs(t, err, models.ErrNotFound)

	everyStatement := s.writer.Session(&gorm.Session{Logger: quietLogger{log: s.log, slow: -1}}) // slow at any speed
	var count int64
	require.NoError(t, everyStatement.Raw("SELECT 1 WHERE 'topsecret' <> ?", "secret@example.com").Scan(&count).Error)
	require.NotContains(t, log.String(), "secret@example.com")
	require.Contains(t, log.String(), "slow database statement")
	require.Contains(t, log.String(), "TestLoggerNeverShowsValues", "the log names the function")
	require.NotContains(t, log.String(), "$argon2id$")
}
