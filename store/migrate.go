package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/gorm"

	"paycow/internal/retry"
	"paycow/models"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// migrationLockSeconds is how long a process waits for another's migrations, which may rewrite a large table.
const migrationLockSeconds = 600

var errMigrating = errors.New("another process is migrating the database")

// Migrate brings the schema up to date. Several processes may call it at once: on Postgres they wait for each other at
// a lock; on SQLite the later ones find the work done.
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
	err = s.migrateAlone(ctx, func() error {
		return retry.Until(ctx, retry.Policy{Calls: calls}, func() (err error) {
			results, err = provider.Up(ctx)
			return err
		})
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

// migrateAlone runs migrate while no other process runs its own. On Postgres it holds a lock of a transaction, which
// stays on one server process even behind a pooler, and ends with this process. Earlier releases take the same lock for
// a session.
func (s *Store) migrateAlone(ctx context.Context, migrate func() error) error {
	if s.engine != enginePostgres {
		return migrate()
	}
	// Each try is a transaction of its own, because an index that is built concurrently waits for transactions that have
	// read anything.
	return retry.Until(ctx, retry.Policy{Pause: time.Second, Calls: migrationLockSeconds}, func() error {
		err := s.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			var locked bool
			err := tx.Raw("SELECT pg_try_advisory_xact_lock(?)", lock.DefaultLockID).Scan(&locked).Error
			switch {
			case err != nil:
				return err
			case !locked:
				return errMigrating
			}
			// The transaction is idle while the migrations run. This statement also ends the reading of the one before.
			if err := tx.Exec("SET LOCAL " + idleTimeout + " = 0").Error; err != nil {
				return err
			}
			return migrate()
		}, &isolation)
		if !errors.Is(err, errMigrating) {
			return retry.Permanent(err)
		}
		return err
	})
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
	dialect := goose.DialectSQLite3
	if s.engine == enginePostgres {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, pool, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	return provider, nil
}
