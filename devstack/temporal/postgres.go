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

// engineLockKey is the advisory lock that an engine holds in its database. Two
// engines on one store would take the shards from each other without end.
const engineLockKey = 0x70617963_6f770001

// lockPatience covers the moment in which PostgreSQL has not yet noticed that
// the previous engine's process was killed.
const lockPatience = 2 * time.Second

// preparePostgres makes the two databases and brings their schemas up to date.
func preparePostgres(ctx context.Context, rawURL string, quiet *logAdapter) (config.Persistence, func(), error) {
	target, err := parsePostgresURL(rawURL)
	if err != nil {
		return config.Persistence{}, nil, err
	}
	executions, visibility := target.database+"_temporal", target.database+"_temporal_visibility"
	if err := target.createDatabases(ctx, executions, visibility); err != nil {
		return config.Persistence{}, nil, err
	}
	release, err := target.lock(ctx, executions)
	if err != nil {
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
		if err := migrate(cfg, store.schema, quiet); err != nil {
			release()
			return config.Persistence{}, nil, fmt.Errorf("schema of %s: %w", store.database, err)
		}
		stores[store.name] = config.DataStore{SQL: cfg}
	}
	return persistenceConfig(stores), release, nil
}

// postgresTarget is a PostgreSQL URL in the parts that Temporal wants.
type postgresTarget struct {
	url      *url.URL
	database string
}

// parsePostgresURL never repeats the URL in an error: it holds the password.
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

// createDatabases asks first, so that a role without CREATEDB works when an
// administrator has made the databases.
func (p *postgresTarget) createDatabases(ctx context.Context, names ...string) error {
	conn, err := p.connect(ctx, p.database)
	if err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, name := range names {
		var exists bool
		const find = `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`
		if err := conn.QueryRow(ctx, find, name).Scan(&exists); err != nil {
			return err
		}
		if exists {
			continue
		}
		_, err := conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize())
		if err != nil && !createdByAnother(err) {
			return fmt.Errorf("creating the database %s: %w", name, err)
		}
	}
	return nil
}

// createdByAnother recognises the two ways in which PostgreSQL reports that
// somebody else created the database at the same moment.
func createdByAnother(err error) bool {
	const duplicateDatabase, uniqueViolation = "42P04", "23505"
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == duplicateDatabase || pgErr.Code == uniqueViolation)
}

// lock takes the advisory lock on a connection of its own and keeps it until
// release. The lock goes with the connection, so a killed engine leaves none.
func (p *postgresTarget) lock(ctx context.Context, database string) (release func(), err error) {
	conn, err := p.connect(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", database, err)
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
			return nil, err
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
		// The default of every other PostgreSQL client; Temporal's is to disable TLS.
		attributes["sslmode"] = "prefer"
	}
	password, _ := p.url.User.Password()
	return &config.SQL{
		PluginName: postgresql.PluginNamePGX,
		// Temporal puts the user into a URL as it is.
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
