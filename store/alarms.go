package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// Raise opens an alarm, or counts it when one of its kind and subject is open: a unique index decides between several
// callers at once. The first time is written to the audit log.
func (s *Store) Raise(ctx context.Context, alarm models.Alarm) error {
	err := s.write(ctx, func(tx *gorm.DB) error { return s.raise(tx, alarm) })
	return wrap(err, "raise an alarm")
}

func (s *Store) raise(tx *gorm.DB, alarm models.Alarm) error {
	now := s.now()
	alarm.Count, alarm.RaisedAt, alarm.LastAt, alarm.ResolvedAt = 1, now, now, nil
	err := tx.Clauses(clause.OnConflict{
		Columns:     []clause.Column{{Name: "network"}, {Name: "kind"}, {Name: "subject"}},
		TargetWhere: clause.Where{Exprs: []clause.Expression{gorm.Expr("resolved_at IS NULL")}},
		DoUpdates: append(clause.AssignmentColumns([]string{"message", "last_at"}),
			clause.Assignments(map[string]any{"count": gorm.Expr("alarms.count + 1")})...),
	}).Create(&alarm).Error
	if err != nil {
		return fmt.Errorf("write alarm %s: %w", alarm.Kind, err)
	}
	var open models.Alarm
	if err := openAlarms(tx, alarm.Network, alarm.Kind).Where("subject = ?", alarm.Subject).Take(&open).Error; err != nil {
		return fmt.Errorf("read alarm %s: %w", alarm.Kind, err)
	}
	if open.Count > 1 {
		return nil
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "alarm_raised", Subject: fmt.Sprintf("alarm:%d", open.ID),
		Detail: fmt.Sprintf("%s: %s", alarm.Kind, alarm.Message),
	})
}

// openAlarms selects the open alarms of a kind.
func openAlarms(tx *gorm.DB, network string, kind models.AlarmKind) *gorm.DB {
	return tx.Model(&models.Alarm{}).Where("network = ? AND kind = ? AND resolved_at IS NULL", network, kind)
}

// Resolve closes the open alarm of that kind and subject, if there is one.
func (s *Store) Resolve(
	ctx context.Context,
	network string,
	kind models.AlarmKind,
	subject, by, resolution string,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error { return s.resolve(tx, network, kind, subject, by, resolution) })
	return wrap(err, "resolve an alarm")
}

func (s *Store) resolve(tx *gorm.DB, network string, kind models.AlarmKind, subject, by, resolution string) error {
	var open []models.Alarm
	if err := openAlarms(tx, network, kind).Where("subject = ?", subject).Limit(1).Find(&open).Error; err != nil {
		return fmt.Errorf("read alarm %s: %w", kind, err)
	}
	if len(open) == 0 {
		return nil
	}
	return s.closeAlarm(tx, open[0], models.AuditEntry{Actor: by}, resolution)
}

// ResolveAlarm closes an alarm by its number. by names the person for the audit log; address is the person's network
// address, "" on this machine itself. Returns models.ErrNotFound when no open alarm has this number.
func (s *Store) ResolveAlarm(ctx context.Context, id int64, by, address, resolution string) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		var open models.Alarm
		if err := tx.Where("id = ? AND resolved_at IS NULL", id).Take(&open).Error; err != nil {
			return err
		}
		return s.closeAlarm(tx, open, models.AuditEntry{Actor: by, Address: address}, resolution)
	})
	return wrap(err, "resolve an alarm")
}

// closeAlarm closes an alarm and writes the audit log. entry holds the actor and the actor's address.
func (s *Store) closeAlarm(tx *gorm.DB, alarm models.Alarm, entry models.AuditEntry, resolution string) error {
	closed := tx.Model(&models.Alarm{}).Where("id = ? AND resolved_at IS NULL", alarm.ID).
		UpdateColumns(map[string]any{"resolved_at": s.now(), "resolved_by": entry.Actor, "resolution": resolution})
	if closed.Error != nil {
		return fmt.Errorf("close alarm %d: %w", alarm.ID, closed.Error)
	}
	if closed.RowsAffected == 0 {
		return nil
	}
	if alarm.Kind == models.AlarmReorgBelowFinality {
		if err := acceptBranch(tx, alarm); err != nil {
			return err
		}
	}
	entry.Action, entry.Subject = "alarm_resolved", fmt.Sprintf("alarm:%d", alarm.ID)
	entry.Detail = fmt.Sprintf("%s: %s", alarm.Kind, resolution)
	return s.audit(tx, entry)
}

// acceptBranch lets the cursor go back below the finalized block, to the branch that the alarm names and to no other:
// the finalized block stays, and whoever walks back must still find that a quorum has that branch.
func acceptBranch(tx *gorm.DB, alarm models.Alarm) error {
	branch, ok := models.BranchOf(alarm.Subject)
	if !ok {
		return nil // raised before alarms named the branch: if it is still there, another alarm names it
	}
	err := tx.Model(&models.ChainCursor{}).Where("network = ?", alarm.Network).
		UpdateColumns(map[string]any{"accepted_number": branch.Number, "accepted_hash": branch.Hash}).Error
	if err != nil {
		return fmt.Errorf("accept the branch: %w", err)
	}
	return nil
}

// OpenAlarms returns all open alarms of a network, oldest first.
func (s *Store) OpenAlarms(ctx context.Context, network string) ([]models.Alarm, error) {
	var alarms []models.Alarm
	err := s.read(ctx).Where("network = ? AND resolved_at IS NULL", network).Order("id").Find(&alarms).Error
	return alarms, wrap(err, "read the open alarms")
}

// AlarmFilter selects alarms.
type AlarmFilter struct {
	Network string
	Open    *bool  // true for open alarms, false for resolved ones, nil for both
	Cursor  string // of the page before; "" for the first page
	Limit   int
}

var alarmOrder = pageOrder[models.Alarm]{
	idColumn("id", func(a models.Alarm) int64 { return a.ID }),
}

// ListAlarms returns a page of a network's alarms, newest first. nextCursor is "" on the last page. Returns
// models.ErrBadCursor.
func (s *Store) ListAlarms(ctx context.Context, f AlarmFilter) (alarms []models.Alarm, nextCursor string, err error) {
	query := s.read(ctx).Where("network = ?", f.Network)
	if f.Open != nil {
		query = query.Where("(resolved_at IS NULL) = ?", *f.Open)
	}
	alarms, nextCursor, err = readPage(query, alarmOrder, newestFirst, f.Cursor, f.Limit)
	return alarms, nextCursor, wrap(err, "list the alarms")
}

// refuseWhileHalted returns models.ErrCreditingHalted while an open alarm stops crediting.
func refuseWhileHalted(tx *gorm.DB, network string) error {
	var halting int64
	if err := openAlarms(tx, network, models.AlarmReorgBelowFinality).Count(&halting).Error; err != nil {
		return fmt.Errorf("look for alarms that stop crediting: %w", err)
	}
	if halting > 0 {
		return models.ErrCreditingHalted
	}
	return nil
}
