package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"paycow/models"
)

// tableOf is where the accounts of a role are.
func tableOf(role models.Role) string {
	if role == models.RoleAdmin {
		return "admins"
	}
	return "operators"
}

// AccountByEmail returns models.ErrNotFound when there is none.
func (s *Store) AccountByEmail(ctx context.Context, role models.Role, email string) (models.Account, error) {
	return s.account(ctx, role, "email = ?", email)
}

// AccountByID returns models.ErrNotFound when there is none.
func (s *Store) AccountByID(ctx context.Context, role models.Role, id string) (models.Account, error) {
	return s.account(ctx, role, "id = ?", id)
}

func (s *Store) account(ctx context.Context, role models.Role, where, value string) (models.Account, error) {
	account := models.Account{}
	err := s.read(ctx).Table(tableOf(role)).Where(where, value).Take(&account).Error
	account.Role = role
	return account, wrap(err, "reading an account")
}

// changeAccount changes columns of an account's row where they still are what the account says, and writes the audit log. It
// returns models.ErrNotFound when the row has changed meanwhile.
func (s *Store) changeAccount(ctx context.Context, account models.Account, where string, values []any, changes map[string]any, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := changeOne(tx, account, where, values, changes); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "changing an account")
}

func changeOne(tx *gorm.DB, account models.Account, where string, values []any, changes map[string]any) error {
	update := tx.Table(tableOf(account.Role)).Where("id = ? AND "+where, append([]any{account.ID}, values...)...).UpdateColumns(changes)
	if update.Error != nil {
		return fmt.Errorf("account %s: %w", account.ID, update.Error)
	}
	if update.RowsAffected == 0 {
		return models.ErrNotFound
	}
	return nil
}

// SetPassword changes an account's password, ends all its sessions and begins a new one for whoever changed it. Returns
// models.ErrNotFound when the password was changed by somebody else meanwhile.
func (s *Store) SetPassword(ctx context.Context, account models.Account, hash string, session models.Session, entry models.AuditEntry) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		changes := map[string]any{"password_hash": hash, "updated_at": s.now()}
		if err := changeOne(tx, account, "password_hash = ?", []any{account.PasswordHash}, changes); err != nil {
			return err
		}
		if err := endSessions(tx, account.Role, account.ID); err != nil {
			return err
		}
		if err := s.beginSession(tx, account, session); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "changing a password")
}

// OfferTOTP keeps a sealed secret until a code confirms it. An earlier offer is forgotten. Returns models.ErrNotFound when
// there is a second factor already.
func (s *Store) OfferTOTP(ctx context.Context, account models.Account, sealed []byte) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		return changeOne(tx, account, "length(totp_sealed) = 0", nil, map[string]any{"totp_pending": sealed, "updated_at": s.now()})
	})
	return wrap(err, "offering a second factor")
}

// EnableTOTP makes the offered secret the account's second factor, with the step whose code confirmed it. Returns
// models.ErrNotFound when the offer was replaced meanwhile.
func (s *Store) EnableTOTP(ctx context.Context, account models.Account, step int64, entry models.AuditEntry) error {
	return s.changeAccount(ctx, account, "totp_pending = ? AND length(totp_sealed) = 0", []any{account.TOTPPending},
		map[string]any{"totp_sealed": account.TOTPPending, "totp_pending": []byte{}, "totp_last_step": step, "updated_at": s.now()}, entry)
}

// DisableTOTP takes the second factor away that the account had when it was read. Returns models.ErrNotFound when it is
// gone already.
func (s *Store) DisableTOTP(ctx context.Context, account models.Account, entry models.AuditEntry) error {
	return s.changeAccount(ctx, account, "totp_sealed = ? AND length(totp_sealed) > 0", []any{account.TOTPSealed},
		map[string]any{"totp_sealed": []byte{}, "totp_pending": []byte{}, "updated_at": s.now()}, entry)
}

// UseTOTPStep notes that the code of a time step was used. Of several that try with one step, or with an older one, one gets
// true: the row's lock decides.
func (s *Store) UseTOTPStep(ctx context.Context, account models.Account, step int64) (bool, error) {
	update := s.writer.WithContext(ctx).Table(tableOf(account.Role)).Where("id = ? AND totp_last_step < ?", account.ID, step).
		UpdateColumns(map[string]any{"totp_last_step": step})
	return update.RowsAffected == 1, wrap(update.Error, "noting a used code")
}

// CreateAdmin stores an admin whom the program's own command line made, with a line in the audit log. Returns
// models.ErrAlreadyExists when the e-mail address is taken.
func (s *Store) CreateAdmin(ctx context.Context, admin models.Admin) error {
	admin.CreatedAt, admin.UpdatedAt = s.orNow(admin.CreatedAt), s.orNow(admin.UpdatedAt)
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := tx.Create(&admin).Error; err != nil {
			return err
		}
		return s.audit(tx, models.AuditEntry{Actor: models.ActorCLI, Action: "admin_created", Subject: "admin:" + admin.ID, Detail: admin.Email + " was made an admin."})
	})
	return wrap(err, "creating an admin")
}

// AdminByEmail returns models.ErrNotFound when there is none.
func (s *Store) AdminByEmail(ctx context.Context, email string) (models.Admin, error) {
	var admin models.Admin
	err := s.read(ctx).Where("email = ?", email).Take(&admin).Error
	return admin, wrap(err, "reading an admin")
}
