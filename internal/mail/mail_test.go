package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
	gomail "github.com/wneessen/go-mail"
)

// plain is a message that a server takes.
var plain = Message{To: "shop@example.org", Subject: "s", Text: "t"}

// inbox is a mail server of the library go-smtp that keeps what it gets.
type inbox struct {
	mu      sync.Mutex
	to      []string
	message string
	// What the server answers to a sender, a recipient and a message; nil to take it.
	toSender, toRecipient, toMessage error
	hangs                            chan struct{} // the server answers a message once it is closed; nil for at once
	drops                            bool          // the server ends the connection once it has taken a message
	conn                             *smtp.Conn
}

func (i *inbox) NewSession(conn *smtp.Conn) (smtp.Session, error) {
	i.conn = conn
	return i, nil
}

func (i *inbox) Logout() error { return nil }

// Reset is called after each message.
func (i *inbox) Reset() {
	if i.drops {
		_ = i.conn.Conn().Close()
	}
}

func (i *inbox) Mail(string, *smtp.MailOptions) error { return i.toSender }

func (i *inbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.toRecipient != nil {
		return i.toRecipient
	}
	i.to = append(i.to, to)
	return nil
}

func (i *inbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.message = string(text)
	if i.hangs != nil {
		<-i.hangs
	}
	if i.toMessage != nil {
		return i.toMessage
	}
	return err
}

func serve(t *testing.T, i *inbox, options ...func(*smtp.Server)) (address string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtp.NewServer(i)
	server.Domain = "localhost"
	for _, option := range options {
		option(server)
	}
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
	require.NoError(t, sender.Send(t.Context(), Message{
		To: "shop@example.org", Subject: "Approved\r\nBcc: thief@example.org", Text: "Name\r\nBcc: thief@example.org\n.\nQUIT\n",
	}))
	require.Equal(t, []string{"shop@example.org"}, i.to)
	headers, _, _ := strings.Cut(i.message, "\r\n\r\n")
	require.NotContains(t, headers, "\nBcc:")
	for _, to := range []string{"a@example.org, thief@example.org", "a@example.org\r\nRCPT TO:<thief@example.org>", ""} {
		err := sender.Send(t.Context(), Message{To: to, Subject: "s", Text: "t"})
		require.Error(t, err, to)
		require.True(t, IsRefused(err), to)
		require.False(t, IsUnreachable(err), to)
	}
	require.Len(t, i.to, 1)
	i.toMessage = smtp.ErrDataReset
	require.Error(t, sender.Send(t.Context(), plain))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, sender.Send(ctx, plain))
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
	require.Error(t, elsewhere.Send(t.Context(), plain))
	require.Empty(t, i.message)
}

// A message that the server has taken is sent, even if the connection ends right after that.
func TestAServerThatHangsUp(t *testing.T) {
	t.Parallel()
	i := &inbox{drops: true}
	sender, err := New("smtp://"+serve(t, i), "pay@example.org")
	require.NoError(t, err)
	require.NoError(t, sender.Send(t.Context(), plain))
	require.NotEmpty(t, i.message)
}

// answer is what a server answers with this status and this enhanced one.
func answer(status int, enhanced ...int) error {
	failed := &smtp.SMTPError{Code: status, EnhancedCode: smtp.NoEnhancedCode, Message: "no"}
	if len(enhanced) > 0 {
		failed.EnhancedCode = smtp.EnhancedCode(enhanced)
	}
	return failed
}

