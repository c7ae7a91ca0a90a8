package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"paycow/models"
)

// The connections of a process to Postgres.
const (
	postgresMaxConnections = 20
	postgresMaxIdleTime    = 5 * time.Minute
	// postgresMaxLifetime is how long a process can stay with a server that is no longer the one that the URL leads to,
	// as after a failover by DNS.
	postgresMaxLifetime = 5 * time.Minute
	// postgresConnectTimeout is for each host of the URL. A host that is away must not use up a request's time.
	postgresConnectTimeout = 3 * time.Second
)

// postgresServers opens the connections of a process, and throws away those that are of no use any more.
type postgresServers struct {
	// generation counts how often connections were found to be of no use. Those that are older than the newest such
	// finding are closed instead of being used again, because they led to the same server.
	generation atomic.Int64
	// pooled is whether the connections lead to a pooler.
	pooled atomic.Bool
	// fixedMode is whether the URL says how statements are executed.
	fixedMode bool
}

const idleTimeout = "idle_in_transaction_session_timeout"

// generationKey is where a connection keeps the generation that it was opened in.
const generationKey = "paycow.generation"

func (s *Store) openPostgres(databaseURL string) error {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return errors.New("the Postgres URL is malformed") // the cause would repeat parts of the URL
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "paycow"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = postgresConnectTimeout
	}
	// pgx's default, "any", also looks like this.
	if config.ValidateConnect == nil && !strings.Contains(databaseURL, "target_session_attrs=") {
		config.ValidateConnect = requireWritable
	}
	servers := &postgresServers{fixedMode: strings.Contains(databaseURL, "default_query_exec_mode=")}
	config.OnPgError = servers.keepAfter
	pool := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(servers.chooseMode),
		stdlib.OptionAfterConnect(servers.prepareConnection), stdlib.OptionResetSession(servers.refuseOld))
	pool.SetMaxOpenConns(postgresMaxConnections)
	pool.SetMaxIdleConns(postgresMaxConnections)
	pool.SetConnMaxIdleTime(postgresMaxIdleTime)
	pool.SetConnMaxLifetime(postgresMaxLifetime)
	s.writer, err = gorm.Open(postgres.New(postgres.Config{Conn: pool}), s.gormConfig())
	if err != nil {
		return fmt.Errorf("open Postgres: %w", errors.Join(err, pool.Close()))
	}
	s.reader = s.writer
	return nil
}

// requireWritable makes several hosts in the URL work: the one that takes writes is used.
func requireWritable(ctx context.Context, conn *pgconn.PgConn) error {
	readOnly, err := ask(ctx, conn, "SHOW transaction_read_only")
	if err == nil && readOnly == "on" {
		return models.ErrDatabaseReadOnly
	}
	return err
}

// modeBehindPooler keeps the descriptions of statements, and prepares and executes each in one message. A pooler in
// transaction mode gives each transaction another server process, which does not know statements prepared earlier.
const modeBehindPooler = pgx.QueryExecModeCacheDescribe

// chooseMode says how the next connection executes statements.
func (p *postgresServers) chooseMode(_ context.Context, config *pgx.ConnConfig) error {
	if p.pooled.Load() && !p.fixedMode {
		config.DefaultQueryExecMode = modeBehindPooler
	}
	return nil
}

// prepareConnection makes a new connection ready for use.
func (p *postgresServers) prepareConnection(ctx context.Context, conn *pgx.Conn) error {
	if err := p.prepareSession(ctx, conn); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	conn.PgConn().CustomData()[generationKey] = p.generation.Load()
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// prepareSession sets what the session needs, by a statement: poolers refuse most settings in the message that opens a
// connection. It also notices a pooler, which names another process at the opening than the one that answers.
func (p *postgresServers) prepareSession(ctx context.Context, conn *pgx.Conn) error {
	statements := "SELECT pg_backend_pid()"
	if _, set := conn.Config().RuntimeParams[idleTimeout]; !set {
		// A process that hangs in a transaction must not hold its row locks for ever.
		statements = "SET " + idleTimeout + " = '60s'; " + statements
	}
	pid, err := ask(ctx, conn.PgConn(), statements)
	if err != nil {
		return err
	}
	isPooled := pid != strconv.FormatUint(uint64(conn.PgConn().PID()), 10)
	if isPooled && !p.fixedMode && conn.Config().DefaultQueryExecMode != modeBehindPooler {
		p.pooled.Store(true)
		return driver.ErrBadConn // so that another one is opened, for a pooler
	}
	return nil
}

// ask returns the only value that the last of the statements returns.
func ask(ctx context.Context, conn *pgconn.PgConn, statements string) (string, error) {
	results, err := conn.Exec(ctx, statements).ReadAll()
	if err != nil {
		return "", err
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 || len(last.Rows[0]) != 1 {
		return "", fmt.Errorf("%q returned no single value", statements)
	}
	return string(last.Rows[0][0]), nil
}

// keepAfter reports whether a connection can go on after an error. One that is of no use any more is not used again,
// see refuseOld.
func (p *postgresServers) keepAfter(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	if postgresFault(err) == faultConnection {
		p.generation.Add(1)
	}
	return !isFatal(err)
}

// refuseOld keeps the pool from using a connection again that was opened before another was found to be of no use.
func (p *postgresServers) refuseOld(_ context.Context, conn *pgx.Conn) error {
	if opened, ok := conn.PgConn().CustomData()[generationKey].(int64); ok && opened < p.generation.Load() {
		return driver.ErrBadConn
	}
	return nil
}
