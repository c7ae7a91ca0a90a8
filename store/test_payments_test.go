package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"paycow/models"
	"paycow/views"
)

// deriveTest stands in for the branch of the wallet that test payments use.
func deriveTest(index uint32) (string, error) { return fmt.Sprintf("0xBc%038d", index), nil }

func (f *fixture) createTest(t testing.TB, outcome models.Outcome) models.TestPayment {
	t.Helper()
	p, created, err := f.CreateTestPayment(t.Context(), f.newPayment(), outcome, time.Hour, deriveTest)
	require.NoError(t, err)
	require.True(t, created)
	return p
}

// makeDue makes the next step of every test payment due.
func (f *fixture) makeDue(t testing.TB) {
	t.Helper()
	require.NoError(t, f.writer.Exec("UPDATE test_payments SET next_at = ? WHERE next_at IS NOT NULL", epoch).Error)
}

// advance makes steps until none is left. No script has as many as it makes.
func (f *fixture) advance(t testing.TB) {
	t.Helper()
	for range 10 {
		f.makeDue(t)
		ids, err := f.DueTestPayments(t.Context(), 100)
		require.NoError(t, err)
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			require.NoError(t, f.AdvanceTestPayment(t.Context(), id))
		}
	}
}

// ofMoney returns what every table holds that has to do with real money.
func (f *fixture) ofMoney(t testing.TB) string {
	t.Helper()
	text := ""
	for _, table := range []string{
		"payments", "payment_events", "payment_decisions", "payment_metadata", "payment_days", "deposit_addresses", "idempotency_keys",
		"transfers", "sweeps", "ledger_transactions", "ledger_entries", "account_totals", "account_days", "own_addresses", "alarms",
		"expiry_waits", "chain_cursors", "reconciliations",
	} {
		var rows []map[string]any
		if !f.reader.Migrator().HasTable(table) {
			require.NotContains(t, []string{"payments", "transfers", "ledger_entries", "deposit_addresses"}, table)
			continue
		}
		require.NoError(t, f.reader.Table(table).Find(&rows).Error)
		text += fmt.Sprintln(table, len(rows), rows)
	}
	return text
}

// Every outcome runs to its end, with the events that its script says, and no table that has to do with money changes.
func TestTestPaymentsTouchNoMoney(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		before := f.ofMoney(t)
		for _, outcome := range models.Outcomes() {
			made := f.createTest(t, outcome)
			stored, err := f.TestPayment(ctx, made.ID)
			require.NoError(t, err)
			stored.RequestHash, stored.Metadata = made.RequestHash, made.Metadata
			require.Equal(t, made, stored)
			require.Equal(t, models.StatusPending, made.Status)
			require.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)
			f.advance(t)
			end, err := f.OperatorTestPayment(ctx, f.operator.ID, made.ID)
			require.NoError(t, err)
			require.True(t, end.Status.IsFinal())
			require.Nil(t, end.NextAt)

			events, _, err := f.ListEvents(ctx, EventFilter{OperatorID: models.TestSide(f.operator.ID), PaymentID: made.ID})
			require.NoError(t, err)
			require.NotEmpty(t, events)
			var last views.OperatorPayment
			for _, e := range events {
				last = views.OperatorPayment{}
				require.NoError(t, json.Unmarshal([]byte(e.Data), &last))
				require.True(t, last.Test)
				require.Empty(t, last.Ledger)
			}
			require.Equal(t, end.Status, last.Status)
			require.Len(t, last.Timeline, int(end.Version))
			_, err = f.OperatorTestPayment(ctx, f.addOperator(t).ID, made.ID)
			require.ErrorIs(t, err, models.ErrNotFound)
			_, err = f.Payment(ctx, made.ID)
			require.ErrorIs(t, err, models.ErrNotFound)
		}
		require.Equal(t, before, f.ofMoney(t))
		events, _, err := f.ListEvents(ctx, EventFilter{OperatorID: f.operator.ID})
		require.NoError(t, err)
		require.Empty(t, events, "the operator's real side hears nothing")
	})
}

