package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/views"
)

// sentTo makes an endpoint and one delivery to it, of a payment that was paid.
func (f *fixture) sentTo(t testing.TB, operator models.Operator) (models.WebhookEndpoint, models.WebhookDelivery) {
	t.Helper()
	endpoint, _ := f.endpoint(t, operator.ID)
	f.paid(t, operator)
	return endpoint, f.deliveries(t, DeliveryFilter{OperatorID: operator.ID, EndpointID: endpoint.ID})[0].WebhookDelivery
}

// paid makes a payment of an operator that was paid.
func (f *fixture) paid(t testing.TB, operator models.Operator) models.Payment {
	t.Helper()
	in := f.newPayment()
	in.OperatorID = operator.ID
	p, _, err := f.CreatePayment(t.Context(), in, derive)
	require.NoError(t, err)
	return f.paidBy(t, p, p.AmountRequested)
}

// deliveries returns all deliveries that a filter selects, read page by page.
func (f *fixture) deliveries(t testing.TB, filter DeliveryFilter) (all []LoggedDelivery) {
	t.Helper()
	filter.Limit = 2
	for {
		page, next, err := f.ListDeliveries(t.Context(), filter)
		require.NoError(t, err)
		all = append(all, page...)
		if filter.Cursor = next; next == "" {
			return all
		}
	}
}

func (f *fixture) job(t testing.TB, id string) DeliveryJob {
	t.Helper()
	job, err := f.DeliveryJob(t.Context(), id)
	require.NoError(t, err)
	return job
}

func (f *fixture) answered(t testing.TB, job DeliveryJob, status int) models.WebhookDelivery {
	t.Helper()
	row, err := f.RecordTry(t.Context(), job, models.WebhookAttempt{At: f.now(), Status: status, DurationMS: 5, Answer: "hello"}, 0)
	require.NoError(t, err)
	return row
}

func TestEventsAreDeliveredToWhoWantsThem(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		endpoint, secret := f.endpoint(t, f.operator.ID)
		f.endpoint(t, f.addOperator(t).ID)
		p := f.paid(t, f.operator)
		all := f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID})
		require.Len(t, all, 1, "the endpoint asks for payment.paid and not for payment.detected, and another operator gets nothing")
		d := all[0]
		require.Equal(t, models.EventPaid, d.EventType)
		require.Equal(t, endpoint.ID, d.EndpointID)
		require.Equal(t, models.DeliveryID(endpoint.ID, d.EventID), d.ID)
		require.Equal(t, models.DeliveryPending, d.Status)
		job := f.job(t, d.ID)
		require.Empty(t, job.Refusal)
		require.Equal(t, endpoint.URL, job.URL)
		require.Equal(t, []string{secret}, job.Secrets)
		var body struct {
			Type      models.EventType
			Timestamp time.Time
			Schema    int
			Data      views.OperatorPayment
		}
		require.NoError(t, json.Unmarshal(job.Body, &body))
		require.Equal(t, models.EventPaid, body.Type)
		require.Equal(t, models.EventSchema, body.Schema)
		require.Equal(t, p.ID, body.Data.ID)
		require.Equal(t, models.StatusPaid, body.Data.Status)
		require.False(t, body.Timestamp.IsZero())
	})
}

