package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// tableOf returns the table of a role's accounts.
func tableOf(role models.Role) string {
	switch role {
	case models.RoleAdmin:
		return "admins"
	case models.RoleMember:
		return "members"
	case models.RoleOperator:
	}
	return "operators"
}

// AccountByEmail returns the account with an e-mail address in the form of models.NormalEmail. For models.RoleOperator
// it may be a member of an operator's team: an address has one login. Returns models.ErrNotFound.
func (s *Store) AccountByEmail(ctx context.Context, role models.Role, email string) (models.Account, error) {
	if role == models.RoleOperator { // an operator beside a member has only applied, and cannot log in
		account, err := s.account(ctx, models.RoleMember, "email = ?", email)
		if !errors.Is(err, models.ErrNotFound) {
			return account, err
		}
	}
	return s.account(ctx, role, "email = ?", email)
}

// AccountByID returns an account. Returns models.ErrNotFound, also for a member whose row this program did not write.
func (s *Store) AccountByID(ctx context.Context, role models.Role, id string) (models.Account, error) {
	return s.account(ctx, role, "id = ?", id)
}

func (s *Store) account(ctx context.Context, role models.Role, where, value string) (models.Account, error) {
	account := models.Account{}
	err := s.read(ctx).Table(tableOf(role)).Where(where, value).Take(&account).Error
	if err != nil {
		return models.Account{}, wrap(err, "read an account")
	}
	switch account.Role = role; role {
	case models.RoleOperator:
		account.OperatorID, account.MemberRole = account.ID, models.MemberOwner
	case models.RoleMember:
		if !s.isMember(account) {
			s.log.ErrorContext(ctx, "a member of a team was not written by this program; it cannot log in",
				"member_id", account.ID, "operator_id", account.OperatorID)
			return models.Account{}, fmt.Errorf("check a member: %w", models.ErrNotFound)
		}
	case models.RoleAdmin:
	}
	return account, nil
}

// CreateAdmin stores an admin and writes the audit log. It is for the program's command line. Returns
// models.ErrAlreadyExists when the e-mail address is taken.
func (s *Store) CreateAdmin(ctx context.Context, admin models.Admin) error {
	admin.CreatedAt, admin.UpdatedAt = s.orNow(admin.CreatedAt), s.orNow(admin.UpdatedAt)
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := s.freeAddress(tx, admin.Email); err != nil {
			return err
		}
		if err := tx.Create(&admin).Error; err != nil {
			return err
		}
		return s.audit(tx, models.AuditEntry{
			Actor: models.ActorCLI, Action: "admin_created", Subject: "admin:" + admin.ID,
			Detail: admin.Email + " was made an admin.",
		})
	})
	return wrap(err, "create an admin")
}

// AdminByEmail returns the admin with an e-mail address in the form of models.NormalEmail. Returns models.ErrNotFound.
func (s *Store) AdminByEmail(ctx context.Context, email string) (models.Admin, error) {
	var admin models.Admin
	err := s.read(ctx).Where("email = ?", email).Take(&admin).Error
	return admin, wrap(err, "read an admin")
}

// changeAccount changes columns of an account's row, and writes the audit log. Returns models.ErrNotFound when there is
// no such account.
func (s *Store) changeAccount(
	ctx context.Context, account models.Account, changes map[string]any, entry models.AuditEntry,
) error {
	defer s.credentials.empty()
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := changeOne(tx, account, changes); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "change an account")
}

func changeOne(tx *gorm.DB, account models.Account, changes map[string]any, where ...clause.Expr) error {
	query := tx.Table(tableOf(account.Role)).Where("id = ?", account.ID)
	for _, condition := range where {
		query = query.Where(condition)
	}
	update := query.UpdateColumns(changes)
	if update.Error != nil {
		return fmt.Errorf("change account %s: %w", account.ID, update.Error)
	}
	if update.RowsAffected == 0 {
		return models.ErrNotFound
	}
	return nil
}

// SetPassword changes an account's password, ends all its sessions, begins a new one for whoever changed it, and writes
// the audit log. Returns models.ErrNotFound when the password was changed since account was read.
func (s *Store) SetPassword(
	ctx context.Context, account models.Account, hash string, session models.Session, entry models.AuditEntry,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		changes := map[string]any{"password_hash": hash, "updated_at": s.now()}
		if err := changeOne(tx, account, changes, gorm.Expr("password_hash = ?", account.PasswordHash)); err != nil {
			return err
		}
		if err := endSessions(tx, account, nil); err != nil {
			return err
		}
		if err := s.beginSession(tx, account, session); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "change a password")
}

