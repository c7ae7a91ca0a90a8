package workflows

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
	"paycow/rules"
)

// shopBench is a WebhookDelivery workflow in Temporal's test environment, over one row that follows the real rules.
type shopBench struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	row    models.WebhookDelivery
	answer func(try int) int // status of the shop's answer to a try, numbered over all rounds
	at     []time.Duration   // of the tries, from the start
	local  int               // tries that were local activities
	refuse bool              // no try is made as a local activity
	gone   bool              // the row was dropped
}

var deliveryInput = models.DeliveryInput{DeliveryID: "d", EndpointID: "e", EventID: "v", EventType: models.EventPaid}

func newShopBench(t *testing.T, answer func(try int) int) *shopBench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	b := &shopBench{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, answer: answer}
	b.SetStartTime(created)
	b.row = models.WebhookDelivery{ID: "d", Status: models.DeliveryPending, Round: 1, RoundAt: created}
	b.RegisterWorkflowWithOptions(WebhookDelivery, workflow.RegisterOptions{Name: models.WorkflowWebhookDelivery})
	b.RegisterActivityWithOptions(b.try, activity.RegisterOptions{Name: models.ActivityTryWebhook})
	b.RegisterActivityWithOptions(b.begin, activity.RegisterOptions{Name: models.ActivityRedeliver})
	return b
}

func (b *shopBench) try(ctx context.Context, input models.DeliveryInput) (models.DeliveryState, error) {
	if input != deliveryInput {
		return models.DeliveryState{}, errors.New("another delivery")
	}
	isLocal := activity.GetInfo(ctx).IsLocalActivity
	switch {
	case b.gone:
		return models.DeliveryState{}, nil
	case isLocal && b.refuse:
		return models.DeliveryState{}, errors.New("takes long")
	}
	if b.row.IsDue(b.Now()) {
		if isLocal {
			b.local++
		}
		b.at = append(b.at, b.Now().Sub(created))
		try := models.WebhookAttempt{At: b.Now(), Status: b.answer(len(b.at))}
		b.row, _ = rules.AfterWebhookTry(b.row, try, 0)
	}
	return models.NewDeliveryState(b.row), nil
}

func (b *shopBench) begin(context.Context, models.DeliveryInput) (models.DeliveryState, error) {
	b.beginRound()
	return models.NewDeliveryState(b.row), nil
}

func (b *shopBench) beginRound() {
	b.row.Status, b.row.Tries, b.row.NextTryAt, b.row.ParkedReason = models.DeliveryPending, 0, nil, ""
	b.row.Round++
}

// run runs the workflow to its end and returns its result.
func (b *shopBench) run() models.DeliveryState {
	b.t.Helper()
	b.ExecuteWorkflow(models.WorkflowWebhookDelivery, deliveryInput)
	require.True(b.t, b.IsWorkflowCompleted())
	require.NoError(b.t, b.GetWorkflowError())
	var state models.DeliveryState
	require.NoError(b.t, b.GetWorkflowResult(&state))
	require.Equal(b.t, models.NewDeliveryState(b.row), state)
	return state
}

func TestADeliverySucceedsAtOnce(t *testing.T) {
	t.Parallel()
	b := newShopBench(t, func(int) int { return 200 })
	require.Equal(t, models.DeliveryDelivered, b.run().Status)
	require.Equal(t, []time.Duration{0}, b.at)
	require.Equal(t, 1, b.local)
	require.Equal(t, created, b.Now().UTC(), "and ends at once")
}

func TestAnEndpointThatHangsIsTriedInAnActivityOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newShopBench(t, func(int) int { return 200 })
	b.refuse = true
	require.Equal(t, models.DeliveryDelivered, b.run().Status)
	require.Len(t, b.at, 1)
	require.Zero(t, b.local)
}

func TestAnEndpointThatWasDownForTwoDays(t *testing.T) {
	t.Parallel()
	var b *shopBench
	b = newShopBench(t, func(int) int {
		if b.Now().Sub(created) < 48*time.Hour {
			return 0
		}
		return 204
	})
	state := b.run()
	require.Equal(t, models.DeliveryDelivered, state.Status)
	require.Equal(t, len(b.at), state.Tries)
	require.WithinRange(t, b.Now(), created.Add(48*time.Hour), created.Add(60*time.Hour))
	for i, wait := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour} {
		require.InEpsilon(t, wait, b.at[i+1]-b.at[i], 0.11, "try %d", i+2)
	}
}

