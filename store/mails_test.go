package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
)

// sendMails gathers notices, and takes and sends every mail that is due.
func (f *fixture) sendMails(t testing.TB) (sent []models.Mail) {
	t.Helper()
	require.NoError(t, f.GatherMails(t.Context()))
	for {
		mail, ok, err := f.TakeMail(t.Context())
		require.NoError(t, err)
		if !ok {
			return sent
		}
		_, err = f.RecordMail(t.Context(), mail, nil, false)
		require.NoError(t, err)
		sent = append(sent, mail)
	}
}

// withMail switches mails on, at a time that tests move on.
func (f *fixture) withMail() (later func(time.Duration)) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	f.now = func() time.Time { return now }
	f.UsePublicURL("https://pay.example")
	f.UseMail()
	return func(d time.Duration) { now = now.Add(d) }
}

func (f *fixture) act(t testing.TB, actor, action, subject, detail string) {
	t.Helper()
	require.NoError(t, f.Audit(t.Context(), models.AuditEntry{
		Actor: actor, Action: action, Subject: subject, Detail: detail, Address: "203.0.113.7",
	}))
}

func (f *fixture) count(t testing.TB, table string) (rows int64) {
	t.Helper()
	require.NoError(t, f.reader.Table(table).Count(&rows).Error)
	return rows
}

// Every kind of notice has words and is for somebody, and every action that somebody is told of exists.
func TestNoticesAreComplete(t *testing.T) {
	t.Parallel()
	for _, kind := range models.NoticeKinds() {
		require.NotEmpty(t, mailTexts[kind].subject, kind)
		require.NotEmpty(t, mailTexts[kind].where, kind)
	}
	require.Len(t, mailTexts, len(models.NoticeKinds()))
	var actions []string
	for _, action := range models.AuditActions() {
		actions = append(actions, action.Name)
	}
	for action, kind := range noticeKinds {
		require.Contains(t, actions, action)
		require.Contains(t, models.NoticeKinds(), kind)
	}
	for _, action := range actions {
		_, isTold := noticeKinds[action]
		require.NotEqual(t, isTold, slices.Contains(toldToNobody, action), "%s: is it told to somebody or to nobody?", action)
	}
}

// toldToNobody are the actions of the audit log that are in no mail: what a shop does with its payments and settings,
// what an alarm tells anyway, and what attackers can cause as often as they like.
var toldToNobody = []string{
	"account_unlocked", "address_limited", "addresses_recovered", "alarm_resolved", "confirmations_set", "credit_reversed",
	"internal_movement", "invitation_limited", "logged_in", "login_failed", "login_limited", "logo_changed",
	"logo_removed", "operator_approved", "operator_created", "operator_limits_set", "operator_rejected",
	"payment_accepted", "payment_link_created", "payment_link_disabled", "payment_rejected", "registration_deleted",
	"registration_limited", "sessions_ended", "settings_changed", "token_event", "token_event_disproved",
	"token_followed", "tolerance_set", "transfer_disproved", "treasury_added", "xpub_added",
}

