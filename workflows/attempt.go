package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// localOptions are for effects that touch the database only and usually take milliseconds. As local activities they cost
// one event of history instead of six.
func localOptions(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 5 * time.Second,
		StartToCloseTimeout:    3 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: 3},
		Summary:                summary,
	})
}

// activityOptions are for effects that may have to wait for something outside: they are tried without end, and the tries
// do not add to the history.
func activityOptions(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
		Summary:             summary,
	})
}

// quickly runs an activity as a local one. When that fails (the database is away) it is handed to the engine, which tries
// for as long as it takes.
func quickly(ctx workflow.Context, summary, activity string, input, result any) error {
	err := workflow.ExecuteLocalActivity(localOptions(ctx, summary), activity, input).Get(ctx, result)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return workflow.ExecuteActivity(activityOptions(ctx, summary), activity, input).Get(ctx, result)
}

// patiently runs an activity that may take long and returns when it is done or, with done = false, when a signal has
// arrived: the activity is cancelled then, and whether it had its effect is not known.
func (p *payment) patiently(ctx workflow.Context, summary, activity string, input, result any) (done bool, err error) {
	activityCtx, cancel := workflow.WithCancel(activityOptions(ctx, summary))
	defer cancel()
	future := workflow.ExecuteActivity(activityCtx, activity, input)
	for !future.IsReady() {
		p.signals(ctx).AddFuture(future, func(workflow.Future) {}).Select(ctx)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !future.IsReady() && p.takeSignals(ctx) {
			return false, nil
		}
	}
	return true, future.Get(ctx, result)
}
