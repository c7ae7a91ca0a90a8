package client

import (
	"fmt"
	"mime"
	"net/http"
	"time"
)

// Timeout is the time for a whole call.
const Timeout = 30 * time.Second

// New returns a client of the installation at an address, such as https://pay.example.
func New(address, apiKey, apiSecret string) (*ClientWithResponses, error) {
	return NewClientWithResponses(address, WithHTTPClient(&caller{
		key: apiKey, secret: apiSecret,
		// PayCow redirects no call. Whoever else does must not get the secret.
		http: &http.Client{Timeout: Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}))
}

// caller sends requests with the credentials, and makes errors of answers that are no success.
type caller struct {
	key, secret string
	http        *http.Client
}

// Do sends a request. Returns an *Error unless the answer is a success and has a body of a documented type.
func (c *caller) Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("X-Api-Key", c.key)
	request.Header.Set("X-Api-Secret", c.secret)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call PayCow: %w", err)
	}
	if !isAnswer(response) {
		defer response.Body.Close() //nolint:errcheck // nothing was written
		return nil, readError(response)
	}
	return response, nil
}

// isAnswer reports whether a response is one of PayCow's successes.
func isAnswer(response *http.Response) bool {
	if response.StatusCode == http.StatusNoContent {
		return true
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || kind == "text/csv") &&
		response.StatusCode >= http.StatusOK && response.StatusCode < http.StatusMultipleChoices
}
