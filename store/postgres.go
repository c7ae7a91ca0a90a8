package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// The connections of a process to Postgres.
const (
	postgresMaxConnections = 20
	postgresMaxIdleTime    = 5 * time.Minute
)

func (s *Store) openPostgres(databaseURL string) error {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return errors.New("the Postgres URL is malformed") // the cause would repeat parts of the URL
	}
	setDefault := func(name, value string) {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	setDefault("application_name", "paycow")
	// A process that hangs in a transaction must not hold its row locks for ever.
	setDefault("idle_in_transaction_session_timeout", "60s")
	// This package's locking is written for this level, whatever the database's default is.
	config.RuntimeParams["default_transaction_isolation"] = "read committed"

	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(readTimesInUTC))
	pool.SetMaxOpenConns(postgresMaxConnections)
	pool.SetMaxIdleConns(postgresMaxConnections)
	pool.SetConnMaxIdleTime(postgresMaxIdleTime)
	s.writer, err = gorm.Open(postgres.New(postgres.Config{Conn: pool}), s.gormConfig())
	if err != nil {
		return fmt.Errorf("open Postgres: %w", errors.Join(err, pool.Close()))
	}
	s.reader = s.writer
	return nil
}

func readTimesInUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}
