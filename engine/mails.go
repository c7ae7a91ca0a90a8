package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"paycow/models"
)

// MailStore holds notices and mails.
type MailStore interface {
	// GatherMails puts notices into mails.
	GatherMails(ctx context.Context) error
	// TakeMail returns a mail that is to be sent now, counts the try, and keeps other processes from taking the mail for a
	// minute. ok is false if there is none.
	TakeMail(ctx context.Context) (mail models.Mail, ok bool, err error)
	// RecordMail notes what became of it, and says when it is tried again. refused says that the failure is for good.
	RecordMail(ctx context.Context, mail models.Mail, failed error, refused bool) (givenUp bool, err error)
}

// MailFault says what a mail that could not be sent waits for.
type MailFault int

// The faults.
const (
	MailFailed     MailFault = iota // this try failed; a later one may succeed
	MailRefused                     // the server will never take this mail
	MailServerAway                  // the server cannot be used now, for no mail
)

// SendMail sends a mail. It returns once the server has taken it, and within half a minute. The fault counts only with
// an error.
type SendMail func(ctx context.Context, mail models.Mail) (MailFault, error)

const (
	mailInterval = 2 * time.Second
	// recordMailWithin is how long noting the outcome of a try may take, also after the process was told to end.
	recordMailWithin = 5 * time.Second
)

// Mails gathers notices and sends mails. They need no workflow: the rows say what is to be sent and when, so any number
// of processes may do so at once, also while Temporal is away, and nobody waits for a mail server.
type Mails struct {
	store MailStore
	send  SendMail
	log   *slog.Logger
}

// NewMails returns what sends mails. It sends none before Run.
func NewMails(store MailStore, send SendMail, log *slog.Logger) *Mails {
	return &Mails{store: store, send: send, log: log}
}

// Run gathers notices and sends mails until ctx ends. Notices are gathered even while the mail server hangs.
func (m *Mails) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { m.repeat(ctx, m.store.GatherMails) })
	running.Go(func() { m.repeat(ctx, m.sweep) })
	running.Wait()
}

// repeat does something again and again until ctx ends.
func (m *Mails) repeat(ctx context.Context, do func(context.Context) error) {
	tick := time.NewTicker(mailInterval)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "mails are waiting", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep sends every mail that is due, one after the other. It ends early if the mail server cannot be used.
func (m *Mails) sweep(ctx context.Context) error {
	for ctx.Err() == nil {
		mail, ok, err := m.store.TakeMail(ctx)
		if err != nil || !ok {
			return err
		}
		fault, failed := m.send(ctx, mail)
		if failed != nil && ctx.Err() != nil {
			return nil //nolint:nilerr // TakeMail has counted the try
		}
		if err := m.record(ctx, mail, fault, failed); err != nil {
			return err
		}
		if failed != nil && fault == MailServerAway {
			return nil
		}
	}
	return nil
}

// record notes what became of a mail, even if ctx has ended: otherwise a mail that was sent would be sent again.
func (m *Mails) record(ctx context.Context, mail models.Mail, fault MailFault, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordMailWithin)
	defer cancel()
	givenUp, err := m.store.RecordMail(ctx, mail, failed, fault == MailRefused)
	switch {
	case err != nil:
		return err
	case givenUp:
		m.log.ErrorContext(ctx, "a mail could not be sent and is given up", "mail_id", mail.ID, "account", mail.Account,
			"error", failed)
	case failed != nil:
		m.log.WarnContext(ctx, "a mail could not be sent yet", "mail_id", mail.ID, "error", failed)
	}
	return nil
}
