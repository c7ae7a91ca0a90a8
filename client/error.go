package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// errorLimit is how many bytes of an answer that is no success are read.
const errorLimit = 64 << 10

// Error is an answer that is no success.
type Error struct {
	StatusCode int `json:"-"`
	// Code tells the cause, as /docs lists them. It is "" if the answer is not PayCow's own.
	Code string `json:"code"`
	// Message is one sentence for people.
	Message string `json:"msg"`
	// Field is the field at fault, "" if no single one is.
	Field string `json:"field"`
	// RequestID finds the call in PayCow's log.
	RequestID string `json:"requestId"`
	// RetryAfter is how long PayCow asks to wait before the call is made again; 0 if it does not.
	RetryAfter time.Duration `json:"-"`
}

// Error says what happened.
func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("PayCow answered %d, and not in its own form", e.StatusCode)
	}
	return fmt.Sprintf("PayCow answered %d %s: %s (request %s)", e.StatusCode, e.Code, e.Message, e.RequestID)
}

// readError reads an answer that is no success.
func readError(response *http.Response) *Error {
	failure := &Error{}
	body, err := io.ReadAll(io.LimitReader(response.Body, errorLimit))
	if err != nil || json.Unmarshal(body, failure) != nil {
		failure = &Error{} // not PayCow's own
	}
	failure.StatusCode = response.StatusCode
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		failure.RetryAfter = time.Duration(seconds) * time.Second
	}
	return failure
}