// A test payment's row is no way to money: each door of the store refuses its id.
func TestATestPaymentCannotBeCredited(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		made := f.createTest(t, models.OutcomePaid)
		f.advance(t)
		before := f.ofMoney(t)
		p := made.Payment()
		require.Error(t, f.CheckTerms(p))
		_, err := f.Record(ctx, models.RecordInput{PaymentID: p.ID, State: models.PaymentState{Status: models.StatusPaid, Version: 5}})
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.Expire(ctx, models.ExpireInput{PaymentID: p.ID, State: models.PaymentState{Status: models.StatusExpired, Version: 5}})
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.Decide(ctx, f.operator.ID, models.PaymentDecision{PaymentID: p.ID, Kind: models.DecisionAccept, Version: 1})
		require.ErrorIs(t, err, models.ErrNotFound)
		_, err = f.Snapshot(ctx, p.ID)
		require.ErrorIs(t, err, models.ErrNotFound)
		transfer := transferTo(p, 7, 50*models.USDT, f.tip)
		_, err = f.Credit(ctx, models.CreditInput{
			PaymentID: p.ID, OperatorID: f.operator.ID, DepositAddress: p.DepositAddress,
			Credits: []models.TransferNotice{{TransferKey: transfer.TransferKey, Amount: transfer.Amount, Block: transfer.Block, Canonical: true}},
			State:   models.PaymentState{Status: models.StatusPaid, Version: 5},
		})
		require.ErrorIs(t, err, models.ErrNotFound)
		// The database itself refuses rows about money that name it.
		require.Error(t, f.writer.Transaction(func(tx *gorm.DB) error {
			return errors.Join(rawEntries(tx, "t", []models.Amount{1, -1}), rawHeader(tx, p.ID, "t"))
		}))
		require.Error(t, f.writer.Create(&models.Transfer{
			TransferKey: transfer.TransferKey, PaymentID: p.ID, FromAddress: "0xPayer", Amount: 1, BlockNumber: 1, BlockHash: "0x1",
			BlockTime: epoch, Canonical: true, Revision: 1,
		}).Error)
		require.Error(t, f.writer.Create(&models.IdempotencyKey{
			OperatorID: f.operator.ID, Key: "k", RequestHash: []byte("h"), PaymentID: p.ID, CreatedAt: epoch,
		}).Error)
		require.Equal(t, before, f.ofMoney(t))
		// Money that somebody sends to its address is nobody's: nothing of it is stored.
		f.mine(t, "main", transferTo(p, 1, 50*models.USDT, f.tip))
		after := f.ofMoney(t)
		require.NotEqual(t, before, after, "the cursor moved")
		var transfers, entries int64
		require.NoError(t, f.reader.Table("transfers").Count(&transfers).Error)
		require.NoError(t, f.reader.Table("ledger_entries").Count(&entries).Error)
		require.Zero(t, transfers+entries)
	})
}

// However many processes make the steps at once, each is made once, with its events and their deliveries.
func TestStepsAreMadeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		side := models.TestSide(f.operator.ID)
		endpoint, _ := f.endpoint(t, side)
		var made []models.TestPayment
		for range 10 {
			made = append(made, f.createTest(t, models.OutcomePaid))
		}
		others := []*Store{f.Store, open(t, f.url), open(t, f.url)}
		for round := range 3 {
			f.makeDue(t)
			ids, err := f.DueTestPayments(ctx, 100) // as each process would read them at the same moment
			require.NoError(t, err)
			require.Len(t, ids, len(made))
			var running sync.WaitGroup
			for _, s := range others {
				running.Go(func() {
					for _, id := range ids {
						if err := s.AdvanceTestPayment(ctx, id); err != nil {
							t.Error(err)
						}
					}
				})
			}
			running.Wait()
			row, err := f.TestPayment(ctx, made[0].ID)
			require.NoError(t, err)
			if row.NextAt != nil && time.Now().Before(*row.NextAt) {
				require.EqualValues(t, round+2, row.Version, "the next step is not due yet")
			}
		}
		for _, p := range made {
			end, err := f.TestPayment(ctx, p.ID)
			require.NoError(t, err)
			require.Equal(t, models.StatusPaid, end.Status)
			require.EqualValues(t, 4, end.Version)
			events, _, err := f.ListEvents(ctx, EventFilter{OperatorID: side, PaymentID: p.ID})
			require.NoError(t, err)
			require.Equal(t, []string{"payment.detected", "payment.confirming", "payment.paid"},
				pluck(events, func(e models.Event) string { return string(e.Type) }))
		}
		deliveries, _, err := f.ListDeliveries(ctx, DeliveryFilter{OperatorID: side, EndpointID: endpoint.ID, Limit: 100})
		require.NoError(t, err)
		require.Len(t, deliveries, len(made), "one payment.paid each")
		job, err := f.DeliveryJob(ctx, deliveries[0].ID)
		require.NoError(t, err)
		require.Empty(t, job.Refusal)
		require.Contains(t, string(job.Body), `"test":true`)
	})
}

