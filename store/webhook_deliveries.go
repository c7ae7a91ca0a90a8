package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
	"paycow/rules"
	"paycow/views"
)

// partsOfDelivery is what the proof of a delivery covers: which event goes to which endpoint, and all that the event
// says. So neither a planted event nor one that was changed is sent, nor a delivery that was moved.
func partsOfDelivery(d models.WebhookDelivery, e models.Event) []string {
	return []string{
		d.ID, d.EndpointID, d.OperatorID, d.EventID, e.ID, e.OperatorID, e.PaymentID, strconv.FormatInt(e.Version, 10),
		string(e.Type), strconv.Itoa(e.Schema), e.Data, strconv.FormatInt(e.CreatedAt.UnixMilli(), 10),
		strconv.FormatInt(e.Sequence, 10),
	}
}

// deliver writes the deliveries of an event to endpoints, in the transaction that writes the event. The outbox takes
// them from there.
func (s *Store) deliver(
	tx *gorm.DB, event models.Event, endpoints []models.WebhookEndpoint,
) ([]models.WebhookDelivery, error) {
	now := s.now()
	deliveries := make([]models.WebhookDelivery, 0, len(endpoints))
	for _, endpoint := range endpoints {
		d := models.WebhookDelivery{
			ID: models.DeliveryID(endpoint.ID, event.ID), EndpointID: endpoint.ID, OperatorID: event.OperatorID,
			EventID: event.ID, EventType: event.Type, Status: models.DeliveryPending, Round: 1, RoundAt: now,
			NextTryAt: &now, StartAfter: &now, CreatedAt: now, UpdatedAt: now,
		}
		d.MAC = s.keys.MAC(proofOfDelivery, partsOfDelivery(d, event)...)
		deliveries = append(deliveries, d)
	}
	if len(deliveries) == 0 {
		return nil, nil
	}
	if err := tx.Create(&deliveries).Error; err != nil {
		return nil, fmt.Errorf("write the deliveries of an event: %w", err)
	}
	s.noteWritten()
	return deliveries, nil
}

// noteWritten makes WrittenDeliveries ready.
func (s *Store) noteWritten() {
	select {
	case s.delivered <- struct{}{}:
	default: // it is ready already
	}
}

// WrittenDeliveries is ready when this process has written deliveries for the outbox since it was last read. Their
// transaction may still be open.
func (s *Store) WrittenDeliveries() <-chan struct{} { return s.delivered }

// DeliveryJob is what a delivery is to send.
type DeliveryJob struct {
	Delivery models.WebhookDelivery
	// Refusal is why nothing may be sent, in a sentence; "" if something may. The other fields are set only then.
	Refusal   string
	URL       string
	Body      []byte
	Secrets   []string // that sign it, the newest first
	IsFailing bool     // the endpoint's last try failed
	// EndpointAsOf is when the endpoint was changed last.
	EndpointAsOf time.Time
}

// DeliveryJob returns what a delivery is to send. Returns models.ErrNotFound when there is no such delivery. The job of
// a delivery that is not PENDING holds nothing else.
func (s *Store) DeliveryJob(ctx context.Context, id string) (job DeliveryJob, err error) {
	if err := s.read(ctx).Where("id = ?", id).Take(&job.Delivery).Error; err != nil {
		return job, wrap(err, "read a webhook delivery")
	}
	d := job.Delivery
	if d.Status != models.DeliveryPending {
		return job, nil
	}
	event, endpoint, refusal, err := s.provenDelivery(ctx, d)
	if err != nil || refusal != "" {
		job.Refusal = refusal
		return job, err
	}
	if job.Secrets, err = s.WebhookSecrets(endpoint, s.now()); err != nil {
		return job, err
	}
	if job.Body, err = json.Marshal(views.NewEventMessage(event)); err != nil {
		return job, fmt.Errorf("write the body of a webhook: %w", err)
	}
	job.URL, job.IsFailing, job.EndpointAsOf = endpoint.URL, endpoint.FailingSince != nil, endpoint.UpdatedAt
	return job, nil
}