// Operators are told of changes of their access, and admins of alarms and applications, each by one mail.
func TestMailsAboutAccounts(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		subject := "operator:" + f.operator.ID
		f.act(t, subject, "key_created", subject, "before mails were switched on")
		require.Zero(t, f.count(t, "notices"))
		later := f.withMail()
		require.NoError(t, f.CreateAdmin(t.Context(), models.Admin{ID: models.NewID(), Email: "a@admin.example"}))
		gone := models.Admin{ID: models.NewID(), Email: "gone@admin.example"}
		for _, admin := range []models.Admin{{ID: models.NewID(), Email: "b@admin.example"}, gone} {
			require.NoError(t, f.CreateAdmin(t.Context(), admin))
		}
		require.NoError(t, f.SetAdminDisabled(t.Context(), gone.ID, true, models.AuditEntry{
			Actor: "admin:a@admin.example", Action: "admin_disabled", Subject: "admin:" + gone.ID, Detail: "Disabled gone@admin.example.",
		}))
		admins := f.sendMails(t)
		require.Len(t, admins, 2, "a disabled admin gets no mails")
		for _, mail := range admins {
			require.Equal(t, "PayCow: Admins (4)", mail.Subject)
			require.Contains(t, mail.Text, "Admin created. b@admin.example was made an admin. It was done on the command line.\n")
			require.Contains(t, mail.Text, "Admin disabled. Disabled gone@admin.example. It was done by a@admin.example.\n")
		}

		var a models.Admin
		require.NoError(t, f.reader.Where("email = 'a@admin.example'").Take(&a).Error)
		f.act(t, "admin:a@admin.example", "password_changed", "admin:"+a.ID, "")
		own := f.sendMails(t)
		require.Len(t, own, 1, "what concerns one admin is told to that one")
		require.Equal(t, "a@admin.example", own[0].Recipient)
		require.Contains(t, own[0].Text, "https://pay.example/admin.html#security")

		f.act(t, subject, "key_created", subject, "Made the API key pk_1.")
		f.act(t, "admin:a@admin.example", "totp_removed", subject, "Removed the second factor.")
		f.act(t, subject, "settings_changed", subject, "nobody is told of this")
		sent := f.sendMails(t)
		require.Len(t, sent, 1)
		require.Equal(t, f.operator.Email, sent[0].Recipient)
		require.Equal(t, f.operator.Name+": Security of your account (2)", sent[0].Subject)
		require.Contains(t, sent[0].Text, "API key created. Made the API key pk_1. It came from the network address 203.0.113.7.")
		require.Contains(t, sent[0].Text, "Removed the second factor.\n")
		require.NotContains(t, sent[0].Text, "admin.example", "who the admins are is not the shop's business")
		require.Contains(t, sent[0].Text, "https://pay.example/dashboard.html#security")

		f.act(t, "admin:a@admin.example", "operator_suspended", subject, "complaints")
		require.NoError(t, f.Raise(t.Context(), models.Alarm{
			Network: models.NetworkERC20, Kind: models.AlarmTokenPaused, Message: "The token is paused.",
		}))
		isNew, err := f.RegisterOperator(t.Context(), models.Operator{ID: models.NewID(), Email: "new@shop.example", Name: "New"}, "")
		require.NoError(t, err)
		require.True(t, isNew)
		var got []string
		for _, mail := range f.sendMails(t) {
			got = append(got, mail.Recipient+" "+mail.Subject)
		}
		require.ElementsMatch(t, []string{
			f.operator.Email + " " + f.operator.Name + ": Your account",
			"a@admin.example PayCow: Alarms", "b@admin.example PayCow: Alarms",
			"a@admin.example PayCow: Shops waiting for approval", "b@admin.example PayCow: Shops waiting for approval",
		}, got)
		require.Zero(t, f.count(t, "notices"))

		// Nobody gets a mail at an address that nobody has verified.
		require.NoError(t, f.writer.Exec("UPDATE operators SET email_verified_at = NULL").Error)
		later(time.Minute)
		f.act(t, subject, "key_created", subject, "Made the API key pk_2.")
		require.Empty(t, f.sendMails(t))
		require.Zero(t, f.count(t, "notices"))
	})
}

// An operator chooses what it is told. It is told of each change, whatever it chose, and of what happened before it.
func TestNotificationSettings(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		later := f.withMail()
		subject := "operator:" + f.operator.ID
		set := func(wanted models.NotificationSettings) {
			require.NoError(t, f.SetNotifications(ctx, f.operator.ID, wanted, models.AuditEntry{
				Actor: subject, Action: "notifications_changed", Subject: subject, Detail: "Changed the mails.",
			}))
		}
		act := func() { f.act(t, subject, "key_created", subject, "Made the API key pk_1.") }
		p := f.needing(t, 12)
		overpay := func() {
			after := p
			after.Status, after.Exception = models.StatusExpired, models.ExceptionUnderpaid
			require.NoError(t, f.write(ctx, func(tx *gorm.DB) error { return f.notifyOfException(tx, p.PaymentState, after) }))
		}
		told := func() (subjects []string) {
			later(time.Hour)
			for _, mail := range f.sendMails(t) {
				require.Equal(t, f.operator.Email, mail.Recipient)
				subjects = append(subjects, strings.TrimPrefix(mail.Subject, f.operator.Name+": "))
			}
			slices.Sort(subjects)
			return subjects
		}
		const account, security, exceptions = "Your account", "Security of your account", "Payments that need attention"
		act()
		set(models.NotificationSettings{})
		require.Equal(t, []string{security, account}, told(), "what happened before the change")
		act()
		overpay()
		require.Empty(t, told())
		set(models.NotificationSettings{Security: true})
		act()
		overpay()
		require.Equal(t, []string{security, account}, told())
		set(models.NotificationSettings{Exceptions: true})
		act()
		overpay()
		require.Equal(t, []string{exceptions, account}, told())
		require.ErrorIs(t, f.SetNotifications(ctx, models.NewID(), models.NotificationSettings{}, models.AuditEntry{}),
			models.ErrNotFound)
	})
}

