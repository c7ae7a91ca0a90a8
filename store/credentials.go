package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// Credential returns a valid credential and its operator. Returns models.ErrNotFound when the API key is unknown,
// revoked, past its time, or was not created by this program.
func (s *Store) Credential(ctx context.Context, apiKey string) (models.Credential, models.Operator, error) {
	var credential models.Credential
	err := s.read(ctx).
		Where("api_key = ? AND revoked_at IS NULL AND (valid_until IS NULL OR valid_until > ?)", apiKey, s.now()).
		Take(&credential).Error
	if err != nil {
		return models.Credential{}, models.Operator{}, wrap(err, "read a credential")
	}
	if !s.keys.CheckMAC(credential.SecretMAC, proofOfCredential, partsOfCredential(credential)...) {
		s.log.ErrorContext(ctx, "an API key was not created by this program, or its row was changed; it is refused",
			"api_key", credential.APIKey, "operator_id", credential.OperatorID)
		return models.Credential{}, models.Operator{}, fmt.Errorf("check a credential: %w", models.ErrNotFound)
	}
	var operator models.Operator
	if err := s.read(ctx).Where("id = ?", credential.OperatorID).Take(&operator).Error; err != nil {
		return models.Credential{}, models.Operator{}, wrap(err, "read a credential's operator")
	}
	return credential, operator, nil
}

// insertCredential stores a new credential with its proof.
func (s *Store) insertCredential(tx *gorm.DB, credential models.Credential) error {
	credential.CreatedAt = s.orNow(credential.CreatedAt)
	credential.SecretMAC = s.keys.MAC(proofOfCredential, partsOfCredential(credential)...)
	if err := tx.Create(&credential).Error; err != nil {
		return fmt.Errorf("store a credential: %w", err)
	}
	return nil
}

// CredentialsOf returns all credentials of an operator, oldest first, including those that are no longer valid.
func (s *Store) CredentialsOf(ctx context.Context, operatorID string) ([]models.Credential, error) {
	var credentials []models.Credential
	err := s.read(ctx).Where("operator_id = ?", operatorID).Order("created_at, api_key").Find(&credentials).Error
	return credentials, wrap(err, "read an operator's credentials")
}

// CurrentCredential returns an operator's newest credential that has no end. Returns models.ErrNotFound.
func (s *Store) CurrentCredential(ctx context.Context, operatorID string) (models.Credential, error) {
	var credential models.Credential
	err := s.read(ctx).Where("operator_id = ? AND revoked_at IS NULL AND valid_until IS NULL", operatorID).
		Order("created_at DESC, api_key DESC").Take(&credential).Error
	return credential, wrap(err, "read an operator's credential")
}

// RotateCredential makes next the operator's current credential, and writes the audit log. The one that was current has
// the API key currentKey, "" if there was none because all were revoked. It stays valid until oldUntil, and no older
// one stays valid longer than that. Returns models.ErrNotFound when another one has become current in the meantime.
func (s *Store) RotateCredential(
	ctx context.Context, currentKey string, next models.Credential, oldUntil time.Time, entry models.AuditEntry,
) error {
	oldUntil = toMillis(oldUntil)
	err := s.write(ctx, func(tx *gorm.DB) error {
		// The operator's row makes two calls take turns, also when there is no credential to lock.
		if err := tx.Clauses(rowLock).Where("id = ?", next.OperatorID).Take(&models.Operator{}).Error; err != nil {
			return err
		}
		var current []string
		err := tx.Model(&models.Credential{}).
			Where("operator_id = ? AND revoked_at IS NULL AND valid_until IS NULL", next.OperatorID).
			Order("created_at DESC, api_key DESC").Pluck("api_key", &current).Error
		if err != nil {
			return err
		}
		if len(current) == 0 && currentKey != "" || len(current) > 0 && current[0] != currentKey {
			return models.ErrNotFound
		}
		err = tx.Model(&models.Credential{}).
			Where("operator_id = ? AND revoked_at IS NULL AND (valid_until IS NULL OR valid_until > ?)", next.OperatorID,
				oldUntil).
			UpdateColumn("valid_until", oldUntil).Error
		if err != nil {
			return err
		}
		if err := s.insertCredential(tx, next); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "rotate a credential")
}
