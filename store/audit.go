package store

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// Audit appends a line to the audit log.
func (s *Store) Audit(ctx context.Context, entry models.AuditEntry) error {
	return s.write(ctx, func(tx *gorm.DB) error { return s.audit(tx, entry) })
}

// audit appends a line to the audit log, and writes the notice for those who are to be told of it.
func (s *Store) audit(tx *gorm.DB, entry models.AuditEntry) error {
	entry.At = s.now()
	if err := tx.Table("audit_log").Create(&entry).Error; err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	if notice, ok := noticeOf(entry); ok {
		return s.notify(tx, notice)
	}
	return nil
}

// AuditFilter selects lines of the audit log. Empty fields do not filter.
type AuditFilter struct {
	// Who is an actor, or the e-mail address or id of an account, whatever its role.
	Who    string
	Action string
	// About is a subject, or what names one: a payment's id or reference, or an account's e-mail address or id.
	About    string
	From, To time.Time // written from From on and before To; zero for no bound
	Cursor   string    // of the page before; "" for the first page
	Limit    int
}

// auditSkew is by how much the clocks of processes that write the audit log may differ. Lines are numbered as they are
// written, so a period also bounds their numbers, and its page costs what it holds, however long ago it was.
const auditSkew = time.Hour

var auditOrder = pageOrder[models.AuditEntry]{
	idColumn("id", func(e models.AuditEntry) int64 { return e.ID }),
}

// ListAudit returns a page of the audit log, newest first. nextCursor is "" on the last page. Returns
// models.ErrBadCursor.
func (s *Store) ListAudit(
	ctx context.Context,
	f AuditFilter,
) (entries []models.AuditEntry, nextCursor string, err error) {
	query := s.read(ctx).Table("audit_log")
	if f.Who != "" {
		actors, err := s.actorsCalled(ctx, f.Who)
		if err != nil {
			return nil, "", wrap(err, "find who is in the audit log")
		}
		query = query.Where("actor IN ?", actors) // one actor as a rule, so the index gives the order
	}
	if f.Action != "" {
		query = query.Where("action = ?", f.Action)
	}
	if f.About != "" {
		subjects, err := s.subjectsCalled(ctx, f.About)
		if err != nil {
			return nil, "", wrap(err, "find what the audit log is about")
		}
		query = query.Where("subject IN ?", subjects)
	}
	if !f.From.IsZero() {
		query = query.Where("at >= ? AND id >= COALESCE((?), 0)", ceilMillis(f.From),
			s.auditAround(ctx, f.From).Select("MIN(id + 0)").Having("MIN(at) < ?", ceilMillis(f.From)))
	}
	if !f.To.IsZero() {
		query = query.Where("at < ? AND id <= COALESCE((?), ?)", ceilMillis(f.To),
			s.auditAround(ctx, f.To).Select("MAX(id + 0)").Having("MAX(at) >= ?", ceilMillis(f.To)), int64(math.MaxInt64))
	}
	entries, nextCursor, err = readPage(query, auditOrder, newestFirst, f.Cursor, f.Limit)
	return entries, nextCursor, wrap(err, "list the audit log")
}

// auditAround selects the lines written around a time. Their lowest number is below that of every line from that time
// on if one of them is older, and their highest is above that of every line before it if one of them is not. Otherwise
// they bound nothing. Callers add 0 to the number, so that the databases find the lines by their time.
func (s *Store) auditAround(ctx context.Context, at time.Time) *gorm.DB {
	return s.read(ctx).Table("audit_log").
		Where("at >= ? AND at < ?", ceilMillis(at.Add(-auditSkew)), ceilMillis(at.Add(auditSkew)))
}

