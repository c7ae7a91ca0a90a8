package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
	"paycow/rules"
)

const (
	// webhookParkedFor is how long the workflow of a parked delivery waits to be asked to deliver again. Later, asking
	// through the API starts another run.
	webhookParkedFor = 30 * 24 * time.Hour
	// webhookLeastWait keeps a workflow from asking again at once when the clocks of two machines differ.
	webhookLeastWait = time.Second
)

// WebhookDelivery tells one endpoint of one event: it tries until the endpoint takes it, or until it is parked. The
// delivery's row decides what is to be done, so a run that is started twice, or again after its end, does no harm.
func WebhookDelivery(ctx workflow.Context, input models.DeliveryInput) (models.DeliveryState, error) {
	d := &delivery{input: input, redeliver: workflow.GetSignalChannel(ctx, models.SignalRedeliver)}
	for {
		if d.takeSignals() {
			if err := d.beginRound(ctx); err != nil {
				return d.state, err
			}
		}
		if err := d.try(ctx); err != nil {
			return d.state, err
		}
		workflow.SetCurrentDetails(ctx, rules.DeliveryDetails(input, d.state))
		switch d.state.Status {
		case models.DeliveryPending:
			wait := max(d.state.NextTryAt.Sub(workflow.Now(ctx)), webhookLeastWait)
			if _, err := d.wait(ctx, wait, "next try"); err != nil {
				return d.state, err
			}
		case models.DeliveryParked:
			if asked, err := d.wait(ctx, webhookParkedFor, "can be delivered again"); err != nil || !asked {
				return d.state, err
			}
		case models.DeliveryDelivered:
			if d.redeliver.Len() == 0 {
				return d.state, nil
			}
		default: // the row is gone
			return d.state, nil
		}
		if d.redeliver.Len() == 0 && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return d.state, workflow.NewContinueAsNewError(ctx, models.WorkflowWebhookDelivery, input)
		}
	}
}

// delivery is one run of the WebhookDelivery workflow.
type delivery struct {
	input     models.DeliveryInput
	redeliver workflow.ReceiveChannel
	state     models.DeliveryState
	tries     int // made by this run
}

// takeSignals takes every signal that has arrived and reports whether a round is to begin for one: a signal by hand
// has begun none.
func (d *delivery) takeSignals() (byHand bool) {
	for {
		var signal models.RedeliverSignal
		if !d.redeliver.ReceiveAsync(&signal) {
			return byHand
		}
		byHand = byHand || signal.Round == 0
	}
}

// wait returns when a signal has arrived, which it does not take, or when the time is over. asked is true for a signal.
func (d *delivery) wait(ctx workflow.Context, timeout time.Duration, summary string) (asked bool, err error) {
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	timer := workflow.NewTimerWithOptions(timerCtx, timeout, workflow.TimerOptions{Summary: summary})
	workflow.NewSelector(ctx).
		AddReceive(d.redeliver, func(workflow.ReceiveChannel, bool) {}).
		AddFuture(timer, func(workflow.Future) {}).
		Select(ctx)
	return !timer.IsReady() || d.redeliver.Len() > 0, ctx.Err()
}

// beginRound makes the delivery's row ask for another delivery.
func (d *delivery) beginRound(ctx workflow.Context) error {
	ctx = activityOptions(ctx, "deliver again, as the signal asks")
	if err := d.step(ctx, workflow.ExecuteActivity(ctx, models.ActivityRedeliver, d.input)); err != nil {
		return fmt.Errorf("begin another round: %w", err)
	}
	return nil
}

// try makes the try that is due. The first one of a run is a local activity: most deliveries succeed at once, and that
// costs 6 events of history instead of 11. It refuses what may take long; then the try is an ordinary activity, which
// waits for its turn in Temporal and not in this process.
func (d *delivery) try(ctx workflow.Context) error {
	d.tries++
	if d.tries == 1 {
		local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
			ScheduleToCloseTimeout: models.WebhookTaskTimeout - 2*time.Second,
			RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
			Summary:                "first try",
		})
		err := d.step(ctx, workflow.ExecuteLocalActivity(local, models.ActivityTryWebhook, d.input))
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	ctx = activityOptions(ctx, "try")
	if err := d.step(ctx, workflow.ExecuteActivity(ctx, models.ActivityTryWebhook, d.input)); err != nil {
		return fmt.Errorf("try a delivery: %w", err)
	}
	return nil
}

// step waits for an activity, which answers with what the row says then.
func (d *delivery) step(ctx workflow.Context, activity workflow.Future) error {
	var state models.DeliveryState // a new one: what an answer leaves out is empty
	if err := activity.Get(ctx, &state); err != nil {
		return err
	}
	d.state = state
	return nil
}
