// Package store keeps PayCow's rows in Postgres or SQLite: payments and their timelines, deposit addresses, transfers,
// the chain cursor, the ledger, accounts and alarms.
//
// Everything that must hold under concurrency holds because of a unique key, a row lock or a trigger in the database,
// never because of a mutex in this process, so any number of processes may use one database. What belongs together is
// written in one transaction. The README says which rows each call locks.
//
// Errors that callers tell apart are declared in models; each method's comment names those that it returns. Times are
// UTC in whole milliseconds, amounts are micro-USDT.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"gorm.io/gorm"

	"paycow/internal/retry"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	engine engine
	// writer and reader are the same pool on Postgres. On SQLite the writer is a single connection and the reader a pool
	// of its own, so that reads do not wait for writes.
	writer       *gorm.DB
	reader       *gorm.DB
	log          *slog.Logger
	addresses    *addressAllocator
	credentials  *credentialCache // see UseCredentialCache; nil without
	now          func() time.Time
	keys         Keys // see UseMasterKey
	space        *spaceProbe
	publicURL    string          // see UsePublicURL
	delivered    chan struct{}   // see WrittenDeliveries
	alteredLinks *rate.Sometimes // see checkLink
	mails        bool            // see UseMail
	// createdAfter is where the last creation has found the cursor; nil before the first.
	createdAfter *atomic.Pointer[createdAfter]
}

// engine is the kind of database.
type engine string

const (
	enginePostgres engine = "postgres"
	engineSQLite   engine = "sqlite"
)

// Open connects to the database that the URL names: "postgres://…", "sqlite:<path>" or a bare path that ends in ".db".
// It does not migrate. Its errors never contain the URL, which may hold a password.
func Open(ctx context.Context, databaseURL string, log *slog.Logger) (*Store, error) {
	s := &Store{
		space: new(spaceProbe), log: log, keys: noKeys{}, now: func() time.Time { return toMillis(time.Now()) },
		createdAfter: new(atomic.Pointer[createdAfter]),
		delivered:    make(chan struct{}, 1), alteredLinks: &rate.Sometimes{Interval: alteredLinksLogged},
	}
	var err error
	switch {
	case strings.HasPrefix(databaseURL, "postgres://"), strings.HasPrefix(databaseURL, "postgresql://"):
		s.engine = enginePostgres
		err = s.openPostgres(databaseURL)
	case strings.HasPrefix(databaseURL, "sqlite:"):
		s.engine = engineSQLite
		err = s.openSQLite(strings.TrimPrefix(databaseURL, "sqlite:"))
	case strings.HasSuffix(databaseURL, ".db"):
		s.engine = engineSQLite
		err = s.openSQLite(databaseURL)
	default:
		return nil, errors.New(`the database URL must begin with "postgres://" or "sqlite:", or be a path that ends in ".db"`)
	}
	if err != nil {
		return nil, err
	}
	s.addresses = newAddressAllocator(s.reserveAddressIndexes)
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Ping returns an error unless the database answers.
func (s *Store) Ping(ctx context.Context) error {
	for _, db := range s.pools() {
		pool, err := db.DB()
		if err != nil {
			return fmt.Errorf("get the connection pool: %w", err)
		}
		if err := pool.PingContext(ctx); err != nil {
			return fmt.Errorf("ping the database: %w", err)
		}
	}
	return nil
}

// Close closes every connection.
func (s *Store) Close() error {
	var failed error
	for _, db := range s.pools() {
		pool, err := db.DB()
		if err == nil {
			err = pool.Close()
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (s *Store) pools() []*gorm.DB {
	if s.writer == s.reader {
		return []*gorm.DB{s.writer}
	}
	return []*gorm.DB{s.writer, s.reader}
}

// batchRows is how many rows one statement names at most, far below the databases' limits on parameters.
const batchRows = 500

// maxAttempts is how often a transaction runs at most when the database gives it up (deadlock) or its connection is of
// no use any more.
const maxAttempts = 4

// isolation is what this package's locking is written for, whatever the database's default is.
var isolation = sql.TxOptions{Isolation: sql.LevelReadCommitted}

// write runs fn in a transaction. When the database gives the transaction up, fn runs again from the start, so fn must
// not keep anything from an earlier attempt.
func (s *Store) write(ctx context.Context, fn func(tx *gorm.DB) error) error {
	policy := retry.Policy{Calls: maxAttempts, OnRetry: func(err error, _ time.Duration) {
		s.log.DebugContext(ctx, "repeating a transaction", "error", err)
	}}
	return retry.Until(ctx, policy, func() error {
		err := s.writer.WithContext(ctx).Transaction(fn, &isolation)
		if err != nil && !isRetryable(err) {
			return retry.Permanent(err)
		}
		return err
	})
}

func (s *Store) read(ctx context.Context) *gorm.DB { return s.reader.WithContext(ctx) }

// toMillis returns a time as it is stored: in UTC and whole milliseconds, a precision that both databases have, so that
// what a call returns equals what is read later.
func toMillis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// ceilMillis returns the bound for stored times, which are whole milliseconds, that is equivalent to the given bound.
func ceilMillis(t time.Time) time.Time {
	floor := toMillis(t)
	if floor.Equal(t) {
		return floor
	}
	return floor.Add(time.Millisecond)
}

// orNow returns a time as it is stored, or the present time for the zero time.
func (s *Store) orNow(t time.Time) time.Time {
	if t.IsZero() {
		return s.now()
	}
	return toMillis(t)
}