// Whoever can write one row has nothing sent that this program did not say, and nothing to anybody else.
func TestAPlantedOrAlteredRowSendsNothing(t *testing.T) {
	for name, attack := range map[string]string{
		"the delivery goes to another operator's endpoint":      "UPDATE webhook_deliveries SET endpoint_id = @other WHERE id = @id",
		"the delivery goes to another endpoint of the operator": "UPDATE webhook_deliveries SET endpoint_id = @mine WHERE id = @id",
		"the delivery is another operator's":                    "UPDATE webhook_deliveries SET operator_id = @operator WHERE id = @id",
		"both":                                                  "UPDATE webhook_deliveries SET operator_id = @operator, endpoint_id = @other WHERE id = @id",
		"the delivery tells of another event": `UPDATE webhook_deliveries SET event_id =
			(SELECT id FROM events WHERE id <> webhook_deliveries.event_id LIMIT 1) WHERE id = @id`,
		"the endpoint's address": "UPDATE webhook_endpoints SET url = 'https://thief.example' WHERE id = @endpoint",
		"another's proof": `UPDATE webhook_deliveries SET mac =
			(SELECT d.mac FROM webhook_deliveries d WHERE d.endpoint_id = @other) WHERE id = @id`,
		"no proof": "UPDATE webhook_deliveries SET mac = @empty WHERE id = @id",
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, f *fixture) {
				endpoint, d := f.sentTo(t, f.operator)
				mine, _ := f.endpoint(t, f.operator.ID)
				thief := f.addOperator(t)
				other, theirs := f.sentTo(t, thief)
				require.NoError(t, f.writer.Exec(attack, map[string]any{
					"id": d.ID, "endpoint": endpoint.ID, "mine": mine.ID, "other": other.ID, "operator": thief.ID, "empty": []byte{},
				}).Error)
				job := f.job(t, d.ID)
				require.Equal(t, "The rows of this delivery were not written by this program.", job.Refusal)
				require.Empty(t, job.Body)
				require.Empty(t, f.job(t, theirs.ID).Refusal, "the others are as they were")
			})
		})
	}
}

func TestAPlantedEventOrDeliverySendsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		endpoint, d := f.sentTo(t, f.operator)
		var event models.Event
		require.NoError(t, f.reader.Where("id = ?", d.EventID).Take(&event).Error)
		event.ID, event.Sequence = models.NewID(), event.Sequence+1
		require.NoError(t, f.writer.Create(&event).Error)
		planted := d
		planted.ID, planted.EventID = models.DeliveryID(endpoint.ID, event.ID), event.ID
		require.NoError(t, f.writer.Create(&planted).Error)
		require.NotEmpty(t, f.job(t, planted.ID).Refusal, "a planted event with a planted delivery")

		for _, statement := range map[engine][]string{
			enginePostgres: {"ALTER TABLE events DISABLE TRIGGER USER"},
			engineSQLite:   {"DROP TRIGGER events_no_update"},
		}[f.engine] {
			require.NoError(t, f.writer.Exec(statement).Error)
		}
		require.Empty(t, f.job(t, d.ID).Refusal)
		require.NoError(t, f.writer.Exec("UPDATE events SET data = replace(data, '50', '51') WHERE id = ?", d.EventID).Error)
		require.NotEmpty(t, f.job(t, d.ID).Refusal, "an event that was changed past the triggers")
	})
}

func TestATryIsNotedWithWhatFollows(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		at := epoch
		f.now = func() time.Time { return at }
		endpoint, d := f.sentTo(t, f.operator)
		job := f.job(t, d.ID)
		row := f.answered(t, job, 500)
		require.Equal(t, models.DeliveryPending, row.Status)
		require.WithinRange(t, *row.NextTryAt, epoch.Add(4*time.Second), epoch.Add(6*time.Second))
		require.True(t, f.job(t, d.ID).IsFailing)

		// The same try, made by another process that was thought dead, changes nothing.
		require.Equal(t, row.Tries, f.answered(t, job, 200).Tries)
		logged, err := f.Delivery(t.Context(), d.ID, f.operator.ID)
		require.NoError(t, err)
		require.Len(t, logged.Attempts, 1)
		require.Equal(t, job.Body, logged.Body)
		require.Equal(t, models.WebhookAttempt{
			DeliveryID: d.ID, Round: 1, Try: 1, At: epoch, Status: 500, DurationMS: 5, Answer: "hello",
		}, logged.Attempts[0])

		at = epoch.Add(time.Hour)
		row = f.answered(t, f.job(t, d.ID), 200)
		require.Equal(t, models.DeliveryDelivered, row.Status)
		require.Nil(t, row.NextTryAt)
		require.Equal(t, 2, row.Tries)
		well, err := f.WebhookEndpoint(t.Context(), endpoint.ID)
		require.NoError(t, err)
		require.Nil(t, well.FailingSince)
		listed := f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID})
		require.Len(t, listed[0].Attempts, 2)
		require.Empty(t, listed[0].Attempts[0].Answer, "a list has no texts of answers")
		_, err = f.Delivery(t.Context(), d.ID, f.addOperator(t).ID)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.Empty(t, f.job(t, d.ID).Body, "nothing is to be sent any more")
		_, err = f.DeliveryJob(t.Context(), models.NewID())
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