// A process that ends between two statements of a step has done nothing, and the next one makes the whole step.
func TestAStepIsMadeAsAWholeOrNotAtAll(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		endpoint, _ := f.endpoint(t, models.TestSide(f.operator.ID))
		made := f.createTest(t, models.OutcomeRejected)
		f.makeDue(t)
		for _, at := range []string{"events", "webhook_deliveries"} {
			endpoint.EventTypes = models.AllEventTypes
			require.NoError(t, f.write(ctx, func(tx *gorm.DB) error { return f.saveEndpoint(tx, endpoint) }))
			killed := errors.New("killed")
			require.NoError(t, f.writer.Callback().Create().Before("gorm:create").Register("kill", func(tx *gorm.DB) {
				if tx.Statement.Table == at {
					_ = tx.AddError(killed)
				}
			}))
			require.ErrorIs(t, f.AdvanceTestPayment(ctx, made.ID), killed)
			require.NoError(t, f.writer.Callback().Create().Remove("kill"))
			row, err := f.TestPayment(ctx, made.ID)
			require.NoError(t, err)
			require.EqualValues(t, 1, row.Version)
			require.Zero(t, row.Step)
			var events int64
			require.NoError(t, f.reader.Table("events").Count(&events).Error)
			require.Zero(t, events)
		}
		f.advance(t)
		row, err := f.TestPayment(ctx, made.ID)
		require.NoError(t, err)
		require.Equal(t, models.StatusRejected, row.Status)
		deliveries, _, err := f.ListDeliveries(ctx, DeliveryFilter{OperatorID: models.TestSide(f.operator.ID)})
		require.NoError(t, err)
		require.Len(t, deliveries, 1)
	})
}

// Test events go to test endpoints only, and real events to real ones only, whatever somebody writes into the rows.
func TestSidesOfWebhooks(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		side := models.TestSide(f.operator.ID)
		live, _ := f.endpoint(t, f.operator.ID)
		test, _ := f.endpoint(t, side)
		require.Equal(t, []string{live.ID}, f.wanting(t, f.operator.ID, models.EventPaid))
		require.Equal(t, []string{test.ID}, f.wanting(t, side, models.EventPaid))
		for id, to := range map[string]string{test.ID: f.operator.ID, live.ID: side} {
			require.NoError(t, f.writer.Exec("UPDATE webhook_endpoints SET operator_id = ? WHERE id = ?", to, id).Error)
		}
		require.Empty(t, f.wanting(t, f.operator.ID, models.EventPaid))
		require.Empty(t, f.wanting(t, side, models.EventPaid))
		require.NoError(t, f.DeleteWebhookEndpoint(ctx, side, live.ID, "", aChange))
		// A delivery of a test event that is moved to the real side proves nothing.
		again, _ := f.endpoint(t, side)
		f.createTest(t, models.OutcomePaid)
		f.advance(t)
		deliveries, _, err := f.ListDeliveries(ctx, DeliveryFilter{OperatorID: side, EndpointID: again.ID})
		require.NoError(t, err)
		require.Len(t, deliveries, 1)
		shop, _ := f.endpoint(t, f.operator.ID)
		require.NoError(t, f.writer.Exec("UPDATE webhook_deliveries SET endpoint_id = ?, operator_id = ? WHERE id = ?", shop.ID,
			f.operator.ID, deliveries[0].ID).Error)
		job, err := f.DeliveryJob(ctx, deliveries[0].ID)
		require.NoError(t, err)
		require.NotEmpty(t, job.Refusal)
	})
}