// accountsCalled returns the accounts with an e-mail address or an id, of any role.
func (s *Store) accountsCalled(ctx context.Context, name string) (accounts []models.Account, err error) {
	for _, role := range []models.Role{models.RoleOperator, models.RoleMember, models.RoleAdmin} {
		var found []models.Account
		err := s.read(ctx).Table(tableOf(role)).Select("id, email").Where("email = ? OR id = ?", strings.ToLower(name), name).
			Find(&found).Error
		if err != nil {
			return nil, err
		}
		for _, account := range found {
			account.Role = role
			accounts = append(accounts, account)
		}
	}
	return accounts, nil
}

// actorsCalled returns the actors that a text means. If no account is called so, these are what acts without one, and
// whoever may have been called so and is gone.
func (s *Store) actorsCalled(ctx context.Context, name string) ([]string, error) {
	accounts, err := s.accountsCalled(ctx, name)
	if err != nil || len(accounts) > 0 {
		return pluck(accounts, models.Account.Actor), err
	}
	actors := []string{name}
	if strings.Contains(name, "@") {
		actors = append(actors, models.Account{Role: models.RoleMember, Email: strings.ToLower(name)}.Actor())
	}
	if isID(name) {
		actors = append(actors, models.Account{Role: models.RoleOperator, ID: name}.Actor())
	}
	return actors, nil
}

// isID reports whether a text may be an id of ours.
func isID(text string) bool {
	return len(text) == models.IDDigits && strings.Trim(text, "0123456789abcdef") == ""
}

// subjectsCalled returns the subjects that a text means: the text itself, and the accounts and payments that it names,
// whether their rows are still there or not.
func (s *Store) subjectsCalled(ctx context.Context, name string) ([]string, error) {
	accounts, err := s.accountsCalled(ctx, name)
	if err != nil {
		return nil, err
	}
	subjects := pluck(accounts, models.Account.Subject)
	for _, account := range accounts {
		if account.Role != models.RoleOperator {
			continue
		}
		members, err := s.Members(ctx, account.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range members { // what is done to a member's login is about its operator too
			subjects = append(subjects, models.Account{Role: models.RoleMember, ID: m.ID}.Subject())
		}
	}
	for _, table := range []string{"payments", "test_payments"} {
		var ids []string
		err := s.read(ctx).Table(table).Where("reference = ? OR id = ?", name, name).Pluck("id", &ids).Error
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			subjects = append(subjects, "payment:"+id)
		}
	}
	if isID(name) { // of something whose row may be gone
		for _, kind := range []string{
			string(models.RoleOperator), string(models.RoleMember), string(models.RoleAdmin), "payment",
		} {
			subjects = append(subjects, kind+":"+name)
		}
	}
	return append(subjects, name), nil
}

// AuditName is what people call an actor or a subject of the audit log.
type AuditName struct {
	Name  string
	Email string // of an operator, who chooses its name
}

// AuditNames returns what people call the actors and subjects of entries: the names of operators, the e-mail addresses
// of members and admins and the references of payments. What has no such name, or is deleted, is left out.
func (s *Store) AuditNames(ctx context.Context, entries []models.AuditEntry) (map[string]AuditName, error) {
	ids := map[string][]string{}
	for _, entry := range entries {
		for _, word := range []string{entry.Actor, entry.Subject} {
			if kind, id, ok := strings.Cut(word, ":"); ok && len(id) == models.IDDigits {
				ids[kind] = append(ids[kind], id)
			}
		}
	}
	names := map[string]AuditName{}
	for _, source := range []struct{ kind, table, columns string }{
		{"operator", "operators", "name, email"},
		{"admin", "admins", "email AS name"},
		{"member", "members", "email AS name"},
		{"payment", "payments", "reference AS name"},
		{"payment", "test_payments", "reference AS name"},
	} {
		type named struct {
			ID string
			AuditName
		}
		table := s.read(ctx).Table(source.table).Select("id, " + source.columns)
		rows, err := byID[named](table.Session(&gorm.Session{}), ids[source.kind])
		if err != nil {
			return nil, wrap(err, "read the names in the audit log")
		}
		for _, row := range rows {
			names[source.kind+":"+row.ID] = row.AuditName
		}
	}
	return names, nil
}
