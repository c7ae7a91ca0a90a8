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
	changes, until := s.credentials.begin()
	err := s.valid(s.read(ctx)).Where("api_key = ?", apiKey).Take(&credential).Error
	if err != nil {
		return models.Credential{}, models.Operator{}, wrap(err, "read a credential")
	}
	if !s.isProven(credential) {
		s.log.ErrorContext(ctx, "an API key was not created by this program, or its row was changed; it is refused",
			"api_key", credential.APIKey, "operator_id", credential.OperatorID)
		return models.Credential{}, models.Operator{}, fmt.Errorf("check a credential: %w", models.ErrNotFound)
	}
	var operator models.Operator
	if err := s.read(ctx).Where("id = ?", credential.OperatorID).Take(&operator).Error; err != nil {
		return models.Credential{}, models.Operator{}, wrap(err, "read a credential's operator")
	}
	s.credentials.keep(credential, operator, changes, until)
	return credential, operator, nil
}

// valid restricts a query to credentials that are neither revoked nor past their time.
func (s *Store) valid(db *gorm.DB) *gorm.DB {
	now := s.now()
	return db.Where("revoked_at IS NULL AND (valid_until IS NULL OR valid_until > ?)", now).
		Where("(expires_at IS NULL OR expires_at > ?)", now)
}

// isProven reports whether this program wrote the credential's row as it is.
func (s *Store) isProven(c models.Credential) bool {
	return s.keys.CheckMAC(c.SecretMAC, proofOfCredential, partsOfCredential(c)...)
}

// NoteKeyUse notes that an API key was used. It writes at most once a minute for each key.
func (s *Store) NoteKeyUse(ctx context.Context, credential models.Credential) error {
	now := s.now()
	if credential.LastUsedAt != nil && now.Sub(*credential.LastUsedAt) < seenEvery {
		return nil
	}
	err := s.writer.WithContext(ctx).Model(&models.Credential{}).
		Where("api_key = ? AND (last_used_at IS NULL OR last_used_at <= ?)", credential.APIKey, now.Add(-seenEvery)).
		UpdateColumn("last_used_at", now).Error
	s.credentials.forget(credential.APIKey) // or each use of the key would write while it is cached
	return wrap(err, "note the use of an API key")
}

