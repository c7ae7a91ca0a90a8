package store

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// sqliteOptions apply to every connection. Commits are synced to the disk (FULL), because an answered call must survive
// a power failure. Times are stored in whole microseconds: the driver guesses the unit of coarser integers from their
// size.
const sqliteOptions = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
	"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
	"&_time_integer_format=unix_micro&_inttotime=1&_timezone=UTC"

func (s *Store) openSQLite(path string) error {
	if path == "" {
		return errors.New("the SQLite path is empty")
	}
	// SQLite would make the file readable for everyone. Its other files get the permissions of this one.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the administrator's setting
	if err != nil {
		return fmt.Errorf("open the SQLite file: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("open the SQLite file: %w", err)
	}
	s.space.folder = filepath.Dir(path)
	dsn := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + sqliteOptions
	// One writing connection: SQLite has one write lock, and waiting in Go's queue is fairer than SQLite's polling. BEGIN
	// IMMEDIATE takes the lock at once, so no transaction fails half way because another process wrote since its first
	// read.
	s.writer, err = s.openSQLitePool(dsn+"&_txlock=immediate", 1)
	if err != nil {
		return err
	}
	s.reader, err = s.openSQLitePool(dsn+"&_pragma=query_only(1)", max(4, runtime.NumCPU()))
	if err != nil {
		if pool, poolErr := s.writer.DB(); poolErr == nil {
			err = errors.Join(err, pool.Close())
		}
		return err
	}
	return nil
}

func (s *Store) openSQLitePool(dsn string, connections int) (*gorm.DB, error) {
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: "sqlite", Conn: pool}), s.gormConfig())
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", errors.Join(err, pool.Close()))
	}
	return db, nil
}