func TestDecideTest(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		decide := func(id string, kind models.Decision) (models.TestPayment, error) {
			return f.DecideTest(ctx, f.operator.ID, models.PaymentDecision{
				PaymentID: id, Kind: kind, Reason: "why", Actor: "operator:" + f.operator.ID, Via: "key pk",
			})
		}
		open := f.createTest(t, models.OutcomePaid)
		_, err := decide(open.ID, models.DecisionAccept)
		require.ErrorIs(t, err, models.ErrNotPossible)
		rejected, err := decide(open.ID, models.DecisionReject)
		require.NoError(t, err)
		require.Equal(t, models.StatusRejected, rejected.Status)
		_, err = decide(open.ID, models.DecisionReject)
		require.ErrorIs(t, err, models.ErrNotPossible)
		f.advance(t)
		row, err := f.TestPayment(ctx, open.ID)
		require.NoError(t, err)
		require.Equal(t, rejected.PaymentState, row.PaymentState, "it stays rejected")
		facts := TestFacts(row)
		require.Len(t, facts.Timeline, 2)
		require.Equal(t, "why", facts.Timeline[1].Reason)

		short := f.createTest(t, models.OutcomeUnderpaid)
		f.advance(t)
		accepted, err := decide(short.ID, models.DecisionAccept)
		require.NoError(t, err)
		require.Equal(t, models.StatusPaid, accepted.Status)
		require.Equal(t, models.ExceptionAccepted, accepted.Exception)
		_, err = f.DecideTest(ctx, f.addOperator(t).ID, models.PaymentDecision{PaymentID: short.ID, Kind: models.DecisionReject})
		require.ErrorIs(t, err, models.ErrNotFound)
		require.Len(t, f.audited(t, "payment_accepted"), 1)
		require.Len(t, f.audited(t, "payment_rejected"), 1)

		// Of a rejection and a step at the same moment one comes first, and the rejection is never lost.
		for range 5 {
			racing := f.createTest(t, models.OutcomeRejected)
			f.makeDue(t)
			var running sync.WaitGroup
			var decideErr error
			running.Go(func() { _, decideErr = decide(racing.ID, models.DecisionReject) })
			running.Go(func() {
				if err := f.AdvanceTestPayment(ctx, racing.ID); err != nil {
					t.Error(err)
				}
			})
			running.Wait()
			row, err := f.TestPayment(ctx, racing.ID)
			require.NoError(t, err)
			require.Equal(t, models.StatusRejected, row.Status)
			require.EqualValues(t, 2, row.Version)
			require.Equal(t, decideErr == nil, row.Reason == "why")
		}
	})
}

// Any number of calls with one key make one test payment, and the key says nothing about real payments.
func TestIdempotencyKeysOfTestPayments(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		in := f.newPayment()
		in.IdempotencyKey, in.RequestHash = "key", []byte("body")
		var running sync.WaitGroup
		ids := make([]string, 20)
		for i := range ids {
			running.Go(func() {
				p, _, err := f.CreateTestPayment(ctx, renamed(in), models.OutcomePaid, time.Hour, deriveTest)
				if err != nil {
					t.Error(err)
				}
				ids[i] = p.ID
			})
		}
		running.Wait()
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(ids))), 1)
		other := renamed(in)
		other.RequestHash = []byte("another body")
		_, _, err := f.CreateTestPayment(ctx, other, models.OutcomePaid, time.Hour, deriveTest)
		require.ErrorIs(t, err, models.ErrIdempotencyMismatch)
		_, err = f.TestPaymentOfKey(ctx, other)
		require.ErrorIs(t, err, models.ErrIdempotencyMismatch)
		_, err = f.PaymentOfKey(ctx, in)
		require.ErrorIs(t, err, models.ErrNotFound)
		found, err := f.TestPaymentOfKey(ctx, in)
		require.NoError(t, err)
		require.Equal(t, ids[0], found.ID)
		foreign := in
		foreign.OperatorID = f.addOperator(t).ID
		_, err = f.TestPaymentOfKey(ctx, foreign)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.NoError(t, f.writer.Exec("UPDATE test_payments SET deposit_address = '0xAttacker'").Error)
		_, err = f.TestPaymentOfKey(ctx, in)
		require.ErrorIs(t, err, models.ErrPaymentAltered)
		_, _, err = f.CreateTestPayment(ctx, renamed(in), models.OutcomePaid, time.Hour, deriveTest)
		require.ErrorIs(t, err, models.ErrPaymentAltered)
	})
}

