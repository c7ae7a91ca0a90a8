package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// CreateOperator writes an operator and, unless it is nil, a first credential. Returns models.ErrAlreadyExists when the
// e-mail address or the API key is taken. It is for the program's command line.
func (s *Store) CreateOperator(ctx context.Context, operator models.Operator, credential *models.Credential) error {
	operator.CreatedAt, operator.UpdatedAt = s.orNow(operator.CreatedAt), s.orNow(operator.UpdatedAt)
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := tx.Create(&operator).Error; err != nil {
			return err
		}
		entry := models.AuditEntry{Actor: models.ActorCLI, Action: "operator_created", Subject: "operator:" + operator.ID, Detail: operator.Email + " was made an operator."}
		if err := s.audit(tx, entry); err != nil || credential == nil {
			return err
		}
		row := *credential
		row.CreatedAt = s.orNow(row.CreatedAt)
		if row.RevokedAt != nil {
			revokedAt := toMillis(*row.RevokedAt)
			row.RevokedAt = &revokedAt
		}
		return tx.Create(&row).Error
	})
	return wrap(err, "creating an operator")
}

// RegisterOperator writes an operator that applies by itself, with its line in the audit log. An e-mail address that is
// taken leaves its operator alone; the attempt is written to the audit log instead, so that both cost the same. isNew tells
// which it was.
func (s *Store) RegisterOperator(ctx context.Context, operator models.Operator, address string) (isNew bool, err error) {
	operator.Status, operator.CreatedAt, operator.UpdatedAt = models.OperatorPending, s.now(), s.now()
	err = s.write(ctx, func(tx *gorm.DB) error {
		made := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "email"}}, DoNothing: true}).Create(&operator)
		if made.Error != nil {
			return made.Error
		}
		isNew = made.RowsAffected == 1
		var kept models.Operator
		if err := tx.Where("email = ?", operator.Email).Take(&kept).Error; err != nil {
			return fmt.Errorf("reading the operator: %w", err)
		}
		entry := models.AuditEntry{Subject: "operator:" + kept.ID, Address: address}
		if isNew {
			entry.Actor, entry.Action, entry.Detail = "operator:"+kept.ID, "operator_registered", kept.Email+" registered."
		} else {
			entry.Actor, entry.Action, entry.Detail = models.ActorSystem, "operator_registered_again", "Somebody registered "+kept.Email+" again; nothing was changed."
		}
		return s.audit(tx, entry)
	})
	return isNew, wrap(err, "registering an operator")
}

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

// OperatorByEmail returns models.ErrNotFound when there is none.
func (s *Store) OperatorByEmail(ctx context.Context, email string) (models.Operator, error) {
	var operator models.Operator
	err := s.read(ctx).Where("email = ?", email).Take(&operator).Error
	return operator, wrap(err, "reading an operator")
}

// CredentialsOf returns an operator's credentials, oldest first, the revoked ones too.
func (s *Store) CredentialsOf(ctx context.Context, operatorID string) ([]models.Credential, error) {
	var credentials []models.Credential
	err := s.read(ctx).Where("operator_id = ?", operatorID).Order("created_at, api_key").Find(&credentials).Error
	return credentials, wrap(err, "reading an operator's credentials")
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
