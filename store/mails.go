package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"paycow/models"
	"paycow/rules"
)

const (
	// mailNotices is how many notices one mail takes from the table at most, and mailLines how many it shows.
	mailNotices = 10_000
	mailLines   = 50
	// mailTakenFor is how long no other process takes a mail that one has taken. Sending takes less.
	mailTakenFor = time.Minute
	// noticesKept and mailsKept are how long notices and mails are kept that nothing else ends.
	noticesKept = 72 * time.Hour
	mailsKept   = 7 * 24 * time.Hour
	// mailsSentFor is how old a mail is sent at most: the last of its tries may begin late.
	mailsSentFor = rules.WebhookTryFor + time.Hour
)

// noticeGroup is what one mail is about.
type noticeGroup struct {
	Account string
	Kind    models.NoticeKind
}

// GatherMails puts notices into mails: those of one account and kind into one, at most one in each interval of that
// kind. It may run in any number of processes. Groups that cannot be gathered hold up no other one.
func (s *Store) GatherMails(ctx context.Context) error {
	var groups []noticeGroup
	if err := s.read(ctx).Table("notices").Distinct("account", "kind").Find(&groups).Error; err != nil {
		return wrap(err, "look for notices")
	}
	var failures []error
	for _, group := range groups {
		_, _, isTooEarly, err := s.newMails(s.read(ctx), group)
		if err == nil && !isTooEarly { // most notices wait for their interval: those keep no writer waiting
			err = s.write(ctx, func(tx *gorm.DB) error { return s.gather(tx, group) })
		}
		if err != nil && !isUniqueViolation(err) { // another process was first
			failures = append(failures, wrap(err, "gather notices"))
		}
	}
	return errors.Join(failures...)
}

// newMails returns a mail without words to each recipient of a group, and what the account is called. isTooEarly is
// true if there is one for this interval already.
func (s *Store) newMails(
	db *gorm.DB, group noticeGroup,
) (name string, mails []models.Mail, isTooEarly bool, err error) {
	now := s.now()
	name, recipients, err := s.recipients(db, group)
	if err != nil {
		return "", nil, false, err
	}
	mails = make([]models.Mail, len(recipients))
	for i, to := range recipients {
		mails[i] = models.Mail{
			ID: models.MailID(group.Account, group.Kind, to, now), Account: group.Account, Recipient: to, NextTryAt: &now,
			CreatedAt: now,
		}
	}
	var known int64
	ids := pluck(mails, func(m models.Mail) string { return m.ID })
	if err := db.Model(&models.Mail{}).Where("id IN ?", ids).Count(&known).Error; err != nil {
		return "", nil, false, fmt.Errorf("look for the mails of this interval: %w", err)
	}
	return name, mails, known > 0, nil
}

// gather puts the notices of a group into a mail to each recipient, unless there is one for this interval.
func (s *Store) gather(tx *gorm.DB, group noticeGroup) error {
	name, mails, isTooEarly, err := s.newMails(tx, group)
	if err != nil || isTooEarly {
		return err
	}
	notices, err := s.takeNotices(tx, group)
	if err != nil || len(notices) == 0 || len(mails) == 0 {
		return err
	}
	for i := range mails {
		mails[i].Subject, mails[i].Text = s.message(group, name, notices)
		mails[i].MAC = s.keys.MAC(proofOfMail, partsOfMail(mails[i])...)
	}
	return tx.Create(&mails).Error
}

// takeNotices deletes the notices of a group and returns them in their order. Those that this program did not write, or
// long ago, are left out.
func (s *Store) takeNotices(tx *gorm.DB, group noticeGroup) (proven []models.Notice, err error) {
	var taken []models.Notice
	err = tx.Raw(`DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE account = ? AND kind = ?
		ORDER BY id LIMIT ?) RETURNING *`, group.Account, group.Kind, mailNotices).Scan(&taken).Error
	if err != nil {
		return nil, fmt.Errorf("take notices: %w", err)
	}
	oldest := s.now().Add(-noticesKept)
	for _, n := range taken {
		var problem string
		switch {
		case !s.keys.CheckMAC(n.MAC, proofOfNotice, partsOfNotice(n)...):
			problem = "PayCow did not write it."
		case n.At.Before(oldest):
			problem = "It is too old."
		default:
			proven = append(proven, n)
			continue
		}
		s.log.ErrorContext(tx.Statement.Context, "a notice goes into no mail", "account", n.Account, "problem", problem)
	}
	slices.SortFunc(proven, func(a, b models.Notice) int { return cmp.Compare(a.ID, b.ID) })
	return proven, nil
}

