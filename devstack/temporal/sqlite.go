package temporal

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/resolver"
	sqliteschema "go.temporal.io/server/schema/sqlite"
)

const (
	executionStore  = "executions"
	visibilityStore = "visibility"
)

// heldLocks are the locks of the engines that run in this process.
var heldLocks sync.Map

// prepareSQLite makes the two database files, or finds them as they were left.
// The second file halves the time that state and visibility wait for each other:
// SQLite has one writer for each file.
func prepareSQLite(dir string, quiet *logAdapter) (config.Persistence, func(), error) {
	dir, err := makeDataDir(dir)
	if err != nil {
		return config.Persistence{}, nil, err
	}
	lock := flock.New(filepath.Join(dir, "engine.lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return config.Persistence{}, nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if !locked {
		return config.Persistence{}, nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	// The lock lives as long as its file is open, so something must hold on to it even when nobody keeps the Server.
	heldLocks.Store(lock, nil)
	release := func() {
		heldLocks.Delete(lock)
		_ = lock.Unlock()
	}

	stores := make(map[string]config.DataStore, 2)
	for store, file := range map[string]string{executionStore: "temporal.db", visibilityStore: "temporal-visibility.db"} {
		cfg := sqliteConfig(dir, file)
		if err := setupSQLite(cfg, quiet); err != nil {
			release()
			return config.Persistence{}, nil, fmt.Errorf("setting up %s: %w", file, err)
		}
		stores[store] = config.DataStore{SQL: cfg}
	}
	return persistenceConfig(stores), release, nil
}

// setupSQLite makes the schema in an empty file, in one transaction: a process
// that is killed meanwhile leaves an empty file and not half a schema.
func setupSQLite(cfg *config.SQL, quiet *logAdapter) error {
	db, err := sql.NewSQLAdminDB(
		sqlplugin.DbKindUnknown,
		cfg,
		resolver.NewNoopResolver(),
		quiet,
		metrics.NoopMetricsHandler,
	)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tables, err := db.ListTables(cfg.DatabaseName)
	if err != nil || len(tables) > 0 {
		return err
	}
	// There is one connection, so these statements and the schema share it.
	if err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := sqliteschema.SetupSchemaOnDB(db); err != nil {
		return errors.Join(err, db.Exec("ROLLBACK"))
	}
	return db.Exec("COMMIT")
}

func persistenceConfig(stores map[string]config.DataStore) config.Persistence {
	return config.Persistence{
		DefaultStore:     executionStore,
		VisibilityStore:  visibilityStore,
		NumHistoryShards: historyShards,
		DataStores:       stores,
	}
}

func sqliteConfig(dir, file string) *config.SQL {
	return &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: databaseName(dir, file),
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			// In WAL mode this survives the death of the process; only a power cut
			// may take the last transactions, and never half of one.
			"synchronous":        "normal",
			"busy_timeout":       "10000",
			"journal_size_limit": "67108864",
		},
		// More connections make SQLite's writers collide instead of queue.
		MaxConns:     1,
		MaxIdleConns: 1,
	}
}

var (
	generationsMu sync.Mutex
	generations   = map[string]int{}
)

// databaseName is the path of a file as SQLite's URI wants it. Temporal keeps
// every connection that it opened for the life of the process, by name. A file
// that was deleted and made anew therefore needs another name for the same
// path, or the engine would go on in the deleted file.
func databaseName(dir, file string) string {
	path := filepath.Join(dir, file)
	generationsMu.Lock()
	defer generationsMu.Unlock()
	generation, opened := generations[path]
	if _, err := os.Stat(path); opened && os.IsNotExist(err) {
		generation++
	}
	generations[path] = generation
	name := url.URL{Path: filepath.ToSlash(dir) + strings.Repeat("/.", generation) + "/" + file}
	return name.EscapedPath()
}