// provenDelivery returns the event and the endpoint of a delivery, or in a sentence why nothing may be sent.
func (s *Store) provenDelivery(
	ctx context.Context, d models.WebhookDelivery,
) (event models.Event, endpoint models.WebhookEndpoint, refusal string, err error) {
	const altered = "The rows of this delivery were not written by this program."
	err = s.read(ctx).Where("id = ?", d.EventID).Take(&event).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return event, endpoint, "The event is no longer stored.", nil
	}
	if err != nil {
		return event, endpoint, "", wrap(err, "read the event of a webhook delivery")
	}
	if !s.keys.CheckMAC(d.MAC, proofOfDelivery, partsOfDelivery(d, event)...) {
		operatorID, _ := models.OperatorOfSide(d.OperatorID)
		s.log.ErrorContext(ctx, "a webhook delivery or its event was not written by this program; nothing is sent",
			"delivery_id", d.ID, "operator_id", operatorID)
		return event, endpoint, altered, nil
	}
	endpoint, err = s.WebhookEndpoint(ctx, d.EndpointID)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return event, endpoint, "The endpoint was deleted.", nil
	case errors.Is(err, models.ErrEndpointAltered), err == nil && endpoint.OperatorID != event.OperatorID:
		return event, endpoint, altered, nil
	case err == nil && !endpoint.Enabled:
		return event, endpoint, "The endpoint is disabled.", nil
	}
	return event, endpoint, "", err
}

// RecordTry notes a try of a delivery, and what follows from it, if the delivery's row is still as the job has it; a
// row that moved on keeps what it says. The attempt is noted in any case. retryAfter is the wait that the endpoint
// asked for, 0 if it did not. It returns the row as it is then. Returns models.ErrNotFound.
func (s *Store) RecordTry(
	ctx context.Context, job DeliveryJob, try models.WebhookAttempt, retryAfter time.Duration,
) (row models.WebhookDelivery, err error) {
	seen := job.Delivery
	try.DeliveryID, try.Round, try.Try, try.At = seen.ID, seen.Round, seen.Tries+1, toMillis(try.At)
	err = s.changeDelivery(ctx, seen, &row, func(tx *gorm.DB, isAsSeen bool) error {
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&try).Error; err != nil {
			return fmt.Errorf("note an attempt: %w", err)
		}
		if !isAsSeen {
			return nil
		}
		changed, err := hasChanged(tx, job)
		if err != nil {
			return err
		}
		told := try
		if changed && !try.Succeeded() { // what was refused before says nothing about the endpoint as it is
			told.Status, told.Error = 0, "the endpoint was changed meanwhile"
		}
		var gone bool
		row, gone = rules.AfterWebhookTry(row, told, retryAfter)
		if row.NextTryAt != nil {
			next := toMillis(*row.NextTryAt)
			row.NextTryAt = &next
		}
		if err := s.saveDelivery(tx, &row); err != nil {
			return err
		}
		if gone {
			return s.disableGone(tx, job)
		}
		if changed {
			return nil
		}
		return noteHealth(tx, seen.EndpointID, try)
	})
	return row, wrap(err, "note the try of a webhook delivery")
}

// hasChanged reports whether a job's endpoint was changed since the job was read: it may have another address, or be
// enabled again. An endpoint that is gone was not.
func hasChanged(tx *gorm.DB, job DeliveryJob) (changed bool, err error) {
	var now []models.WebhookEndpoint
	if err := tx.Select("url", "updated_at").Where("id = ?", job.Delivery.EndpointID).Find(&now).Error; err != nil {
		return false, fmt.Errorf("compare an endpoint with what it was: %w", err)
	}
	return len(now) > 0 && (now[0].URL != job.URL || !now[0].UpdatedAt.Equal(job.EndpointAsOf)), nil
}

