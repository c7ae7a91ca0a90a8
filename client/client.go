package client

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Timeout is the time for a whole call.
const Timeout = 30 * time.Second

// New returns a client of the installation at an address, such as https://pay.example.
func New(address, apiKey, apiSecret string) (*ClientWithResponses, error) {
	base, err := url.Parse(strings.TrimSuffix(address, "/") + "/")
	if err != nil {
		return nil, fmt.Errorf("read the address of PayCow: %w", err)
	}
	c := &caller{
		key: apiKey, secret: apiSecret,
		folder: base.ResolveReference(&url.URL{Path: "."}).EscapedPath(), calls: http.NewServeMux(),
		// PayCow redirects no call. Whoever else does must not get the secret.
		http: &http.Client{Timeout: Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
	for call := range successes {
		c.calls.Handle(call, http.NotFoundHandler())
	}
	return NewClientWithResponses(address, WithHTTPClient(c))
}

// caller sends requests with the credentials, and makes errors of answers that are no success.
type caller struct {
	key, secret string
	folder      string         // the path of the installation
	calls       *http.ServeMux // knows the documented calls, and answers none
	http        *http.Client
}

// Do sends a request. Returns an *Error unless the answer is a success that is documented for the call.
func (c *caller) Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("X-Api-Key", c.key)
	request.Header.Set("X-Api-Secret", c.secret)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call PayCow: %w", err)
	}
	if !c.isSuccess(request, response) {
		defer response.Body.Close() //nolint:errcheck // nothing was written
		return nil, readError(response)
	}
	return response, nil
}

// isSuccess reports whether a response has a status that is documented for the request, and what it asks for.
func (c *caller) isSuccess(request *http.Request, response *http.Response) bool {
	path, err := url.ParseRequestURI("/" + strings.TrimPrefix(request.URL.EscapedPath(), c.folder))
	if err != nil {
		return false
	}
	_, call := c.calls.Handler(&http.Request{Method: request.Method, URL: path})
	if !slices.Contains(successes[call], response.StatusCode) {
		return false
	}
	if response.StatusCode == http.StatusNoContent {
		return true
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		return false
	}
	const table = "text/csv"
	return kind == "application/json" || kind == table && strings.Contains(request.Header.Get("Accept"), table)
}