// Only what a repeat cannot change is refused for good: a bad recipient and a bad message, not the sender, the server and
// whatever it is that a server does not name.
func TestIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inbox   *inbox
		refused bool
	}{
		"unknown recipient":    {&inbox{toRecipient: answer(550, 5, 1, 1)}, true},
		"disabled mailbox":     {&inbox{toRecipient: answer(550, 5, 2, 1)}, true},
		"too big":              {&inbox{toMessage: answer(552, 5, 3, 4)}, true},
		"not to be shown":      {&inbox{toMessage: answer(554, 5, 6, 0)}, true},
		"no reason":            {&inbox{toRecipient: answer(550)}, false},
		"blocked by a list":    {&inbox{toRecipient: answer(554, 5, 7, 1)}, false},
		"policy":               {&inbox{toMessage: answer(550, 5, 7, 26)}, false},
		"sender's domain":      {&inbox{toRecipient: answer(550, 5, 1, 8)}, false},
		"mailbox that is full": {&inbox{toRecipient: answer(552, 5, 2, 2)}, false},
		"full for now":         {&inbox{toRecipient: answer(452, 4, 1, 1)}, false},
		"message for later":    {&inbox{toMessage: answer(451)}, false},
		"unknown sender":       {&inbox{toSender: answer(553, 5, 1, 1)}, false},
		"not for the moment":   {&inbox{toSender: answer(421)}, false},
	} {
		sender, err := New("smtp://"+serve(t, c.inbox), "pay@example.org")
		require.NoError(t, err)
		err = sender.Send(t.Context(), plain)
		require.Error(t, err, name)
		require.Equal(t, c.refused, IsRefused(err), "%s: %v", name, err)
		require.False(t, IsUnreachable(err), "%s: %v", name, err)
	}
	closed, err := New("smtp://127.0.0.1:1", "pay@example.org")
	require.NoError(t, err)
	failed := closed.Send(t.Context(), plain)
	require.False(t, IsRefused(failed))
	require.True(t, IsUnreachable(failed))
	require.False(t, IsRefused(nil))
	require.False(t, IsUnreachable(nil))

	// A server that hangs is given up.
	hanging := &inbox{hangs: make(chan struct{})}
	defer close(hanging.hangs)
	sender, err := New("smtp://"+serve(t, hanging), "pay@example.org")
	require.NoError(t, err)
	sender.options = append(sender.options, gomail.WithTimeout(time.Second))
	begun := time.Now()
	err = sender.Send(t.Context(), plain)
	require.Error(t, err)
	require.False(t, IsRefused(err))
	require.True(t, IsUnreachable(err))
	require.Less(t, time.Since(begun), timeout)
}

// Two copies of one mail have the same Message-ID and date, so that a mailbox can tell that they are one.
func TestRepeatsAreRecognisable(t *testing.T) {
	t.Parallel()
	i := &inbox{}
	sender, err := New("smtp://"+serve(t, i), "PayCow <pay@example.org>")
	require.NoError(t, err)
	message := Message{ID: "a1b2", At: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), To: "s@example.org", Subject: "Ü", Text: "t"}
	var heads []string
	for range 2 {
		require.NoError(t, sender.Send(t.Context(), message))
		head, _, _ := strings.Cut(i.message, "\r\n\r\n")
		heads = append(heads, head)
	}
	require.Equal(t, heads[0], heads[1])
	require.Contains(t, heads[0], "Message-ID: <a1b2@example.org>\r\n")
	require.Contains(t, heads[0], "Auto-Submitted: auto-generated\r\n")
	require.NotContains(t, strings.ToLower(heads[0]), "go-mail")

	// In development it becomes a file.
	folder := Folder{Dir: filepath.Join(t.TempDir(), "mails"), From: "PayCow <pay@example.org>"}
	for range 2 {
		require.NoError(t, folder.Send(t.Context(), message))
	}
	text, err := os.ReadFile(filepath.Join(folder.Dir, "a1b2.eml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "To: <s@example.org>\r\n")
}

// The connection is encrypted where the server offers it.
func TestSTARTTLS(t *testing.T) {
	t.Parallel()
	i := &inbox{}
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	defer certificates.Close()
	address := serve(t, i, func(server *smtp.Server) { server.TLSConfig = certificates.TLS })
	sender, err := New("smtp://"+address, "pay@example.org")
	require.NoError(t, err)
	require.ErrorContains(t, sender.Send(t.Context(), plain), "certificate", "a stranger's certificate")
	require.Empty(t, i.message)
	roots := x509.NewCertPool()
	roots.AddCert(certificates.Certificate())
	sender.options = append(sender.options, gomail.WithTLSConfig(&tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}))
	require.NoError(t, sender.Send(t.Context(), plain))
	require.NotEmpty(t, i.message)
}
