package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"paycow/models"
)

// fault is what an error of the database means. No other place decides it.
type fault int

const (
	// faultBug is a mistake of ours, or a value that a rule of the schema refuses. The same call fails again.
	faultBug fault = iota
	// faultConflict rolled a transaction back only because of others that ran at the same time.
	faultConflict
	// faultConnection is a connection that is of no use any more. What failed on it had no effect.
	faultConnection
	// faultOutage is a database that is away, or that refuses work for now.
	faultOutage
	// faultFull is a database that has no room to write.
	faultFull
)

// IsOutage reports whether an error means that the database is unavailable for now, so that the same call can succeed
// later, as opposed to a bug.
func IsOutage(err error) bool { return err != nil && faultOf(err) != faultBug }

// isRetryable reports whether a failed transaction had no effect and can succeed at once.
func isRetryable(err error) bool {
	fault := faultOf(err)
	return fault == faultConflict || fault == faultConnection
}

// outages are what the drivers, database/sql and the network say of a database that is away.
var outages = []error{
	context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, io.ErrUnexpectedEOF, net.ErrClosed,
	models.ErrDatabaseFull, models.ErrDatabaseReadOnly,
}

func faultOf(err error) fault {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		if fault := postgresFault(pgErr); fault != faultBug {
			return fault
		}
	}
	if liteErr, ok := errors.AsType[*sqlite.Error](err); ok {
		if fault := sqliteFault(liteErr.Code()); fault != faultBug {
			return fault
		}
	}
	for _, outage := range outages {
		if errors.Is(err, outage) {
			return faultOutage
		}
	}
	_, isNetwork := errors.AsType[net.Error](err)
	_, isConnect := errors.AsType[*pgconn.ConnectError](err)
	// database/sql exports no value for the error of a closed pool.
	if isNetwork || isConnect || pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "sql: database is closed") {
		return faultOutage
	}
	return faultBug
}

// postgresFaults says what Postgres's codes mean that are not bugs, by their first characters.
var postgresFaults = []struct {
	code  string
	fault fault
}{
	{"40001", faultConflict}, // serialization failure
	{"40P01", faultConflict}, // deadlock

	{"25006", faultConnection}, // read-only: a primary that became a standby or was closed for writing
	{"26000", faultConnection}, // a pooler gave the connection to another server process: no such prepared statement,
	{"42P05", faultConnection}, // or one that somebody else has prepared

	{"53100", faultFull},

	{"08", faultOutage},    // connection exceptions; most errors of PgBouncer
	{"28", faultOutage},    // logins that are refused, as while passwords are changed
	{"53", faultOutage},    // out of memory, too many connections
	{"55P03", faultOutage}, // a lock that was not available in the time that the administrator allows
	{"57", faultOutage},    // an operator's intervention: shutdown, crash, starting up, cancelled
	{"58", faultOutage},    // input and output errors
}

func postgresFault(err *pgconn.PgError) fault {
	for _, row := range postgresFaults {
		if strings.HasPrefix(err.Code, row.code) {
			return row.fault
		}
	}
	switch {
	case err.Code == "0A000" && strings.Contains(err.Message, "cached plan"):
		return faultConnection // the schema was migrated after the connection had prepared its statements
	case isFatal(err):
		return faultOutage
	default:
		return faultBug
	}
}

// isFatal reports whether the server ended the connection. PgBouncer sends only the word that Postgres translates.
func isFatal(err *pgconn.PgError) bool {
	return slices.Contains([]string{"FATAL", "PANIC"}, cmp.Or(err.SeverityUnlocalized, err.Severity))
}

// sqliteFault says what a result code of SQLite means. Its low byte is the kind, the rest says more.
func sqliteFault(code int) fault {
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return faultFull
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		return faultOutage
	default:
		return faultBug
	}
}
