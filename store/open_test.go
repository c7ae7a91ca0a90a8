package store

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"paycow/internal/pgtest"
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

func TestSchemaCheck(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, url string) {
		t.Helper()
		first := open(t, url)
		err := first.CheckSchema(t.Context())
		require.ErrorIs(t, err, models.ErrSchemaBehind)
		require.Contains(t, err.Error(), "paycow migrate")

		var wg sync.WaitGroup // several processes start at once
		for range 4 {
			s := open(t, url)
			wg.Go(func() {
				if err := s.Migrate(withTimeout(t)); err != nil {
					t.Errorf("migrating beside others: %v", err)
				}
			})
		}
		wg.Wait()
		require.NoError(t, first.CheckSchema(t.Context()))
		require.NoError(t, first.Migrate(t.Context()), "again")
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); check(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); check(t, pgtest.Start(t).NewDatabase(t)) })
}

// TestModelsMatchColumns holds the GORM models and the migrated tables against each other.
func TestModelsMatchColumns(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		for _, model := range []any{
			models.Operator{},
			models.Credential{},
			models.Admin{},
			models.Payment{},
			models.PaymentEvent{},
			models.DepositAddress{},
			models.IdempotencyKey{},
			models.ChainCursor{},
			models.ChainBlock{},
			models.Transfer{},
			models.LedgerTransaction{},
			models.LedgerEntry{},
			models.Session{},
			models.LoginAttempt{},
		} {
			parsed, err := schema.Parse(model, &sync.Map{}, f.writer.NamingStrategy)
			require.NoError(t, err)
			columns, err := f.writer.Migrator().ColumnTypes(parsed.Table)
			require.NoError(t, err)
			require.NotEmpty(t, columns, parsed.Table)

			var inTable, inModel, keysInTable, keysInModel []string
			for _, column := range columns {
				inTable = append(inTable, column.Name())
				field := parsed.LookUpField(column.Name())
				require.NotNil(t, field, "%s.%s is in no model", parsed.Table, column.Name())
				nullable, _ := column.Nullable()
				require.Equal(t, field.FieldType.Kind() == reflect.Pointer, nullable, "%s.%s null or not", parsed.Table, column.Name())
				require.Contains(t, kindsOf(column.DatabaseTypeName()), kindOf(field), "%s.%s %s", parsed.Table, column.Name(), column.DatabaseTypeName())
				if key, _ := column.PrimaryKey(); key {
					keysInTable = append(keysInTable, column.Name())
				}
			}
			for _, field := range parsed.Fields {
				if field.DBName != "" {
					inModel = append(inModel, field.DBName)
				}
			}
			for _, field := range parsed.PrimaryFields {
				keysInModel = append(keysInModel, field.DBName)
			}
			require.ElementsMatch(t, inModel, inTable, parsed.Table)
			require.ElementsMatch(t, keysInModel, keysInTable, parsed.Table)
		}
	})
}

func kindOf(field *schema.Field) string {
	fieldType := field.IndirectFieldType
	switch {
	case fieldType == reflect.TypeFor[time.Time]():
		return "time"
	case fieldType == reflect.TypeFor[[]byte]():
		return "bytes"
	case fieldType.Kind() == reflect.String:
		return "text"
	case fieldType.Kind() == reflect.Bool:
		return "bool"
	default:
		return "integer"
	}
}

func kindsOf(columnType string) string {
	return map[string]string{
		"text": "text", "bigint": "integer", "int8": "integer", "integer": "integer", "boolean": "bool", "bool": "bool",
		"timestamptz": "time", "datetime": "time", "bytea": "bytes", "blob": "bytes",
	}[strings.ToLower(columnType)]
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

	everyStatement := s.writer.Session(&gorm.Session{Logger: quietLogger{log: s.log}})
	var count int64
	require.NoError(t, everyStatement.Raw("SELECT 1 WHERE 'topsecret' <> ?", "secret@example.com").Scan(&count).Error)
	require.NotContains(t, log.String(), "secret@example.com")
	require.Contains(t, log.String(), "slow database statement")
	require.Contains(t, log.String(), "TestLoggerNeverShowsValues", "the log names the function")
	require.NotContains(t, log.String(), "$argon2id$")
}

func TestOperators(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		at := time.Date(2026, 1, 2, 3, 4, 5, 678_912_345, time.FixedZone("somewhere", 3600))
		operator := models.Operator{ID: models.NewID(), Email: "a@example.com", Name: "A", Status: models.OperatorPending, PasswordHash: "h", CreatedAt: at, UpdatedAt: at}
		credential := models.Credential{APIKey: "pk_1", OperatorID: operator.ID, SecretHash: []byte{0, 1, 255}, SecretSealed: []byte("sealed"), CreatedAt: at}
		require.NoError(t, f.CreateOperator(ctx, operator, &credential))

		gotCredential, gotOperator, err := f.Credential(ctx, "pk_1")
		require.NoError(t, err)
		kept := time.Date(2026, 1, 2, 2, 4, 5, 678_000_000, time.UTC)
		operator.CreatedAt, operator.UpdatedAt, credential.CreatedAt = kept, kept, kept
		operator.SecondFactor = gotOperator.SecondFactor // none: empty or null, as the database has it
		require.False(t, gotOperator.HasTOTP())
		require.Equal(t, operator, gotOperator)
		require.Equal(t, credential, gotCredential)

		taken := operator
		taken.ID = models.NewID()
		require.ErrorIs(t, f.CreateOperator(ctx, taken, nil), models.ErrAlreadyExists)
		taken.Email = "b@example.com"
		require.ErrorIs(t, f.CreateOperator(ctx, taken, &credential), models.ErrAlreadyExists, "the API key is taken")
		_, err = f.OperatorByEmail(ctx, "b@example.com")
		require.ErrorIs(t, err, models.ErrNotFound, "nothing of the failed call stays")
		got, err := f.OperatorByEmail(ctx, "a@example.com")
		require.NoError(t, err)
		require.Equal(t, operator, got)

		revokedAt := kept
		revoked := models.Credential{APIKey: "pk_2", OperatorID: operator.ID, SecretHash: []byte{1}, SecretSealed: []byte{1}, CreatedAt: kept.Add(time.Second), RevokedAt: &revokedAt}
		require.NoError(t, f.writer.Create(&revoked).Error)
		_, _, err = f.Credential(ctx, "pk_2")
		require.ErrorIs(t, err, models.ErrNotFound)
		all, err := f.CredentialsOf(ctx, operator.ID)
		require.NoError(t, err)
		require.Equal(t, []models.Credential{credential, revoked}, all)
	})
}
