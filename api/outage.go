package api

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
)

// SQLite's result codes for a database that is busy, locked, unreadable, full or cannot be opened.
var sqliteOutages = []int{5, 6, 10, 13, 14}

// isOutage tells whether an error means that the database is away for the moment, as opposed to a fault of ours. The
// drivers' own error types are recognised by their methods, so that this package knows neither driver.
func isOutage(err error) bool {
	for _, away := range []error{context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, away) {
			return true
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if postgres, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return isPostgresOutage(postgres.SQLState())
	}
	if sqlite, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return slices.Contains(sqliteOutages, sqlite.Code()&0xff)
	}
	// database/sql has no exported value for the error of a pool that was closed.
	return err != nil && strings.Contains(err.Error(), "sql: database is closed")
}

// isPostgresOutage knows the SQLSTATE classes of connection trouble (08), refused log-ins (28), lack of resources (53),
// an operator's intervention (57P) and errors outside the server (58).
func isPostgresOutage(state string) bool {
	for _, class := range []string{"08", "28", "53", "57P", "58"} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}
