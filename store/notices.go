package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"paycow/models"
	"paycow/rules"
)

// UseMail makes this process write what accounts are to be told by mail. Without it, no notice is written.
func (s *Store) UseMail() { s.mails = true }

// SendsMail reports whether notices are written.
func (s *Store) SendsMail() bool { return s.mails }

// noticeKinds names the actions of the audit log that somebody is told of. An approval is not among them: it has a mail
// of its own, with a link that no row holds.
var noticeKinds = map[string]models.NoticeKind{
	"operator_suspended":   models.NoticeAccount,
	"operator_reactivated": models.NoticeAccount,
	// Whoever took over an account would switch its mails off: the last one says so.
	"notifications_changed": models.NoticeAccount,

	"credential_rotated":        models.NoticeSecurity,
	"key_created":               models.NoticeSecurity,
	"key_revoked":               models.NoticeSecurity,
	"keys_revoked":              models.NoticeSecurity,
	"member_invited":            models.NoticeSecurity,
	"member_removed":            models.NoticeSecurity,
	"member_role_changed":       models.NoticeSecurity,
	"password_changed":          models.NoticeSecurity,
	"password_link_made":        models.NoticeSecurity,
	"password_set_by_link":      models.NoticeSecurity,
	"recovery_code_used":        models.NoticeSecurity,
	"recovery_codes_replaced":   models.NoticeSecurity,
	"secret_revealed":           models.NoticeSecurity,
	"totp_disabled":             models.NoticeSecurity,
	"totp_enabled":              models.NoticeSecurity,
	"totp_removed":              models.NoticeSecurity,
	"webhook_endpoint_changed":  models.NoticeSecurity,
	"webhook_endpoint_created":  models.NoticeSecurity,
	"webhook_endpoint_deleted":  models.NoticeSecurity,
	"webhook_endpoint_disabled": models.NoticeSecurity,
	"webhook_secret_revealed":   models.NoticeSecurity,
	"webhook_secret_rotated":    models.NoticeSecurity,

	"admin_created":  models.NoticeAdmins,
	"admin_disabled": models.NoticeAdmins,
	"admin_enabled":  models.NoticeAdmins,

	"operator_registered":       models.NoticeApplications,
	"operator_registered_again": models.NoticeApplications,
	"alarm_raised":              models.NoticeAlarms,
}

// noticeOf returns the notice of an entry of the audit log. ok is false if nobody is told of it.
func noticeOf(entry models.AuditEntry) (notice models.Notice, ok bool) {
	kind, ok := noticeKinds[entry.Action]
	notice = models.Notice{Account: entry.Subject, Kind: kind, Text: models.AuditText(entry.Action) + ". " + entry.Detail}
	switch kind {
	case models.NoticeApplications, models.NoticeAlarms:
		notice.Account = models.AllAdmins
	case models.NoticeAdmins:
		notice.Account = models.AllAdmins
		notice.Text += " It was done " + byActor(entry.Actor) + "."
	case models.NoticeAccount:
		notice.Text = accountText(entry)
	case models.NoticeSecurity, models.NoticeExceptions:
		isMember := strings.HasPrefix(entry.Actor, string(models.RoleMember)+":")
		if isMember {
			notice.Text += " It was done " + byActor(entry.Actor) + "."
		}
		if (isMember || entry.Actor == entry.Subject) && entry.Address != "" { // an operator does not learn where admins are
			notice.Text += " It came from the network address " + entry.Address + "."
		}
	}
	return notice, ok
}

// byActor says who did something, as the end of a sentence.
func byActor(actor string) string {
	switch actor {
	case models.ActorCLI:
		return "on the command line"
	case models.ActorTemporal:
		return "by hand in Temporal"
	}
	return "by " + models.ActorName(actor)
}

// accountText returns what an operator is told of a change of its account.
func accountText(entry models.AuditEntry) string {
	var text string
	switch entry.Action {
	case "notifications_changed":
		return entry.Detail + " If this was not you, change your password and log out everywhere."
	case "operator_suspended":
		text = "Your account was suspended. You cannot create new payments; open payments continue and will be credited."
	default:
		text = "Your account was reactivated. You can create payments again."
	}
	if entry.Detail != "" {
		text += " Reason: " + entry.Detail
	}
	return text
}

// notify writes a notice, in the transaction that causes it, unless the account does not want to know. What it wants at
// another time does not matter. A process without a master key writes none, because it cannot prove any.
func (s *Store) notify(tx *gorm.DB, notice models.Notice) error {
	if _, provesNothing := s.keys.(noKeys); provesNothing || !s.mails {
		return nil
	}
	if isWanted, err := s.isWanted(tx, notice); err != nil || !isWanted {
		return err
	}
	notice.At = s.now()
	notice.MAC = s.keys.MAC(proofOfNotice, partsOfNotice(notice)...)
	if err := tx.Create(&notice).Error; err != nil {
		return fmt.Errorf("write a notice: %w", err)
	}
	return nil
}

func partsOfNotice(n models.Notice) []string {
	return []string{n.Account, string(n.Kind), n.Text, strconv.FormatInt(n.At.UnixMilli(), 10)}
}

// exceptionTexts say what an exception means to the operator.
var exceptionTexts = map[models.Exception]string{
	models.ExceptionUnderpaid:   "Less than the amount arrived in time.",
	models.ExceptionOverpaid:    "More than the amount arrived.",
	models.ExceptionPaidLate:    "The transfer arrived after the payment had expired.",
	models.ExceptionAfterReject: "A transfer arrived after the payment was rejected.",
	models.ExceptionReverted:    "A chain reorganisation removed a transfer that had been reported.",
}

// notifyOfException writes the notice of a payment's change if it is an exception that the operator must look at.
func (s *Store) notifyOfException(tx *gorm.DB, before models.PaymentState, after models.Payment) error {
	exception := after.Exception
	switch types := rules.Events(before, after.PaymentState); {
	case slices.Contains(types, models.EventReverted):
		exception = models.ExceptionReverted
	case !slices.Contains(types, models.EventException):
		return nil
	}
	text, ok := exceptionTexts[exception]
	if !ok {
		return nil
	}
	return s.notify(tx, models.Notice{
		Account: models.Account{Role: models.RoleOperator, ID: after.OperatorID}.Subject(), Kind: models.NoticeExceptions,
		Text: fmt.Sprintf("Payment %s (reference %s): %s %s of %s %s were received.", after.ID, after.Reference, text,
			after.AmountReceived, after.AmountRequested, strings.ToUpper(after.Currency)),
	})
}