// Each has an address of its own, from a branch that no real payment uses.
func TestAddressesOfTestPayments(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		for i := range uint32(3) {
			require.Equal(t, i, f.createTest(t, models.OutcomePaid).AddressIndex)
		}
		payment := f.create(t)
		var next int64
		require.NoError(t, f.reader.Raw("SELECT next_index FROM address_counters WHERE name = ?", testAddresses).Scan(&next).Error)
		require.EqualValues(t, 3, next)
		require.GreaterOrEqual(t, payment.AddressIndex, uint32(models.DefaultReservedAddresses), "its counter is another one")
		require.NoError(t, f.writer.Exec("UPDATE address_counters SET next_index = ? WHERE name = ?", int64(addressIndexEnd)-1,
			testAddresses).Error)
		require.EqualValues(t, addressIndexEnd-1, f.createTest(t, models.OutcomePaid).AddressIndex)
		require.Zero(t, f.createTest(t, models.OutcomePaid).AddressIndex, "they begin anew after the last one")
	})
}

func TestATestPaymentsRowNeedsItsProof(t *testing.T) {
	for name, attack := range map[string]string{
		"another return URL": "UPDATE test_payments SET return_url = 'https://attacker.example/' WHERE id = @id",
		"another address":    "UPDATE test_payments SET deposit_address = '0xAttacker' WHERE id = @id",
		"another operator":   "UPDATE test_payments SET operator_id = @operator WHERE id = @id",
		"another amount":     "UPDATE test_payments SET amount_requested = amount_requested + 1 WHERE id = @id",
		"more confirmations": "UPDATE test_payments SET confirmations = confirmations + 1 WHERE id = @id",
		"another user":       "UPDATE test_payments SET user_id = 'x' WHERE id = @id",
		"another reference":  "UPDATE test_payments SET reference = 'x' WHERE id = @id",
		"other metadata":     `UPDATE test_payments SET metadata = '{"a":"b"}' WHERE id = @id`,
		"a later end":        "UPDATE test_payments SET expires_at = created_at WHERE id = @id",
		"another outcome":    "UPDATE test_payments SET outcome = 'overpaid' WHERE id = @id",
		"another text":       "UPDATE test_payments SET description = 'Call 555' WHERE id = @id",
		"no proof":           "UPDATE test_payments SET mac = @empty WHERE id = @id",
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				ctx := t.Context()
				stranger := f.addOperator(t).ID
				p := f.createTest(t, models.OutcomePaid)
				require.NoError(t, f.writer.Exec(attack, map[string]any{"id": p.ID, "operator": stranger, "empty": []byte{}}).Error)
				_, err := f.TestPayment(ctx, p.ID)
				require.ErrorIs(t, err, models.ErrNotFound)
				for _, operator := range []string{stranger, f.operator.ID} {
					listed, _, err := f.ListTestPayments(ctx, PaymentFilter{OperatorID: operator})
					require.NoError(t, err)
					require.Empty(t, listed)
					_, err = f.DecideTest(ctx, operator, models.PaymentDecision{PaymentID: p.ID, Kind: models.DecisionReject})
					require.ErrorIs(t, err, models.ErrNotFound)
				}
				f.advance(t)
				var events int64
				require.NoError(t, f.reader.Table("events").Count(&events).Error)
				require.Zero(t, events, "nobody is told of it, and it holds up no sweep")
				var row models.TestPayment
				require.NoError(t, f.reader.Where("id = ?", p.ID).Take(&row).Error)
				require.NotNil(t, row.NextAt, "a process with the right keys goes on with it")
			})
		})
	}
}

