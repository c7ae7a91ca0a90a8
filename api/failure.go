package api

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/web"
)

// failure is an error as the client sees it. The cause goes to the log only.
type failure struct {
	status     int
	code       string
	msg        string
	field      string
	retryAfter time.Duration
	cause      error
}

// Error tells the log what happened.
func (f *failure) Error() string {
	if f.cause != nil {
		return f.code + ": " + f.cause.Error()
	}
	return f.code + ": " + f.msg
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// because returns the same failure with a cause for the log.
func (f *failure) because(cause error) *failure {
	caused := *f
	caused.cause = cause
	return &caused
}

const (
	retryAfterOutage   = 5 * time.Second
	retryAfterDecision = 2 * time.Second
)

// statusClientGone stands in the log for a request whose client went away before the answer.
const statusClientGone = 499

var (
	errNoRoute          = &failure{status: http.StatusNotFound, code: "not_found", msg: "There is nothing at this address."}
	errMethodNotAllowed = &failure{status: http.StatusMethodNotAllowed, code: "method_not_allowed", msg: "This address does not answer to this method."}
	errUnknownPayment   = &failure{status: http.StatusNotFound, code: "payment_not_found", msg: "There is no payment with this id."}
	errUnauthorized     = &failure{status: http.StatusUnauthorized, code: "unauthorized", msg: "The API credentials are missing or wrong."}
	errInternal         = &failure{status: http.StatusInternalServerError, code: "internal_error", msg: "Something went wrong on our side; please try again later."}
	errNoDatabase       = &failure{status: http.StatusServiceUnavailable, code: "database_unavailable", msg: "The database does not answer at the moment; please try again.", retryAfter: retryAfterOutage}
	errNoEngine         = &failure{status: http.StatusServiceUnavailable, code: "engine_unavailable", msg: "The workflow engine does not answer at the moment; please try again.", retryAfter: retryAfterOutage}
	errHTTPSRequired    = &failure{status: http.StatusForbidden, code: "https_required", msg: "This call is answered over https only."}
	errBadCursor        = invalid("cursor", "invalid_parameter", "cursor is not one that this list has given out.")
)

// invalid returns a 400 for one field.
func invalid(field, code, format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: code, field: field, msg: fmt.Sprintf(format, args...)}
}

// asFailure decides what the client is told of an error.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	switch {
	case errors.Is(err, models.ErrNotFound):
		return errUnknownPayment.because(err)
	case errors.Is(err, models.ErrBadCursor):
		return errBadCursor.because(err)
	case errors.Is(err, context.Canceled):
		return (&failure{status: statusClientGone, code: "client_gone", msg: "The request was given up."}).because(err)
	case isOutage(err):
		return errNoDatabase.because(err)
	default:
		return errInternal.because(err)
	}
}

// errorBody is every error answer's body.
type errorBody struct {
	Msg       string `json:"msg"`
	Code      string `json:"code"`
	RequestID string `json:"requestId"`
	Field     string `json:"field,omitempty"`
}

// fail is the one function that renders errors: as JSON for programs, as a page for people.
func (s *Server) fail(c *gin.Context, err error) {
	f := asFailure(err)
	c.Abort()
	s.logFailure(c, f)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler) // a half-sent answer must not look like a whole one
	}
	if f.retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(secondsUp(f.retryAfter)))
	}
	if f.status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `ApiKey realm="PayCow"`)
	}
	if isPage(c.Request.URL.Path) {
		s.failPage(c, f)
		return
	}
	writeJSON(c, f.status, errorBody{Msg: f.msg, Code: f.code, RequestID: requestID(c), Field: f.field})
}

func (s *Server) failPage(c *gin.Context, f *failure) {
	problem := web.Problem{Title: pageTitle(f.status), Message: f.msg, RequestID: requestID(c)}
	err := writePage(c, f.status, func(w io.Writer) error { return web.WriteProblem(w, problem) })
	if err != nil {
		s.Log.ErrorContext(c, "render the error page", "request_id", requestID(c), "error", err)
		c.Status(f.status)
	}
}

func pageTitle(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "Not found"
	case status >= http.StatusInternalServerError:
		return "Please try again later"
	default:
		return "This did not work"
	}
}

func (s *Server) logFailure(c *gin.Context, f *failure) {
	level := slog.LevelInfo
	switch {
	case f.status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case f.status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	s.Log.Log(c, level, "request failed", "request_id", requestID(c), "method", c.Request.Method, "route", c.FullPath(),
		"status", f.status, "operator_id", operatorID(c), "payment_id", c.Param("id"), "error", f)
}

// isPage tells whether people, not programs, ask for this path.
func isPage(path string) bool {
	for _, prefix := range []string{"/api", "/payment/data"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return false
		}
	}
	return path != "/healthz" && path != "/readyz" && path != "/openapi.json"
}

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
