package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"

	"paycow/internal/webhooks"
	"paycow/models"
	"paycow/store"
)

// DeliveryStore keeps the deliveries of events to endpoints.
type DeliveryStore interface {
	// DeliveryJob returns models.ErrNotFound when there is no such delivery.
	DeliveryJob(ctx context.Context, id string) (store.DeliveryJob, error)
	// RecordTry, ParkDelivery and BeginRound return the row as it is then, or models.ErrNotFound.
	RecordTry(
		ctx context.Context, job store.DeliveryJob, try models.WebhookAttempt, retryAfter time.Duration,
	) (models.WebhookDelivery, error)
	ParkDelivery(ctx context.Context, seen models.WebhookDelivery, reason string) (models.WebhookDelivery, error)
	BeginRound(ctx context.Context, id string) (models.WebhookDelivery, error)
}

// WebhookSender sends a message once. An answer of any status is no error.
type WebhookSender interface {
	Send(ctx context.Context, m webhooks.Message) (webhooks.Answer, error)
}

const (
	// webhookClockSlack is how much earlier than its time a try may be made: the clocks of two machines differ.
	webhookClockSlack = time.Second
	// sendsOfOperator is how many messages of one operator a process sends at a time. So endpoints that hang hold up their
	// own operator only.
	sendsOfOperator = 500
	// quickSendsOfOperator is how many of them it sends within workflow tasks, and quickSends how many of all operators:
	// fewer than a worker has room for, so that other workflow tasks go on. turnWait is how long one may wait for its turn
	// for each of these turns: endpoints that answer at once take turns quickly.
	quickSendsOfOperator = 200
	quickSends           = 225
	turnWait             = time.Second
	// busyRetryDelay is about the time until the next attempt when an operator has so many under way. It is the time after
	// which those that hang end.
	busyRetryDelay = webhooks.Timeout
	// maxErrorRunes bounds the text of an error in the log of deliveries.
	maxErrorRunes = 300
)

// TryWebhook makes the try of a delivery that is due, if one is, and returns what the delivery's row says then. A crash
// after sending repeats the try. As a local activity it refuses what may take long.
func (a *Activities) TryWebhook(ctx context.Context, input models.DeliveryInput) (models.DeliveryState, error) {
	job, err := a.deliveries.DeliveryJob(ctx, input.DeliveryID)
	if errors.Is(err, models.ErrNotFound) {
		return models.DeliveryState{}, nil
	}
	if err != nil {
		return models.DeliveryState{}, err
	}
	d := job.Delivery
	switch {
	case !d.IsDue(time.Now().Add(webhookClockSlack)):
		return models.NewDeliveryState(d), nil
	case job.Refusal != "":
		return stateOf(a.deliveries.ParkDelivery(ctx, d, job.Refusal))
	}
	done, err := a.takeTurn(ctx, job)
	if err != nil {
		return models.DeliveryState{}, err
	}
	defer done()
	try, retryAfter := a.send(ctx, job)
	if ctx.Err() != nil && !try.Succeeded() {
		return models.DeliveryState{}, ctx.Err() // this process stops, which says nothing about the endpoint
	}
	a.answers.took(job.Delivery.EndpointID, time.Duration(try.DurationMS)*time.Millisecond)
	// What was sent is noted even if this process is stopping.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	return stateOf(a.deliveries.RecordTry(noting, job, try, retryAfter))
}

// takeTurn returns an error if the message is to be sent later, or in another way. done ends the turn.
func (a *Activities) takeTurn(ctx context.Context, job store.DeliveryJob) (done func(), err error) {
	const ofAll, many = "", "many deliveries are under way"
	operatorID, _ := models.OperatorOfSide(job.Delivery.OperatorID)
	if !isLocal(ctx) {
		if !a.sends.begin(ctx, operatorID, sendsOfOperator, 0) {
			return nil, errTakesLong(many + " of this operator")
		}
		return func() { a.sends.end(operatorID) }, nil
	}
	if a.answers.mayBeSlow(job.Delivery.EndpointID, job.IsFailing) {
		return nil, errTakesLong("the endpoint may take long to answer")
	}
	if !a.sends.begin(ctx, operatorID, quickSendsOfOperator, turnWait) {
		return nil, errTakesLong(many + " of this operator")
	}
	if !a.sends.begin(ctx, ofAll, quickSends, turnWait) {
		a.sends.end(operatorID)
		return nil, errTakesLong(many)
	}
	return func() { a.sends.end(operatorID); a.sends.end(ofAll) }, nil
}

