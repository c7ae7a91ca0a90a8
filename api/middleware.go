package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

// requestTimeout bounds every call that does not stream.
const requestTimeout = 15 * time.Second

// Keys of the values in a request's context.
const (
	keyRequestID = "paycow.request_id"
	keyOperator  = "paycow.operator"
	keyAPIKey    = "paycow.api_key"
)

// handle turns a handler that returns an error into a gin handler with the usual timeout.
func (s *Server) handle(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
		c.Request = c.Request.WithContext(ctx)
		defer cancel()
		if err := h(c); err != nil {
			s.fail(c, err)
		}
	}
}

// stream is handle without a timeout, for handlers that bound each part of their response themselves.
func (s *Server) stream(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			s.fail(c, err)
		}
	}
}

// usualHeaders are the headers that every response carries, unless its handler sets them differently.
var usualHeaders = []struct{ name, value string }{
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"}, // the path of a payment's page is a capability
	{"Cache-Control", "no-store"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	// No other site may embed a response, also not as an image or a script.
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), " +
		"microphone=(), payment=(), usb=()"},
}

// identify gives the request an id and the headers that every response carries, and logs it when it is done.
func (s *Server) identify(c *gin.Context) {
	begin := time.Now()
	id := models.NewReference()
	c.Set(keyRequestID, id)
	c.Header("X-Request-Id", id)
	for _, header := range usualHeaders {
		c.Header(header.name, header.value)
	}
	c.Next()
	// A failed request has a line of its own.
	level, status := slog.LevelDebug, c.Writer.Status()
	if s.isDecision(c) && status < http.StatusBadRequest {
		level = slog.LevelInfo
	}
	if !s.Log.Enabled(c, level) {
		return
	}
	s.Log.Log(c, level, "request",
		append(requestAttributes(c), "status", status, "duration_ms", time.Since(begin).Milliseconds())...)
}

// requestAttributes are what a line about a request says: which one, who made it, and from where. The client chooses
// the method and the id.
func requestAttributes(c *gin.Context) []any {
	return []any{
		"request_id", requestID(c), "method", models.Shorten(methodOf(c.Request), maxShownRunes), "route", c.FullPath(),
		"actor", actorOf(c), "address", c.ClientIP(), "operator_id", operatorID(c),
		"payment_id", models.Shorten(c.Param("id"), maxShownRunes),
	}
}

// isDecision reports whether the request may have changed something in the name of an account. Each such request leaves
// a line that says who it was, from where. Creating payments is the exception: a row says the same.
func (s *Server) isDecision(c *gin.Context) bool {
	switch c.Request.Method {
	case http.MethodGet, http.MethodOptions: // HEAD comes as GET
		return false
	}
	return actorOf(c) != "" && c.FullPath() != createPath
}

// actorOf names who made the request, as the audit log does; "" for nobody who is known.
func actorOf(c *gin.Context) string {
	if who, ok := c.Get(keyPerson); ok {
		return who.(person).account.Actor() //nolint:forcetypeassert // only sessions set it
	}
	if id := operatorID(c); id != "" {
		return models.Account{Role: models.RoleOperator, ID: id}.Actor()
	}
	return ""
}

// recoverPanic turns a panic into a 500 and a log line with the stack.
func (s *Server) recoverPanic(c *gin.Context) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler { //nolint:errorlint // the server compares it the same way
			panic(cause)
		}
		s.Log.ErrorContext(c, "panic", "request_id", requestID(c), "route", c.FullPath(), "error", fmt.Sprint(cause), "stack",
			string(debug.Stack()))
		s.fail(c, errInternal.because(fmt.Errorf("panic: %v", cause)))
	}()
	c.Next()
}

// strictTransport tells browsers to use https for one year.
const strictTransport = "max-age=31536000"

// requireHTTPS refuses plain http if the public URL is https. Pages are redirected. Calls are refused, because a
// client that follows redirects would send its secret in the clear on every call without noticing. What seems to have
// come over https to a proxy that is not trusted is refused as well: a redirect would lead back here for ever.
func (s *Server) requireHTTPS(c *gin.Context) {
	path := c.Request.URL.Path
	switch {
	case !s.isHTTPS, path == "/healthz", path == "/readyz": // the probes of a load balancer come over plain http
	case c.GetBool(keyCameByHTTPS):
		c.Header("Strict-Transport-Security", strictTransport)
	case seemsHTTPS(c.Request.Header):
		s.warnProxy.Do(func() {
			s.Log.WarnContext(c, "a proxy in front of PayCow is not trusted: if this address is yours, put it into "+
				"PAYCOW_TRUSTED_PROXIES and let it send X-Forwarded-Proto", "address", c.Request.RemoteAddr)
		})
		s.fail(c, errProxyNotTrusted)
	case isPage(path), path == "/openapi.json":
		s.redirectToHTTPS(c)
	default:
		s.fail(c, errHTTPSRequired)
	}
}

// redirectToHTTPS redirects to the same page of the public URL. A request target that is not a path (RFC 9112 allows
// "scheme:opaque") is refused: appended to the public URL, it could name another host.
func (s *Server) redirectToHTTPS(c *gin.Context) {
	target := url.URL{Path: c.Request.URL.Path, RawPath: c.Request.URL.RawPath, RawQuery: c.Request.URL.RawQuery}
	if c.Request.URL.Opaque != "" || !strings.HasPrefix(target.Path, "/") {
		s.fail(c, errNoRoute)
		return
	}
	c.Redirect(http.StatusPermanentRedirect, s.PublicURL+target.RequestURI())
	c.Abort()
}

func requestID(c *gin.Context) string { return c.GetString(keyRequestID) }

// writeJSON sends a JSON response.
func writeJSON(c *gin.Context, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Errorf("encode the response: %w", err)) // our types can always be encoded
	}
	c.Data(status, "application/json; charset=utf-8", body)
}