// ParkDelivery parks a delivery for a reason, a sentence, if its row is still as the caller has seen it. It returns the
// row as it is then. Returns models.ErrNotFound.
func (s *Store) ParkDelivery(
	ctx context.Context, seen models.WebhookDelivery, reason string,
) (row models.WebhookDelivery, err error) {
	err = s.changeDelivery(ctx, seen, &row, func(tx *gorm.DB, isAsSeen bool) error {
		if !isAsSeen {
			return nil
		}
		row.Status, row.NextTryAt, row.ParkedReason = models.DeliveryParked, nil, reason
		return s.saveDelivery(tx, &row)
	})
	return row, wrap(err, "park a webhook delivery")
}

// changeDelivery calls change in a transaction that has read the delivery's row into row and holds it locked. isAsSeen
// is false if another one has changed it since.
func (s *Store) changeDelivery(
	ctx context.Context, seen models.WebhookDelivery, row *models.WebhookDelivery,
	change func(tx *gorm.DB, isAsSeen bool) error,
) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		*row = models.WebhookDelivery{}
		if err := tx.Clauses(rowLock).Where("id = ?", seen.ID).Take(row).Error; err != nil {
			return err
		}
		return change(tx, row.Status == models.DeliveryPending && row.Round == seen.Round && row.Tries == seen.Tries &&
			row.EndpointID == seen.EndpointID)
	})
}

// saveDelivery writes what changes in a delivery that the transaction holds locked.
func (s *Store) saveDelivery(tx *gorm.DB, d *models.WebhookDelivery) error {
	d.UpdatedAt = s.now()
	err := tx.Model(d).Select(
		"status", "round", "tries", "round_at", "next_attempt_at", "start_after", "parked_reason", "updated_at",
	).UpdateColumns(d).Error
	if err != nil {
		return fmt.Errorf("write webhook delivery %s: %w", d.ID, err)
	}
	return nil
}

// noteHealth notes since when an endpoint fails. Most tries change nothing, and so lock nothing.
func noteHealth(tx *gorm.DB, endpointID string, try models.WebhookAttempt) error {
	row := tx.Model(&models.WebhookEndpoint{}).Where("id = ?", endpointID)
	var err error
	if try.Succeeded() {
		err = row.Where("failing_since IS NOT NULL").UpdateColumn("failing_since", nil).Error
	} else {
		err = row.Where("failing_since IS NULL").UpdateColumn("failing_since", try.At).Error
	}
	if err != nil {
		return fmt.Errorf("note an endpoint's health: %w", err)
	}
	return nil
}

// disableGone disables the endpoint that answered 410 Gone, and tells its operator. An endpoint that was changed since
// the job was read stays as it is.
func (s *Store) disableGone(tx *gorm.DB, job DeliveryJob) error {
	endpointID := job.Delivery.EndpointID
	changed, err := hasChanged(tx.Clauses(rowLock), job)
	if err != nil || changed {
		return err
	}
	endpoint, disabled, err := s.disableEndpoint(tx, endpointID, "It answered 410 Gone.")
	if err != nil || !disabled {
		return err
	}
	return s.tellOfEndpoint(tx, endpoint, models.EventEndpointDisabled)
}

// Redeliver begins another round of an operator's delivery, and returns its row. A delivery of which a try is due has
// none to begin. Returns models.ErrNotFound, and models.ErrNotPossible when the endpoint is deleted or disabled.
func (s *Store) Redeliver(ctx context.Context, operatorID, id string) (row models.WebhookDelivery, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		row = models.WebhookDelivery{}
		if err := tx.Clauses(rowLock).Where("id = ? AND operator_id = ?", id, operatorID).Take(&row).Error; err != nil {
			return err
		}
		if _, err := s.liveEndpoint(tx, operatorID, row.EndpointID); err != nil {
			return notPossibleIfGone(err)
		}
		now := s.now()
		if row.IsDue(now) {
			return nil
		}
		beginRound(&row, now)
		row.StartAfter = &now
		s.noteWritten()
		return s.saveDelivery(tx, &row)
	})
	return row, wrap(err, "redeliver an event")
}

