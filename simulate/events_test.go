package simulate

import (
	"context"
	"encoding/json"
	"slices"

	"paycow/models"
	"paycow/store"
	"paycow/views"
)

// judgeEventOrder checks that an operator's events are counted without a gap, in the order of their times.
func (sim *simulation) judgeEventOrder(ctx context.Context) {
	var last models.Event
	for _, event := range sim.eventsOf(ctx, "") {
		if event.Sequence != last.Sequence+1 || event.CreatedAt.Before(last.CreatedAt) {
			sim.failf("event %d of %s follows event %d of %s", event.Sequence, event.CreatedAt, last.Sequence, last.CreatedAt)
		}
		last = event
	}
}

func (sim *simulation) eventsOf(ctx context.Context, paymentID string) (events []models.Event) {
	filter := store.EventFilter{OperatorID: operatorID, PaymentID: paymentID, Limit: 7}
	for {
		page, next, err := sim.db.ListEvents(ctx, filter)
		if err != nil {
			sim.failf("list events: %v", err)
		}
		events = append(events, page...)
		if filter.Cursor = next; next == "" {
			return events
		}
	}
}

// judgeEvents compares a payment's events with its timeline: each visible change has its events, nothing else has any, and
// the data is the payment after the change. A version without a line in the timeline is a settlement of a crowded payment.
func (sim *simulation) judgeEvents(ctx context.Context, r *run) {
	row, err := sim.db.Payment(ctx, r.payment.ID)
	if err != nil {
		sim.failf("read payment %d: %v", r.number, err)
	}
	facts, err := sim.db.PaymentFacts(ctx, row)
	if err != nil {
		sim.failf("read the facts of payment %d: %v", r.number, err)
	}
	states := map[int64]models.PaymentEvent{}
	for _, line := range facts.Timeline {
		states[line.Version] = line
	}
	told := map[int64][]models.EventType{}
	for _, event := range sim.eventsOf(ctx, row.ID) {
		told[event.Version] = append(told[event.Version], event.Type)
		var data views.OperatorPayment
		if err := json.Unmarshal([]byte(event.Data), &data); err != nil {
			sim.failf("event %s: %v", event.ID, err)
		}
		state := models.PaymentEvent{
			Status: data.Status, Exception: data.Exception, AmountReceived: data.AmountReceived, AmountCredited: data.AmountCredited,
		}
		if data.TxHash != nil {
			state.TxHash = *data.TxHash
		}
		line, recorded := states[event.Version]
		switch {
		case recorded && (line.Status != state.Status || line.Exception != state.Exception || line.TxHash != state.TxHash ||
			line.AmountReceived != state.AmountReceived || line.AmountCredited != state.AmountCredited):
			sim.failf("event %s of version %d shows %+v, the timeline %+v", event.Type, event.Version, state, line)
		case !recorded:
			states[event.Version] = state
		}
	}
	before := facts.Timeline[0]
	if len(facts.Timeline) == views.MaxRows {
		return // its beginning is not there
	}
	for version := int64(2); version <= row.Version; version++ {
		after, known := states[version]
		if !known {
			sim.failf("payment %d: version %d has neither an event nor a line in the timeline", r.number, version)
		}
		sim.judgeTold(r, before, after, told[version])
		before = after
	}
}

// judgeTold says what must be told of a change, without the rules that decide it.
func (sim *simulation) judgeTold(r *run, before, after models.PaymentEvent, told []models.EventType) {
	order := []models.Status{models.StatusPending, models.StatusDetected, models.StatusConfirming, models.StatusPaid}
	isFinal := func(s models.Status) bool { return s.IsFinal() }
	backwards := !isFinal(after.Status) && (isFinal(before.Status) || slices.Index(order, after.Status) < slices.Index(order, before.Status))
	var must []models.EventType
	switch {
	case after.Status == before.Status || backwards:
	case after.Exception == models.ExceptionAccepted:
		must = append(must, models.EventAccepted)
	default:
		must = append(must, map[models.Status]models.EventType{
			models.StatusDetected: models.EventDetected, models.StatusConfirming: models.EventConfirming,
			models.StatusPaid: models.EventPaid, models.StatusExpired: models.EventExpired, models.StatusRejected: models.EventRejected,
		}[after.Status])
	}
	if after.Exception != before.Exception && slices.Contains([]models.Exception{
		models.ExceptionUnderpaid, models.ExceptionPaidLate, models.ExceptionAfterReject, models.ExceptionOverpaid,
		models.ExceptionUnderpaidAccepted,
	}, after.Exception) {
		must = append(must, models.EventException)
	}
	if backwards || after.AmountReceived < before.AmountReceived || after.AmountCredited < before.AmountCredited ||
		after.Exception == models.ExceptionReverted && before.Exception != models.ExceptionReverted {
		must = append(must, models.EventReverted)
	}
	before.PaymentID, before.Version, before.CreatedAt, before.Reason = after.PaymentID, after.Version, after.CreatedAt, after.Reason
	changed := before != after
	decided := slices.Contains(told, models.EventAccepted) || slices.Contains(told, models.EventRejected)
	switch {
	case len(must) == 0 && changed && len(told) != 1, len(must) == 0 && !changed && !decided && len(told) != 0:
		sim.failf("payment %d: %+v to %+v is told by %v", r.number, before, after, told)
	case len(must) > 0 && !decided && !slices.Equal(slices.Sorted(slices.Values(must)), slices.Sorted(slices.Values(told))):
		sim.failf("payment %d: %+v to %+v is told by %v and not by %v", r.number, before, after, told, must)
	}
}
