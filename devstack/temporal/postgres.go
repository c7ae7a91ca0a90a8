package temporal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
)

// engineLockKey is the key of the advisory lock that an engine holds in its database. Two engines on one store would
// keep taking the shards from each other.
const engineLockKey = 0x70617963_6f770001

// lockPatience is how long to wait for the lock: when an engine's process is killed, PostgreSQL takes a moment to
// notice.
const lockPatience = 2 * time.Second

// preparePostgres creates the two databases, locks them and brings their schemas up to date.
func preparePostgres(
	ctx context.Context, rawURL string, log *logAdapter,
) (persistence config.Persistence, release func(), err error) {
	target, err := parsePostgresURL(rawURL)
	if err != nil {
		return config.Persistence{}, nil, err
	}
	executions, visibility := target.database+"_temporal", target.database+"_temporal_visibility"
	if err := target.createDatabases(ctx, executions, visibility); err != nil {
		return config.Persistence{}, nil, err
	}
	if release, err = target.lock(ctx, executions); err != nil {
		return config.Persistence{}, nil, err
	}
	stores := make(map[string]config.DataStore, 2)
	for _, store := range []struct {
		name, database, schema string
		maxConns               int
	}{
		{executionStore, executions, "postgresql/v12/temporal", 20},
		{visibilityStore, visibility, "postgresql/v12/visibility", 10},
	} {
		cfg := target.config(store.database, store.maxConns)
		if err := migrate(cfg, store.schema, log); err != nil {
			release()
			return config.Persistence{}, nil, fmt.Errorf("update the schema of %s: %w", store.database, err)
		}
		stores[store.name] = config.DataStore{SQL: cfg}
	}
	return persistenceConfig(stores), release, nil
}

// postgresTarget is a PostgreSQL URL and the name of the database in it.
type postgresTarget struct {
	url      *url.URL
	database string
}

// parsePostgresURL never repeats the URL in an error, because it contains the password.
func parsePostgresURL(raw string) (*postgresTarget, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" {
		return nil, errors.New("the PostgreSQL URL must look like postgres://user:password@host:port/database")
	}
	database := strings.Trim(u.Path, "/")
	if database == "" {
		return nil, errors.New("the PostgreSQL URL names no database")
	}
	return &postgresTarget{url: u, database: database}, nil
}

func (p *postgresTarget) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	u := *p.url
	u.Path = "/" + database
	return pgx.Connect(ctx, u.String())
}

// createDatabases creates the databases that do not exist. It looks before it creates, so that a role without CREATEDB
// is enough once an administrator has created them.
func (p *postgresTarget) createDatabases(ctx context.Context, names ...string) error {
	conn, err := p.connect(ctx, p.database)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, name := range names {
		var exists bool
		const find = `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`
		if err := conn.QueryRow(ctx, find, name).Scan(&exists); err != nil {
			return fmt.Errorf("look for the database %s: %w", name, err)
		}
		if exists {
			continue
		}
		_, err := conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize())
		if err != nil && !createdByAnother(err) {
			return fmt.Errorf("create the database %s: %w", name, err)
		}
	}
	return nil
}

// createdByAnother recognizes the two errors by which PostgreSQL reports that another client has created the database
// at the same moment.
func createdByAnother(err error) bool {
	const duplicateDatabase, uniqueViolation = "42P04", "23505"
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == duplicateDatabase || pgErr.Code == uniqueViolation)
}

// lock takes the advisory lock on its own connection and holds it until release. It returns ErrInUse if another engine
// holds the lock. The lock ends with the connection, so a killed engine leaves none behind.
func (p *postgresTarget) lock(ctx context.Context, database string) (release func(), err error) {
	conn, err := p.connect(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("connect to the database %s: %w", database, err)
	}
	closeConn := func() {
		ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
		defer cancel()
		_ = conn.Close(ctx)
	}
	for deadline := time.Now().Add(lockPatience); ; {
		var locked bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(engineLockKey)).Scan(&locked); err != nil {
			closeConn()
			return nil, fmt.Errorf("lock the database %s: %w", database, err)
		}
		if locked {
			return closeConn, nil
		}
		if time.Now().After(deadline) {
			closeConn()
			return nil, fmt.Errorf("%w: database %s", ErrInUse, database)
		}
		select {
		case <-ctx.Done():
			closeConn()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// config returns Temporal's configuration for one of the databases.
func (p *postgresTarget) config(database string, maxConns int) *config.SQL {
	port := p.url.Port()
	if port == "" {
		port = "5432"
	}
	attributes := map[string]string{}
	for key, values := range p.url.Query() {
		attributes[key] = values[len(values)-1]
	}
	if attributes["sslmode"] == "" {
		// This is the default of other PostgreSQL clients. Temporal's default disables TLS.
		attributes["sslmode"] = "prefer"
	}
	password, _ := p.url.User.Password()
	return &config.SQL{
		PluginName: postgresql.PluginNamePGX,
		// Temporal puts the user into a URL without escaping it.
		User:              url.PathEscape(p.url.User.Username()),
		Password:          password,
		DatabaseName:      database,
		ConnectAddr:       net.JoinHostPort(p.url.Hostname(), port),
		ConnectProtocol:   "tcp",
		ConnectAttributes: attributes,
		MaxConns:          maxConns,
		MaxIdleConns:      maxConns / 2,
		MaxConnLifetime:   time.Hour,
	}
}
