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

// prepareSQLite locks the directory and creates the two database files if they do not exist. SQLite allows one writer
// per file, so state and visibility have a file each and do not wait for each other.
func prepareSQLite(
	dataDir string, log *logAdapter,
) (persistence config.Persistence, release func(), err error) {
	dir, err := makeDataDir(dataDir)
	if err != nil {
		return config.Persistence{}, nil, fmt.Errorf("create the data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "engine.lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return config.Persistence{}, nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !locked {
		return config.Persistence{}, nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	// The lock ends when its file is closed, which the garbage collector would do if the caller dropped the Server.
	heldLocks.Store(lock, nil)
	release = func() {
		heldLocks.Delete(lock)
		_ = lock.Unlock()
	}

	stores := make(map[string]config.DataStore, 2)
	for store, file := range map[string]string{executionStore: "temporal.db", visibilityStore: "temporal-visibility.db"} {
		cfg := sqliteConfig(dir, file)
		if err := setupSQLite(cfg, log); err != nil {
			release()
			return config.Persistence{}, nil, fmt.Errorf("create the schema in %s: %w", file, err)
		}
		stores[store] = config.DataStore{SQL: cfg}
	}
	return persistenceConfig(stores), release, nil
}

// setupSQLite creates the schema if the file is empty. It uses one transaction, so that a process killed in between
// leaves an empty file and not half a schema.
func setupSQLite(cfg *config.SQL, log *logAdapter) error {
	db, err := sql.NewSQLAdminDB(
		sqlplugin.DbKindUnknown, cfg, resolver.NewNoopResolver(), log, metrics.NoopMetricsHandler)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tables, err := db.ListTables(cfg.DatabaseName)
	if err != nil || len(tables) > 0 {
		return err
	}
	// The pool has one connection, so the schema's statements run in this transaction.
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
			// In WAL mode this survives the death of the process. A power cut may lose the last transactions, but
			// never a part of one.
			"synchronous":        "normal",
			"busy_timeout":       "10000",
			"journal_size_limit": "67108864",
		},
		// With more connections SQLite's writers would collide instead of queueing.
		MaxConns:     1,
		MaxIdleConns: 1,
	}
}

var (
	generationsMu sync.Mutex
	generations   = map[string]int{}
)

// databaseName returns the path of a file as SQLite's URI needs it. Temporal keeps every connection for the life of the
// process, by name. A file that was deleted and created again therefore needs another name for the same path, or the
// engine would keep using the deleted file.
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