func TestListTestPayments(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		in := f.newPayment()
		in.Metadata = models.Metadata{"order": `7"x`, "simulate": "underpaid", "note": `"order":"8"`, `x"order`: "8"}
		in.UserID = "another"
		first, _, err := f.CreateTestPayment(ctx, in, models.OutcomeUnderpaid, time.Hour, deriveTest)
		require.NoError(t, err)
		f.advance(t)
		first, err = f.TestPayment(ctx, first.ID)
		require.NoError(t, err)
		second := f.createTest(t, models.OutcomePaid)
		f.create(t) // a real one
		for name, c := range map[string]struct {
			filter PaymentFilter
			want   []string
		}{
			"all":              {PaymentFilter{}, []string{second.ID, first.ID}},
			"status":           {PaymentFilter{Status: models.StatusExpired}, []string{first.ID}},
			"exception":        {PaymentFilter{Exception: models.ExceptionUnderpaid}, []string{first.ID}},
			"user":             {PaymentFilter{UserID: "another"}, []string{first.ID}},
			"reference":        {PaymentFilter{Reference: second.Reference}, []string{second.ID}},
			"metadata":         {PaymentFilter{MetadataKey: "order", MetadataValue: new(`7"x`)}, []string{first.ID}},
			"escaped quotes":   {PaymentFilter{MetadataKey: "rder", MetadataValue: new(`7"x`)}, nil},
			"no such metadata": {PaymentFilter{MetadataKey: "order", MetadataValue: new("8")}, nil},
			"metadata by key":  {PaymentFilter{MetadataKey: "order"}, []string{first.ID}},
			"no such key":      {PaymentFilter{MetadataKey: "orde"}, nil},
			"half a value":     {PaymentFilter{MetadataKey: "simulate", MetadataValue: new("under")}, nil},
			"from":             {PaymentFilter{From: second.CreatedAt.Add(time.Hour)}, nil},
			"to":               {PaymentFilter{To: first.CreatedAt}, nil},
			"an id":            {PaymentFilter{Search: first.ID}, []string{first.ID}},
			"a reference":      {PaymentFilter{Search: second.Reference}, []string{second.ID}},
			"a transaction":    {PaymentFilter{Search: first.TxHash}, []string{first.ID}},
			"an address":       {PaymentFilter{Search: second.DepositAddress}, []string{second.ID}},
			"a user":           {PaymentFilter{Search: "another"}, []string{first.ID}},
			"nothing":          {PaymentFilter{Search: "nothing"}, nil},
		} {
			c.filter.OperatorID = f.operator.ID
			listed, next, err := f.ListTestPayments(ctx, c.filter)
			require.NoError(t, err, name)
			require.Empty(t, next)
			require.ElementsMatch(t, c.want, pluck(listed, func(t models.TestPayment) string { return t.ID }), name)
			c.filter.OperatorID = f.addOperator(t).ID
			listed, _, err = f.ListTestPayments(ctx, c.filter)
			require.NoError(t, err)
			require.Empty(t, listed, "%s of another operator", name)
		}
		page, next, err := f.ListTestPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, Limit: 1})
		require.NoError(t, err)
		rest, end, err := f.ListTestPayments(ctx, PaymentFilter{OperatorID: f.operator.ID, Limit: 1, Cursor: next})
		require.NoError(t, err)
		require.Empty(t, end)
		require.NotEqual(t, page[0].ID, rest[0].ID)
	})
}

// They are gone after 30 days, and so are their events; real events stay.
func TestOldTestPaymentsAreDropped(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.createTest(t, models.OutcomePaid)
		f.advance(t)
		old := time.Now().Add(-models.TestPaymentLifetime - clockSlack - time.Hour)
		for i, side := range []string{f.operator.ID, models.TestSide(f.operator.ID)} {
			require.NoError(t, f.writer.Create(&models.Event{
				ID: models.NewID(), OperatorID: side, Type: models.EventPaid, Data: "{}", CreatedAt: old, Sequence: int64(100 + i),
			}).Error)
		}
		count := func() (payments, live, test int64) {
			require.NoError(t, f.reader.Table("test_payments").Count(&payments).Error)
			require.NoError(t, f.reader.Table("events").Where("operator_id = ?", f.operator.ID).Count(&live).Error)
			require.NoError(t, f.reader.Table("events").Where("operator_id = ?", models.TestSide(f.operator.ID)).Count(&test).Error)
			return payments, live, test
		}
		drop := func() { require.NoError(t, f.DropOld(ctx, Ages{}, func(string) {})) }
		drop()
		payments, live, test := count()
		require.Equal(t, []int64{1, 1, 3}, []int64{payments, live, test}, "the young ones stay")
		require.NoError(t, f.writer.Exec("UPDATE test_payments SET created_at = ?", old).Error)
		drop()
		payments, live, test = count()
		require.Equal(t, []int64{0, 1, 3}, []int64{payments, live, test})
		_, err := f.TestPayment(ctx, p.ID)
		require.ErrorIs(t, err, models.ErrNotFound)

		// A table of which the database lets nothing go holds up no other one.
		f.createTest(t, models.OutcomePaid)
		require.NoError(t, f.writer.Exec("UPDATE test_payments SET created_at = ?", old).Error)
		require.NoError(t, f.write(ctx, func(tx *gorm.DB) error {
			return f.audit(tx, models.AuditEntry{Actor: "test", Action: "test"})
		}))
		f.now = func() time.Time { return time.Now().Add(2 * clockSlack) }
		require.ErrorContains(t, f.DropOld(ctx, Ages{Audit: time.Hour}, func(string) {}), "audit_log")
		payments, _, _ = count()
		require.Zero(t, payments)
	})
}

