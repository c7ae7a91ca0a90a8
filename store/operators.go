package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// CreateOperator stores an operator and, unless it is nil, its first credential. It is for the program's command line.
// Returns models.ErrAlreadyExists when the e-mail address or the API key is taken.
func (s *Store) CreateOperator(ctx context.Context, operator models.Operator, credential *models.Credential) error {
	operator.CreatedAt, operator.UpdatedAt = s.orNow(operator.CreatedAt), s.orNow(operator.UpdatedAt)
	if operator.EmailVerifiedAt == nil {
		operator.EmailVerifiedAt = &operator.CreatedAt // whoever runs the command answers for it
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := s.freeAddress(tx, operator.Email); err != nil {
			return err
		}
		if err := tx.Create(&operator).Error; err != nil {
			return err
		}
		err := s.audit(tx, models.AuditEntry{
			Actor: models.ActorCLI, Action: "operator_created", Subject: "operator:" + operator.ID,
			Detail: operator.Email + " was made an operator.",
		})
		if err != nil || credential == nil {
			return err
		}
		row := *credential
		if row.RevokedAt != nil {
			revokedAt := toMillis(*row.RevokedAt)
			row.RevokedAt = &revokedAt
		}
		return s.insertCredential(tx, row)
	})
	return wrap(err, "create an operator")
}

// RegisterOperator stores an operator that applies by itself, with a line in the audit log. It has no password: the
// link that approval makes sets one, so that only the owner of the e-mail address gets in. address is the network
// address of whoever registers. When the e-mail address is taken, its operator stays as it is, unless its owner has
// never been there: then the newest application counts, so that nobody keeps the owner out by being first. isNew
// reports whether anything was stored.
func (s *Store) RegisterOperator(
	ctx context.Context,
	operator models.Operator,
	address string,
) (isNew bool, err error) {
	operator.Status, operator.CreatedAt, operator.UpdatedAt = models.OperatorPending, s.now(), s.now()
	operator.PasswordHash, operator.EmailVerifiedAt = "", nil
	err = s.write(ctx, func(tx *gorm.DB) error {
		isNew = false
		if member, taken, err := s.memberWith(tx, operator.Email); err != nil {
			return err
		} else if taken && member.PasswordHash != "" {
			return s.audit(tx, models.AuditEntry{
				Actor: models.ActorSystem, Action: "operator_registered_again", Subject: "operator:" + member.OperatorID,
				Detail:  "Somebody registered " + member.Email + ", a member of this operator's team; nothing was changed.",
				Address: address,
			})
		}
		made := tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "email"}},
			DoUpdates: clause.AssignmentColumns([]string{
				"name", "website", "status", "status_reason", "created_at", "updated_at",
			}),
			Where: clause.Where{Exprs: []clause.Expression{gorm.Expr(
				"operators.email_verified_at IS NULL AND operators.status IN ?",
				[]models.OperatorStatus{models.OperatorPending, models.OperatorRejected})}},
		}).Create(&operator)
		if made.Error != nil {
			return made.Error
		}
		isNew = made.RowsAffected == 1
		var kept models.Operator
		if err := tx.Where("email = ?", operator.Email).Take(&kept).Error; err != nil {
			return fmt.Errorf("read the operator: %w", err)
		}
		entry := models.AuditEntry{Subject: "operator:" + kept.ID, Address: address}
		switch {
		case !isNew:
			entry.Actor, entry.Action = models.ActorSystem, "operator_registered_again"
			entry.Detail = "Somebody registered " + kept.Email + " again; nothing was changed."
		case kept.ID != operator.ID:
			entry.Actor, entry.Action = models.ActorSystem, "operator_registered_again"
			entry.Detail = "Somebody registered " + kept.Email + " again; this application replaces the earlier one."
		default:
			entry.Actor, entry.Action = "operator:"+kept.ID, "operator_registered"
			entry.Detail = kept.Email + " registered."
		}
		return s.audit(tx, entry)
	})
	return isNew, wrap(err, "register an operator")
}

// DeleteRegistration deletes an operator whose e-mail address was never verified, with its links and its first
// credential, which nobody has seen, and writes the audit log. Returns models.ErrNotFound, and models.ErrNotPossible
// for any other operator.
func (s *Store) DeleteRegistration(ctx context.Context, id string, entry models.AuditEntry) error {
	defer s.credentials.empty()
	err := s.write(ctx, func(tx *gorm.DB) error {
		var operator models.Operator
		if err := tx.Clauses(rowLock).Where("id = ?", id).Take(&operator).Error; err != nil {
			return err
		}
		var payments []string
		err := tx.Model(&models.Payment{}).Where("operator_id = ?", id).Limit(1).Pluck("id", &payments).Error
		if err != nil {
			return err
		}
		if operator.EmailVerifiedAt != nil || len(payments) > 0 {
			return models.ErrNotPossible
		}
		if err := tx.Where("operator_id = ?", id).Delete(&models.Credential{}).Error; err != nil {
			return err
		}
		if err := dropPasswordLink(tx, models.Account{Role: models.RoleOperator, ID: id}); err != nil {
			return err
		}
		if err := tx.Where("id = ?", id).Delete(&models.Operator{}).Error; err != nil {
			return err
		}
		return s.audit(tx, entry)
	})
	return wrap(err, "delete a registration")
}

// Operator returns an operator. Returns models.ErrNotFound.
func (s *Store) Operator(ctx context.Context, id string) (models.Operator, error) {
	var operator models.Operator
	err := s.read(ctx).Where("id = ?", id).Take(&operator).Error
	return operator, wrap(err, "read an operator")
}

