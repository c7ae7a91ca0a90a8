// Package apitest holds tests of the HTTP contract that run against any PayCow server: the handlers in unit tests, a
// whole server in end-to-end tests.
package apitest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// Account is a pair of API credentials.
type Account struct {
	APIKey    string
	APISecret string
}

// Inactive is an account that may not use the API, with the expected error code.
type Inactive struct {
	Account
	Code string
}

// Target is an installation to test. Nothing else may use Account in the meantime, because the tests check that
// nothing was created.
type Target struct {
	BaseURL   string // http only, without a path
	Account   Account
	Other     Account // another active operator
	Keys      Account // an API key of a third active operator that has the scope keys:write only
	Test      Account // an API key for test payments of a fourth active operator
	Inactive  []Inactive
	MaxAmount models.Amount
}

// header is a header line. Unlike http.Header, a list of them can hold anything in any order.
type header struct{ name, value string }

// request is an HTTP request as sent over the wire, which may be one that no client library would send.
type request struct {
	method, path string
	headers      []header
	body         string
	isChunked    bool // the body is chunked, without a Content-Length
}

// response is a response with its whole body.
type response struct {
	status int
	header http.Header
	body   []byte
}

// requestTimeout bounds a request and its response.
const requestTimeout = 30 * time.Second

func (t Target) send(r request) (response, error) {
	address, err := url.Parse(t.BaseURL)
	if err != nil {
		return response{}, fmt.Errorf("parse the base URL: %w", err)
	}
	conn, err := net.DialTimeout("tcp", address.Host, requestTimeout)
	if err != nil {
		return response{}, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return response{}, fmt.Errorf("set the time limit: %w", err)
	}
	// A server may respond before it has read the whole request, so writing happens concurrently and its error is
	// ignored.
	go io.Copy(conn, bytes.NewReader(r.wire(address.Host))) //nolint:errcheck // see above
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.method})
	if err != nil {
		return response{}, fmt.Errorf("read the answer: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return response{}, fmt.Errorf("read the answer's body: %w", err)
	}
	return response{status: answer.StatusCode, header: answer.Header, body: body}, nil
}

func (r request) wire(host string) []byte {
	var wire bytes.Buffer
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", r.method, r.path, host)
	for _, h := range r.headers {
		fmt.Fprintf(&wire, "%s: %s\r\n", h.name, h.value)
	}
	switch {
	case r.isChunked:
		wire.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		const chunkBytes = 4096
		for rest := r.body; rest != ""; {
			chunk := rest[:min(len(rest), chunkBytes)]
			rest = rest[len(chunk):]
			fmt.Fprintf(&wire, "%x\r\n%s\r\n", len(chunk), chunk)
		}
		wire.WriteString("0\r\n\r\n")
	case r.body != "" || r.method == http.MethodPost || r.method == http.MethodDelete:
		fmt.Fprintf(&wire, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	default:
		wire.WriteString("\r\n")
	}
	return wire.Bytes()
}

// headers returns the header lines that carry the account's credentials.
func (a Account) headers(more ...header) []header {
	return append([]header{{"x-api-key", a.APIKey}, {"x-api-secret", a.APISecret}}, more...)
}

var jsonType = header{"Content-Type", "application/json"}

// create creates an ordinary payment and returns its id.
func (t Target) create(tb testing.TB, account Account) string {
	tb.Helper()
	answer, err := t.send(request{
		method: http.MethodPost, path: "/api/payment/create", headers: account.headers(jsonType), body: goodBody,
	})
	require.NoError(tb, err)
	require.Equal(tb, http.StatusOK, answer.status, string(answer.body))
	var made struct {
		PaymentID string `json:"paymentId"`
	}
	require.NoError(tb, json.Unmarshal(answer.body, &made))
	return made.PaymentID
}

// listed returns the ids and statuses of all payments of the target's account, newest first.
func (t Target) listed(tb testing.TB) []string {
	tb.Helper()
	all := []string{}
	for query := "?limit=200"; query != ""; {
		answer, err := t.send(request{method: http.MethodGet, path: "/api/payments" + query, headers: t.Account.headers()})
		require.NoError(tb, err)
		require.Equal(tb, http.StatusOK, answer.status, string(answer.body))
		var page struct {
			Payments []struct {
				ID     string `json:"_id"`
				Status string `json:"status"`
			} `json:"payments"`
			NextCursor string `json:"nextCursor"`
		}
		require.NoError(tb, json.Unmarshal(answer.body, &page))
		for _, p := range page.Payments {
			all = append(all, p.ID+" "+p.Status)
		}
		query = ""
		if page.NextCursor != "" {
			query = "?limit=200&cursor=" + url.QueryEscape(page.NextCursor)
		}
	}
	return all
}

// repeat is strings.Repeat with its arguments in the order that reads well in a table.
func repeat(count int, text string) string { return strings.Repeat(text, count) }
