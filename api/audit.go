package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"paycow/models"
	"paycow/store"
)

// auditView is a line of the audit log as shown to admins. Actor, action and subject are as they are stored; beside
// each is what people call it.
type auditView struct {
	ID          int64   `json:"id"`
	At          instant `json:"at"`
	Actor       string  `json:"actor"`
	ActorType   string  `json:"actorType"`
	ActorName   *string `json:"actorName"`
	ActorEmail  *string `json:"actorEmail"`
	Action      string  `json:"action"`
	ActionText  string  `json:"actionText"`
	Subject     string  `json:"subject"`
	SubjectName *string `json:"subjectName"`
	Detail      string  `json:"detail"`
	Address     string  `json:"address"`
}

func newAuditView(e models.AuditEntry, names map[string]store.AuditName) auditView {
	kind, email, _ := strings.Cut(e.Actor, ":")
	who := store.AuditName{Name: models.ActorName(e.Actor), Email: email}
	switch models.Role(kind) {
	case models.RoleOperator:
		who = names[e.Actor]
	case models.RoleMember, models.RoleAdmin:
	default:
		who.Email = ""
	}
	return auditView{
		ID: e.ID, At: instant(e.At), Actor: e.Actor, ActorType: kind, ActorName: textOrNull(who.Name),
		ActorEmail: textOrNull(who.Email), Action: e.Action, ActionText: models.AuditText(e.Action),
		Subject: e.Subject, SubjectName: textOrNull(names[e.Subject].Name), Detail: e.Detail, Address: e.Address,
	}
}

var auditColumns = []column{
	{"id", "Number"},
	{"at", "Time (UTC)"},
	{"actorName", "Who"},
	{"actorType", "Actor type"},
	{"actorEmail", "Actor e-mail"},
	{"actor", "Actor id"},
	{"actionText", "Action"},
	{"action", "Action code"},
	{"subjectName", "About"},
	{"subject", "Subject id"},
	{"detail", "Detail"},
	{"address", "Network address"},
}

func (v auditView) cells() []string {
	return []string{
		strconv.FormatInt(v.ID, 10), v.At.String(), harmless(textOrEmpty(v.ActorName)), v.ActorType,
		harmless(textOrEmpty(v.ActorEmail)), harmless(v.Actor), v.ActionText, v.Action,
		harmless(textOrEmpty(v.SubjectName)), harmless(v.Subject), harmless(v.Detail), v.Address,
	}
}

// adminAudit lists the audit log.
func (s *Server) adminAudit(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "cursor", "actor", "action", "subject", "from", "to", "limit", csvStyle)
	if err != nil {
		return err
	}
	filter := store.AuditFilter{
		Who: strings.TrimSpace(query["actor"]), Action: query["action"], About: strings.TrimSpace(query["subject"]),
	}
	if filter.From, filter.To, err = query.span(); err != nil {
		return err
	}
	limit, err := query.limit()
	if err != nil {
		return err
	}
	page := func(ctx context.Context, cursor string, limit int) (rows []auditView, next string, err error) {
		filter.Cursor, filter.Limit = cursor, limit
		entries, next, err := s.Store.ListAudit(ctx, filter)
		if err != nil {
			return nil, "", fmt.Errorf("read the audit log: %w", err)
		}
		names, err := s.Store.AuditNames(ctx, entries)
		if err != nil {
			return nil, "", fmt.Errorf("name who and what is in the audit log: %w", err)
		}
		rows = make([]auditView, len(entries))
		for i, entry := range entries {
			rows[i] = newAuditView(entry, names)
		}
		return rows, next, nil
	}
	return writeList(s, c, list[auditView]{"entries", "audit-log.csv", auditColumns, page}, query["cursor"], limit)
}