// A parked delivery can be made again from Temporal's UI for 30 days, with whatever argument or none.
func TestAParkedDeliveryWaitsForTheSignal(t *testing.T) {
	t.Parallel()
	for name, argument := range map[string]any{
		"no argument": nil, "text": "please", "an object": map[string]string{"a": "b"}, "an empty object": models.RedeliverSignal{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := false
			b := newShopBench(t, func(int) int {
				if asked {
					return 200
				}
				return 500
			})
			b.RegisterDelayedCallback(func() {
				require.Equal(t, models.DeliveryParked, b.row.Status)
				asked = true
				b.SignalWorkflow(models.SignalRedeliver, argument)
			}, 20*24*time.Hour)
			state := b.run()
			require.Equal(t, models.DeliveryDelivered, state.Status)
			require.Equal(t, 2, state.Round)
			require.Equal(t, 1, state.Tries)
			require.Equal(t, created.Add(20*24*time.Hour), b.Now().UTC())
		})
	}
}

func TestAParkedDeliveryEndsAfterThirtyDays(t *testing.T) {
	t.Parallel()
	b := newShopBench(t, func(int) int { return 500 })
	state := b.run()
	require.Equal(t, models.DeliveryParked, state.Status)
	require.Len(t, b.at, state.Tries)
	last := b.at[len(b.at)-1]
	require.Greater(t, last, 60*time.Hour)
	require.LessOrEqual(t, last, 72*time.Hour)
	require.Equal(t, created.Add(last+webhookParkedFor), b.Now().UTC())
}

// The API begins a round in the row before it signals, so the signal begins none.
func TestARedeliveryByTheAPIInterruptsTheWait(t *testing.T) {
	t.Parallel()
	b := newShopBench(t, func(try int) int { return map[bool]int{true: 200, false: 503}[try == 3] })
	b.RegisterDelayedCallback(func() { // between the second try and the third, 5 minutes later
		b.beginRound()
		b.SignalWorkflow(models.SignalRedeliver, models.RedeliverSignal{Round: 2})
	}, time.Minute)
	state := b.run()
	require.Equal(t, models.DeliveryDelivered, state.Status)
	require.Equal(t, 2, state.Round)
	require.Equal(t, time.Minute, b.at[2])
	require.Len(t, b.at, 3)
}

func TestADeliveryThatIsDisabledOrGoneEnds(t *testing.T) {
	t.Parallel()
	b := newShopBench(t, func(int) int { return 410 })
	require.Equal(t, models.DeliveryParked, b.run().Status)
	require.Len(t, b.at, 1)

	b = newShopBench(t, func(int) int { return 500 })
	b.RegisterDelayedCallback(func() { b.gone = true }, time.Minute)
	b.ExecuteWorkflow(models.WorkflowWebhookDelivery, deliveryInput)
	require.NoError(t, b.GetWorkflowError())
	var state models.DeliveryState
	require.NoError(t, b.GetWorkflowResult(&state))
	require.Empty(t, state)
	require.Len(t, b.at, 2)
}

// A second run of a delivery that was made does nothing.
func TestARepeatedStartDoesNoHarm(t *testing.T) {
	t.Parallel()
	b := newShopBench(t, func(int) int { return 500 })
	b.row.Status, b.row.Tries = models.DeliveryDelivered, 1
	require.Equal(t, models.DeliveryDelivered, b.run().Status)
	require.Empty(t, b.at)
}

// TestRecordedDeliveriesReplay replays the histories of deliveries that earlier versions recorded on a real Temporal server, as
// TestRecordedHistoriesReplay does for payments.
func TestRecordedDeliveriesReplay(t *testing.T) {
	t.Parallel()
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(WebhookDelivery, workflow.RegisterOptions{Name: models.WorkflowWebhookDelivery})
	versions, err := filepath.Glob(filepath.Join("testdata", "deliveries", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, versions)
	for _, version := range versions {
		for _, path := range []string{"delivered", "down"} {
			files, err := filepath.Glob(filepath.Join(version, path+"_[0-9].json"))
			require.NoError(t, err)
			require.NotEmpty(t, files, "no history of %s in %s", path, version)
			for _, file := range files {
				require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file), file)
			}
		}
	}
}