// BeginRound begins another round of a delivery whose workflow asks for it, and returns its row. A delivery of which a
// try is due has none to begin. Returns models.ErrNotFound.
func (s *Store) BeginRound(ctx context.Context, id string) (row models.WebhookDelivery, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		row = models.WebhookDelivery{}
		if err := tx.Clauses(rowLock).Where("id = ?", id).Take(&row).Error; err != nil {
			return err
		}
		now := s.now()
		if row.IsDue(now) {
			return nil
		}
		beginRound(&row, now)
		return s.saveDelivery(tx, &row)
	})
	return row, wrap(err, "begin another round of a webhook delivery")
}

func beginRound(d *models.WebhookDelivery, now time.Time) {
	d.Status, d.Round, d.Tries, d.RoundAt, d.NextTryAt = models.DeliveryPending, d.Round+1, 0, now, &now
	d.ParkedReason = ""
}

// liveEndpoint returns an operator's endpoint. Returns models.ErrNotFound, models.ErrEndpointAltered, and
// models.ErrNotPossible for an endpoint that is disabled.
func (s *Store) liveEndpoint(tx *gorm.DB, operatorID, id string) (models.WebhookEndpoint, error) {
	endpoint, err := s.provenEndpoint(tx.Where("id = ? AND operator_id = ?", id, operatorID))
	if err == nil && !endpoint.Enabled {
		err = models.ErrNotPossible
	}
	return endpoint, err
}

// notPossibleIfGone is for calls to which a missing endpoint is no unknown one.
func notPossibleIfGone(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.ErrNotPossible
	}
	return err
}

// redeliverBatches is how many batches of batchRows deliveries one call of RedeliverFailed takes.
const redeliverBatches = 20

// RedeliverFailed begins another round of each parked delivery to an operator's endpoint that was first due at the
// given time or later. It returns how many there were, and more = true if a further call will find others. Returns
// models.ErrNotFound, and models.ErrNotPossible when the endpoint is disabled.
func (s *Store) RedeliverFailed(
	ctx context.Context, operatorID, endpointID string, since time.Time,
) (count int64, more bool, err error) {
	for range redeliverBatches {
		var found int64
		err := s.write(ctx, func(tx *gorm.DB) error {
			if _, err := s.liveEndpoint(tx, operatorID, endpointID); err != nil {
				return err
			}
			now := s.now()
			var rows []models.WebhookDelivery
			// The second half of the status makes the databases use the partial index.
			err := tx.Clauses(rowLock).Where(`endpoint_id = ? AND status = ? AND status <> 'DELIVERED' AND operator_id = ?
				AND created_at >= ?`, endpointID, models.DeliveryParked, operatorID, ceilMillis(since)).
				Order("created_at, id").Limit(batchRows).Find(&rows).Error
			if found = int64(len(rows)); err != nil || found == 0 {
				return err
			}
			ids := pluck(rows, func(d models.WebhookDelivery) string { return d.ID })
			return tx.Model(&models.WebhookDelivery{}).Where("id IN ?", ids).UpdateColumns(map[string]any{
				"status": models.DeliveryPending, "round": gorm.Expr("round + 1"), "tries": 0, "round_at": now,
				"next_attempt_at": now, "start_after": now, "parked_reason": "", "updated_at": now,
			}).Error
		})
		if err != nil {
			return count, true, wrap(err, "redeliver what failed")
		}
		if count += found; found < batchRows {
			return count, false, nil
		}
	}
	return count, true, nil
}

// CreateTestDelivery writes an event of the type endpoint.test that goes to one endpoint of an operator, whatever
// events that asks for. Returns models.ErrNotFound, and models.ErrNotPossible when the endpoint is disabled.
func (s *Store) CreateTestDelivery(
	ctx context.Context, operatorID, endpointID string,
) (made models.WebhookDelivery, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		endpoint, err := s.liveEndpoint(tx, operatorID, endpointID)
		if err != nil {
			return err
		}
		event, err := s.endpointEvent(tx, endpoint, models.EventEndpointTest)
		if err != nil {
			return err
		}
		if err := tx.Create(&event).Error; err != nil {
			return err
		}
		deliveries, err := s.deliver(tx, event, []models.WebhookEndpoint{endpoint})
		if err == nil {
			made = deliveries[0]
		}
		return err
	})
	return made, wrap(err, "create a test delivery")
}