// insertCredential stores a new credential with its proof.
func (s *Store) insertCredential(tx *gorm.DB, credential models.Credential) error {
	credential.CreatedAt = s.orNow(credential.CreatedAt)
	if credential.ExpiresAt != nil {
		expiresAt := toMillis(*credential.ExpiresAt)
		credential.ExpiresAt = &expiresAt
	}
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

// Keys of an operator that are listed: how many at most, and for how long after their end.
const (
	maxListedKeys   = 200
	showExpiredKeys = 30 * 24 * time.Hour
)

// KeysOf returns an operator's API keys, newest first: those that are valid and those that expired lately.
func (s *Store) KeysOf(ctx context.Context, operatorID string) ([]models.Credential, error) {
	var keys []models.Credential
	now := s.now()
	err := s.read(ctx).Where("operator_id = ? AND revoked_at IS NULL", operatorID).
		Where("(valid_until IS NULL OR valid_until > ?)", now).
		Where("(expires_at IS NULL OR expires_at > ?)", now.Add(-showExpiredKeys)).
		Order("created_at DESC, api_key DESC").Limit(maxListedKeys).Find(&keys).Error
	return keys, wrap(err, "list an operator's API keys")
}

// current restricts a query to an operator's credentials that no other has replaced, newest first.
func current(db *gorm.DB, operatorID string) *gorm.DB {
	return db.Where("operator_id = ? AND revoked_at IS NULL AND valid_until IS NULL", operatorID).
		Order("created_at DESC, api_key DESC")
}

// CurrentCredential returns an operator's main key. Returns models.ErrNotFound if all were revoked.
func (s *Store) CurrentCredential(ctx context.Context, operatorID string) (models.Credential, error) {
	var credential models.Credential
	err := current(s.read(ctx), operatorID).Where("name = ''").Take(&credential).Error
	return credential, wrap(err, "read an operator's credential")
}

// OwnCredential returns an operator's valid credential that no other has replaced. Returns models.ErrNotFound.
func (s *Store) OwnCredential(ctx context.Context, operatorID, apiKey string) (models.Credential, error) {
	var credential models.Credential
	err := s.valid(current(s.read(ctx), operatorID)).Where("api_key = ?", apiKey).Take(&credential).Error
	return credential, wrap(err, "read an operator's API key")
}

// changeKeys runs a change of an operator's API keys, or of the webhook endpoints of one of its sides. All changes of
// one operator take turns: keys that are made while others are revoked are either revoked too, or made afterwards.
// maker is the API key with which the change was asked for, "" for a person; it must still be valid. Returns
// models.ErrNotFound if it is not.
func (s *Store) changeKeys(ctx context.Context, side, maker string, change func(tx *gorm.DB) error) error {
	defer s.credentials.empty()
	operatorID, _ := models.OperatorOfSide(side)
	return s.write(ctx, func(tx *gorm.DB) error {
		// The operator's row, because there may be no credential to lock.
		if err := tx.Clauses(rowLock).Where("id = ?", operatorID).Take(&models.Operator{}).Error; err != nil {
			return err
		}
		if maker != "" {
			if err := s.valid(tx).Where("api_key = ?", maker).Take(&models.Credential{}).Error; err != nil {
				return err
			}
		}
		return change(tx)
	})
}

// CreateCredential stores another API key of an operator, and writes the audit log. maker is as in changeKeys. Returns
// models.ErrNotFound when the maker is no longer valid, models.ErrAlreadyExists when a key has the name, and
// models.ErrNotPossible when there are models.MaxKeys.
func (s *Store) CreateCredential(
	ctx context.Context, next models.Credential, maker string, entry models.AuditEntry,
) error {
	err := s.changeKeys(ctx, next.OperatorID, maker, func(tx *gorm.DB) error {
		var keys []models.Credential
		err := s.valid(tx).Where("operator_id = ?", next.OperatorID).Limit(models.MaxKeys).Find(&keys).Error
		if err != nil {
			return err
		}
		if len(keys) == models.MaxKeys {
			return models.ErrNotPossible
		}
		for _, key := range keys {
			if key.Name == next.Name && key.ValidUntil == nil {
				return models.ErrAlreadyExists
			}
		}
		if err := s.insertCredential(tx, next); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "create an API key")
}

// RotateCredential makes next the operator's current credential of its name, and writes the audit log. The one that was
// current has the API key currentKey, "" if there was none because all were revoked; next gets its scopes, networks and
// end, and is for tests if it was. It stays valid until oldUntil, and no older one of the name stays valid longer than
// that. Returns models.ErrNotFound when another one has become current in the meantime.
func (s *Store) RotateCredential(
	ctx context.Context, currentKey string, next models.Credential, oldUntil time.Time, entry models.AuditEntry,
) error {
	oldUntil = toMillis(oldUntil)
	err := s.changeKeys(ctx, next.OperatorID, "", func(tx *gorm.DB) error {
		var newest []models.Credential
		err := current(tx, next.OperatorID).Where("name = ?", next.Name).Limit(1).Find(&newest).Error
		if err != nil {
			return err
		}
		if len(newest) == 0 && currentKey != "" || len(newest) > 0 && newest[0].APIKey != currentKey {
			return models.ErrNotFound
		}
		if len(newest) > 0 && s.isProven(newest[0]) {
			next.Scopes, next.Networks, next.ExpiresAt = newest[0].Scopes, newest[0].Networks, newest[0].ExpiresAt
			next.Test = newest[0].Test
		} else if next.Name != "" { // what an altered row says must not get a proof
			return models.ErrNotFound
		}
		if err := s.endCredentials(tx, next.OperatorID, next.Name, oldUntil); err != nil {
			return err
		}
		if err := s.insertCredential(tx, next); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "rotate a credential")
}

// endCredentials ends an operator's credentials of a name at the given time, unless they end sooner. Their proof covers
// the end.
func (s *Store) endCredentials(tx *gorm.DB, operatorID, name string, until time.Time) error {
	var old []models.Credential
	err := s.valid(tx).Where("operator_id = ? AND name = ?", operatorID, name).Find(&old).Error
	if err != nil {
		return err
	}
	for _, c := range old {
		isProven := s.isProven(c)
		columns := map[string]any{}
		if c.ValidUntil == nil || c.ValidUntil.After(until) {
			columns["valid_until"] = until
		}
		if c.ExpiresAt == nil || c.ExpiresAt.After(until) {
			c.ExpiresAt = &until
			columns["expires_at"] = until
			if isProven {
				columns["secret_mac"] = s.keys.MAC(proofOfCredential, partsOfCredential(c)...)
			}
		}
		if len(columns) == 0 {
			continue
		}
		err := tx.Model(&models.Credential{}).Where("api_key = ?", c.APIKey).UpdateColumns(columns).Error
		if err != nil {
			return fmt.Errorf("end API key %s: %w", c.APIKey, err)
		}
	}
	return nil
}

// revocation is what revoking a credential writes. Without its proof, no other change of the row makes it valid again.
func (s *Store) revocation() map[string]any {
	return map[string]any{"revoked_at": s.now(), "secret_mac": []byte{}}
}

// RevokeCredential revokes one valid API key of an operator, and writes the audit log. maker is as in changeKeys.
// Returns models.ErrNotFound.
func (s *Store) RevokeCredential(
	ctx context.Context, operatorID, apiKey, maker string, entry models.AuditEntry,
) error {
	err := s.changeKeys(ctx, operatorID, maker, func(tx *gorm.DB) error {
		update := s.valid(tx.Model(&models.Credential{})).Where("operator_id = ? AND api_key = ?", operatorID, apiKey).
			UpdateColumns(s.revocation())
		if update.Error != nil {
			return update.Error
		}
		if update.RowsAffected == 0 {
			return models.ErrNotFound
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "revoke an API key")
}

// RevokeCredentials revokes all API keys of an operator at once, and writes the audit log. It returns how many were
// valid. The operator has no key then until it makes one. Money that comes in is credited all the same.
func (s *Store) RevokeCredentials(
	ctx context.Context, operatorID string, entry models.AuditEntry,
) (revoked int64, err error) {
	err = s.changeKeys(ctx, operatorID, "", func(tx *gorm.DB) error {
		update := s.valid(tx.Model(&models.Credential{})).Where("operator_id = ?", operatorID).
			UpdateColumns(s.revocation())
		if update.Error != nil {
			return update.Error
		}
		revoked = update.RowsAffected
		return s.audit(tx, entry)
	})
	return revoked, wrap(err, "revoke an operator's API keys")
}
