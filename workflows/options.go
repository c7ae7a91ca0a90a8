package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// localOptions are for effects that touch only the database and usually take milliseconds. As local activities they
// cost one event of history instead of six.
func localOptions(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 5 * time.Second,
		StartToCloseTimeout:    3 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: 3},
		Summary:                summary,
	})
}

// quickOptions are for one short attempt at an effect that may have to wait for something outside. The workflow takes
// no signal meanwhile.
func quickOptions(summary string) workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 2 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                summary,
	}
}

// activityOptions are for effects that may have to wait for something outside. Attempts are not limited, and they do
// not add to the history.
func activityOptions(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    500 * time.Millisecond,
			BackoffCoefficient: 2,
			MaximumInterval:    30 * time.Second,
		},
		Summary: summary,
	})
}

// longOptions are for effects that work through many rows. They report their progress, and stop of their own accord
// before the time is up.
func longOptions(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(activityOptions(ctx, summary))
	options.StartToCloseTimeout = 2 * models.SettleTime
	options.HeartbeatTimeout = models.SettleTime / 4
	return workflow.WithActivityOptions(ctx, options)
}