// TestDeliveriesOfDay returns how many test events were sent to a side's endpoints in 24 hours. It counts no further
// than limit.
func (s *Store) TestDeliveriesOfDay(ctx context.Context, side string, limit int) (int, error) {
	count, err := countUpTo(s.read(ctx).Model(&models.WebhookDelivery{}).
		Where("operator_id = ? AND event_type = ?", side, models.EventEndpointTest).
		Where("created_at > ?", s.now().Add(-24*time.Hour)), limit)
	return count, wrap(err, "count the test events of a day")
}

const (
	// overdueAfter is how late a try is when its workflow may be lost, and reviveBatch how many such are revived at a
	// time.
	overdueAfter = 15 * time.Minute
	reviveBatch  = 5000
	// takenFor is how long no other process takes a delivery that one has taken from the outbox.
	takenFor = 10 * time.Second
	// takenOfOperator is how many deliveries of one operator are taken at a time, so that operators take turns.
	takenOfOperator = 32
)

// TakeUnstartedDeliveries takes deliveries from the outbox whose workflow is to be started or signalled, as many of one
// operator as of another, oldest first. Other processes leave them alone for a while. more is true if there are
// further ones.
func (s *Store) TakeUnstartedDeliveries(
	ctx context.Context, limit int,
) (taken []models.WebhookDelivery, more bool, err error) {
	ids, more, err := s.unstartedDeliveries(ctx, limit)
	if err != nil || len(ids) == 0 {
		return nil, false, wrap(err, "read the deliveries to start")
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		taken = nil
		now := s.now()
		free := clause.Locking{Strength: rowLock.Strength, Options: clause.LockingOptionsSkipLocked}
		err := tx.Clauses(free).Where("id IN ? AND start_after <= ?", ids, now).Order("start_after, id").Find(&taken).Error
		if err != nil || len(taken) == 0 {
			return err
		}
		ids := pluck(taken, func(d models.WebhookDelivery) string { return d.ID })
		return tx.Model(&models.WebhookDelivery{}).Where("id IN ?", ids).
			UpdateColumn("start_after", now.Add(takenFor)).Error
	})
	return taken, more, wrap(err, "take the deliveries to start")
}

// unstartedDeliveries returns the ids of the oldest deliveries in the outbox of each operator that has any. It reads
// one entry of the index for each operator, and then their first entries.
func (s *Store) unstartedDeliveries(ctx context.Context, limit int) (ids []string, more bool, err error) {
	var found []struct{ ID, OperatorID string }
	err = s.read(ctx).Raw(s.unstartedQuery(), s.now(), takenOfOperator, limit).Scan(&found).Error
	perOperator := map[string]int{}
	for _, row := range found {
		ids = append(ids, row.ID)
		perOperator[row.OperatorID]++
		more = more || perOperator[row.OperatorID] == takenOfOperator
	}
	return ids, more || len(ids) == limit, err
}

// unstartedQuery returns the statement of unstartedDeliveries. Its parameters are the time, the most of one operator,
// and the most in all: the first of each operator come before the second ones. Each database has a form of its own in
// which it reads no more of an operator's entries than it takes.
func (s *Store) unstartedQuery() string {
	const ofOperator = `SELECT o.id FROM webhook_deliveries o
		WHERE o.operator_id = waiting.operator_id AND o.start_after IS NOT NULL AND o.start_after <= ?
		ORDER BY o.start_after LIMIT ?`
	first := `JOIN webhook_deliveries d ON d.id IN (` + ofOperator + `)`
	if s.engine == enginePostgres {
		first = `CROSS JOIN LATERAL (` + ofOperator + `) f JOIN webhook_deliveries d ON d.id = f.id`
	}
	return `WITH RECURSIVE waiting (operator_id) AS (
			SELECT MIN(operator_id) FROM webhook_deliveries WHERE start_after IS NOT NULL
			UNION ALL
			SELECT (SELECT MIN(d.operator_id) FROM webhook_deliveries d
				WHERE d.start_after IS NOT NULL AND d.operator_id > waiting.operator_id)
			FROM waiting WHERE waiting.operator_id IS NOT NULL
		)
		SELECT d.id, d.operator_id FROM waiting ` + first + `
		ORDER BY ROW_NUMBER() OVER (PARTITION BY d.operator_id ORDER BY d.start_after, d.id), d.start_after, d.id
		LIMIT ?`
}

