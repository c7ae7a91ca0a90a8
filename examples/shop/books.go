package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"
	_ "modernc.org/sqlite" // the driver

	"paycow/client"
)

// schema is safe to run again.
const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id           TEXT PRIMARY KEY,
	product      TEXT NOT NULL,
	amount       TEXT NOT NULL,
	payment_id   TEXT NOT NULL DEFAULT '', -- '' until the payment is made
	checkout_url TEXT NOT NULL DEFAULT '',
	status       TEXT NOT NULL DEFAULT 'PENDING', -- the payment's, as the newest event tells it
	exception    TEXT NOT NULL DEFAULT '',
	received     TEXT NOT NULL DEFAULT '0',
	told_at      INTEGER NOT NULL DEFAULT 0, -- when the newest event happened, in milliseconds
	told_changes INTEGER NOT NULL DEFAULT 0  -- how many changes the payment had by then
);
CREATE TABLE IF NOT EXISTS events (
	id   TEXT PRIMARY KEY, -- the webhook-id
	type TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS markings (
	id       INTEGER PRIMARY KEY,
	order_id TEXT NOT NULL REFERENCES orders (id),
	mark     TEXT NOT NULL CHECK (mark IN ('paid', 'unpaid')),
	event_id TEXT NOT NULL UNIQUE REFERENCES events (id)
);
CREATE TABLE IF NOT EXISTS settings (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);`

// Names of settings.
const (
	settingEndpoint = "webhook endpoint" // its id
	settingSecret   = "webhook secret"
	settingPosition = "position" // the time of the last event that was read from the list
)

// errNoOrder is returned when no order has an id.
var errNoOrder = errors.New("there is no such order")

// books is the shop's database.
type books struct {
	db         *sql.DB
	takesTests bool // whether a test payment, which is no money, pays an order
}

// order is what a customer wants.
type order struct {
	ID, Product            string
	Amount                 decimal.Decimal
	PaymentID, CheckoutURL string
	Status                 client.Status
	Exception              client.Exception
	Received               decimal.Decimal

	toldAt, toldChanges int64
}

// exceptionTest is the shop's own: the payment is a test, and the shop takes none.
const exceptionTest client.Exception = "TEST"

// IsPaid reports whether the goods may go out.
func (o order) IsPaid() bool { return o.Status == client.StatusPAID && o.Exception != exceptionTest }

func openBooks(ctx context.Context, path string) (*books, error) {
	// A transaction takes the lock for writing at once, so two of them never wait for each other.
	db, err := sql.Open("sqlite", "file:"+path+
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
	}
	return &books{db: db}, nil
}

func (b *books) close() { _ = b.db.Close() }

// queryer is a database or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// readOrder returns an order. Returns errNoOrder.
func readOrder(ctx context.Context, db queryer, id string) (o order, err error) {
	err = db.QueryRowContext(ctx, `SELECT id, product, amount, payment_id, checkout_url, status, exception, received,
		told_at, told_changes FROM orders WHERE id = ?`, id).Scan(&o.ID, &o.Product, &o.Amount, &o.PaymentID,
		&o.CheckoutURL, &o.Status, &o.Exception, &o.Received, &o.toldAt, &o.toldChanges)
	if errors.Is(err, sql.ErrNoRows) {
		return o, errNoOrder
	}
	return o, err
}

// addOrder writes an order unless one has its id, and returns the one that does.
func (b *books) addOrder(ctx context.Context, id, product string, amount decimal.Decimal) (order, error) {
	_, err := b.db.ExecContext(ctx, `INSERT INTO orders (id, product, amount) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		id, product, amount)
	if err != nil {
		return order{}, err
	}
	return readOrder(ctx, b.db, id)
}

// setPayment notes the payment that was made for an order.
func (b *books) setPayment(ctx context.Context, id string, payment client.CreatedPayment) error {
	_, err := b.db.ExecContext(ctx, `UPDATE orders SET payment_id = ?, checkout_url = ? WHERE id = ?`,
		payment.PaymentID, payment.CheckoutURL, id)
	return err
}

// setting returns a setting, "" if it was never set.
func (b *books) setting(ctx context.Context, name string) (value string, err error) {
	err = b.db.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = ?`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func set(ctx context.Context, db queryer, name, value string) error {
	_, err := db.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// inTransaction commits what a function did, or nothing of it.
func (b *books) inTransaction(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// take works on an event once: its id, the order's new state and the mark are one transaction. So after a crash the
// event was taken with all that follows from it, or it comes again. Returns what the order was marked, if it was.
func (b *books) take(ctx context.Context, event client.Event) (mark string, err error) {
	payment, isPayment, err := event.Payment()
	if err != nil {
		return "", err
	}
	err = b.inTransaction(ctx, func(tx *sql.Tx) error {
		taken, err := tx.ExecContext(ctx, `INSERT INTO events (id, type) VALUES (?, ?) ON CONFLICT DO NOTHING`,
			event.ID, event.Type)
		if err != nil {
			return err
		}
		if isNew, err := taken.RowsAffected(); err != nil || isNew == 0 || !isPayment {
			return err
		}
		mark, err = b.applyPayment(ctx, tx, event, payment)
		return err
	})
	return mark, err
}

// applyPayment brings an order up to what an event tells of its payment.
func (b *books) applyPayment(
	ctx context.Context, tx *sql.Tx, event client.Event, payment client.OperatorPayment,
) (string, error) {
	o, err := readOrder(ctx, tx, payment.Metadata["order"])
	if errors.Is(err, errNoOrder) {
		return "", nil // a payment that somebody else made with these credentials
	}
	if err != nil {
		return "", err
	}
	isOurs := (o.PaymentID == "" || o.PaymentID == payment.ID) && payment.AmountRequested.Equal(o.Amount)
	at, changes := event.Timestamp.UnixMilli(), int64(len(payment.Timeline))
	isOlder := at < o.toldAt || at == o.toldAt && changes < o.toldChanges
	if !isOurs || isOlder {
		return "", nil
	}
	wasPaid := o.IsPaid()
	o.Status, o.Exception = payment.Status, ""
	if payment.Exception != nil {
		o.Exception = *payment.Exception
	}
	if payment.Test != nil && !b.takesTests {
		o.Exception, payment.AmountReceived = exceptionTest, decimal.Zero
	}
	_, err = tx.ExecContext(ctx, `UPDATE orders SET payment_id = ?, checkout_url = ?, status = ?, exception = ?,
		received = ?, told_at = ?, told_changes = ? WHERE id = ?`, payment.ID, payment.PaymentURL, o.Status, o.Exception,
		payment.AmountReceived, at, changes, o.ID)
	if err != nil || wasPaid == o.IsPaid() {
		return "", err
	}
	mark := "paid"
	if wasPaid {
		mark = "unpaid"
	}
	// A real shop adds here, in the same transaction, the job that sends the goods or holds them back.
	_, err = tx.ExecContext(ctx, `INSERT INTO markings (order_id, mark, event_id) VALUES (?, ?, ?)`, o.ID, mark, event.ID)
	return mark, err
}

// position returns the time from which the list of events is read, nil for its beginning.
func (b *books) position(ctx context.Context) (*time.Time, error) {
	text, err := b.setting(ctx, settingPosition)
	if err != nil || text == "" {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return &at, err
}
