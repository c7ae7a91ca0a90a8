package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// mailbox is a mail server of the library go-smtp. It turns the first message away for now, and keeps the others.
type mailbox struct {
	mu       sync.Mutex
	tries    int
	messages []string
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m *mailbox) Reset()                                      {}
func (m *mailbox) Logout() error                               { return nil }
func (m *mailbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (m *mailbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }

func (m *mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tries++; m.tries == 1 {
		return &smtp.SMTPError{Code: 451, Message: "later"}
	}
	m.messages = append(m.messages, string(text))
	return err
}

func (m *mailbox) got() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messages
}

// newNotifyingStore returns a store that writes notices, and the id of an operator in it.
func newNotifyingStore(t *testing.T) (db *store.Store, operatorID string) {
	t.Helper()
	db = newTestStore(t)
	keys, err := secrets.NewKeyring(bytes.Repeat([]byte{7}, secrets.MasterKeyBytes))
	require.NoError(t, err)
	require.NoError(t, db.UseMasterKey(t.Context(), keys, nil))
	db.UsePublicURL("https://pay.example")
	db.UseMail()
	shop := models.Operator{
		ID: models.NewID(), Email: "shop@example.org", Name: "B\u00fccher\r\nBcc: thief@example.org", Status: models.OperatorActive,
	}
	require.NoError(t, db.CreateOperator(t.Context(), shop, nil))
	return db, shop.ID
}

func noticeKey(t *testing.T, db *store.Store, operatorID string) {
	t.Helper()
	subject := "operator:" + operatorID
	require.NoError(t, db.Audit(t.Context(), models.AuditEntry{
		Actor: subject, Action: "key_created", Subject: subject, Detail: "Made the API key pk_1.",
	}))
}

// What is noticed reaches a mail server, once, also if that does not take it at first. Nothing that a shop is called
// adds a header.
func TestMailsReachTheirServer(t *testing.T) {
	t.Parallel()
	db, operatorID := newNotifyingStore(t)
	box := &mailbox{}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(listener) })
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); _ = server.Close(); done.Wait() })
	settings := Settings{SMTPURL: "smtp://" + listener.Addr().String(), MailFrom: "PayCow <pay@example.org>"}
	for range 2 { // processes
		a := &app{store: db, settings: settings, log: slog.New(slog.DiscardHandler)}
		done.Go(func() { _ = a.runMails(ctx) })
	}
	noticeKey(t, db, operatorID)
	require.Eventually(t, func() bool { return len(box.got()) > 0 }, time.Minute, 50*time.Millisecond)
	time.Sleep(3 * time.Second) // for a second copy, of which there must be none
	require.Len(t, box.got(), 1)
	head, body, _ := strings.Cut(box.got()[0], "\r\n\r\n")
	require.Contains(t, head, "To: <shop@example.org>")
	require.NotContains(t, head, "\nBcc:")
	require.Contains(t, body, "Made the API key pk_1.")
}

// In development, mails are files in the data directory.
func TestDevelopmentKeepsMails(t *testing.T) {
	t.Parallel()
	db, operatorID := newNotifyingStore(t)
	a := &app{
		store: db, settings: Settings{isDev: true, dataDir: t.TempDir()}, log: slog.New(slog.DiscardHandler),
	}
	require.True(t, a.settings.sendsMails())
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = a.runMails(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	noticeKey(t, db, operatorID)
	require.Eventually(t, func() bool {
		files, _ := filepath.Glob(filepath.Join(a.settings.dataDir, "mails", "*.eml"))
		return len(files) == 1
	}, time.Minute, 50*time.Millisecond)
	none := Settings{}
	require.False(t, none.sendsMails())
}
