package models

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// NoticeKind is what a notice is about. Notices of one kind for one account go into one mail.
type NoticeKind string

// The kinds of notices.
const (
	// NoticeAccount is for an operator whose account was suspended or reactivated.
	NoticeAccount NoticeKind = "account"
	// NoticeSecurity is for the owner of an account whose access was changed or used.
	NoticeSecurity NoticeKind = "security"
	// NoticeExceptions is for an operator whose payments got an exception.
	NoticeExceptions NoticeKind = "exceptions"
	// NoticeAdmins is for admins when there is another one, or one less.
	NoticeAdmins NoticeKind = "admins"
	// NoticeApplications is for admins when an operator waits for approval.
	NoticeApplications NoticeKind = "applications"
	// NoticeAlarms is for admins when an alarm was opened.
	NoticeAlarms NoticeKind = "alarms"
)

// NoticeKinds returns every kind of notice.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{
		NoticeAccount, NoticeSecurity, NoticeExceptions, NoticeAdmins, NoticeApplications, NoticeAlarms,
	}
}

// MailInterval is the time in which an address gets one mail about notices of this kind at most.
func (k NoticeKind) MailInterval() time.Duration {
	switch k {
	case NoticeAccount, NoticeSecurity, NoticeAdmins:
		return time.Minute
	case NoticeExceptions, NoticeApplications, NoticeAlarms:
	}
	return 15 * time.Minute
}

// AllAdmins is the account of notices for every admin.
const AllAdmins = "admins"

// Notice is something that an account is to be told by mail. It is written in the transaction that causes it, and
// deleted in the one that puts it into a mail.
type Notice struct {
	ID      int64  `gorm:"primaryKey"`
	Account string // "operator:<id>", "admin:<id>" or AllAdmins
	Kind    NoticeKind
	Text    string // one or two sentences
	MAC     []byte // proves that this program wrote the row
	At      time.Time
}

// NotificationSettings are what an operator is told by mail, at the address that it logs in with.
type NotificationSettings struct {
	Security   bool `gorm:"->"`
	Exceptions bool `gorm:"->"`
}

// Mail is a message that is to be sent, or was sent lately.
type Mail struct {
	ID        string `gorm:"primaryKey"` // see MailID
	Account   string
	Recipient string // an e-mail address
	Subject   string
	Text      string
	Tries     int        // that were begun
	NextTryAt *time.Time // nil once it was sent or given up. Whoever takes the mail moves it ahead
	SentAt    *time.Time
	Error     string // of the last try, "" if there was none
	MAC       []byte // proves that this program wrote the message
	CreatedAt time.Time
}

// MailID returns the id of the one mail to an address about notices of a kind in the interval of a time, 24 lower-case
// hex digits. The message that is sent has the same id however often it is sent.
func MailID(account string, kind NoticeKind, recipient string, at time.Time) string {
	interval := at.UnixMilli() / kind.MailInterval().Milliseconds()
	sum := sha256.Sum256([]byte("mail " + account + " " + string(kind) + " " + recipient + " " +
		strconv.FormatInt(interval, 10)))
	return hex.EncodeToString(sum[:12])
}
