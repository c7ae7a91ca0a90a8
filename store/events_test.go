package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/views"
)

// events returns all events of an operator that a filter selects, read page by page.
func (f *fixture) events(t testing.TB, filter EventFilter) (events []models.Event) {
	t.Helper()
	if filter.OperatorID == "" {
		filter.OperatorID = f.operator.ID
	}
	filter.Limit = 2
	for {
		page, next, err := f.ListEvents(t.Context(), filter)
		require.NoError(t, err)
		events = append(events, page...)
		if filter.Cursor = next; next == "" {
			return events
		}
	}
}

func typesOf(events []models.Event) (types []models.EventType) {
	for _, event := range events {
		types = append(types, event.Type)
	}
	return types
}

// reject is the next state of a payment that its operator rejects. No decision is stored for it, which only matters to
// the outbox of decisions.
func reject(p models.Payment) models.RecordInput {
	return models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
		s.Status, s.Decision, s.Reason = models.StatusRejected, models.DecisionReject, "out of stock"
	})}
}

func TestEventsOfAPayment(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.UsePublicURL("https://pay.example")
		p := f.needing(t, 12)
		require.Empty(t, f.events(t, EventFilter{}), "a new payment is news to nobody")
		f.mine(t, "main", transferTo(p, 1, 20*models.USDT, models.BlockRef{}))
		record := models.RecordInput{PaymentID: p.ID, State: next(p, func(s *models.PaymentState) {
			s.Status, s.AmountReceived, s.TxHash, s.LastBlock = models.StatusDetected, 20*models.USDT, txHash(1), 101
		})}
		for range 2 { // a repeat says nothing new
			result, err := f.Record(t.Context(), record)
			require.NoError(t, err)
			require.True(t, result.Recorded, result.Refused)
		}
		p = f.paidBy(t, f.payment(t, p.ID), 40*models.USDT)
		events := f.events(t, EventFilter{})
		require.Equal(t, []models.EventType{models.EventDetected, models.EventPaid, models.EventException}, typesOf(events))
		var data views.OperatorPayment
		require.NoError(t, json.Unmarshal([]byte(events[1].Data), &data))
		require.Equal(t, models.StatusPaid, data.Status)
		require.Equal(t, models.ExceptionOverpaid, data.Exception)
		require.Equal(t, 60*models.USDT, data.AmountCredited)
		require.Len(t, data.Transfers, 2)
		require.Equal(t, views.TransferCredited, data.Transfers[1].State)
		require.Len(t, data.Ledger, 2, "the bookings of the same transaction")
		require.Len(t, data.Timeline, 3)
		require.Equal(t, "https://pay.example/payment/"+p.ID, data.PaymentURL)
		require.EqualValues(t, 12, data.Confirmations)
		require.Equal(t, models.EventSchema, events[1].Schema)
		require.Equal(t, events[1].Data, events[2].Data)

		facts, err := f.PaymentFacts(t.Context(), p)
		require.NoError(t, err)
		now, err := json.Marshal(views.NewOperatorPayment(facts, "https://pay.example", events[2].CreatedAt))
		require.NoError(t, err)
		require.Equal(t, string(now), events[2].Data, "the view that the API answers with")
	})
}