// MarkDeliveriesStarted notes that the workflows of deliveries know of the rounds in which the caller has seen them.
func (s *Store) MarkDeliveriesStarted(ctx context.Context, deliveries []models.WebhookDelivery) error {
	ofRound := map[int][]string{}
	for _, d := range deliveries {
		ofRound[d.Round] = append(ofRound[d.Round], d.ID)
	}
	for round, ids := range ofRound {
		for batch := range slices.Chunk(ids, batchRows) {
			err := s.writer.WithContext(ctx).Model(&models.WebhookDelivery{}).
				Where("id IN ? AND round = ?", batch, round).UpdateColumn("start_after", nil).Error
			if err != nil {
				return wrap(err, "note started deliveries")
			}
		}
	}
	return nil
}

// ReviveDeliveries puts deliveries back into the outbox whose try is long overdue: their workflow may be lost, as when
// somebody terminated it or Temporal was restored. For a workflow that is only late it changes nothing. It returns how
// many there were; what is beyond a batch is for the next call.
func (s *Store) ReviveDeliveries(ctx context.Context) (revived int64, err error) {
	now := s.now()
	err = s.write(ctx, func(tx *gorm.DB) error {
		overdue := tx.Model(&models.WebhookDelivery{}).Select("id").
			Where("status = 'PENDING' AND start_after IS NULL AND next_attempt_at < ?", now.Add(-overdueAfter)).
			Order("next_attempt_at").Limit(reviveBatch)
		done := tx.Model(&models.WebhookDelivery{}).Where("id IN (?) AND start_after IS NULL", overdue).
			UpdateColumn("start_after", now)
		revived = done.RowsAffected
		return done.Error
	})
	return revived, wrap(err, "revive webhook deliveries")
}

// rekeyDeliveries proves the deliveries anew. One whose event is gone is never sent again, and is left as it is.
func (s *Store) rekeyDeliveries(ctx context.Context) (changed, left int, err error) {
	for after := ""; ; {
		var rows []models.WebhookDelivery
		if err := s.read(ctx).Where("id > ?", after).Order("id").Limit(batchRows).Find(&rows).Error; err != nil {
			return changed, left, fmt.Errorf("read webhook deliveries: %w", err)
		}
		if len(rows) == 0 {
			return changed, left, nil
		}
		after = rows[len(rows)-1].ID
		var events []models.Event
		ids := pluck(rows, func(d models.WebhookDelivery) string { return d.EventID })
		if err := s.read(ctx).Where("id IN ?", ids).Find(&events).Error; err != nil {
			return changed, left, fmt.Errorf("read the events of webhook deliveries: %w", err)
		}
		for _, d := range rows {
			i := slices.IndexFunc(events, func(e models.Event) bool { return e.ID == d.EventID })
			if i < 0 {
				continue
			}
			mac, ok, broken := s.remac(d.MAC, proofOfDelivery, partsOfDelivery(d, events[i]))
			if broken {
				left++
			}
			if !ok {
				continue
			}
			changed++
			err := s.writer.WithContext(ctx).Model(&models.WebhookDelivery{}).Where("id = ?", d.ID).
				UpdateColumn("mac", mac).Error
			if err != nil {
				return changed, left, fmt.Errorf("prove webhook delivery %s: %w", d.ID, err)
			}
		}
	}
}
