package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

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

// addTotals counts an operator's payments and credits, each by an index of its own.
func (s *Store) addTotals(ctx context.Context, o *ListedOperator) error {
	if err := s.read(ctx).Model(&models.Payment{}).Where("operator_id = ?", o.ID).Count(&o.Payments).Error; err != nil {
		return wrap(err, "counting an operator's payments")
	}
	available, _, err := s.Balance(ctx, o.ID)
	o.Volume = available
	return err
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

// AuditFilter says which lines of the audit log to list. Empty fields do not filter.
type AuditFilter struct {
	Actor, Action, Cursor string
	Limit                 int
}

// ListAudit returns a page of the audit log, newest first. Returns ErrBadCursor.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter) (entries []models.AuditEntry, nextCursor string, err error) {
	query := s.read(ctx).Table("audit_log")
	if f.Actor != "" {
		query = query.Where("actor = ?", f.Actor)
	}
	if f.Action != "" {
		query = query.Where("action = ?", f.Action)
	}
	if f.Cursor != "" {
		id, err := parseLedgerCursor(f.Cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("id < ?", id)
	}
	limit := pageLimit(f.Limit)
	if err := query.Order("id DESC").Limit(limit + 1).Find(&entries).Error; err != nil {
		return nil, "", wrap(err, "reading the audit log")
	}
	if len(entries) > limit {
		entries = entries[:limit]
		nextCursor = ledgerCursor(entries[limit-1].ID)
	}
	return entries, nextCursor, nil
}

// ListAlarms returns a page of a network's alarms, newest first; open says which, nil for both. Returns ErrBadCursor.
func (s *Store) ListAlarms(ctx context.Context, network string, open *bool, cursor string, limit int) (alarms []models.Alarm, nextCursor string, err error) {
	query := s.read(ctx).Where("network = ?", network)
	if open != nil {
		query = query.Where("(resolved_at IS NULL) = ?", *open)
	}
	if cursor != "" {
		id, err := parseLedgerCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("id < ?", id)
	}
	limit = pageLimit(limit)
	if err := query.Order("id DESC").Limit(limit + 1).Find(&alarms).Error; err != nil {
		return nil, "", wrap(err, "listing alarms")
	}
	if len(alarms) > limit {
		alarms = alarms[:limit]
		nextCursor = ledgerCursor(alarms[limit-1].ID)
	}
	return alarms, nextCursor, nil
}

// QueueLengths are how many payments wait for their workflow to be started and how many transfers for their payment to be told.
type QueueLengths struct{ Unstarted, Unsignalled int64 }

// Queues counts what waits when the chain has been read up to the given block.
func (s *Store) Queues(ctx context.Context, head uint64) (QueueLengths, error) {
	var lengths QueueLengths
	if err := s.read(ctx).Model(&models.Payment{}).Where("workflow_started_at IS NULL").Count(&lengths.Unstarted).Error; err != nil {
		return lengths, wrap(err, "counting unstarted payments")
	}
	err := s.read(ctx).Model(&models.Transfer{}).Where("signal_due_at <= ?", head).Count(&lengths.Unsignalled).Error
	return lengths, wrap(err, "counting due signals")
}