// Whoever writes to the database switches no mails off.
func TestPlantedNotificationsCountForNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		everything := models.NotificationSettings{Security: true, Exceptions: true}
		quiet := models.NotificationSettings{}
		require.Equal(t, everything, f.NotificationsOf(ctx, f.readOperator(t)))
		require.NoError(t, f.writer.Exec("UPDATE operators SET notify_security = false").Error)
		require.Equal(t, everything, f.NotificationsOf(ctx, f.readOperator(t)))
		require.NoError(t, f.SetNotifications(ctx, f.operator.ID, quiet, did("notifications_changed")))
		require.Equal(t, quiet, f.NotificationsOf(ctx, f.readOperator(t)))

		other := f.addOperator(t)
		require.NoError(t, f.writer.Exec(`UPDATE operators SET notify_security = false, notify_exceptions = false, notify_mac =
			(SELECT notify_mac FROM operators WHERE id = ?) WHERE id = ?`, f.operator.ID, other.ID).Error)
		planted, err := f.Operator(ctx, other.ID)
		require.NoError(t, err)
		require.Equal(t, everything, f.NotificationsOf(ctx, planted), "it is another's")
	})
}

// keysWithoutMails prove everything but the mails to one address.
type keysWithoutMails struct {
	Keys
	recipient string
}

func (k keysWithoutMails) MAC(purpose string, parts ...string) []byte {
	if purpose == proofOfMail && parts[1] == k.recipient {
		return nil // the database takes no mail without a proof
	}
	return k.Keys.MAC(purpose, parts...)
}

// Notices that cannot be gathered hold up no others.
func TestNoticesHoldUpNoOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		later := f.withMail()
		keys, shops := f.keys, []models.Operator{f.operator, f.addOperator(t)}
		for i, failing := range shops {
			later(time.Minute)
			for _, shop := range shops {
				f.act(t, "operator:"+shop.ID, "key_created", "operator:"+shop.ID, "Made the API key pk_1.")
			}
			f.keys = keysWithoutMails{Keys: keys, recipient: failing.Email}
			require.Error(t, f.GatherMails(t.Context()))
			mail, ok := f.take(t)
			require.True(t, ok)
			require.Equal(t, shops[1-i].Email, mail.Recipient)
			_, err := f.RecordMail(t.Context(), mail, nil, false)
			require.NoError(t, err)
			f.keys = keys
			f.sendMails(t)
		}
	})
}

// A mail takes a bounded number of notices.
func TestAMailTakesABoundedNumberOfNotices(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.withMail()
		subject := "operator:" + f.operator.ID
		f.act(t, subject, "key_created", subject, "Made the API key pk_1.")
		for range 14 { // doublings
			require.NoError(t, f.writer.Exec(`INSERT INTO notices (account, kind, text, mac, at)
				SELECT account, kind, text, mac, at FROM notices`).Error)
		}
		sent := f.sendMails(t)
		require.Len(t, sent, 1)
		require.Contains(t, sent[0].Subject, fmt.Sprintf("(%d)", mailNotices))
		require.EqualValues(t, 1<<14-mailNotices, f.count(t, "notices"))
	})
}

// Notices that wait for their interval keep no writer waiting.
func TestWaitingNoticesWriteNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.withMail()
		subject := "operator:" + f.operator.ID
		f.act(t, subject, "key_created", subject, "Made the API key pk_1.")
		require.Len(t, f.sendMails(t), 1)
		f.act(t, subject, "key_created", subject, "Made the API key pk_2.")
		writer := f.writer
		f.writer = nil // writing would panic
		require.NoError(t, f.GatherMails(t.Context()))
		f.writer = writer
		require.EqualValues(t, 1, f.count(t, "notices"))
	})
}

func (f *fixture) readOperator(t testing.TB) models.Operator {
	t.Helper()
	operator, err := f.Operator(t.Context(), f.operator.ID)
	require.NoError(t, err)
	return operator
}

