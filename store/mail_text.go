package store

import (
	"fmt"
	"strings"
	"time"

	"paycow/models"
)

// mailText is what the mails about a kind of notice say besides the notices.
type mailText struct {
	subject string // with the number of notices
	where   string // the page that shows more
	advice  string // what to do, "" for nothing
}

var mailTexts = map[models.NoticeKind]mailText{
	models.NoticeAccount: {subject: "Your account", where: "/dashboard.html"},
	models.NoticeSecurity: {
		subject: "Security of your account", where: "/dashboard.html#security",
		advice: "If this was not you, change your password and log out everywhere.",
	},
	models.NoticeExceptions: {
		subject: "Payments that need attention", where: "/dashboard.html#payments",
		advice: "Open each payment to see what was credited, and decide what to do about it.",
	},
	models.NoticeAdmins: {
		subject: "Admins", where: "/admin.html#admins",
		advice: "If none of you did this, disable the admin and change your passwords.",
	},
	models.NoticeApplications: {subject: "Shops waiting for approval", where: "/admin.html#operators"},
	models.NoticeAlarms:       {subject: "Alarms", where: "/admin.html#alarms"},
}

// maxNameInMail is how much of a shop's name is in a mail, in characters.
const maxNameInMail = 60

// message returns the subject and the text of a mail. name is what the shop is called, "" for admins.
func (s *Store) message(group noticeGroup, name string, notices []models.Notice) (subject, text string) {
	words := mailTexts[group.Kind]
	isShop := strings.HasPrefix(group.Account, string(models.RoleOperator)+":")
	if group.Kind == models.NoticeSecurity && !isShop && !strings.HasPrefix(group.Account, string(models.RoleMember)+":") {
		words.where = "/admin.html#security"
	}
	name = models.Shorten(oneLine(name), maxNameInMail) // nothing proves it
	subject = "PayCow: " + words.subject
	if isShop {
		subject = name + ": " + words.subject
	}
	if len(notices) > 1 {
		subject += fmt.Sprintf(" (%d)", len(notices))
	}
	var body strings.Builder
	if isShop {
		fmt.Fprintf(&body, "This is about the shop %s at %s.\n\n", name, s.publicURL)
	} else {
		fmt.Fprintf(&body, "This is about the installation at %s.\n\n", s.publicURL)
	}
	for i, n := range notices {
		if i == mailLines {
			fmt.Fprintf(&body, "And %d more.\n\n", len(notices)-i)
			break
		}
		fmt.Fprintf(&body, "%s\n%s\n\n", n.At.UTC().Format(time.DateTime+" UTC"), oneLine(n.Text))
	}
	if words.advice != "" {
		body.WriteString(words.advice + "\n")
	}
	if isShop && group.Kind == models.NoticeSecurity {
		body.WriteString("Revoke API keys that somebody may have seen.\n")
	}
	fmt.Fprintf(&body, "More: %s%s\n", s.publicURL, words.where)
	if isShop {
		fmt.Fprintf(&body, "\nChoose which mails you get: %s/dashboard.html#settings\n", s.publicURL)
	}
	return subject, body.String()
}

// oneLine returns a text without line breaks and control characters.
func oneLine(text string) string {
	return models.HarmlessText(strings.Join(strings.Fields(text), " "))
}
