package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"paycow/models"
)

// Audit appends a line to the audit log.
func (s *Store) Audit(ctx context.Context, entry models.AuditEntry) error {
	return s.write(ctx, func(tx *gorm.DB) error { return s.audit(tx, entry) })
}

func (s *Store) audit(tx *gorm.DB, entry models.AuditEntry) error {
	entry.At = s.now()
	if err := tx.Table("audit_log").Create(&entry).Error; err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// AuditFilter selects lines of the audit log. Empty fields do not filter.
type AuditFilter struct {
	Actor, Action string
	Cursor        string // of the page before; "" for the first page
	Limit         int
}

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
	if f.Actor != "" {
		query = query.Where("actor = ?", f.Actor)
	}
	if f.Action != "" {
		query = query.Where("action = ?", f.Action)
	}
	entries, nextCursor, err = readPage(query, auditOrder, newestFirst, f.Cursor, f.Limit)
	return entries, nextCursor, wrap(err, "list the audit log")
}
