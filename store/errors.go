package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"paycow/models"
)

// pgUniqueViolation is Postgres's code for a value that a unique index has already.
const pgUniqueViolation = "23505"

// sqliteRowExists is part of the message of the triggers that refuse a taken key before SQLite checks its unique
// indexes.
const sqliteRowExists = "already has this row"

// wrap adds what was being done to an error, and replaces the databases' errors for "no such row" and "this unique
// value is taken" with models.ErrNotFound and models.ErrAlreadyExists.
func wrap(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gorm.ErrRecordNotFound):
		return fmt.Errorf("%s: %w", doing, models.ErrNotFound)
	case isUniqueViolation(err):
		return fmt.Errorf("%s: %w", doing, models.ErrAlreadyExists)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

func isUniqueViolation(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code == pgUniqueViolation
	}
	liteErr, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch liteErr.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return true
	case sqlite3.SQLITE_CONSTRAINT_TRIGGER:
		return strings.Contains(liteErr.Error(), sqliteRowExists)
	default:
		return false
	}
}
