package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"paycow/internal/retry"
	"paycow/models"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrate brings the schema up to date. Several processes may call it at once: on Postgres they wait for each other at
// a session lock; on SQLite the later ones find the work done.
func (s *Store) Migrate(ctx context.Context) error {
	provider, err := s.migrationProvider()
	if err != nil {
		return err
	}
	calls := 1
	if s.engine == engineSQLite {
		// SQLite has no lock that outlives a transaction, so another process may have run a migration after this one read
		// the schema's version and before it could write. Reading the version again then finds the migration done.
		calls = maxAttempts
	}
	var results []*goose.MigrationResult
	err = retry.Until(ctx, retry.Policy{Calls: calls}, func() (err error) {
		results, err = provider.Up(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	for _, result := range results {
		s.log.InfoContext(ctx, "database migrated",
			"migration", result.Source.Path, "elapsed_ms", result.Duration.Milliseconds())
	}
	return nil
}

// CheckSchema returns models.ErrSchemaBehind when migrations are missing. It only reads. A schema that is newer than
// this program is fine: while an installation is being updated, old processes run beside new ones.
func (s *Store) CheckSchema(ctx context.Context) error {
	provider, err := s.migrationProvider()
	if err != nil {
		return err
	}
	if err := s.Ping(ctx); err != nil {
		return err
	}
	if !s.read(ctx).Migrator().HasTable(goose.DefaultTablename) {
		return models.ErrSchemaBehind
	}
	var applied []int64
	err = s.read(ctx).Table(goose.DefaultTablename).Where("is_applied").Pluck("version_id", &applied).Error
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	for _, source := range provider.ListSources() {
		if !slices.Contains(applied, source.Version) {
			return models.ErrSchemaBehind
		}
	}
	return nil
}

func (s *Store) migrationProvider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+string(s.engine))
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	var pool *sql.DB
	if pool, err = s.writer.DB(); err != nil {
		return nil, fmt.Errorf("get the connection pool: %w", err)
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	dialect := goose.DialectSQLite3
	if s.engine == enginePostgres {
		dialect = goose.DialectPostgres
		// Try to get the lock each second for ten minutes: a migration may rewrite a large table.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
		if err != nil {
			return nil, fmt.Errorf("prepare the migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, pool, files, options...)
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	return provider, nil
}