// recipients returns who is told what a group holds, and what the account is called. Everybody is told at the address
// that they log in with, and nobody at one that nobody has verified.
func (s *Store) recipients(tx *gorm.DB, group noticeGroup) (name string, addresses []string, err error) {
	role, id, _ := strings.Cut(group.Account, ":")
	if models.Role(role) == models.RoleMember {
		var members []models.Member
		if err := tx.Where("id = ? AND password_hash <> ''", id).Find(&members).Error; err != nil {
			return "", nil, fmt.Errorf("read a member: %w", err)
		}
		for _, m := range members { // an altered row may name anybody
			if s.keys.CheckMAC(m.MAC, proofOfMember, partsOfMember(m.ID, m.OperatorID, m.Email, m.Role)...) {
				addresses = append(addresses, m.Email)
			}
		}
		return "", addresses, nil
	}
	if models.Role(role) == models.RoleOperator {
		var operators []models.Operator
		if err := tx.Where("id = ? AND email_verified_at IS NOT NULL", id).Find(&operators).Error; err != nil {
			return "", nil, fmt.Errorf("read an operator: %w", err)
		}
		for _, o := range operators {
			return o.Name, []string{o.Email}, nil
		}
		return "", nil, nil
	}
	admins := tx.Model(&models.Admin{}).Where("disabled_at IS NULL")
	if group.Account != models.AllAdmins {
		admins = admins.Where("id = ?", id)
	}
	if err := admins.Order("email").Limit(maxListedSessions).Pluck("email", &addresses).Error; err != nil {
		return "", nil, fmt.Errorf("read the admins: %w", err)
	}
	return "", addresses, nil
}

func partsOfMail(m models.Mail) []string {
	return []string{m.ID, m.Recipient, m.Subject, m.Text, strconv.FormatInt(m.CreatedAt.UnixMilli(), 10)}
}

// TakeMail returns a mail that is to be sent now, counts the try, and keeps other processes from taking the mail for a
// while. A process that is killed before RecordMail has made a try that failed. ok is false if there is no mail. A mail
// that this program did not write, or that is too old, is never sent.
func (s *Store) TakeMail(ctx context.Context) (mail models.Mail, ok bool, err error) {
	for {
		now := s.now()
		var due []models.Mail
		err := s.read(ctx).Where("sent_at IS NULL AND next_try_at <= ?", now).Order("next_try_at").Limit(1).Find(&due).Error
		if err != nil {
			return models.Mail{}, false, wrap(err, "look for mails")
		}
		if len(due) == 0 {
			return models.Mail{}, false, nil
		}
		mail := due[0]
		change := map[string]any{"tries": mail.Tries + 1, "next_try_at": toMillis(nextMailTry(mail, now))}
		problem := s.mailProblem(mail, now)
		if problem != "" {
			s.log.ErrorContext(ctx, "a mail is not sent", "mail_id", mail.ID, "account", mail.Account, "problem", problem)
			change = map[string]any{"next_try_at": nil, "error": problem}
		}
		taken := s.writer.WithContext(ctx).Model(&models.Mail{}).
			Where("id = ? AND next_try_at = ? AND sent_at IS NULL", mail.ID, mail.NextTryAt).UpdateColumns(change)
		if taken.Error != nil {
			return models.Mail{}, false, wrap(taken.Error, "take a mail")
		}
		if problem == "" && taken.RowsAffected == 1 {
			mail.Tries++
			return mail, true, nil
		}
	}
}

// mailProblem returns why a mail is never sent, "" if it may be.
func (s *Store) mailProblem(m models.Mail, now time.Time) string {
	switch {
	case !s.keys.CheckMAC(m.MAC, proofOfMail, partsOfMail(m)...):
		return "PayCow did not write this mail."
	case !now.Before(m.CreatedAt.Add(mailsSentFor)):
		return "This mail is too old."
	}
	return ""
}

// nextMailTry returns when a mail that is taken now is tried again if its process notes nothing.
func nextMailTry(m models.Mail, now time.Time) time.Time {
	next, more := rules.NextWebhookTry(m.ID, m.Tries+1, m.CreatedAt, now, 0)
	if !more {
		next = m.CreatedAt.Add(mailsSentFor)
	}
	if until := now.Add(mailTakenFor); next.Before(until) {
		return until
	}
	return next
}

// maxMailError is how much of an error is kept, in characters.
const maxMailError = 500

// RecordMail notes what became of a mail that the caller has taken: failed is nil if the server took it. A mail that
// failed is tried again like a webhook, unless the server refused it for good. givenUp is true if it is not. Returns
// models.ErrNotFound if the caller's try is not the last one any more.
func (s *Store) RecordMail(
	ctx context.Context, mail models.Mail, failed error, refused bool,
) (givenUp bool, err error) {
	now := s.now()
	change := map[string]any{"next_try_at": nil, "error": ""}
	if failed == nil {
		change["sent_at"] = now
	} else {
		change["error"] = models.Shorten(models.HarmlessText(failed.Error()), maxMailError)
		next, more := rules.NextWebhookTry(mail.ID, mail.Tries, mail.CreatedAt, now, 0)
		givenUp = refused || !more
		if !givenUp {
			change["next_try_at"] = toMillis(next)
		}
	}
	noted := s.writer.WithContext(ctx).Model(&models.Mail{}).
		Where("id = ? AND tries = ? AND sent_at IS NULL", mail.ID, mail.Tries).UpdateColumns(change)
	err = noted.Error
	if err == nil && noted.RowsAffected == 0 {
		err = models.ErrNotFound
	}
	return givenUp, wrap(err, "note the try of a mail")
}
