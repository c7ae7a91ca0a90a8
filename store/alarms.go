package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// Raise opens an alarm, or counts it when one of its kind and subject is open: a unique index decides between several that
// raise it at once. The first time is written to the audit log.
func (s *Store) Raise(ctx context.Context, alarm models.Alarm) error {
	err := s.write(ctx, func(tx *gorm.DB) error { return s.raise(tx, alarm) })
	return wrap(err, "raising an alarm")
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
		return fmt.Errorf("alarm %s: %w", alarm.Kind, err)
	}
	var open models.Alarm
	err = tx.Where("network = ? AND kind = ? AND subject = ? AND resolved_at IS NULL", alarm.Network, alarm.Kind, alarm.Subject).Take(&open).Error
	if err != nil || open.Count > 1 {
		return err
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "alarm_raised", Subject: fmt.Sprintf("alarm:%d", open.ID),
		Detail: fmt.Sprintf("%s: %s", alarm.Kind, alarm.Message),
	})
}

// Resolve closes the open alarm of that kind and subject, if there is one.
func (s *Store) Resolve(ctx context.Context, network string, kind models.AlarmKind, subject, by, resolution string) error {
	err := s.write(ctx, func(tx *gorm.DB) error { return s.resolve(tx, network, kind, subject, by, resolution) })
	return wrap(err, "resolving an alarm")
}

func (s *Store) resolve(tx *gorm.DB, network string, kind models.AlarmKind, subject, by, resolution string) error {
	var open []models.Alarm
	err := tx.Where("network = ? AND kind = ? AND subject = ? AND resolved_at IS NULL", network, kind, subject).Limit(1).Find(&open).Error
	if err != nil || len(open) == 0 {
		return err
	}
	return s.closeAlarm(tx, open[0], models.AuditEntry{Actor: by}, resolution)
}

// ResolveAlarm closes an alarm by its number; address is the network address of whoever does, "" on this machine itself.
// Returns models.ErrNotFound when no open alarm has it.
func (s *Store) ResolveAlarm(ctx context.Context, id int64, by, address, resolution string) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		var open models.Alarm
		if err := tx.Where("id = ? AND resolved_at IS NULL", id).Take(&open).Error; err != nil {
			return err
		}
		return s.closeAlarm(tx, open, models.AuditEntry{Actor: by, Address: address}, resolution)
	})
	return wrap(err, "resolving an alarm")
}

// closeAlarm closes an alarm; entry names who does.
func (s *Store) closeAlarm(tx *gorm.DB, alarm models.Alarm, entry models.AuditEntry, resolution string) error {
	closed := tx.Model(&models.Alarm{}).Where("id = ? AND resolved_at IS NULL", alarm.ID).
		UpdateColumns(map[string]any{"resolved_at": s.now(), "resolved_by": entry.Actor, "resolution": resolution})
	if closed.Error != nil || closed.RowsAffected == 0 {
		return closed.Error
	}
	if alarm.Kind == models.AlarmReorgBelowFinality {
		// Whoever cleared it has decided that the chain is right as the nodes show it now, so it may be walked back.
		err := tx.Model(&models.ChainCursor{}).Where("network = ?", alarm.Network).
			UpdateColumns(map[string]any{"finalized_number": 0, "finalized_hash": ""}).Error
		if err != nil {
			return fmt.Errorf("giving up the floor of finality: %w", err)
		}
	}
	entry.Action, entry.Subject, entry.Detail = "alarm_resolved", fmt.Sprintf("alarm:%d", alarm.ID), fmt.Sprintf("%s: %s", alarm.Kind, resolution)
	return s.audit(tx, entry)
}

// OpenAlarms returns the alarms of a network that nobody has cleared, oldest first.
func (s *Store) OpenAlarms(ctx context.Context, network string) ([]models.Alarm, error) {
	var alarms []models.Alarm
	err := s.read(ctx).Where("network = ? AND resolved_at IS NULL", network).Order("id").Find(&alarms).Error
	return alarms, wrap(err, "reading the open alarms")
}

// refuseWhileHalted returns models.ErrCreditingHalted while an alarm is open that stops crediting.
func refuseWhileHalted(tx *gorm.DB, network string) error {
	var halting int64
	err := tx.Model(&models.Alarm{}).Where("network = ? AND kind = ? AND resolved_at IS NULL", network, models.AlarmReorgBelowFinality).Count(&halting).Error
	if err != nil {
		return fmt.Errorf("looking for alarms that stop crediting: %w", err)
	}
	if halting > 0 {
		return models.ErrCreditingHalted
	}
	return nil
}

// ListAlarms returns a page of a network's alarms, newest first; open says which, nil for both. Returns ErrBadCursor.
func (s *Store) ListAlarms(ctx context.Context, network string, open *bool, cursor string, limit int) (alarms []models.Alarm, nextCursor string, err error) {
	query := s.read(ctx).Where("network = ?", network)
	if open != nil {
		query = query.Where("(resolved_at IS NULL) = ?", *open)
	}
	if cursor != "" {
		id, err := parseLedgerCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("id < ?", id)
	}
	limit = pageLimit(limit)
	if err := query.Order("id DESC").Limit(limit + 1).Find(&alarms).Error; err != nil {
		return nil, "", wrap(err, "listing alarms")
	}
	if len(alarms) > limit {
		alarms = alarms[:limit]
		nextCursor = ledgerCursor(alarms[limit-1].ID)
	}
	return alarms, nextCursor, nil
}
