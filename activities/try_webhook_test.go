package activities_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"paycow/activities"
	"paycow/internal/webhooks"
	"paycow/models"
	"paycow/store"
)

// shopRow is a DeliveryStore of one delivery.
type shopRow struct {
	mu     sync.Mutex
	job    store.DeliveryJob
	gone   bool
	tries  []models.WebhookAttempt
	waits  []time.Duration
	parked []string
}

func (r *shopRow) DeliveryJob(context.Context, string) (store.DeliveryJob, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return store.DeliveryJob{}, models.ErrNotFound
	}
	return r.job, nil
}

func (r *shopRow) RecordTry(
	ctx context.Context, job store.DeliveryJob, try models.WebhookAttempt, retryAfter time.Duration,
) (models.WebhookDelivery, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries, r.waits = append(r.tries, try), append(r.waits, retryAfter)
	row := job.Delivery
	row.Tries++
	return row, ctx.Err()
}

func (r *shopRow) ParkDelivery(
	_ context.Context, seen models.WebhookDelivery, reason string,
) (models.WebhookDelivery, error) {
	r.parked = append(r.parked, reason)
	seen.Status, seen.ParkedReason = models.DeliveryParked, reason
	return seen, nil
}

func (r *shopRow) BeginRound(context.Context, string) (models.WebhookDelivery, error) {
	if r.gone {
		return models.WebhookDelivery{}, models.ErrNotFound
	}
	row := r.job.Delivery
	row.Round++
	return row, nil
}

// delivering returns the activities over one delivery that is due, to a shop.
func delivering(t *testing.T, shop http.HandlerFunc) (*activities.Activities, *shopRow) {
	t.Helper()
	server := httptest.NewServer(shop)
	t.Cleanup(server.Close)
	row := &shopRow{job: store.DeliveryJob{
		Delivery: models.WebhookDelivery{ID: "d", OperatorID: "o", EventID: "event", Status: models.DeliveryPending, Round: 1, Tries: 2},
		URL:      server.URL, Body: []byte(`{"type":"payment.paid"}`), Secrets: []string{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"},
	}}
	sender := webhooks.NewSender("test", []string{"127.0.0.1"}, time.Minute)
	return activities.New(activities.Dependencies{Deliveries: row, Sender: sender}, activities.Settings{}, slog.New(slog.DiscardHandler)), row
}

func TestATryIsSentAndNoted(t *testing.T) {
	t.Parallel()
	var got http.Header
	acts, row := delivering(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("busy\x00\xff"))
	})
	state, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Equal(t, models.DeliveryState{Status: models.DeliveryPending, Round: 1, Tries: 3}, state)
	require.Equal(t, "event", got.Get("webhook-id"))
	require.Equal(t, "3", got.Get(webhooks.HeaderTry))
	require.Len(t, row.tries, 1)
	try := row.tries[0]
	require.Equal(t, http.StatusServiceUnavailable, try.Status)
	require.Equal(t, "busy\uFFFD\uFFFD", try.Answer)
	require.NotEmpty(t, try.Error)
	require.WithinDuration(t, time.Now(), try.At, 10*time.Second)
	require.Equal(t, []time.Duration{2 * time.Minute}, row.waits)
}

func TestATryWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	acts, row := delivering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Zero(t, row.tries[0].Status)
	require.Equal(t, "the host closed the connection before the answer was complete", row.tries[0].Error)
}

// An endpoint that answers at length does not fill the database: of its first answers all is kept, then the beginning.
func TestLongAnswersAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 3*models.AnswerLimit)
	acts, row := delivering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(long)) })
	for range 110 {
		_, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
		require.NoError(t, err)
	}
	require.Len(t, row.tries[0].Answer, models.AnswerLimit)
	require.Len(t, row.tries[99].Answer, models.AnswerLimit)
	require.Len(t, row.tries[109].Answer, 1<<10)
	row.job.Delivery.OperatorID = "another"
	_, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Len(t, row.tries[110].Answer, models.AnswerLimit)
}

// An answer that is cut short is none, whatever its status said.
func TestATryWithHalfAnAnswer(t *testing.T) {
	t.Parallel()
	acts, row := delivering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("ok"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	_, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, row.tries[0].Status)
	require.False(t, row.tries[0].Succeeded())
}

func TestNothingIsSentThatIsNotDueOrAllowed(t *testing.T) {
	t.Parallel()
	sent := 0
	acts, row := delivering(t, func(http.ResponseWriter, *http.Request) { sent++ })
	later := time.Now().Add(time.Minute)
	row.job.Delivery.NextTryAt = &later
	state, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Equal(t, later, state.NextTryAt)
	row.job.Delivery.NextTryAt, row.job.Delivery.Status = nil, models.DeliveryDelivered
	state, err = acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Equal(t, models.DeliveryDelivered, state.Status)
	row.job.Delivery.Status, row.job.Refusal = models.DeliveryPending, "The endpoint was deleted."
	state, err = acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Equal(t, models.DeliveryParked, state.Status)
	require.Equal(t, []string{"The endpoint was deleted."}, row.parked)
	row.gone = true
	state, err = acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Empty(t, state)
	state, err = acts.RedeliverWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Empty(t, state)
	require.Zero(t, sent)
	require.Empty(t, row.tries)
}

