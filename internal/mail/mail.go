// Package mail sends short text messages by SMTP.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// timeout bounds sending one message: a person waits for it.
const timeout = 10 * time.Second

// Sender sends messages through one server.
type Sender struct {
	host    string
	from    string
	options []gomail.Option
}

// New returns a sender for a server's URL: smtps://user:password@host:465, or smtp://user:password@host:587, which must
// offer STARTTLS unless the host is this machine. from is the sender's address. Its errors contain no password.
func New(server, from string) (*Sender, error) {
	parsed, err := url.Parse(server)
	if err != nil || parsed.Hostname() == "" {
		return nil, errors.New("must be a URL such as smtps://user:password@mail.example.org:465")
	}
	if _, err := mail.ParseAddress(from); err != nil {
		return nil, errors.New("the sender is not an e-mail address")
	}
	options := []gomail.Option{gomail.WithTimeout(timeout)}
	port := 587
	switch {
	case parsed.Scheme == "smtps":
		port = 465
		options = append(options, gomail.WithSSL())
	case parsed.Scheme != "smtp":
		return nil, errors.New("must begin with smtp:// or smtps://")
	case isThisMachine(parsed.Hostname()):
		options = append(options, gomail.WithTLSPortPolicy(gomail.TLSOpportunistic))
	default:
		options = append(options, gomail.WithTLSPortPolicy(gomail.TLSMandatory))
	}
	if text := parsed.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil {
			return nil, errors.New("the port is not a number")
		}
	}
	options = append(options, gomail.WithPort(port))
	if password, ok := parsed.User.Password(); ok {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(parsed.User.Username()), gomail.WithPassword(password))
	}
	return &Sender{host: parsed.Hostname(), from: from, options: options}, nil
}

func isThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send sends a message to one address. It returns once the server has taken it.
func (s *Sender) Send(ctx context.Context, to, subject, text string) error {
	message := gomail.NewMsg()
	if err := message.From(s.from); err != nil {
		return fmt.Errorf("the sender: %w", err)
	}
	if err := message.To(to); err != nil {
		return fmt.Errorf("the recipient: %w", err)
	}
	message.Subject(subject)
	message.SetBodyString(gomail.TypeTextPlain, text)
	message.SetMessageID()
	message.SetDate()
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("prepare the mail client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return fmt.Errorf("send the message: %w", err)
	}
	return nil
}
