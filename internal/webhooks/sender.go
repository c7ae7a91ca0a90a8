// Package webhooks sends signed messages to addresses that strangers chose. It signs by Standard Webhooks 1.0. It
// connects to no private, local or metadata address: the check is on the address that is dialled, so a name that
// resolves to another one later gains nothing. It follows no redirect, uses no proxy and keeps no cookies.
package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// Timeout is the time for a whole exchange, from the name's resolution to the last byte of the answer.
	Timeout = 15 * time.Second
	// AnswerLimit is how many bytes of an answer are read.
	AnswerLimit = 64 << 10
	// HeaderTry numbers the tries of a message from 1. Standard Webhooks has no header for it.
	HeaderTry = "Paycow-Attempt"
	// HeaderRound is 1, and one more each time that the message is sent again on request.
	HeaderRound = "Paycow-Round"

	headerLimit     = 16 << 10 // bytes of an answer's headers
	idleConnections = 200
	// idleConnectionsOfHost spares a burst of events a TLS handshake for each.
	idleConnectionsOfHost = 50
	idleTimeout           = 30 * time.Second
)

// Message is one try to tell an endpoint of an event.
type Message struct {
	URL     string
	ID      string    // the same for every try
	Round   int       // 1, and one more each time that it is sent again on request
	Try     int       // from 1
	SentAt  time.Time // in whole seconds on the wire
	Body    []byte    // JSON
	Secrets []string  // sign the message, in the form "whsec_…", the newest first; at least one
}

// Headers returns the headers that say what a message is, without its signatures.
func (m Message) Headers() map[string]string {
	return map[string]string{
		"Content-Type":                          "application/json",
		standardwebhooks.HeaderWebhookID:        m.ID,
		standardwebhooks.HeaderWebhookTimestamp: strconv.FormatInt(m.SentAt.Unix(), 10),
		HeaderRound:                             strconv.Itoa(m.Round),
		HeaderTry:                               strconv.Itoa(m.Try),
	}
}

// Answer is what an endpoint answered.
type Answer struct {
	Status     int
	Body       []byte        // at most AnswerLimit bytes
	RetryAfter time.Duration // how long the endpoint asks to wait; 0 if it does not
}

// Sender sends messages. It is safe for concurrent use.
type Sender struct {
	userAgent string
	exempt    []string
	guarded   *http.Client
	open      *http.Client
}

// NewSender returns a sender. exempt lists hosts (a name, or name:port) that may have any address and be without TLS.
func NewSender(userAgent string, exempt []string, timeout time.Duration) *Sender {
	return &Sender{
		userAgent: userAgent, exempt: exempt,
		guarded: newClient(&net.Dialer{Control: guard.Safe}, timeout),
		open:    newClient(&net.Dialer{}, timeout),
	}
}

func newClient(dialer *net.Dialer, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			MaxIdleConns:           idleConnections,
			MaxIdleConnsPerHost:    idleConnectionsOfHost,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: headerLimit,
		},
	}
}

// Send sends a message once. An answer of any status is no error.
func (s *Sender) Send(ctx context.Context, m Message) (Answer, error) {
	target, err := url.Parse(m.URL)
	if err != nil {
		return Answer{}, errors.New("the endpoint's address cannot be read")
	}
	client := s.guarded
	if isExempt(s.exempt, target) {
		client = s.open
	} else if target.Scheme != "https" {
		return Answer{}, errors.New("the endpoint's address must begin with https://")
	}
	signatures, err := sign(m)
	if err != nil {
		return Answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return Answer{}, errors.New("the endpoint's address cannot be read")
	}
	for name, value := range m.Headers() {
		request.Header.Set(name, value)
	}
	request.Header.Set("User-Agent", s.userAgent)
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, errorOf(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := Answer{
		Status: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"), m.SentAt),
	}
	if answer.Body, err = io.ReadAll(io.LimitReader(response.Body, AnswerLimit)); err != nil {
		return answer, errorOf(err)
	}
	return answer, nil
}

// sign returns the signatures of a message by each of its secrets, in their order.
func sign(m Message) (string, error) {
	if len(m.Secrets) == 0 {
		return "", errors.New("a webhook needs a secret to sign it")
	}
	signatures := make([]string, len(m.Secrets))
	for i, secret := range m.Secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err == nil {
			signatures[i], err = signer.Sign(m.ID, m.SentAt, m.Body)
		}
		if err != nil {
			return "", fmt.Errorf("sign the webhook: %w", err)
		}
	}
	return strings.Join(signatures, " "), nil
}

// retryAfter reads the header of this name: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