// What an address refused that is no longer the endpoint's says nothing of the new one, which is tried on. What it
// accepted was delivered.
func TestAnEndpointThatMovedDuringATry(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		for _, test := range []struct {
			answer int
			status models.DeliveryStatus
		}{{200, models.DeliveryDelivered}, {410, models.DeliveryPending}, {500, models.DeliveryPending}} {
			operator := f.addOperator(t)
			endpoint, d := f.sentTo(t, operator)
			job := f.job(t, d.ID)
			address := "https://next.example/"
			_, err := f.ChangeWebhookEndpoint(t.Context(), operator.ID, endpoint.ID, "", WebhookChange{URL: &address}, aChange)
			require.NoError(t, err)
			require.Equal(t, test.status, f.answered(t, job, test.answer).Status, test.answer)
			now, err := f.WebhookEndpoint(t.Context(), endpoint.ID)
			require.NoError(t, err)
			require.True(t, now.Enabled)
			require.Nil(t, now.FailingSince)
			logged, err := f.Delivery(t.Context(), d.ID, operator.ID)
			require.NoError(t, err)
			require.Equal(t, test.answer, logged.Attempts[0].Status, "the log says what was answered")
		}
	})
}

// An endpoint that is enabled again stays so when a try that began before ends with 410.
func TestAnEndpointThatWasEnabledAgainDuringATry(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		endpoint, d := f.sentTo(t, f.operator)
		job := f.job(t, d.ID)
		for _, enabled := range []bool{false, true} {
			at := f.now().Add(time.Second)
			f.now = func() time.Time { return at }
			_, err := f.ChangeWebhookEndpoint(t.Context(), f.operator.ID, endpoint.ID, "", WebhookChange{Enabled: &enabled}, aChange)
			require.NoError(t, err)
		}
		require.Equal(t, models.DeliveryPending, f.answered(t, job, 410).Status)
		now, err := f.WebhookEndpoint(t.Context(), endpoint.ID)
		require.NoError(t, err)
		require.True(t, now.Enabled)
		require.Equal(t, models.DeliveryParked, f.answered(t, f.job(t, d.ID), 410).Status, "the next one disables it")
	})
}