// A payment's exception is told with nothing about the payer but the amounts, and a thousand make few mails.
func TestMailsAboutExceptions(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		later := f.withMail()
		p := f.needing(t, 12)
		f.paidBy(t, p, 60*models.USDT)
		sent := f.sendMails(t)
		require.Len(t, sent, 1)
		require.Equal(t, f.operator.Name+": Payments that need attention", sent[0].Subject)
		require.Contains(t, sent[0].Text, fmt.Sprintf("Payment %s (reference %s): More than the amount arrived. %s of %s USDT were received.\n",
			p.ID, p.Reference, 60*models.USDT, p.AmountRequested))
		require.NotContains(t, sent[0].Text, p.UserID)

		late := func(times int) {
			require.NoError(t, f.write(t.Context(), func(tx *gorm.DB) error {
				for i := range times {
					after := p
					after.ID, after.Exception, after.Status = fmt.Sprintf("%024d", i), models.ExceptionUnderpaid, models.StatusExpired
					if err := f.notifyOfException(tx, p.PaymentState, after); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		late(1000)
		require.Empty(t, f.sendMails(t), "one mail in a quarter of an hour")
		later(15 * time.Minute)
		sent = f.sendMails(t)
		require.Len(t, sent, 1)
		require.Equal(t, f.operator.Name+": Payments that need attention (1000)", sent[0].Subject)
		require.Equal(t, mailLines, strings.Count(sent[0].Text, "Less than the amount arrived in time."))
		require.Contains(t, sent[0].Text, "And 950 more.")
		later(15 * time.Minute)
		require.Empty(t, f.sendMails(t))

		reverted := p // what was PAID is not any more
		paid := p.PaymentState
		paid.Status = models.StatusPaid
		reverted.Status, reverted.Exception = models.StatusPending, models.ExceptionNone
		require.NoError(t, f.notifyOfException(f.writer.WithContext(t.Context()), paid, reverted))
		sent = f.sendMails(t)
		require.Len(t, sent, 1)
		require.Contains(t, sent[0].Text, exceptionTexts[models.ExceptionReverted])
		later(15 * time.Minute)

		accepted := p
		accepted.Exception, accepted.Status = models.ExceptionAccepted, models.StatusPaid
		require.NoError(t, f.notifyOfException(f.writer.WithContext(t.Context()), p.PaymentState, accepted))
		require.Zero(t, f.count(t, "notices"), "the operator accepted it")
	})
}

// What is in a shop's name stays in one line, and rows that this program did not write are never sent.
func TestMailsOfForgedRows(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		thief := f.person(t, "thief@example.org")
		later := f.withMail()
		require.NoError(t, f.writer.Exec("UPDATE operators SET name = ?", "Shop\r\nBcc: thief@example.org").Error)
		subject := "operator:" + f.operator.ID
		f.act(t, subject, "key_created", subject, "Made a key\r\nBcc: thief@example.org")
		f.act(t, subject, "key_created", subject, "Made the API key pk_2.")
		require.NoError(t, f.writer.Exec("UPDATE notices SET text = 'Send us your password' WHERE text LIKE '%pk_2%'").Error)
		sent := f.sendMails(t)
		require.Len(t, sent, 1)
		require.Equal(t, "Shop Bcc: thief@example.org: Security of your account", sent[0].Subject)
		require.Contains(t, sent[0].Text, "Made a key Bcc: thief@example.org")
		later(time.Minute)
		require.NoError(t, f.writer.Exec("UPDATE operators SET name = ?", strings.Repeat("ü", 61)).Error)
		f.act(t, subject, "key_created", subject, "Made the API key pk_2.")
		long := f.sendMails(t)
		require.Len(t, long, 1)
		require.NotContains(t, long[0].Subject+long[0].Text, strings.Repeat("ü", 61))
		require.Contains(t, long[0].Subject, strings.Repeat("ü", 59))
		require.NotContains(t, sent[0].Text, "Send us")

		later(time.Minute)
		f.act(t, subject, "key_created", subject, "Made the API key pk_3.")
		require.NoError(t, f.GatherMails(t.Context()))
		require.NoError(t, f.writer.Exec("UPDATE mails SET recipient = 'thief@example.org' WHERE sent_at IS NULL").Error)
		require.Empty(t, f.sendMails(t))
		later(24 * time.Hour)
		require.Empty(t, f.sendMails(t))

		// A notice goes to nobody else, and an old mail or notice not again.
		f.act(t, subject, "key_created", subject, "Made the API key pk_4.")
		require.NoError(t, f.writer.Exec("UPDATE notices SET account = ?", thief.Subject()).Error)
		require.Empty(t, f.sendMails(t))
		later(time.Hour)
		f.act(t, subject, "key_created", subject, "Made the API key pk_5.")
		require.NoError(t, f.writer.Exec("UPDATE notices SET at = ?", f.now().Add(-time.Hour)).Error)
		require.Empty(t, f.sendMails(t))
		later(time.Hour)
		f.act(t, subject, "key_created", subject, "Made the API key pk_6.")
		require.Len(t, f.sendMails(t), 1)
		later(mailsKept / 2)
		require.NoError(t, f.writer.Exec("UPDATE mails SET sent_at = NULL, created_at = ?, next_try_at = ?", f.now(), f.now()).Error)
		require.Empty(t, f.sendMails(t))
	})
}

// waitingMail makes a mail that is due.
func (f *fixture) waitingMail(t testing.TB) (id string) {
	t.Helper()
	subject := "operator:" + f.operator.ID
	f.act(t, subject, "key_created", subject, "Made the API key pk_1.")
	require.NoError(t, f.GatherMails(t.Context()))
	require.NoError(t, f.reader.Table("mails").Order("created_at DESC").Limit(1).Pluck("id", &id).Error)
	return id
}

func (f *fixture) take(t testing.TB) (mail models.Mail, ok bool) {
	t.Helper()
	mail, ok, err := f.TakeMail(t.Context())
	require.NoError(t, err)
	return mail, ok
}

// A mail that a killed process had taken is sent once more, as the same message. One that fails is tried for three days,
// and so is one that ends the process.
func TestTriesOfAMail(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		later := f.withMail()
		f.waitingMail(t)
		require.NoError(t, f.GatherMails(ctx))
		first, ok := f.take(t)
		require.True(t, ok)
		require.Equal(t, 1, first.Tries)
		_, ok = f.take(t)
		require.False(t, ok, "another process has it")
		later(mailTakenFor)
		again, ok := f.take(t)
		require.True(t, ok)
		require.Equal(t, []string{first.ID, first.Text, first.Subject}, []string{again.ID, again.Text, again.Subject})
		_, err := f.RecordMail(ctx, first, nil, false)
		require.ErrorIs(t, err, models.ErrNotFound, "another process has it now")

		givenUp := false
		tries, age := f.tryFor(t, later, again, func(mail models.Mail) bool {
			givenUp, err = f.RecordMail(ctx, mail, errors.New("connection refused"), false)
			require.NoError(t, err)
			return !givenUp
		})
		require.True(t, givenUp)
		require.Greater(t, tries, 8)
		require.Less(t, age, 73*time.Hour)
		require.Greater(t, age, 60*time.Hour)

		id := f.waitingMail(t)
		deadly, ok := f.take(t)
		require.True(t, ok)
		tries, _ = f.tryFor(t, later, deadly, func(models.Mail) bool { return true })
		require.Greater(t, tries, 8)
		require.Less(t, tries, 15)
		require.Equal(t, "This mail is too old.", f.mail(t, id).Error)
		require.Nil(t, f.mail(t, id).NextTryAt)

		f.waitingMail(t)
		mail, ok := f.take(t)
		require.True(t, ok)
		givenUp, err = f.RecordMail(ctx, mail, errors.New("550 no such user"), true)
		require.NoError(t, err)
		require.True(t, givenUp)
		later(24 * time.Hour)
		_, ok = f.take(t)
		require.False(t, ok, "the server refused it for good")
	})
}

