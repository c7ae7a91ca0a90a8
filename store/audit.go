package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"paycow/models"
)

// Audit appends a line to the record of who did what.
func (s *Store) Audit(ctx context.Context, entry models.AuditEntry) error {
	return wrap(s.write(ctx, func(tx *gorm.DB) error { return s.audit(tx, entry) }), "writing the audit log")
}

func (s *Store) audit(tx *gorm.DB, entry models.AuditEntry) error {
	entry.At = s.now()
	if err := tx.Table("audit_log").Create(&entry).Error; err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// AuditFilter says which lines of the audit log to list. Empty fields do not filter.
type AuditFilter struct {
	Actor, Action, Cursor string
	Limit                 int
}

// ListAudit returns a page of the audit log, newest first. Returns ErrBadCursor.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter) (entries []models.AuditEntry, nextCursor string, err error) {
	query := s.read(ctx).Table("audit_log")
	if f.Actor != "" {
		query = query.Where("actor = ?", f.Actor)
	}
	if f.Action != "" {
		query = query.Where("action = ?", f.Action)
	}
	if f.Cursor != "" {
		id, err := parseLedgerCursor(f.Cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("id < ?", id)
	}
	limit := pageLimit(f.Limit)
	if err := query.Order("id DESC").Limit(limit + 1).Find(&entries).Error; err != nil {
		return nil, "", wrap(err, "reading the audit log")
	}
	if len(entries) > limit {
		entries = entries[:limit]
		nextCursor = ledgerCursor(entries[limit-1].ID)
	}
	return entries, nextCursor, nil
}
