package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"paycow/models"
)

func TestPanic(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.Addresses = panickingAddresses{} })
	got := f.call(f.account, http.MethodPost, "/api/payment/create", `{"amount":1,"userId":"u","network":"ERC20"}`)
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.Equal(t, errorBody{Msg: errInternal.msg, Code: "internal_error", RequestID: got.header.Get("X-Request-Id")},
		parse[errorBody](t, got.body))
	require.Contains(t, f.log.String(), "secret detail of the fault")
	require.Contains(t, f.log.String(), got.header.Get("X-Request-Id"))
}

// panickingAddresses stands for a bug.
type panickingAddresses struct{}

func (panickingAddresses) Address(uint32) (string, error) { panic("secret detail of the fault") }

func TestOutages(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		fmt.Errorf("read: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}): 503,
		errors.New("boom"): 500, io.ErrUnexpectedEOF: 503, models.ErrNotFound: 404,
	} {
		require.Equal(t, want, asFailure(fmt.Errorf("wrapped: %w", err)).status, "%v", err)
	}
}

func TestClientThatWentAwayIsNotAnError(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.server.router.GET("/slow", f.server.handle(func(c *gin.Context) error {
		<-c.Request.Context().Done()
		return fmt.Errorf("read the balance: %w", c.Request.Context().Err())
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/slow", nil)
	require.NoError(t, err)
	_, err = http.DefaultClient.Do(request)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool { return strings.Contains(f.log.String(), "status=499") }, 5*time.Second,
		5*time.Millisecond)
	require.NotContains(t, f.log.String(), "level=ERROR")
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	require.NoError(t, f.store.Close())
	for _, path := range []string{"/api/payments", "/payment/data/" + p.ID, "/api/balance"} {
		got := f.call(f.account, http.MethodGet, path, "")
		require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
		require.Equal(t, "database_unavailable", parse[errorBody](t, got.body).Code)
		require.Equal(t, "5", got.header.Get("Retry-After"))
	}
	page := f.call(f.account, http.MethodGet, "/payment/"+p.ID, "")
	require.Equal(t, http.StatusServiceUnavailable, page.status)
	require.Contains(t, page.body, "<!doctype html>")
	ready := f.call(f.account, http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	require.Contains(t, ready.body, `"database":{"ok":false,"reason":"The database is unavailable`)
}