func TestCountOfDay(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		count := func(limit int) int {
			found, err := f.TestCountOfDay(t.Context(), f.operator.ID, limit)
			require.NoError(t, err)
			return found
		}
		require.Zero(t, count(10))
		first := f.createTest(t, models.OutcomePaid)
		f.createTest(t, models.OutcomePaid)
		f.create(t) // a real one
		require.Equal(t, 2, count(10))
		require.Equal(t, 1, count(1), "no further than the limit")
		require.NoError(t, f.writer.Exec("UPDATE test_payments SET created_at = ? WHERE id = ?", time.Now().Add(-25*time.Hour), first.ID).Error)
		require.Equal(t, 1, count(10))
	})
}

func TestRekeyTestPayments(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p, altered := f.createTest(t, models.OutcomePaid), f.createTest(t, models.OutcomePaid)
		require.NoError(t, f.writer.Exec("UPDATE test_payments SET return_url = 'x' WHERE id = ?", altered.ID).Error)
		f.keys = ringOf(8, 7)
		_, left, err := f.Rekey(ctx) // with all other rows
		require.NoError(t, err)
		require.Equal(t, 1, left)
		f.keys = ringOf(8)
		_, err = f.TestPayment(ctx, p.ID)
		require.NoError(t, err)
		_, err = f.TestPayment(ctx, altered.ID)
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

// A row that says that a key is not for tests, or that it is, is refused; a rotated key stays what it was.
func TestAKeyCannotChangeSides(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for _, isTest := range []bool{true, false} {
			key := f.key(t, isTest)
			read, _, err := f.Credential(ctx, key.APIKey)
			require.NoError(t, err)
			require.Equal(t, isTest, read.Test)
			require.NoError(t, f.writer.Exec("UPDATE credentials SET test = NOT test WHERE api_key = ?", key.APIKey).Error)
			_, _, err = f.Credential(ctx, key.APIKey)
			require.ErrorIs(t, err, models.ErrNotFound)
			require.NoError(t, f.writer.Exec("UPDATE credentials SET test = NOT test WHERE api_key = ?", key.APIKey).Error)

			next := models.Credential{
				APIKey: "pk_" + models.NewID(), OperatorID: f.operator.ID, Name: key.Name, SecretHash: []byte("h"), SecretSealed: []byte("s"),
			}
			require.NoError(t, f.RotateCredential(ctx, key.APIKey, next, time.Now().Add(time.Hour), aChange))
			for _, apiKey := range []string{key.APIKey, next.APIKey} {
				read, _, err = f.Credential(ctx, apiKey)
				require.NoError(t, err)
				require.Equal(t, isTest, read.Test)
			}
		}
	})
}

// key stores an API key, of test payments or not.
func (f *fixture) key(t testing.TB, isTest bool) models.Credential {
	t.Helper()
	key := models.Credential{
		APIKey: "pk_" + models.NewID(), OperatorID: f.operator.ID, Name: fmt.Sprint("key ", isTest), Test: isTest,
		SecretHash: []byte("hash"), SecretSealed: []byte("sealed"),
	}
	require.NoError(t, f.CreateCredential(t.Context(), key, "", aChange))
	return key
}

// What is done again and again reads an index that holds only what it looks for.
func TestPlansOfTestPayments(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		at := map[engine]string{enginePostgres: "'2026-11-28'::timestamptz", engineSQLite: "1795867200000000"}[f.engine]
		for index, statement := range map[string]string{
			"test_payments_due":          "SELECT id FROM test_payments WHERE next_at <= " + at + " ORDER BY next_at, id LIMIT 256",
			"events_of_tests":            "SELECT id FROM events WHERE operator_id LIKE '%:test' AND created_at < " + at + " LIMIT 1000",
			"test_payments_by_age":       "SELECT id FROM test_payments WHERE created_at < " + at + " LIMIT 1000",
			"test_payments_in_order":     "SELECT * FROM test_payments payments WHERE payments.operator_id = 'o' ORDER BY payments.created_at DESC, payments.id DESC LIMIT 51",
			"test_payments_by_exception": "SELECT * FROM test_payments WHERE operator_id = 'o' AND exception = 'UNDERPAID' AND exception <> '' ORDER BY created_at DESC, id DESC LIMIT 51",
		} {
			require.Contains(t, f.plan(t, statement), index)
		}
	})
}