func TestGoneDisablesTheEndpointAndTellsTheOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		endpoint, d := f.sentTo(t, f.operator)
		everything, _ := f.endpoint(t, f.operator.ID)
		everything.EventTypes = models.AllEventTypes
		everything.MAC = f.proofOf(everything)
		require.NoError(t, f.saveEndpoint(f.writer, everything))
		job := f.job(t, d.ID)

		moved := job
		moved.URL = "https://shop.example/before"
		require.Equal(t, models.DeliveryPending, f.answered(t, moved, 410).Status)
		now, err := f.WebhookEndpoint(t.Context(), endpoint.ID)
		require.NoError(t, err)
		require.True(t, now.Enabled, "another address answered")
		require.Nil(t, now.FailingSince, "so nothing is known of this one")

		row := f.answered(t, f.job(t, d.ID), 410)
		require.Equal(t, models.DeliveryParked, row.Status)
		require.NotEmpty(t, row.ParkedReason)
		now, err = f.WebhookEndpoint(t.Context(), endpoint.ID)
		require.NoError(t, err)
		require.False(t, now.Enabled)
		told := f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID, EventType: models.EventEndpointDisabled})
		require.Len(t, told, 1)
		require.Equal(t, everything.ID, told[0].EndpointID)
		news := f.job(t, told[0].ID)
		require.Empty(t, news.Refusal)
		require.Contains(t, string(news.Body), endpoint.ID)
		require.Contains(t, string(news.Body), `"host":"`+endpoint.Host()+`"`)
		require.NotContains(t, string(news.Body), endpoint.URL, "its path may be a secret")

		_, err = f.Redeliver(t.Context(), f.operator.ID, d.ID)
		require.ErrorIs(t, err, models.ErrNotPossible, "the endpoint is disabled")
		_, err = f.BeginRound(t.Context(), d.ID)
		require.NoError(t, err, "by hand it is tried, and")
		require.Equal(t, "The endpoint is disabled.", f.job(t, d.ID).Refusal)
		parked, err := f.ParkDelivery(t.Context(), f.job(t, d.ID).Delivery, "The endpoint is disabled.")
		require.NoError(t, err)
		require.Equal(t, models.DeliveryParked, parked.Status)
		require.NoError(t, f.writer.Exec("DELETE FROM webhook_endpoints WHERE id = ?", endpoint.ID).Error)
		_, err = f.Redeliver(t.Context(), f.operator.ID, d.ID)
		require.ErrorIs(t, err, models.ErrNotPossible)
		_, err = f.BeginRound(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, "The endpoint was deleted.", f.job(t, d.ID).Refusal)
	})
}

func TestRedelivery(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		at := epoch
		f.now = func() time.Time { return at }
		endpoint, d := f.sentTo(t, f.operator)
		same, err := f.Redeliver(ctx, f.operator.ID, d.ID)
		require.NoError(t, err)
		require.Equal(t, 1, same.Round, "its first try is due, so there is nothing to begin")
		_, err = f.Redeliver(ctx, f.addOperator(t).ID, d.ID)
		require.ErrorIs(t, err, models.ErrNotFound)

		require.NoError(t, f.MarkDeliveriesStarted(ctx, []models.WebhookDelivery{d}))
		stale := f.job(t, d.ID)
		f.answered(t, stale, 500)
		row, err := f.Redeliver(ctx, f.operator.ID, d.ID)
		require.NoError(t, err)
		require.Equal(t, 2, row.Round, "the next try is not due yet")
		require.Zero(t, row.Tries)
		require.Equal(t, at, *row.StartAfter)
		require.NoError(t, f.MarkDeliveriesStarted(ctx, []models.WebhookDelivery{d}), "that was the round before")
		taken, _, err := f.TakeUnstartedDeliveries(ctx, 10)
		require.NoError(t, err)
		require.Len(t, taken, 1, "so the outbox still has this one")
		require.Equal(t, 2, f.answered(t, stale, 200).Round)
		require.Equal(t, models.DeliveryPending, f.job(t, d.ID).Delivery.Status, "a late answer of the round before ends nothing")

		// What failed since.
		for range 3 {
			at = at.Add(time.Minute)
			f.paid(t, f.operator)
		}
		for _, each := range f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID}) {
			_, err := f.ParkDelivery(ctx, each.WebhookDelivery, "test")
			require.NoError(t, err)
		}
		_, _, err = f.RedeliverFailed(ctx, f.addOperator(t).ID, endpoint.ID, epoch)
		require.ErrorIs(t, err, models.ErrNotFound)
		count, more, err := f.RedeliverFailed(ctx, f.operator.ID, endpoint.ID, epoch.Add(time.Minute+time.Second))
		require.NoError(t, err)
		require.EqualValues(t, 2, count)
		require.False(t, more)
		require.Len(t, f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID, Status: models.DeliveryParked}), 2)
		again := f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID, EndpointID: endpoint.ID, Status: models.DeliveryPending})
		require.Len(t, again, 2)
		require.Equal(t, 2, again[0].Round)
		require.Equal(t, at, *again[0].StartAfter)
		counts, err := f.DeliveryCounts(ctx, f.operator.ID, "", epoch.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, map[string]DeliveryCounts{endpoint.ID: {Pending: 2, Parked: 1}}, counts)
		counts, err = f.DeliveryCounts(ctx, f.operator.ID, endpoint.ID, epoch.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, map[string]DeliveryCounts{endpoint.ID: {Pending: 2, Parked: 1}}, counts)
		counts, err = f.DeliveryCounts(ctx, f.operator.ID, models.NewID(), epoch.Add(time.Minute))
		require.NoError(t, err)
		require.Empty(t, counts)
	})
}

