package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// keyHead is the context key of requests that came with HEAD.
type keyHead struct{}

// headAsGet hands HEAD requests on as GET, so that the answer has the same header, rules and limits. The HTTP server
// drops the body.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), keyHead{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// isHead reports whether the request came with HEAD, and so gets no body. Handlers that stream must not begin to.
func isHead(ctx context.Context) bool { return ctx.Value(keyHead{}) != nil }

// methodOf returns the method that the client chose.
func methodOf(r *http.Request) string {
	if isHead(r.Context()) {
		return http.MethodHead
	}
	return r.Method
}

// refuseMethod refuses a method that an address does not support. Allow, which the router has set, lists HEAD too.
func refuseMethod(c *gin.Context) error {
	methods := strings.Split(c.Writer.Header().Get("Allow"), ", ")
	for i, method := range methods {
		if method == http.MethodGet {
			methods[i] = "GET, HEAD"
		}
	}
	c.Header("Allow", strings.Join(methods, ", "))
	return errMethodNotAllowed
}
