package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
	"paycow/web"
)

// failure is an error as shown to the client. Its cause is logged only.
type failure struct {
	status     int
	code       string
	msg        string
	field      string
	retryAfter time.Duration
	cause      error
}

// Error returns the text for the log.
func (f *failure) Error() string {
	if f.cause != nil {
		return f.code + ": " + f.cause.Error()
	}
	return f.code + ": " + f.msg
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// because returns a copy of the failure with a cause for the log.
func (f *failure) because(cause error) *failure {
	caused := *f
	caused.cause = cause
	return &caused
}

const (
	retryAfterOutage   = 5 * time.Second
	retryAfterDecision = 2 * time.Second
)

// statusClientGone is logged for a request whose client disconnected before the response.
const statusClientGone = 499

var (
	errNoRoute          = &failure{status: http.StatusNotFound, code: "not_found", msg: "This address does not exist."}
	errMethodNotAllowed = &failure{
		status: http.StatusMethodNotAllowed, code: "method_not_allowed",
		msg: "This address does not support this method.",
	}
	errUnknownPayment = &failure{status: http.StatusNotFound, code: "payment_not_found", msg: "No payment has this id."}
	errUnauthorized   = &failure{
		status: http.StatusUnauthorized, code: "unauthorized", msg: "The API credentials are missing or wrong.",
	}
	errInternal = &failure{
		status: http.StatusInternalServerError, code: "internal_error",
		msg: "Something went wrong on our side; please try again later.",
	}
	errNoDatabase = &failure{
		status: http.StatusServiceUnavailable, code: "database_unavailable",
		msg: "The database is unavailable at the moment; please try again.", retryAfter: retryAfterOutage,
	}
	errNoEngine = &failure{
		status: http.StatusServiceUnavailable, code: "engine_unavailable",
		msg: "The workflow engine is unavailable at the moment; please try again.", retryAfter: retryAfterOutage,
	}
	errClockBehind = &failure{
		status: http.StatusServiceUnavailable, code: "clock_skew",
		msg: "The gateway's clock is behind the chain's, so a payment could end before it begins; " +
			"please try again later.",
		retryAfter: retryAfterOutage,
	}
	errTokenDeprecated = &failure{
		status: http.StatusServiceUnavailable, code: "token_deprecated",
		msg: "The token was moved to a contract that the gateway does not watch yet, so nobody could pay; " +
			"please try again later.",
		retryAfter: retryAfterOutage,
	}
	errDatabaseRestored = &failure{
		status: http.StatusServiceUnavailable, code: "database_restored",
		msg: "The gateway's database was restored to an earlier moment, so no payment is created until its admin has run `" +
			models.RecoverCommand + "`.",
		retryAfter: retryAfterOutage,
	}
	errStepsAltered = &failure{
		status: http.StatusServiceUnavailable, code: "confirmations_altered",
		msg: "The account's confirmation steps in the database were not written by PayCow, so no payment is created until " +
			"they are set again in the dashboard.",
		retryAfter: retryAfterOutage,
	}
	errDecisionPending = &failure{
		status: http.StatusServiceUnavailable, code: "decision_pending", retryAfter: retryAfterDecision,
		msg: "The decision was accepted but has not taken effect yet; read the payment to see the result.",
	}
	errHTTPSRequired = &failure{status: http.StatusForbidden, code: "https_required", msg: "This call requires https."}
	// errProxyNotTrusted is for administrators, who see it while they set up a proxy.
	errProxyNotTrusted = &failure{
		status: http.StatusForbidden, code: "https_required",
		msg: "This came over https through a proxy that the gateway does not trust; " +
			"its administrator must put the proxy's address into PAYCOW_TRUSTED_PROXIES.",
	}
	errBadCursor = invalid("cursor", "invalid_parameter", "cursor must be a nextCursor of this list.")
)

// invalid returns a 400 for one field.
func invalid(field, code, format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: code, field: field, msg: fmt.Sprintf(format, args...)}
}

// asFailure decides how an error is shown to the client.
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
		return (&failure{status: statusClientGone, code: "client_gone", msg: "The client closed the request."}).because(err)
	case store.IsOutage(err):
		return errNoDatabase.because(err)
	default:
		return errInternal.because(err)
	}
}

// errorBody is the body of every error response.
type errorBody struct {
	Msg       string `json:"msg"`
	Code      string `json:"code"`
	RequestID string `json:"requestId"`
	Field     string `json:"field,omitempty"`
}

// fail renders an error, as JSON for programs and as a page for people. No other function renders errors.
func (s *Server) fail(c *gin.Context, err error) {
	f := asFailure(err)
	c.Abort()
	s.logFailure(c, f)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler) // a truncated response must not look complete
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
	problem := web.Problem{Status: f.status, Code: f.code, Message: f.msg, RequestID: requestID(c)}
	err := s.writeTranslated(c, f.status, func(w io.Writer, l web.Language) error {
		return web.WriteProblem(w, l, problem)
	})
	if err != nil {
		s.Log.ErrorContext(c, "cannot render the error page", "request_id", requestID(c), "error", err)
		c.Status(f.status)
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
	s.Log.Log(c, level, "request failed", append(requestAttributes(c), "status", f.status, "error", f)...)
}

// isPage reports whether the path is a page for people.
func isPage(path string) bool {
	path = "/" + strings.TrimLeft(path, "/") // a base URL that ends with a slash leads to //api/…
	for _, prefix := range []string{"/api", "/payment/data"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return false
		}
	}
	return path != "/healthz" && path != "/readyz" && path != "/openapi.json"
}
