package main

import (
	"context"
	"fmt"
	"path/filepath"

	"paycow/engine"
	"paycow/internal/mail"
	"paycow/models"
)

// mailServer returns what sends mails through the mail server, nil without one.
func (s *Settings) mailServer() (*mail.Sender, error) {
	if s.SMTPURL == "" {
		return nil, nil //nolint:nilnil // no mail server is no error
	}
	sender, err := mail.New(s.SMTPURL, s.MailFrom)
	if err != nil {
		return nil, fmt.Errorf("PAYCOW_SMTP_URL and PAYCOW_MAIL_FROM: %w", err)
	}
	return sender, nil
}

// approvalMailer returns what sends a mail that a person waits for, nil without a mail server.
func (s *Settings) approvalMailer() (func(ctx context.Context, to, subject, text string) error, error) {
	sender, err := s.mailServer()
	if sender == nil {
		return nil, err
	}
	return func(ctx context.Context, to, subject, text string) error {
		return sender.Send(ctx, mail.Message{To: to, Subject: subject, Text: text})
	}, nil
}

// sendsMails reports whether accounts are told anything by mail.
func (s *Settings) sendsMails() bool { return s.SMTPURL != "" || s.isDev }

// devMailFrom is the sender of the mails that paycow dev writes to files.
const devMailFrom = "PayCow <paycow@localhost>"

// runMails sends the mails that are in the database until ctx ends. In development they are written to files, unless
// there is a mail server. Without either it only waits.
func (a *app) runMails(ctx context.Context) error {
	sender, err := a.settings.mailServer()
	if err != nil {
		return err
	}
	var send func(context.Context, mail.Message) error
	switch {
	case sender != nil:
		send = sender.Send
	case a.settings.isDev:
		send = mail.Folder{Dir: filepath.Join(a.settings.dataDir, "mails"), From: devMailFrom}.Send
	default:
		<-ctx.Done()
		return nil
	}
	engine.NewMails(a.store, func(ctx context.Context, m models.Mail) (engine.MailFault, error) {
		err := send(ctx, mail.Message{ID: m.ID, At: m.CreatedAt, To: m.Recipient, Subject: m.Subject, Text: m.Text})
		return mailFault(err), err
	}, a.log).Run(ctx)
	return nil
}

func mailFault(err error) engine.MailFault {
	switch {
	case mail.IsRefused(err):
		return engine.MailRefused
	case mail.IsUnreachable(err):
		return engine.MailServerAway
	}
	return engine.MailFailed
}
