package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// EndSessions ends every session of an account except the one with the given hash (nil for none), and writes the audit
// log.
func (s *Store) EndSessions(
	ctx context.Context, account models.Account, except []byte, entry models.AuditEntry,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := endSessions(tx, account, except); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "end an account's sessions")
}

// endSessions ends every session of an account except the one with the given hash, nil for none.
func endSessions(tx *gorm.DB, account models.Account, except []byte) error {
	query := tx.Where("role = ? AND account_id = ?", account.Role, account.ID)
	if except != nil {
		query = query.Where("token_hash <> ?", except)
	}
	if err := query.Delete(&models.Session{}).Error; err != nil {
		return fmt.Errorf("end the sessions of %s %s: %w", account.Role, account.ID, err)
	}
	return nil
}

// Sessions returns an account's sessions that have not ended, the latest used first.
func (s *Store) Sessions(ctx context.Context, account models.Account) ([]models.Session, error) {
	var sessions []models.Session
	now := s.now()
	idle, _ := models.SessionTimes(account.Role)
	err := s.read(ctx).Where("role = ? AND account_id = ? AND expires_at > ? AND seen_at > ?", account.Role, account.ID,
		now, now.Add(-idle)).Order("seen_at DESC").Limit(maxListedSessions).Find(&sessions).Error
	return sessions, wrap(err, "list an account's sessions")
}

const maxListedSessions = 100

// RemoveSecondFactor removes an account's second factor whose device is lost, ends its sessions, and writes the audit
// log.
func (s *Store) RemoveSecondFactor(ctx context.Context, account models.Account, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		changes := map[string]any{
			"totp_sealed": []byte{}, "totp_pending": []byte{}, "recovery_sealed": []byte{}, "updated_at": s.now(),
		}
		if err := changeOne(tx, account, changes); err != nil {
			return err
		}
		if err := endSessions(tx, account, nil); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "remove a second factor")
}

// Unlock begins the counts of attempts of an account anew, and writes the audit log. counters are the names of its
// counters; those that follow a name and "@" are counts of one network.
func (s *Store) Unlock(ctx context.Context, counters []string, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		for _, name := range counters {
			// "A" is the character that follows "@".
			err := tx.Where("subject = ? OR (subject > ? AND subject < ?)", name, name+"@", name+"A").
				Delete(&models.LoginAttempt{}).Error
			if err != nil {
				return err
			}
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "unlock an account")
}

// Admins returns every admin, by e-mail address.
func (s *Store) Admins(ctx context.Context) ([]models.Admin, error) {
	var admins []models.Admin
	err := s.read(ctx).Order("email").Find(&admins).Error
	return admins, wrap(err, "list the admins")
}

// SetAdminDisabled disables an admin, whose sessions end, or enables it again, and writes the audit log. Returns
// models.ErrNotFound, and models.ErrNotPossible for the last admin who is enabled.
func (s *Store) SetAdminDisabled(ctx context.Context, id string, disabled bool, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		// All rows are locked, so that two admins who disable each other do not leave none.
		var admins []models.Admin
		if err := tx.Clauses(rowLock).Order("id").Find(&admins).Error; err != nil {
			return err
		}
		found, others := false, 0
		for _, admin := range admins {
			found = found || admin.ID == id
			if admin.ID != id && admin.DisabledAt == nil {
				others++
			}
		}
		switch {
		case !found:
			return models.ErrNotFound
		case disabled && others == 0:
			return models.ErrNotPossible
		}
		account := models.Account{Role: models.RoleAdmin, ID: id}
		var at *time.Time
		if disabled {
			now := s.now()
			at = &now
			if err := endSessions(tx, account, nil); err != nil {
				return err
			}
			if err := dropPasswordLink(tx, account); err != nil {
				return err
			}
		}
		if err := changeOne(tx, account, map[string]any{"disabled_at": at, "updated_at": s.now()}); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "disable or enable an admin")
}

// PutPasswordLink stores the link with which an account's owner sets a password, in place of an earlier one, and writes
// the audit log.
func (s *Store) PutPasswordLink(ctx context.Context, link models.PasswordLink, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		link.CreatedAt, link.ExpiresAt = s.now(), toMillis(link.ExpiresAt)
		link.MAC = s.keys.MAC(proofOfPasswordLink, partsOfPasswordLink(link)...)
		if err := tx.Where("expires_at <= ?", s.now()).Delete(&models.PasswordLink{}).Error; err != nil {
			return err
		}
		err := tx.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "role"}, {Name: "account_id"}},
			DoUpdates: clause.AssignmentColumns([]string{"token_hash", "created_at", "expires_at", "mac"}),
		}).Create(&link).Error
		if err != nil {
			return err
		}
		if link.Role == models.RoleMember { // an invitation is kept as long as its link
			account := models.Account{Role: link.Role, ID: link.AccountID}
			if err := changeOne(tx, account, map[string]any{"updated_at": s.now()}); err != nil {
				return err
			}
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "store a link for a password")
}

// PasswordLink returns the account that a link is for. Returns models.ErrNotFound when the link is unknown, was used,
// has expired or was changed.
func (s *Store) PasswordLink(ctx context.Context, tokenHash []byte) (models.Account, error) {
	var link models.PasswordLink
	err := s.read(ctx).Where("token_hash = ? AND expires_at > ?", tokenHash, s.now()).Take(&link).Error
	if err != nil {
		return models.Account{}, wrap(err, "read a link for a password")
	}
	if !s.keys.CheckMAC(link.MAC, proofOfPasswordLink, partsOfPasswordLink(link)...) {
		return models.Account{}, fmt.Errorf("check a link for a password: %w", models.ErrNotFound)
	}
	return s.AccountByID(ctx, link.Role, link.AccountID)
}

// UsePasswordLink sets the password of the link's account, ends all its sessions and the link, and writes the audit
// log. Of several calls one wins; the others get models.ErrNotFound.
func (s *Store) UsePasswordLink(
	ctx context.Context, tokenHash []byte, account models.Account, hash string, entry models.AuditEntry,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		used := tx.Where("token_hash = ? AND expires_at > ? AND role = ? AND account_id = ?", tokenHash, s.now(),
			account.Role, account.ID).Delete(&models.PasswordLink{})
		if used.Error != nil {
			return used.Error
		}
		if used.RowsAffected == 0 {
			return models.ErrNotFound
		}
		changes := map[string]any{"password_hash": hash, "updated_at": s.now()}
		if account.Role == models.RoleOperator { // the link reached the owner of the e-mail address
			changes["email_verified_at"] = gorm.Expr("COALESCE(email_verified_at, ?)", s.now())
		}
		if err := changeOne(tx, account, changes); err != nil {
			return err
		}
		if err := endSessions(tx, account, nil); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "use a link for a password")
}

func dropPasswordLink(tx *gorm.DB, account models.Account) error {
	err := tx.Where("role = ? AND account_id = ?", account.Role, account.ID).Delete(&models.PasswordLink{}).Error
	if err != nil {
		return fmt.Errorf("delete a link for a password: %w", err)
	}
	return nil
}
