package mail

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// inbox is a mail server of the library go-smtp that keeps what it gets.
type inbox struct {
	mu      sync.Mutex
	to      []string
	message string
	refuse  bool
}

func (i *inbox) NewSession(*smtp.Conn) (smtp.Session, error) { return i, nil }
func (i *inbox) Reset()                                      {}
func (i *inbox) Logout() error                               { return nil }

func (i *inbox) Mail(string, *smtp.MailOptions) error { return nil }

func (i *inbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.to = append(i.to, to)
	return nil
}

func (i *inbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.message = string(text)
	if i.refuse {
		return smtp.ErrDataReset
	}
	return err
}

func serve(t *testing.T, i *inbox) (address string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtp.NewServer(i)
	server.Domain = "localhost"
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// A message reaches one address, whatever is in its texts.
func TestSend(t *testing.T) {
	t.Parallel()
	i := &inbox{}
	sender, err := New("smtp://"+serve(t, i), "PayCow <pay@example.org>")
	require.NoError(t, err)
	require.NoError(t, sender.Send(t.Context(), "shop@example.org", "Approved\r\nBcc: thief@example.org", "Name\r\nBcc: thief@example.org\n.\nQUIT\n"))
	require.Equal(t, []string{"shop@example.org"}, i.to)
	headers, _, _ := strings.Cut(i.message, "\r\n\r\n")
	require.NotContains(t, headers, "\nBcc:")
	for _, to := range []string{"a@example.org, thief@example.org", "a@example.org\r\nRCPT TO:<thief@example.org>", ""} {
		require.Error(t, sender.Send(t.Context(), to, "s", "t"), to)
	}
	require.Len(t, i.to, 1)
	i.refuse = true
	require.Error(t, sender.Send(t.Context(), "shop@example.org", "s", "t"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, sender.Send(ctx, "shop@example.org", "s", "t"))
}

// A server elsewhere must offer TLS, and wrong settings are named without the password.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "mail.example.org", "http://u:s3cret@host", "smtp://", "smtp://u:s3cret@host:port"} {
		_, err := New(url, "a@example.org")
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := New("smtps://host", "nobody")
	require.Error(t, err)

	// The name leads to this machine, and is not this machine for the rule: then the server must offer TLS.
	i := &inbox{}
	_, port, err := net.SplitHostPort(serve(t, i))
	require.NoError(t, err)
	elsewhere := &Sender{host: "127.0.0.1", from: "a@example.org"}
	full, err := New("smtp://mail.example.org:"+port, "a@example.org")
	require.NoError(t, err)
	elsewhere.options = full.options
	require.Error(t, elsewhere.Send(t.Context(), "shop@example.org", "s", "t"))
	require.Empty(t, i.message)
}
