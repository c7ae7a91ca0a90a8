package store

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"paycow/models"
	"paycow/views"
)

// Payment returns a payment, whichever operator's it is. Returns models.ErrNotFound.
func (s *Store) Payment(ctx context.Context, id string) (models.Payment, error) {
	p, err := s.polledPayment(ctx, id)
	return p, wrap(err, "read a payment")
}

// polledPayment reads a payment as GORM does, without the statement that GORM makes for each call and the values that
// it copies: checkout pages and shops poll it.
func (s *Store) polledPayment(ctx context.Context, id string) (p models.Payment, err error) {
	pool, err := s.reader.DB()
	if err != nil {
		return p, err
	}
	row := reflect.ValueOf(&p).Elem()
	fields := make([]any, len(paymentSchema.DBNames))
	for i, name := range paymentSchema.DBNames {
		fields[i] = paymentSchema.FieldsByDBName[name].ReflectValueOf(ctx, row).Addr().Interface()
	}
	err = pool.QueryRowContext(ctx, polledStatement, id).Scan(fields...)
	if errors.Is(err, sql.ErrNoRows) {
		err = gorm.ErrRecordNotFound
	}
	return p, err
}

var polledStatement = "SELECT " + strings.Join(paymentSchema.DBNames, ", ") + " FROM payments WHERE id = $1"

// OperatorPayment returns a payment of an operator. Returns models.ErrNotFound also when it is another operator's.
func (s *Store) OperatorPayment(ctx context.Context, operatorID, id string) (models.Payment, error) {
	var p models.Payment
	err := s.read(ctx).Where("id = ? AND operator_id = ?", id, operatorID).Take(&p).Error
	return p, wrap(err, "read an operator's payment")
}

// PaymentsByID returns the payments with these ids, in no particular order. Ids without a payment are left out.
func (s *Store) PaymentsByID(ctx context.Context, ids []string) ([]models.Payment, error) {
	found, err := byID[models.Payment](s.read(ctx), ids)
	return found, wrap(err, "read payments")
}