func TestEventsAreListedByFilter(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		other := f.addOperator(t)
		var payments []models.Payment
		at := epoch
		f.now = func() time.Time { return at }
		for i := range 5 {
			p := f.create(t)
			payments = append(payments, p)
			at = epoch.Add(time.Duration(i) * time.Minute)
			result, err := f.Record(t.Context(), reject(p))
			require.NoError(t, err)
			require.True(t, result.Recorded, result.Refused)
		}
		all := f.events(t, EventFilter{})
		require.Len(t, all, 5)
		for i, event := range all {
			require.Equal(t, payments[i].ID, event.PaymentID, "oldest first")
			require.EqualValues(t, i+1, event.Sequence)
		}
		require.Equal(t, all[2:3], f.events(t, EventFilter{PaymentID: payments[2].ID}))
		require.Equal(t, all, f.events(t, EventFilter{Type: models.EventRejected}))
		require.Empty(t, f.events(t, EventFilter{Type: models.EventPaid}))
		require.Equal(t, all[1:3], f.events(t, EventFilter{From: epoch.Add(time.Minute), To: epoch.Add(3 * time.Minute)}))
		require.Empty(t, f.events(t, EventFilter{OperatorID: other.ID}))
		require.Empty(t, f.events(t, EventFilter{OperatorID: other.ID, PaymentID: payments[2].ID}))
		none, _, err := f.ListEvents(t.Context(), EventFilter{})
		require.NoError(t, err)
		require.Empty(t, none, "without an operator there is none")
		for _, cursor := range []string{"x", encodeCursor("1"), encodeCursor("1.2.3"), encodeCursor("-1.1"), encodeCursor("1.0")} {
			_, _, err := f.ListEvents(t.Context(), EventFilter{OperatorID: f.operator.ID, Cursor: cursor})
			require.ErrorIs(t, err, models.ErrBadCursor, cursor)
		}

		at = epoch // a clock that goes back puts no event before an earlier one
		_, err = f.Record(t.Context(), reject(f.create(t)))
		require.NoError(t, err)
		last := f.events(t, EventFilter{})[5]
		require.Equal(t, all[4].CreatedAt, last.CreatedAt)
		require.EqualValues(t, 6, last.Sequence)
	})
}

func TestEventsAreNeverEdited(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		_, err := f.Record(t.Context(), reject(f.create(t)))
		require.NoError(t, err)
		before := f.events(t, EventFilter{})
		require.Len(t, before, 1)
		statements := []string{"UPDATE events SET data = '{}'", "DELETE FROM events"}
		if f.engine == enginePostgres {
			statements = append(statements, "TRUNCATE events")
		} else {
			statements = append(statements,
				"INSERT OR REPLACE INTO events SELECT id, operator_id, payment_id, version, type, schema, '', created_at, sequence FROM events")
		}
		for _, statement := range statements {
			require.Error(t, f.writer.Exec(statement).Error, statement)
		}
		again := before[0]
		again.Sequence = 7
		require.True(t, isUniqueViolation(f.writer.Create(&again).Error), "one change has one event of a type")
		require.NoError(t, f.DropOld(t.Context(), Ages{Events: 365 * 24 * time.Hour}, func(string) {}))
		require.Equal(t, before, f.events(t, EventFilter{}))
	})
}

func TestOldEventsAreDropped(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.now = func() time.Time { return toMillis(time.Now().Add(-40 * 24 * time.Hour)) }
		_, err := f.Record(t.Context(), reject(f.create(t)))
		require.NoError(t, err)
		f.now = func() time.Time { return toMillis(time.Now()) }
		_, err = f.Record(t.Context(), reject(f.create(t)))
		require.NoError(t, err)
		require.NoError(t, f.DropOld(t.Context(), Ages{}, func(string) {}))
		require.Len(t, f.events(t, EventFilter{}), 2, "0 keeps them for ever")
		require.NoError(t, f.DropOld(t.Context(), Ages{Events: 35 * 24 * time.Hour}, func(string) {}))
		left := f.events(t, EventFilter{})
		require.Len(t, left, 1)
		require.EqualValues(t, 2, left[0].Sequence)
	})
}

// A state without its events is not recorded, nor is anything that was booked with it.
func TestAChangeThatCannotBeToldIsNotMade(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		f.mine(t, "main", transferTo(p, 1, 50*models.USDT, models.BlockRef{}))
		f.confirm(t, 12)
		in := f.creditInput(p, []models.Transfer{f.transfer(t, p.ID)}, nil)
		require.NoError(t, f.writer.Exec("ALTER TABLE events RENAME TO away").Error)
		_, err := f.Credit(t.Context(), in)
		require.Error(t, err)
		require.Equal(t, p.PaymentState, f.payment(t, p.ID).PaymentState)
		f.requireBalance(t, 0, 50*models.USDT)
		require.NoError(t, f.writer.Exec("ALTER TABLE away RENAME TO events").Error)
		result, err := f.Credit(t.Context(), in)
		require.NoError(t, err)
		require.True(t, result.Recorded)
		events := f.events(t, EventFilter{})
		require.Equal(t, []models.EventType{models.EventPaid}, typesOf(events))
		require.EqualValues(t, 1, events[0].Sequence, "the first attempt left no gap")
	})
}

func TestASettlementIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		p := f.create(t)
		f.mine(t, "main", dust(p, 1, 3, 1)...)
		f.confirm(t, 12)
		require.Equal(t, 3, f.settleAll(t, p, 2))
		events := f.events(t, EventFilter{PaymentID: p.ID})
		require.Equal(t, []models.EventType{models.EventConfirming, models.EventConfirming}, typesOf(events))
		require.Equal(t, f.payment(t, p.ID).Version, events[1].Version)
	})
}

// Many writers of one operator's events, in several processes, leave no gap. Whoever reads them while they are written, by
// the cursor, gets every one in order and none twice: a transaction that commits late is never passed over.
func TestReadersMissNoEvent(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		stores := []*Store{f.Store, open(t, f.url), open(t, f.url)}
		const payments = 90
		created := make([]models.Payment, payments)
		for i := range created {
			created[i] = f.create(t)
		}
		var done atomic.Bool
		var read []models.Event
		var reading sync.WaitGroup
		reading.Go(func() { read = f.follow(t, &done) })
		together(9, func(worker int) {
			for i := worker; i < payments; i += 9 {
				result, err := stores[i%3].Record(withTimeout(t), reject(created[i]))
				assert.NoError(t, err)
				assert.True(t, result.Recorded)
			}
		})
		done.Store(true)
		reading.Wait()
		require.Len(t, read, payments)
		for i, event := range read {
			require.EqualValues(t, i+1, event.Sequence)
		}
	})
}

// follow reads an operator's events as they come, each page from the place of the last event that was read. It ends when
// there are no more after done.
func (f *fixture) follow(t *testing.T, done *atomic.Bool) (read []models.Event) {
	t.Helper()
	cursor := ""
	for {
		ended := done.Load()
		page, _, err := f.ListEvents(context.WithoutCancel(t.Context()), EventFilter{
			OperatorID: f.operator.ID, Cursor: cursor, Limit: 10,
		})
		if !assert.NoError(t, err) {
			return read
		}
		read = append(read, page...)
		if len(page) > 0 {
			cursor = eventOrder.cursor(page[len(page)-1])
		} else if ended {
			return read
		}
	}
}

// A page of events is read through an index, whatever it is filtered by.
func TestEventsAreReadThroughIndexes(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		if f.engine == enginePostgres { // its choice depends on the rows
			require.NoError(t, f.writer.Exec(`INSERT INTO events SELECT 'e' || n, CASE WHEN n % 50 = 0 THEN 'o' ELSE 'p' END,
				CASE WHEN n % 500 = 0 THEN 'x' ELSE 'p' || n END, n, CASE WHEN n % 50 = 0 THEN 'x' ELSE 't' END, 1, '{}',
				timestamptz '2025-12-31' + n * interval '1 minute', n FROM generate_series(1, 10000) n`).Error)
			require.NoError(t, f.writer.Exec("ANALYZE events").Error)
		}
		for where, index := range map[string]string{
			"":                                "events_in_order",
			" AND type = 'x'":                 "events_by_type",
			" AND payment_id = 'x'":           "events_of_payment",
			" AND created_at >= '2026-01-01'": "events_in_order",
		} {
			if f.engine == engineSQLite {
				where = strings.ReplaceAll(where, "'2026-01-01'", "2")
			}
			plan := f.plan(t, fmt.Sprintf(
				"SELECT id, data FROM events WHERE operator_id = 'o'%s ORDER BY created_at, sequence LIMIT 51", where))
			require.Contains(t, plan, index, where)
		}
	})
}