func TestManyFailedDeliveriesAreRedeliveredInBatches(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		endpoint, d := f.sentTo(t, f.operator)
		_, err := f.ParkDelivery(t.Context(), d, "test")
		require.NoError(t, err)
		parked := make([]models.WebhookDelivery, 0, batchRows+9)
		for range batchRows + 9 {
			d.ID, d.Status = models.NewID(), models.DeliveryParked
			parked = append(parked, d)
		}
		require.NoError(t, f.writer.CreateInBatches(&parked, 100).Error)
		count, more, err := f.RedeliverFailed(t.Context(), f.operator.ID, endpoint.ID, time.Time{})
		require.NoError(t, err)
		require.EqualValues(t, batchRows+10, count)
		require.False(t, more)
	})
}

func TestATestGoesToOneEndpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		endpoint, _ := f.endpoint(t, f.operator.ID)
		f.endpoint(t, f.operator.ID)
		d, err := f.CreateTestDelivery(t.Context(), f.operator.ID, endpoint.ID)
		require.NoError(t, err)
		require.Equal(t, models.EventEndpointTest, d.EventType)
		require.Len(t, f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID}), 1)
		require.Contains(t, string(f.job(t, d.ID).Body), `"type":"endpoint.test"`)
		_, err = f.CreateTestDelivery(t.Context(), f.addOperator(t).ID, endpoint.ID)
		require.ErrorIs(t, err, models.ErrNotFound)
		require.NoError(t, f.disable(t, endpoint.ID, "It is over."))
		_, err = f.CreateTestDelivery(t.Context(), f.operator.ID, endpoint.ID)
		require.ErrorIs(t, err, models.ErrNotPossible)
	})
}

// Several processes take each row once, an operator with many deliveries is no reason for another one to wait, and a row
// whose taker died comes back.
func TestDeliveriesAreTakenFromTheOutbox(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		at := epoch
		f.now = func() time.Time { return at }
		_, d := f.sentTo(t, f.operator)
		many := make([]models.WebhookDelivery, 0, 200)
		for range 200 {
			d.ID = models.NewID()
			many = append(many, d)
		}
		require.NoError(t, f.writer.CreateInBatches(&many, 100).Error)
		at = epoch.Add(time.Minute)
		_, late := f.sentTo(t, f.addOperator(t))
		taken, more, err := f.TakeUnstartedDeliveries(ctx, 100)
		require.NoError(t, err)
		require.True(t, more)
		require.Len(t, taken, takenOfOperator+1)
		require.True(t, contains(taken, late.ID), "although 200 others are older")

		stores := []*Store{f.Store, open(t, f.url), open(t, f.url)}
		found := make([]map[string]int, len(stores))
		together(len(stores), func(i int) {
			stores[i].now = func() time.Time { return epoch.Add(time.Minute) }
			found[i] = map[string]int{}
			for range 20 {
				some, _, err := stores[i].TakeUnstartedDeliveries(withTimeout(t), 100)
				if !assert.NoError(t, err) {
					return
				}
				for _, one := range some {
					found[i][one.ID]++
				}
			}
		})
		total := map[string]int{}
		for _, each := range found {
			for id, times := range each {
				total[id] += times
			}
		}
		require.Len(t, total, 201-takenOfOperator)
		for id, times := range total {
			require.Equal(t, 1, times, id)
		}
		require.NoError(t, f.MarkDeliveriesStarted(ctx, []models.WebhookDelivery{late}))
		f.now = func() time.Time { return epoch.Add(2 * time.Minute) }
		all := map[string]bool{}
		for {
			some, _, err := f.TakeUnstartedDeliveries(ctx, 100)
			require.NoError(t, err)
			if len(some) == 0 {
				break
			}
			for _, one := range some {
				all[one.ID] = true
			}
		}
		require.Len(t, all, 201, "whoever took them has not started them")
		require.False(t, all[late.ID])
	})
}

