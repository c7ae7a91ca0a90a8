package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"paycow/models"
)

// partsOfNotifications is what the proof of an operator's notifications covers.
func partsOfNotifications(operatorID string, wanted models.NotificationSettings) []string {
	return []string{operatorID, strconv.FormatBool(wanted.Security), strconv.FormatBool(wanted.Exceptions)}
}

// NotificationsOf returns what an operator is told by mail. It is told everything unless this program wrote otherwise:
// whoever writes to the database keeps nobody from being told.
func (s *Store) NotificationsOf(ctx context.Context, o models.Operator) models.NotificationSettings {
	everything := models.NotificationSettings{Security: true, Exceptions: true}
	if o.Notify == everything {
		return everything
	}
	if !s.keys.CheckMAC(o.NotifyMAC, proofOfNotify, partsOfNotifications(o.ID, o.Notify)...) {
		s.log.ErrorContext(ctx, "the notifications of an operator were not written by this program; it is told everything",
			"operator_id", o.ID)
		return everything
	}
	return o.Notify
}

// SetNotifications changes what an operator is told by mail, and writes the audit log. The operator is told of the
// change, whatever it wants to know. Returns models.ErrNotFound.
func (s *Store) SetNotifications(
	ctx context.Context, operatorID string, wanted models.NotificationSettings, entry models.AuditEntry,
) error {
	return s.changeAccount(ctx, models.Account{Role: models.RoleOperator, ID: operatorID}, map[string]any{
		"notify_security": wanted.Security, "notify_exceptions": wanted.Exceptions,
		"notify_mac": s.keys.MAC(proofOfNotify, partsOfNotifications(operatorID, wanted)...), "updated_at": s.now(),
	}, entry)
}

// isWanted reports whether the account of a notice wants to know of it.
func (s *Store) isWanted(tx *gorm.DB, notice models.Notice) (bool, error) {
	role, id, _ := strings.Cut(notice.Account, ":")
	canChoose := notice.Kind == models.NoticeSecurity || notice.Kind == models.NoticeExceptions
	if models.Role(role) != models.RoleOperator || !canChoose {
		return true, nil
	}
	var operators []models.Operator
	if err := tx.Where("id = ?", id).Limit(1).Find(&operators).Error; err != nil {
		return false, fmt.Errorf("read what an operator is told: %w", err)
	}
	if len(operators) == 0 {
		return false, nil
	}
	wanted := s.NotificationsOf(tx.Statement.Context, operators[0])
	if notice.Kind == models.NoticeSecurity {
		return wanted.Security, nil
	}
	return wanted.Exceptions, nil
}