// OperatorByEmail returns the operator with an e-mail address in the form of models.NormalEmail. Returns
// models.ErrNotFound.
func (s *Store) OperatorByEmail(ctx context.Context, email string) (models.Operator, error) {
	var operator models.Operator
	err := s.read(ctx).Where("email = ?", email).Take(&operator).Error
	return operator, wrap(err, "read an operator")
}

// OperatorFilter selects operators. Empty fields do not filter.
type OperatorFilter struct {
	Status models.OperatorStatus
	// Waiting selects those that wait for a decision if it is true, all others if it is false.
	Waiting *bool
	Search  string // part of the e-mail address or of the name, or an id
	Cursor  string // of the page before; "" for the first page
	Limit   int
}

// ListedOperator is an operator with figures of all its payments: Payments, Volume and UnpaidRun.
type ListedOperator struct {
	models.Operator
	Figures
}

var operatorOrder = pageOrder[models.Operator]{
	flagColumn("CASE WHEN status = 'PENDING' THEN 1 ELSE 0 END", func(o models.Operator) bool {
		return o.Status == models.OperatorPending
	}),
	timeColumn("created_at", func(o models.Operator) time.Time { return o.CreatedAt }),
	hexColumn("id", func(o models.Operator) string { return o.ID }),
}

// ListOperators returns a page of operators: first those that wait for approval, then the others, newest first in both
// groups. nextCursor is "" on the last page. Returns models.ErrBadCursor.
func (s *Store) ListOperators(
	ctx context.Context, f OperatorFilter,
) (operators []ListedOperator, nextCursor string, err error) {
	query := s.read(ctx)
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.Waiting != nil { // written out, so that the databases use the index
		query = query.Where(map[bool]string{true: "status = 'PENDING'", false: "status <> 'PENDING'"}[*f.Waiting])
	}
	if f.Search != "" {
		pattern := "%" + escapeLike.Replace(f.Search) + "%"
		query = query.Where(`(id = ? OR lower(email) LIKE lower(?) ESCAPE '\' OR lower(name) LIKE lower(?) ESCAPE '\')`,
			f.Search, pattern, pattern)
	}
	rows, nextCursor, err := readPage(query, operatorOrder, newestFirst, f.Cursor, f.Limit)
	if err != nil {
		return nil, "", wrap(err, "list operators")
	}
	totals, err := s.operatorTotals(ctx, rows)
	if err != nil {
		return nil, "", err
	}
	operators = make([]ListedOperator, len(rows))
	for i, row := range rows {
		operators[i] = ListedOperator{Operator: row, Figures: totals[row.ID]}
	}
	return operators, nextCursor, nil
}

// escapeLike makes a text match only itself in a LIKE pattern whose escape character is the backslash.
var escapeLike = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// ChangeOperator moves an operator from one of the statuses in from to another, with the admin's reason, and writes the
// audit log. credential, unless it is nil, becomes the operator's first one. A suspended operator and its team are
// logged out everywhere; they can log in again and see why. applied is when the application was made that the admin has
// seen, nil for any. Returns models.ErrNotFound, ErrNotPossible, ErrChangedMeanwhile when another application has
// replaced it, or ErrAlreadyExists when its e-mail address became a team member's.
func (s *Store) ChangeOperator(
	ctx context.Context, id string, from []models.OperatorStatus, to models.OperatorStatus, reason string,
	applied *time.Time, credential *models.Credential, entry models.AuditEntry,
) (models.Operator, error) {
	defer s.credentials.empty()
	var operator models.Operator
	err := s.write(ctx, func(tx *gorm.DB) error {
		operator = models.Operator{}
		if err := tx.Clauses(rowLock).Where("id = ?", id).Take(&operator).Error; err != nil {
			return err
		}
		if applied != nil && !operator.CreatedAt.Equal(*applied) {
			return models.ErrChangedMeanwhile
		}
		if !slices.Contains(from, operator.Status) {
			return models.ErrNotPossible
		}
		if to == models.OperatorActive {
			if err := s.freeAddress(tx, operator.Email); err != nil {
				return err
			}
		}
		operator.Status, operator.StatusReason, operator.UpdatedAt = to, reason, s.now()
		err := tx.Model(&models.Operator{}).Where("id = ?", id).
			UpdateColumns(map[string]any{"status": to, "status_reason": reason, "updated_at": operator.UpdatedAt}).Error
		if err != nil {
			return err
		}
		if credential != nil {
			if err := s.insertCredential(tx, *credential); err != nil {
				return err
			}
		}
		if to == models.OperatorSuspended {
			if err := endSessions(tx, models.Account{Role: models.RoleOperator, ID: id}, nil); err != nil {
				return err
			}
			if err := endMembersSessions(tx, id); err != nil {
				return err
			}
		}
		return s.audit(tx, entry)
	})
	return operator, wrap(err, "change an operator's status")
}

// SetOperatorLimits sets what an operator may create, and writes the audit log. Returns models.ErrNotFound.
func (s *Store) SetOperatorLimits(ctx context.Context, id string, limits models.Limits, entry models.AuditEntry) error {
	return s.changeAccount(ctx, models.Account{Role: models.RoleOperator, ID: id}, map[string]any{
		"min_amount": limits.MinAmount, "max_amount": limits.MaxAmount, "max_open": limits.MaxOpen,
		"max_unpaid": limits.MaxUnpaid, "updated_at": s.now(),
	}, entry)
}

// SetOperatorSettings changes what operators set themselves, and writes the audit log. Returns models.ErrNotFound.
func (s *Store) SetOperatorSettings(
	ctx context.Context, id, name, website, returnOrigins string, entry models.AuditEntry,
) error {
	return s.changeAccount(ctx, models.Account{Role: models.RoleOperator, ID: id}, map[string]any{
		"name": name, "website": website, "return_origins": returnOrigins, "updated_at": s.now(),
	}, entry)
}