// When more operators wait than one call takes, the first delivery of each comes before the second of any.
func TestEveryOperatorHasItsTurn(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		operators := []string{f.operator.ID}
		_, d := f.sentTo(t, f.operator)
		for range 4 {
			operators = append(operators, f.addOperator(t).ID)
		}
		require.NoError(t, f.writer.Exec("DELETE FROM webhook_deliveries").Error)
		var waiting []models.WebhookDelivery
		for i, operator := range operators {
			for n := range 10 {
				due := epoch.Add(-time.Duration(10*(len(operators)-i)+n) * time.Minute)
				d.ID, d.OperatorID, d.StartAfter = models.NewID(), operator, &due
				waiting = append(waiting, d)
			}
		}
		require.NoError(t, f.writer.Create(&waiting).Error)
		f.now = func() time.Time { return epoch }
		for _, each := range []int{1, 2} {
			taken, more, err := f.TakeUnstartedDeliveries(t.Context(), each*len(operators))
			require.NoError(t, err)
			require.True(t, more)
			count := map[string]int{}
			for _, one := range taken {
				count[one.OperatorID]++
			}
			for _, operator := range operators {
				require.Equal(t, each, count[operator])
			}
		}
	})
}

func contains(deliveries []models.WebhookDelivery, id string) bool {
	for _, d := range deliveries {
		if d.ID == id {
			return true
		}
	}
	return false
}

// A delivery whose workflow is lost is started again, and one that waits for its time is left alone.
func TestLostDeliveriesAreRevived(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		at := epoch
		f.now = func() time.Time { return at }
		_, d := f.sentTo(t, f.operator)
		require.NoError(t, f.MarkDeliveriesStarted(ctx, []models.WebhookDelivery{d}))
		at = epoch.Add(14 * time.Minute)
		revived, err := f.ReviveDeliveries(ctx)
		require.NoError(t, err)
		require.Zero(t, revived)
		at = epoch.Add(16 * time.Minute)
		revived, err = f.ReviveDeliveries(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, revived)
		taken, _, err := f.TakeUnstartedDeliveries(ctx, 10)
		require.NoError(t, err)
		require.Len(t, taken, 1)
		require.NoError(t, f.MarkDeliveriesStarted(ctx, []models.WebhookDelivery{d}))
		f.answered(t, f.job(t, d.ID), 500)
		revived, err = f.ReviveDeliveries(ctx)
		require.NoError(t, err)
		require.Zero(t, revived)
	})
}

func TestOldDeliveriesAreDropped(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.now = func() time.Time { return toMillis(time.Now().Add(-40 * 24 * time.Hour)) }
		_, d := f.sentTo(t, f.operator)
		f.answered(t, f.job(t, d.ID), 200)
		f.paid(t, f.operator)
		f.now = func() time.Time { return toMillis(time.Now()) }
		f.paid(t, f.operator)
		young := f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID})[0]
		f.answered(t, f.job(t, young.ID), 200)
		require.NoError(t, f.DropOld(ctx, Ages{}, func(string) {}))
		require.Len(t, f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID}), 3, "0 keeps them for ever")
		require.NoError(t, f.DropOld(ctx, Ages{Deliveries: models.DefaultKeepDeliveries}, func(string) {}))
		left := f.deliveries(t, DeliveryFilter{OperatorID: f.operator.ID})
		require.Len(t, left, 2, "the old one that is still to be tried stays, and so does the young one")
		var attempts []models.WebhookAttempt
		require.NoError(t, f.reader.Find(&attempts).Error)
		require.Len(t, attempts, 1)
		require.Equal(t, young.ID, attempts[0].DeliveryID)
		_, err := f.RecordTry(ctx, DeliveryJob{Delivery: d}, models.WebhookAttempt{At: time.Now()}, 0)
		require.ErrorIs(t, err, models.ErrNotFound)
	})
}

