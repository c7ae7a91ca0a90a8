package store

import (
	"context"
	"fmt"
	"slices"

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

// OperatorByEmail returns models.ErrNotFound when there is none.
func (s *Store) OperatorByEmail(ctx context.Context, email string) (models.Operator, error) {
	var operator models.Operator
	err := s.read(ctx).Where("email = ?", email).Take(&operator).Error
	return operator, wrap(err, "reading an operator")
}

// Operator returns models.ErrNotFound when there is none.
func (s *Store) Operator(ctx context.Context, id string) (models.Operator, error) {
	var operator models.Operator
	err := s.read(ctx).Where("id = ?", id).Take(&operator).Error
	return operator, wrap(err, "reading an operator")
}

// OperatorFilter says which operators to list. Empty fields do not filter.
type OperatorFilter struct {
	Status models.OperatorStatus
	Search string // a part of the e-mail address or of the name, or an id
	Cursor string
	Limit  int
}

// ListedOperator is an operator with what its payments come to.
type ListedOperator struct {
	models.Operator
	Payments int64
	Volume   models.Amount // credited, in micro-USDT
}

// ListOperators returns a page of operators: those who wait for approval first, else the newest first. nextCursor is "" on the
// last page. Returns ErrBadCursor.
func (s *Store) ListOperators(ctx context.Context, f OperatorFilter) (operators []ListedOperator, nextCursor string, err error) {
	query := s.read(ctx).Model(&models.Operator{})
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.Search != "" {
		pattern := "%" + escapeLike(f.Search) + "%"
		query = query.Where(`(id = ? OR lower(email) LIKE lower(?) ESCAPE '\' OR lower(name) LIKE lower(?) ESCAPE '\')`, f.Search, pattern, pattern)
	}
	const waits = "CASE WHEN status = 'PENDING' THEN 1 ELSE 0 END"
	if f.Cursor != "" {
		isWaiting, at, id, err := parseOperatorCursor(f.Cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("("+waits+", created_at, id) < (?, ?, ?)", isWaiting, at, id)
	}
	limit := pageLimit(f.Limit)
	var rows []models.Operator
	err = query.Order(waits + " DESC, created_at DESC, id DESC").Limit(limit + 1).Find(&rows).Error
	if err != nil {
		return nil, "", wrap(err, "listing operators")
	}
	if len(rows) > limit {
		rows, nextCursor = rows[:limit], operatorCursor(rows[limit-1])
	}
	operators = make([]ListedOperator, len(rows))
	for i, row := range rows {
		operators[i].Operator = row
		if err := s.addTotals(ctx, &operators[i]); err != nil {
			return nil, "", err
		}
	}
	return operators, nextCursor, nil
}

// escapeLike makes a text match itself in a LIKE pattern whose escape character is the backslash.
func escapeLike(text string) string {
	var escaped []rune
	for _, r := range text {
		if r == '%' || r == '_' || r == '\\' {
			escaped = append(escaped, '\\')
		}
		escaped = append(escaped, r)
	}
	return string(escaped)
}

// ChangeOperator moves an operator from one of some statuses to another, with the admin's reason, and writes the audit log.
// credential, if not nil, becomes the operator's first one. Whoever may not use the API any more keeps the sessions, to see
// why. Returns models.ErrNotFound or ErrNotPossible.
func (s *Store) ChangeOperator(ctx context.Context, id string, from []models.OperatorStatus, to models.OperatorStatus, reason string,
	credential *models.Credential, entry models.AuditEntry,
) (models.Operator, error) {
	var operator models.Operator
	err := s.write(ctx, func(tx *gorm.DB) error {
		operator = models.Operator{}
		if err := tx.Clauses(rowLock).Where("id = ?", id).Take(&operator).Error; err != nil {
			return err
		}
		if !slices.Contains(from, operator.Status) {
			return models.ErrNotPossible
		}
		operator.Status, operator.StatusReason, operator.UpdatedAt = to, reason, s.now()
		err := tx.Model(&models.Operator{}).Where("id = ?", id).
			UpdateColumns(map[string]any{"status": to, "status_reason": reason, "updated_at": operator.UpdatedAt}).Error
		if err != nil {
			return err
		}
		if credential != nil {
			row := *credential
			row.CreatedAt = s.now()
			if err := tx.Create(&row).Error; err != nil {
				return fmt.Errorf("the first credential: %w", err)
			}
		}
		return s.audit(tx, entry)
	})
	return operator, wrap(err, "changing an operator's status")
}

// SetOperatorSettings changes what an operator says of itself.
func (s *Store) SetOperatorSettings(ctx context.Context, id, name, website, returnOrigins string, entry models.AuditEntry) error {
	account := models.Account{Role: models.RoleOperator, ID: id}
	return s.changeAccount(ctx, account, "1 = 1", nil,
		map[string]any{"name": name, "website": website, "return_origins": returnOrigins, "updated_at": s.now()}, entry)
}