// tryFor takes a mail again and again for 80 hours, or until fails returns false.
func (f *fixture) tryFor(
	t testing.TB, later func(time.Duration), mail models.Mail, fails func(models.Mail) bool,
) (tries int, age time.Duration) {
	t.Helper()
	begun := f.now()
	for tries = 1; fails(mail); tries++ {
		for ok := false; !ok; mail, ok = f.take(t) {
			if later(time.Minute); f.now().Sub(begun) > 80*time.Hour {
				return tries, f.now().Sub(begun)
			}
		}
	}
	return tries, f.now().Sub(begun)
}

func (f *fixture) mail(t testing.TB, id string) (mail models.Mail) {
	t.Helper()
	require.NoError(t, f.reader.Where("id = ?", id).Take(&mail).Error)
	return mail
}

// A mail is taken by one of many processes, and what was sent is neither taken nor noted again, whoever writes to its
// row.
func TestAMailIsTakenOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		later := f.withMail()
		id := f.waitingMail(t)
		var taken atomic.Int64
		var processes sync.WaitGroup
		for range 8 {
			processes.Go(func() {
				_, ok, err := f.TakeMail(t.Context())
				assert.NoError(t, err)
				if ok {
					taken.Add(1)
				}
			})
		}
		processes.Wait()
		require.EqualValues(t, 1, taken.Load())

		mail := f.mail(t, id)
		_, err := f.RecordMail(t.Context(), mail, nil, false)
		require.NoError(t, err)
		_, err = f.RecordMail(t.Context(), mail, errors.New("late news"), false)
		require.ErrorIs(t, err, models.ErrNotFound, "it was sent")
		require.Empty(t, f.mail(t, id).Error)
		later(time.Hour)
		require.NoError(t, f.writer.Exec("UPDATE mails SET next_try_at = created_at").Error)
		_, ok := f.take(t)
		require.False(t, ok, "it was sent")

		require.NoError(t, f.writer.Exec("UPDATE mails SET sent_at = NULL").Error)
		later(mailsSentFor)
		_, ok = f.take(t)
		require.False(t, ok, "an old mail is not sent once more")
		later(mailsKept)
		require.NoError(t, f.DropOld(t.Context(), Ages{}, func(string) {}))
		require.Zero(t, f.count(t, "mails"))
	})
}

