package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// Credential returns a credential that is in force, with its operator. Returns models.ErrNotFound when there is no such key
// or it is not in force any more.
func (s *Store) Credential(ctx context.Context, apiKey string) (models.Credential, models.Operator, error) {
	var credential models.Credential
	err := s.read(ctx).Where("api_key = ? AND revoked_at IS NULL AND (valid_until IS NULL OR valid_until > ?)", apiKey, s.now()).Take(&credential).Error
	if err != nil {
		return models.Credential{}, models.Operator{}, wrap(err, "reading a credential")
	}
	var operator models.Operator
	if err := s.read(ctx).Where("id = ?", credential.OperatorID).Take(&operator).Error; err != nil {
		return models.Credential{}, models.Operator{}, wrap(err, "reading a credential's operator")
	}
	return credential, operator, nil
}

// CredentialsOf returns an operator's credentials, oldest first, the revoked ones too.
func (s *Store) CredentialsOf(ctx context.Context, operatorID string) ([]models.Credential, error) {
	var credentials []models.Credential
	err := s.read(ctx).Where("operator_id = ?", operatorID).Order("created_at, api_key").Find(&credentials).Error
	return credentials, wrap(err, "reading an operator's credentials")
}

// CurrentCredential returns an operator's newest credential that is in force. Returns models.ErrNotFound.
func (s *Store) CurrentCredential(ctx context.Context, operatorID string) (models.Credential, error) {
	var credential models.Credential
	err := s.read(ctx).Where("operator_id = ? AND revoked_at IS NULL AND valid_until IS NULL", operatorID).
		Order("created_at DESC, api_key DESC").Take(&credential).Error
	return credential, wrap(err, "reading an operator's credential")
}

// RotateCredential makes a new credential the current one. The one that was current works until the given time, and older ones
// no longer than that. Returns models.ErrNotFound when the current one is not the one that was seen.
func (s *Store) RotateCredential(ctx context.Context, current, next models.Credential, oldUntil time.Time, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		oldUntil = toMillis(oldUntil)
		update := tx.Model(&models.Credential{}).Where("api_key = ? AND revoked_at IS NULL AND valid_until IS NULL", current.APIKey).
			UpdateColumns(map[string]any{"valid_until": oldUntil})
		if update.Error != nil {
			return update.Error
		}
		if update.RowsAffected == 0 {
			return models.ErrNotFound
		}
		err := tx.Model(&models.Credential{}).Where("operator_id = ? AND valid_until > ?", current.OperatorID, oldUntil).
			UpdateColumns(map[string]any{"valid_until": oldUntil}).Error
		if err != nil {
			return err
		}
		next.CreatedAt = s.now()
		if err := tx.Create(&next).Error; err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "rotating a credential")
}
