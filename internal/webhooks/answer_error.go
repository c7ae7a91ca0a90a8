package webhooks

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"code.dny.dev/ssrf"
)

// AnswerError is why there was no complete answer, in words for the operator. Its text names no address and holds
// nothing that the other side has sent: operators must not learn from it what is inside the installation's network.
type AnswerError struct {
	text  string
	cause error
}

// Error implements error.
func (f *AnswerError) Error() string { return f.text }

// Unwrap returns the cause, which is not for operators.
func (f *AnswerError) Unwrap() error { return f.cause }

func errorOf(err error) error { return &AnswerError{text: describe(err), cause: err} }

func describe(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var network net.Error
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return "the host's address is not a public one"
	case errors.Is(err, ssrf.ErrProhibitedPort):
		return "the port is not allowed"
	case errors.As(err, &name) && name.IsNotFound:
		return "the host's name was not found"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "there was no complete answer in time"
	case errors.As(err, &name):
		return "the host's name could not be looked up"
	case errors.As(err, &certificate):
		return "the host's certificate is not valid"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record), errors.As(err, &alert):
		return "the TLS connection failed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the host refused the connection"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the host closed the connection before the answer was complete"
	default:
		return "the connection failed"
	}
}