// Old notices go into no mail, and the log says that they were dropped.
func TestOldNotices(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		var log bytes.Buffer
		f.log = slog.New(slog.NewTextHandler(&log, nil))
		later := f.withMail()
		subject := "operator:" + f.operator.ID
		f.act(t, subject, "key_created", subject, "Made the API key pk_1.")
		later(noticesKept)
		require.NoError(t, f.DropOld(t.Context(), Ages{}, func(string) {}))
		require.EqualValues(t, 1, f.count(t, "notices"))
		require.NotContains(t, log.String(), "notices were")
		later(time.Millisecond)
		require.Empty(t, f.sendMails(t))
		require.Contains(t, log.String(), "It is too old.")

		f.act(t, subject, "key_created", subject, "Made the API key pk_2.")
		later(noticesKept + time.Millisecond)
		require.NoError(t, f.DropOld(t.Context(), Ages{}, func(string) {}))
		require.Zero(t, f.count(t, "notices"))
		require.Contains(t, log.String(), "they are dropped")
		require.Contains(t, log.String(), "count=1")
	})
}

// A member is told of its own login, and the owner of who joins the team and what members do.
func TestMailsAboutTeams(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		later := f.withMail()
		account, owner := f.operator.ID, "operator:"+f.operator.ID
		member := models.Member{ID: models.NewID(), OperatorID: account, Email: "dev@example.org", Role: models.MemberDeveloper}
		require.NoError(t, f.CreateMember(t.Context(), member, models.AuditEntry{
			Actor: owner, Action: "member_invited", Subject: owner, Detail: "Invited dev@example.org as developer.",
		}))
		f.act(t, "member:dev@example.org", "password_changed", "member:"+member.ID, "")
		sent := f.sendMails(t)
		require.Len(t, sent, 1, "who has not accepted gets no mails")
		require.Equal(t, f.operator.Email, sent[0].Recipient)
		require.Contains(t, sent[0].Text, "Team member invited. Invited dev@example.org as developer.")

		later(time.Hour)
		require.NoError(t, f.writer.Exec("UPDATE members SET password_hash = 'h' WHERE id = ?", member.ID).Error)
		f.act(t, "member:dev@example.org", "password_changed", "member:"+member.ID, "")
		f.act(t, "member:dev@example.org", "key_created", owner, "Key A.")
		texts := map[string]string{}
		for _, mail := range f.sendMails(t) {
			texts[mail.Recipient] = mail.Text
		}
		require.Len(t, texts, 2)
		require.Contains(t, texts["dev@example.org"], "Password changed.")
		require.Contains(t, texts["dev@example.org"], "https://pay.example/dashboard.html#security")
		require.Contains(t, texts[f.operator.Email], "It was done by dev@example.org. It came from the network address 203.0.113.7.")

		later(time.Hour)
		require.NoError(t, f.writer.Exec("UPDATE members SET email = 'thief@example.org' WHERE id = ?", member.ID).Error)
		f.act(t, "member:dev@example.org", "password_changed", "member:"+member.ID, "")
		require.Empty(t, f.sendMails(t), "an altered row sends its mails to nobody")
	})
}
