package store

import (
	"context"
	"time"

	"paycow/models"
)

// Payment returns models.ErrNotFound when there is none.
func (s *Store) Payment(ctx context.Context, id string) (models.Payment, error) {
	var p models.Payment
	err := s.read(ctx).Where("id = ?", id).Take(&p).Error
	return p, wrap(err, "reading a payment")
}

// OperatorPayment returns models.ErrNotFound when there is none or it is another operator's.
func (s *Store) OperatorPayment(ctx context.Context, operatorID, id string) (models.Payment, error) {
	var p models.Payment
	err := s.read(ctx).Where("id = ? AND operator_id = ?", id, operatorID).Take(&p).Error
	return p, wrap(err, "reading an operator's payment")
}

// PaymentFilter says which of an operator's payments to list. Empty fields do not filter, but OperatorID always does unless
// EveryOperator is set, which is for admins.
type PaymentFilter struct {
	OperatorID    string
	EveryOperator bool
	// Search is a payment's id or reference, the operator's user id, a transaction hash or a deposit address (EIP-55 form).
	Search    string
	Status    models.Status
	Exception models.Exception
	UserID    string
	Reference string
	From      time.Time // created at this time or later; zero for no bound
	To        time.Time // created before this time; zero for no bound
	Cursor    string    // of the page before; "" for the first page
	Limit     int
}

// ListPayments returns a page of an operator's payments, newest first. nextCursor is "" on the last page. Returns
// ErrBadCursor for a cursor that is none.
func (s *Store) ListPayments(ctx context.Context, f PaymentFilter) (payments []models.Payment, nextCursor string, err error) {
	query := s.read(ctx)
	if !f.EveryOperator || f.OperatorID != "" {
		query = query.Where("operator_id = ?", f.OperatorID)
	}
	if f.Search != "" {
		// Each branch has an index; together they find few rows. That of the users begins with the operator.
		owners := s.read(ctx).Model(&models.Operator{}).Select("id")
		if !f.EveryOperator || f.OperatorID != "" {
			owners = owners.Where("id = ?", f.OperatorID)
		}
		query = query.Where(`id IN (SELECT id FROM payments WHERE id = ? UNION SELECT id FROM payments WHERE reference = ?
			UNION SELECT id FROM payments WHERE operator_id IN (?) AND user_id = ? UNION SELECT payment_id FROM transfers WHERE tx_hash = ?
			UNION SELECT payment_id FROM deposit_addresses WHERE address = ?)`, f.Search, f.Search, owners, f.Search, f.Search, f.Search)
	}
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.UserID != "" {
		query = query.Where("user_id = ?", f.UserID)
	}
	if f.Reference != "" {
		query = query.Where("reference = ?", f.Reference)
	}
	if f.Exception != models.ExceptionNone {
		query = query.Where("exception = ? AND exception <> ''", f.Exception) // the second half names the partial index
	}
	if !f.From.IsZero() {
		query = query.Where("created_at >= ?", ceilMillis(f.From))
	}
	if !f.To.IsZero() {
		query = query.Where("created_at < ?", ceilMillis(f.To))
	}
	if f.Cursor != "" {
		at, id, err := parsePaymentCursor(f.Cursor)
		if err != nil {
			return nil, "", err
		}
		query = query.Where("(created_at, id) < (?, ?)", at, id)
	}
	limit := pageLimit(f.Limit)
	if err := query.Order("created_at DESC, id DESC").Limit(limit + 1).Find(&payments).Error; err != nil {
		return nil, "", wrap(err, "listing payments")
	}
	if len(payments) > limit {
		payments = payments[:limit]
		nextCursor = paymentCursor(payments[limit-1])
	}
	return payments, nextCursor, nil
}

// Events returns a payment's timeline, oldest first.
func (s *Store) Events(ctx context.Context, paymentID string) ([]models.PaymentEvent, error) {
	var events []models.PaymentEvent
	err := s.read(ctx).Where("payment_id = ?", paymentID).Order("version").Find(&events).Error
	return events, wrap(err, "reading a payment's events")
}

// UnstartedPayments returns the outbox, oldest first: payments created before the given time whose workflow is not known to
// have been started.
func (s *Store) UnstartedPayments(ctx context.Context, createdBefore time.Time, limit int) ([]models.Payment, error) {
	var payments []models.Payment
	err := s.read(ctx).Where("workflow_started_at IS NULL AND created_at < ?", ceilMillis(createdBefore)).
		Order("created_at, id").Limit(limit).Find(&payments).Error
	return payments, wrap(err, "reading the payments to start")
}

// MarkStarted notes that the workflows of these payments have been started. A time noted before stays.
func (s *Store) MarkStarted(ctx context.Context, paymentIDs []string, at time.Time) error {
	for len(paymentIDs) > 0 {
		batch := paymentIDs[:min(len(paymentIDs), batchRows)]
		paymentIDs = paymentIDs[len(batch):]
		// UpdateColumn: updated_at tells of the payment's state, which this leaves alone.
		err := s.writer.WithContext(ctx).Model(&models.Payment{}).Where("id IN ? AND workflow_started_at IS NULL", batch).
			UpdateColumn("workflow_started_at", toMillis(at)).Error
		if err != nil {
			return wrap(err, "noting started workflows")
		}
	}
	return nil
}

// batchRows bounds how many rows one statement names, far below the databases' limits on parameters.
const batchRows = 500

// PaymentsByID returns those of the payments that there are, in no order, in one statement for each few hundred.
func (s *Store) PaymentsByID(ctx context.Context, ids []string) ([]models.Payment, error) {
	var all []models.Payment
	for len(ids) > 0 {
		batch := ids[:min(len(ids), batchRows)]
		ids = ids[len(batch):]
		var some []models.Payment
		if err := s.read(ctx).Where("id IN ?", batch).Find(&some).Error; err != nil {
			return nil, wrap(err, "reading payments")
		}
		all = append(all, some...)
	}
	return all, nil
}