// noteTimeout is how long noting a try may take when the activity itself was cancelled.
const noteTimeout = 5 * time.Second

// RedeliverWebhook begins another round of a delivery, and returns what the delivery's row says then.
func (a *Activities) RedeliverWebhook(
	ctx context.Context, input models.DeliveryInput,
) (models.DeliveryState, error) {
	return stateOf(a.deliveries.BeginRound(ctx, input.DeliveryID))
}

// stateOf returns what a row says, nothing for one that is gone.
func stateOf(row models.WebhookDelivery, err error) (models.DeliveryState, error) {
	if errors.Is(err, models.ErrNotFound) {
		return models.DeliveryState{}, nil
	}
	if err != nil {
		return models.DeliveryState{}, err
	}
	return models.NewDeliveryState(row), nil
}

// send sends a job's message once.
func (a *Activities) send(ctx context.Context, job store.DeliveryJob) (models.WebhookAttempt, time.Duration) {
	operatorID, _ := models.OperatorOfSide(job.Delivery.OperatorID)
	begun := time.Now()
	answer, err := a.sender.Send(ctx, webhooks.Message{
		URL: job.URL, ID: job.Delivery.EventID, Round: job.Delivery.Round,
		Try: job.Delivery.Tries + 1, SentAt: begun, Body: job.Body,
		Secrets: job.Secrets,
	})
	try := models.WebhookAttempt{
		At: begun, Status: answer.Status, DurationMS: time.Since(begun).Milliseconds(),
		Answer: models.AnswerText(a.answers.kept(operatorID, answer.Body)),
	}
	switch {
	case err != nil:
		try.Error = models.Shorten(models.HarmlessText(err.Error()), maxErrorRunes)
	case !try.Succeeded():
		try.Error = "the endpoint did not answer with a 2xx"
	}
	return try, answer.RetryAfter
}

// errTakesLong makes the workflow or Temporal try again later, in another way. It is benign: nothing is wrong.
func errTakesLong(why string) error {
	delay := busyRetryDelay/2 + rand.N(busyRetryDelay) //nolint:gosec // spreads load, hides nothing
	return temporal.NewApplicationErrorWithOptions("the delivery waits for its turn: "+why, "TakesLong",
		temporal.ApplicationErrorOptions{NextRetryDelay: delay, Category: temporal.ApplicationErrorCategoryBenign})
}

// sends counts the messages that a process is sending, by operator.
type sends struct {
	mu    sync.Mutex
	count map[string]int
	ended chan struct{} // closed when one ends; nil while nobody waits for that
}

// begin counts one more message of an operator. It returns false if there are as many as the limit until the wait is
// over or ctx ends.
func (s *sends) begin(ctx context.Context, operatorID string, limit int, wait time.Duration) bool {
	ended := s.tryBegin(operatorID, limit)
	if ended == nil {
		return true
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	for ; ended != nil; ended = s.tryBegin(operatorID, limit) {
		select {
		case <-ended:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// tryBegin counts one more message of an operator, or returns a channel that is closed when any message has ended.
func (s *sends) tryBegin(operatorID string, limit int) (ended <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[operatorID] >= limit {
		if s.ended == nil {
			s.ended = make(chan struct{})
		}
		return s.ended
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[operatorID]++
	return nil
}

func (s *sends) end(operatorID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[operatorID]--; s.count[operatorID] == 0 {
		delete(s.count, operatorID)
	}
	if s.ended != nil {
		close(s.ended)
		s.ended = nil
	}
}

var _ DeliveryStore = (*store.Store)(nil)