// OfferTOTP keeps a sealed secret until a code confirms it. It replaces an earlier offer. Returns models.ErrNotFound
// when the account already has a second factor.
func (s *Store) OfferTOTP(ctx context.Context, account models.Account, sealed []byte) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		changes := map[string]any{"totp_pending": sealed, "updated_at": s.now()}
		return changeOne(tx, account, changes, gorm.Expr("length(totp_sealed) = 0"))
	})
	return wrap(err, "offer a second factor")
}

// EnableTOTP makes the offered secret the account's second factor, with sealed recovery codes (empty for none), ends
// the sessions other than current, and writes the audit log. step is the time step of the code that confirmed it.
// Returns models.ErrNotFound when the offer was replaced since account was read.
func (s *Store) EnableTOTP(
	ctx context.Context, account models.Account, step int64, recovery, current []byte, entry models.AuditEntry,
) error {
	return s.changeFactor(ctx, account, map[string]any{
		"totp_sealed": account.TOTPPending, "totp_pending": []byte{}, "totp_last_step": step,
		"recovery_sealed": orEmpty(recovery), "updated_at": s.now(),
	}, current, entry, gorm.Expr("totp_pending = ? AND length(totp_sealed) = 0", account.TOTPPending))
}

// DisableTOTP removes the account's second factor, ends the sessions other than current, and writes the audit log.
// Returns models.ErrNotFound when it was removed or replaced since account was read.
func (s *Store) DisableTOTP(
	ctx context.Context, account models.Account, current []byte, entry models.AuditEntry,
) error {
	return s.changeFactor(ctx, account, map[string]any{
		"totp_sealed": []byte{}, "totp_pending": []byte{}, "recovery_sealed": []byte{}, "updated_at": s.now(),
	}, current, entry, gorm.Expr("totp_sealed = ? AND length(totp_sealed) > 0", account.TOTPSealed))
}

// PutRecoveryCodes replaces the sealed recovery codes of the account's second factor, ends the sessions other than
// current, and writes the audit log. Returns models.ErrNotFound when the factor or the codes were changed since account
// was read.
func (s *Store) PutRecoveryCodes(
	ctx context.Context, account models.Account, recovery, current []byte, entry models.AuditEntry,
) error {
	return s.changeFactor(ctx, account, map[string]any{"recovery_sealed": recovery, "updated_at": s.now()}, current, entry,
		gorm.Expr("totp_sealed = ? AND length(totp_sealed) > 0 AND recovery_sealed = ?", account.TOTPSealed,
			orEmpty(account.RecoverySealed)))
}

// UseRecoveryCode stores the sealed recovery codes that are left after one was used, and writes the audit log. Of
// several calls at once one wins; the others get models.ErrNotFound.
func (s *Store) UseRecoveryCode(
	ctx context.Context, account models.Account, left []byte, entry models.AuditEntry,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		changes := map[string]any{"recovery_sealed": left, "updated_at": s.now()}
		err := changeOne(tx, account, changes, gorm.Expr("totp_sealed = ? AND recovery_sealed = ?", account.TOTPSealed,
			account.RecoverySealed))
		if err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "use a recovery code")
}

func orEmpty(sealed []byte) []byte {
	if sealed == nil {
		return []byte{}
	}
	return sealed
}

func (s *Store) changeFactor(
	ctx context.Context, account models.Account, changes map[string]any, current []byte, entry models.AuditEntry,
	where clause.Expr,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := changeOne(tx, account, changes, where); err != nil {
			return err
		}
		if err := endSessions(tx, account, current); err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "change a second factor")
}

// UseTOTPStep notes that the code of a time step was used. It reports whether this call was the first to use this step
// or a later one: of several calls at once the row's lock lets one win.
func (s *Store) UseTOTPStep(ctx context.Context, account models.Account, step int64) (bool, error) {
	update := s.writer.WithContext(ctx).Table(tableOf(account.Role)).
		Where("id = ? AND totp_last_step < ?", account.ID, step).UpdateColumn("totp_last_step", step)
	return update.RowsAffected == 1, wrap(update.Error, "note a used code")
}