// byID returns the rows with these ids, in no particular order.
func byID[T any](db *gorm.DB, ids []string) ([]T, error) {
	rows := make([]T, 0, len(ids))
	for batch := range slices.Chunk(ids, batchRows) {
		var some []T
		if err := db.Where("id IN ?", batch).Find(&some).Error; err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// countUpTo counts the rows of a query, and no further than limit.
func countUpTo(query *gorm.DB, limit int) (int, error) {
	var count int64
	db := query.Session(&gorm.Session{NewDB: true})
	err := db.Table("(?) AS counted", query.Select("1").Limit(limit)).Count(&count).Error
	return int(count), err
}

// PaymentFilter selects payments. Empty fields do not filter, except OperatorID: without it no payment is found unless
// EveryOperator is set, which is for admins.
type PaymentFilter struct {
	OperatorID    string
	EveryOperator bool
	// Search is a payment's id or reference, the operator's user id, a transaction hash or a deposit address (EIP-55
	// form).
	Search string
	// Part, unless it is empty, is the text as typed: payments are also found if it is a part of any of these but the id,
	// or of the description or the metadata, in any case.
	Part      string
	Status    models.Status
	Exception models.Exception
	UserID    string
	Reference string
	// MetadataKey and MetadataValue select the payments of one operator that have this entry in their metadata. Without a
	// value, they are those that have the key.
	MetadataKey   string
	MetadataValue *string
	From          time.Time // created at this time or later; zero for no bound
	To            time.Time // created before this time; zero for no bound
	Cursor        string    // of the page before; "" for the first page
	Limit         int
}

func (f PaymentFilter) ofOneOperator() bool { return !f.EveryOperator || f.OperatorID != "" }

var paymentOrder = pageOrder[models.Payment]{
	timeColumn("payments.created_at", func(p models.Payment) time.Time { return p.CreatedAt }),
	hexColumn("payments.id", func(p models.Payment) string { return p.ID }),
}

// metadataOrder is paymentOrder in the columns of the indexes on metadata, so that a page costs what it holds, however
// many payments have the entry or the key.
var metadataOrder = pageOrder[models.Payment]{
	{sql: "m.created_at", format: paymentOrder[0].format, parse: paymentOrder[0].parse},
	{sql: "m.payment_id", format: paymentOrder[1].format, parse: paymentOrder[1].parse},
}

// ListPayments returns a page of payments, newest first; of a search for a part, complete matches first. nextCursor is
// "" on the last page. A page of a search for a part may be empty and lead on: see SearchedTo. Returns
// models.ErrBadCursor.
func (s *Store) ListPayments(
	ctx context.Context,
	f PaymentFilter,
) (payments []models.Payment, nextCursor string, err error) {
	query, order := s.listed(ctx, f)
	if f.Search != "" && f.Part == "" {
		query = query.Where("payments.id IN (?)", s.searched(ctx, f))
	}
	if f.Part == "" {
		payments, nextCursor, err = readPage(query, order, newestFirst, f.Cursor, f.Limit)
		return payments, nextCursor, wrap(err, "list payments")
	}
	payments, nextCursor, err = paymentSearch[models.Payment]{
		filter: f, query: query, order: order, complete: s.searched(ctx, f),
		payment: func(p models.Payment) models.Payment { return p },
		load:    func(ids []string) ([]models.Payment, error) { return byID[models.Payment](s.read(ctx), ids) },
	}.page()
	return payments, nextCursor, wrap(err, "search payments")
}

// listed selects the payments of a filter other than by its search, in the order of their list.
func (s *Store) listed(ctx context.Context, f PaymentFilter) (query *gorm.DB, order pageOrder[models.Payment]) {
	query, order = s.read(ctx).Model(&models.Payment{}), paymentOrder
	if f.MetadataKey != "" {
		query = query.Joins("JOIN payment_metadata m ON m.payment_id = payments.id").
			Where("m.operator_id = ? AND m.name = ?", f.OperatorID, f.MetadataKey)
		if f.MetadataValue != nil {
			query = query.Where("m.value = ?", *f.MetadataValue)
		}
		order = metadataOrder
	}
	if f.ofOneOperator() {
		query = query.Where("payments.operator_id = ?", f.OperatorID)
	}
	return f.restrict(query, order[0].sql), order
}

// PaymentTotals are the number and the sums of payments.
type PaymentTotals struct {
	Payments                                        int64
	AmountRequested, AmountReceived, AmountCredited models.Amount // micro-USDT
}

// maxTotalled bounds what totals cost.
const maxTotalled = 10_000

// TotalPayments returns the totals of the payments that a filter selects, whatever its search. ok is false if there are
// more than maxTotalled.
func (s *Store) TotalPayments(ctx context.Context, f PaymentFilter) (totals PaymentTotals, ok bool, err error) {
	query, order := s.listed(ctx, f)
	some := query.Select("payments.amount_requested, payments.amount_received, payments.amount_credited").
		Order(order[0].sql + " DESC, " + order[1].sql + " DESC").Limit(maxTotalled + 1)
	err = s.read(ctx).Table("(?) AS listed", some).Select(`COUNT(*) AS payments,
		CAST(COALESCE(SUM(amount_requested), 0) AS bigint) AS amount_requested,
		CAST(COALESCE(SUM(amount_received), 0) AS bigint) AS amount_received,
		CAST(COALESCE(SUM(amount_credited), 0) AS bigint) AS amount_credited`).Scan(&totals).Error
	return totals, totals.Payments <= maxTotalled, wrap(err, "total payments")
}

// restrict adds to a query what selects payments by their own columns. createdAt is the one of their creation.
func (f PaymentFilter) restrict(query *gorm.DB, createdAt string) *gorm.DB {
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
		// The second half makes the databases use the partial index.
		query = query.Where("exception = ? AND exception <> ''", f.Exception)
	}
	if !f.From.IsZero() {
		query = query.Where(createdAt+" >= ?", ceilMillis(f.From))
	}
	if !f.To.IsZero() {
		query = query.Where(createdAt+" < ?", ceilMillis(f.To))
	}
	return query
}

// searched selects the ids of the payments that a search finds. Each branch uses an index of its own and finds few
// rows; the index on users begins with the operator.
func (s *Store) searched(ctx context.Context, f PaymentFilter) *gorm.DB {
	owners := s.read(ctx).Model(&models.Operator{}).Select("id")
	if f.ofOneOperator() {
		owners = owners.Where("id = ?", f.OperatorID)
	}
	return s.read(ctx).Raw(`SELECT id FROM payments WHERE id = ?
		UNION SELECT id FROM payments WHERE reference = ?
		UNION SELECT id FROM payments WHERE operator_id IN (?) AND user_id = ?
		UNION SELECT payment_id FROM transfers WHERE tx_hash = ?
		UNION SELECT d.payment_id FROM sweeps w JOIN deposit_addresses d ON d.address = w.to_address WHERE w.tx_hash = ?
		UNION SELECT payment_id FROM deposit_addresses WHERE address = ?`,
		f.Search, f.Search, owners, f.Search, f.Search, f.Search, f.Search)
}

// PaidAt returns when a payment became PAID, for the last time if it was reverted in between; zero if it never did.
func (s *Store) PaidAt(ctx context.Context, paymentID string) (time.Time, error) {
	var line models.PaymentEvent
	before := s.read(ctx).Model(&line).Select("COALESCE(MAX(version), 0)").
		Where("payment_id = ? AND status <> ?", paymentID, models.StatusPaid)
	err := s.read(ctx).Where("payment_id = ? AND version > (?)", paymentID, before).
		Order("version").Limit(1).Find(&line).Error
	return line.CreatedAt, wrap(err, "read when a payment was paid")
}

// LastTransaction returns the newest transaction that a payment's timeline names, whether it still stands or not; ""
// if it names none.
func (s *Store) LastTransaction(ctx context.Context, paymentID string) (string, error) {
	var line models.PaymentEvent
	err := s.read(ctx).Where("payment_id = ? AND tx_hash <> ''", paymentID).
		Order("version DESC").Limit(1).Find(&line).Error
	return line.TxHash, wrap(err, "read a payment's last transaction")
}

// timelineOf returns the newest lines of a payment's timeline, at most views.MaxRows, oldest first.
func timelineOf(db *gorm.DB, paymentID string) ([]models.PaymentEvent, error) {
	var lines []models.PaymentEvent
	err := db.Where("payment_id = ?", paymentID).Order("version DESC").Limit(views.MaxRows).Find(&lines).Error
	slices.Reverse(lines)
	return lines, err
}

// OpenPayments returns payments of a network that have not ended and were created before the given time, in the order
// of their ids, from the first id after the given one.
func (s *Store) OpenPayments(
	ctx context.Context, network string, createdBefore time.Time, after string, limit int,
) ([]models.Payment, error) {
	var payments []models.Payment
	// The statuses are written out so that the databases use the index payments_open, which holds only these.
	err := s.read(ctx).Where(`status IN ('PENDING', 'DETECTED', 'CONFIRMING') AND network = ? AND created_at < ?
		AND id > ?`, network, createdBefore, after).
		Order("id").Limit(limit).Find(&payments).Error
	return payments, wrap(err, "read the open payments")
}

// OldestPaymentAt returns when the first payment on a network was created. ok is false when there is no payment.
func (s *Store) OldestPaymentAt(ctx context.Context, network string) (at time.Time, ok bool, err error) {
	var oldest []models.Payment
	err = s.read(ctx).Select("created_at").Where("network = ?", network).Order("created_at").Limit(1).Find(&oldest).Error
	if err != nil || len(oldest) == 0 {
		return time.Time{}, false, wrap(err, "read the oldest payment")
	}
	return oldest[0].CreatedAt, true, nil
}