func TestDeliveriesAreProvenByTheNewMasterKey(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		require.NoError(t, f.UseMasterKey(ctx, ringOf(7), nil))
		_, d := f.sentTo(t, f.operator)
		require.NoError(t, f.UseMasterKey(ctx, ringOf(2, 7), nil))
		_, left, err := f.Rekey(ctx)
		require.NoError(t, err)
		require.Zero(t, left)
		require.NoError(t, f.UseMasterKey(ctx, ringOf(2), nil))
		require.Empty(t, f.job(t, d.ID).Refusal)
	})
}

// A page of deliveries, the outbox, counts and what is too old are read through indexes, whatever they are filtered by.
func TestDeliveriesAreReadThroughIndexes(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		at := "'2026-01-01'"
		if f.engine == engineSQLite {
			at = "2"
		} else { // its choice depends on the rows
			require.NoError(t, f.writer.Exec(`INSERT INTO webhook_deliveries SELECT 'd' || n, CASE WHEN n % 100 = 0 THEN 'e' ELSE 'f' || n % 50 END,
				CASE WHEN n % 50 = 0 THEN 'o' ELSE 'p' || n % 20 END, 'x', CASE WHEN n % 500 = 0 THEN 'x' ELSE 't' END,
				CASE WHEN n % 1000 = 0 THEN 'PARKED' ELSE 'DELIVERED' END, 1, 1, now(), NULL, CASE WHEN n % 1000 = 0 THEN now() END, '', '',
				timestamptz '2024-12-31' + n * interval '1 hour', now() FROM generate_series(1, 20000) n`).Error)
			require.NoError(t, f.writer.Exec("ANALYZE webhook_deliveries").Error)
		}
		const page = "SELECT id, round FROM webhook_deliveries WHERE operator_id = 'o'%s ORDER BY created_at DESC, id DESC LIMIT 51"
		for query, index := range map[string]string{
			fmt.Sprintf(page, ""):                                                                                                  "webhook_deliveries_in_order",
			fmt.Sprintf(page, " AND endpoint_id = 'e'"):                                                                            "webhook_deliveries_",
			fmt.Sprintf(page, " AND status = 'PARKED' AND status <> 'DELIVERED'"):                                                  "webhook_deliveries_undelivered",
			fmt.Sprintf(page, " AND event_type = 'x'"):                                                                             "webhook_deliveries_by_type",
			"SELECT id FROM webhook_deliveries WHERE status <> 'PENDING' AND created_at < " + at:                                   "webhook_deliveries_by_age",
			"SELECT id FROM webhook_deliveries WHERE status = 'PENDING' AND start_after IS NULL AND next_attempt_at < " + at:       "webhook_deliveries_due",
			"SELECT MIN(operator_id) FROM webhook_deliveries WHERE start_after IS NOT NULL":                                        "webhook_deliveries_outbox",
			"SELECT status, count(*) FROM webhook_deliveries WHERE endpoint_id = 'e' AND created_at >= " + at + " GROUP BY status": "webhook_deliveries_of_endpoint",
		} {
			if strings.Contains(query, "created_at < ") && f.engine == enginePostgres {
				query = strings.ReplaceAll(query, at, "'2025-01-02'")
			}
			require.Contains(t, f.plan(t, query), index, query)
		}
		unstarted := strings.NewReplacer("start_after <= ?", "start_after <= "+at, "LIMIT ?", "LIMIT 32").Replace(f.unstartedQuery())
		plan := f.plan(t, unstarted)
		require.Contains(t, plan, "webhook_deliveries_outbox")
		for _, scan := range []string{"Seq Scan", "SCAN d", "SCAN o"} {
			require.NotContains(t, plan, scan)
		}
		require.NotContains(t, plan, "Join Filter", "no subquery for each row of the table")
	})
}