// A process that stops says nothing about the endpoint.
func TestAProcessThatStopsDuringATry(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	acts, row := delivering(t, func(http.ResponseWriter, *http.Request) { cancel(); time.Sleep(50 * time.Millisecond) })
	_, err := acts.TryWebhook(ctx, models.DeliveryInput{DeliveryID: "d"})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, row.tries)
}

// stoppingSender stops the process when the answer has come.
type stoppingSender struct {
	*webhooks.Sender
	stop func()
}

func (s stoppingSender) Send(ctx context.Context, m webhooks.Message) (webhooks.Answer, error) {
	defer s.stop()
	return s.Sender.Send(ctx, m)
}

// A try that succeeded is noted even if the process stops meanwhile: otherwise the shop would get the message again.
func TestAProcessThatStopsAfterASuccess(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, row := delivering(t, func(http.ResponseWriter, *http.Request) {})
	sender := stoppingSender{webhooks.NewSender("test", []string{"127.0.0.1"}, time.Minute), cancel}
	acts := activities.New(activities.Dependencies{Deliveries: row, Sender: sender}, activities.Settings{}, slog.New(slog.DiscardHandler))
	_, err := acts.TryWebhook(ctx, models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.Len(t, row.tries, 1)
	require.True(t, row.tries[0].Succeeded())
}

// locally makes the delivery's try within a workflow task.
func locally(acts *activities.Activities) error {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivityWithOptions(acts.TryWebhook, activity.RegisterOptions{Name: models.ActivityTryWebhook})
	_, err := env.ExecuteLocalActivity(acts.TryWebhook, models.DeliveryInput{DeliveryID: "d"})
	return err
}

// Within workflow tasks only so many messages of an operator are sent at a time.
func TestWhatTakesLongIsNoLocalActivity(t *testing.T) {
	t.Parallel()
	block, inside := make(chan struct{}), make(chan struct{}, 1000)
	acts, row := delivering(t, func(http.ResponseWriter, *http.Request) { inside <- struct{}{}; <-block })
	unblock := sync.OnceFunc(func() { close(block) })
	t.Cleanup(unblock)
	var waiting sync.WaitGroup
	const atATime = 200
	for range atATime {
		waiting.Go(func() { _ = locally(acts) })
	}
	for range atATime {
		<-inside
	}
	var later *temporal.ApplicationError
	require.ErrorAs(t, locally(acts), &later)
	require.Equal(t, "TakesLong", later.Type())
	waiting.Go(func() { _, _ = acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"}) })
	<-inside // an ordinary activity still has its turn
	waiting.Go(func() { assert.NoError(t, locally(acts), "it waits for its turn") })
	time.Sleep(100 * time.Millisecond)
	unblock()
	waiting.Wait()
	_, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err, "the endpoint is quick again")
	require.NoError(t, locally(acts), "and then there is room again")
	require.Len(t, row.tries, atATime+4)
}

// Within workflow tasks nothing is sent to an endpoint whose last try took long. One that fails at once holds up nobody.
func TestASlowEndpointIsNoLocalActivity(t *testing.T) {
	t.Parallel()
	var answerAfter atomic.Int64
	acts, row := delivering(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Duration(answerAfter.Load()))
		w.WriteHeader(http.StatusInternalServerError)
	})
	require.NoError(t, locally(acts))
	require.NoError(t, locally(acts), "it fails, but at once")
	answerAfter.Store(int64(1100 * time.Millisecond))
	require.NoError(t, locally(acts))
	var later *temporal.ApplicationError
	require.ErrorAs(t, locally(acts), &later)
	require.Equal(t, "TakesLong", later.Type())
	require.Len(t, row.tries, 3, "nothing was sent")
	answerAfter.Store(0)
	_, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err, "an ordinary activity has its turn")
	require.NoError(t, locally(acts), "its last answer was quick")
}

// A process that has just started does not know how quickly an endpoint answers. One that fails gets an ordinary try first.
func TestAFailingEndpointThatIsNotKnownIsNoLocalActivity(t *testing.T) {
	t.Parallel()
	acts, row := delivering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	row.job.IsFailing = true
	var later *temporal.ApplicationError
	require.ErrorAs(t, locally(acts), &later)
	require.Equal(t, "TakesLong", later.Type())
	require.Empty(t, row.tries)
	_, err := acts.TryWebhook(t.Context(), models.DeliveryInput{DeliveryID: "d"})
	require.NoError(t, err)
	require.NoError(t, locally(acts), "it fails, but at once")
}
