package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/engine"
	"paycow/models"
)

// mailRows are mails in memory, each due until it is sent or refused.
type mailRows struct {
	mu      sync.Mutex
	due     []string
	became  []string // what was recorded: the id and the error
	gathers int
	away    bool
}

func (r *mailRows) GatherMails(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gathers++; r.away {
		return errors.New("away")
	}
	return nil
}

func (r *mailRows) TakeMail(context.Context) (mail models.Mail, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away || len(r.due) == 0 {
		return models.Mail{}, false, nil
	}
	mail.ID, r.due = r.due[0], r.due[1:]
	return mail, true, nil
}

func (r *mailRows) RecordMail(ctx context.Context, mail models.Mail, failed error, refused bool) (bool, error) {
	if _, isBounded := ctx.Deadline(); ctx.Err() != nil || !isBounded {
		return false, errors.New("the database takes nothing")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text := mail.ID + " sent"
	if failed != nil {
		text = mail.ID + " " + failed.Error()
	}
	r.became = append(r.became, text)
	return refused, nil
}

func (r *mailRows) recorded() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.became)
}

// runMails runs until the returned function is called.
func runMails(t *testing.T, rows *mailRows, send engine.SendMail) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { engine.NewMails(rows, send, slog.New(slog.DiscardHandler)).Run(ctx) })
	stop = func() { cancel(); done.Wait() }
	t.Cleanup(stop)
	return stop
}

// A mail that cannot be sent holds up no other one. At the end of the process, a mail that was sent is noted, and one
// that was not stays taken.
func TestMailsAreSent(t *testing.T) {
	t.Parallel()
	for last, want := range map[string][]string{
		"taken":   {"a sent", "bad refused", "b sent", "taken sent"},
		"hanging": {"a sent", "bad refused", "b sent"},
	} {
		rows := &mailRows{due: []string{"a", "bad", "b", last}}
		reached := make(chan struct{})
		stop := runMails(t, rows, func(ctx context.Context, mail models.Mail) (engine.MailFault, error) {
			switch mail.ID {
			case "bad":
				return engine.MailRefused, errors.New("refused")
			case "hanging", "taken":
				close(reached)
				<-ctx.Done()
			}
			if mail.ID == "hanging" {
				return engine.MailServerAway, ctx.Err()
			}
			return engine.MailFailed, nil
		})
		select {
		case <-reached:
		case <-time.After(20 * time.Second):
			t.Error("the last mail was not sent")
		}
		stop()
		require.Equal(t, want, rows.recorded())
	}
}

// While the mail server cannot be used, one mail is tried at a time, and notices are gathered.
func TestMailsWaitForTheirServer(t *testing.T) {
	t.Parallel()
	rows := &mailRows{due: []string{"a", "b", "c"}}
	hangs := make(chan struct{})
	stop := runMails(t, rows, func(ctx context.Context, mail models.Mail) (engine.MailFault, error) {
		if mail.ID != "a" {
			close(hangs)
			<-ctx.Done()
		}
		return engine.MailServerAway, errors.New("away")
	})
	require.Eventually(t, func() bool { return len(rows.recorded()) == 1 }, 20*time.Second, time.Millisecond)
	select {
	case <-hangs:
		t.Error("the same sweep tried another mail")
	case <-time.After(100 * time.Millisecond):
	}
	<-hangs
	gathers := func() int {
		rows.mu.Lock()
		defer rows.mu.Unlock()
		return rows.gathers
	}
	before := gathers()
	require.Eventually(t, func() bool { return gathers() > before+1 }, 20*time.Second, 20*time.Millisecond)
	stop()
	require.Equal(t, []string{"a away"}, rows.recorded())
}

// What cannot be gathered now is gathered later.
func TestMailsWaitForTheDatabase(t *testing.T) {
	t.Parallel()
	rows := &mailRows{due: []string{"a"}, away: true}
	runMails(t, rows, func(context.Context, models.Mail) (engine.MailFault, error) { return engine.MailFailed, nil })
	require.Eventually(t, func() bool {
		rows.mu.Lock()
		defer rows.mu.Unlock()
		rows.away = rows.gathers == 0
		return len(rows.became) == 1
	}, 20*time.Second, 20*time.Millisecond)
}
