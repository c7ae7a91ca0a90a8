// Package mail sends short text messages by SMTP, or keeps them in a folder.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	options := []gomail.Option{gomail.WithTimeout(timeout), gomail.WithoutNoop()}
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

// Message is a text for one address.
type Message struct {
	// ID makes a repeat of the message recognisable: it is the first part of the Message-ID. "" for a random one.
	ID      string
	At      time.Time // zero for now
	To      string
	Subject string
	Text    string
}

// build returns the message as it is sent. Whatever is in its texts, it has one recipient and no further headers.
func build(from string, message Message) (*gomail.Msg, error) {
	built := gomail.NewMsg(gomail.WithNoDefaultUserAgent()) // a version is nobody's business
	if err := built.From(from); err != nil {
		return nil, fmt.Errorf("the sender: %w", err)
	}
	if err := built.To(message.To); err != nil {
		return nil, fmt.Errorf("%w: the recipient: %w", errRefused, err)
	}
	built.Subject(message.Subject)
	built.SetBodyString(gomail.TypeTextPlain, message.Text)
	built.SetMessageID()
	if sender, err := mail.ParseAddress(from); err == nil && message.ID != "" {
		_, domain, _ := strings.Cut(sender.Address, "@")
		built.SetMessageIDWithValue(message.ID + "@" + domain)
	}
	built.SetDate()
	if !message.At.IsZero() {
		built.SetDateWithValue(message.At)
	}
	built.SetGenHeader("Auto-Submitted", "auto-generated") // so that nobody's absence note answers
	return built, nil
}

// errRefused marks an error that a repeat does not change.
var errRefused = errors.New("refused")

// IsRefused reports whether an error of Send means that this message will never be taken: its address is wrong, or the
// server names the address or the message itself as the reason. Servers also answer 5xx when a list blocks them, a
// policy is wrong or a mailbox is full, which people mend, so other answers are not final.
func IsRefused(err error) bool {
	failed, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return errors.Is(err, errRefused)
	}
	switch failed.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		return failed.ErrorCode() >= 500 && isFinal(failed.EnhancedStatusCode())
	default: // the sender, the connection, the login
		return false
	}
}

// isFinal reports whether an enhanced status code (RFC 3463) is about a bad recipient or a bad message.
func isFinal(code string) bool {
	switch code {
	case "5.1.7", "5.1.8": // the sender's address
		return false
	case "5.2.1", "5.3.4": // the mailbox is disabled, the message is too big
		return true
	}
	return strings.HasPrefix(code, "5.1.") || strings.HasPrefix(code, "5.6.")
}

// IsUnreachable reports whether an error of Send says nothing about the message: the server did not answer, or did not
// let this program log in. Other messages would fail, too.
func IsUnreachable(err error) bool {
	if err == nil || errors.Is(err, errRefused) {
		return false
	}
	failed, ok := errors.AsType[*gomail.SendError](err)
	return !ok || failed.ErrorCode() == 0
}

// Send sends a message to one address. It returns once the server has taken it, or after ten seconds. What goes wrong
// after the server has taken the message is no error.
func (s *Sender) Send(ctx context.Context, message Message) error {
	built, err := build(s.from, message)
	if err != nil {
		return err
	}
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("prepare the mail client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, built); err != nil && !built.IsDelivered() {
		return fmt.Errorf("send the message: %w", err)
	}
	return nil
}

// Folder keeps messages as files instead of sending them.
type Folder struct{ Dir, From string }

// Send writes a message into the folder, as <id>.eml.
func (f Folder) Send(_ context.Context, message Message) error {
	built, err := build(f.From, message)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of mails: %w", err)
	}
	if err := built.WriteToFile(filepath.Join(f.Dir, message.ID+".eml")); err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	return nil
}
