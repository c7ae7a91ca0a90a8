package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// ChainWatch follows one network's chain without end. The work is one long activity that sends heartbeats: when its
// worker dies, another one takes over from the cursor in the database. Each run continues as new after
// input.RunSeconds, so its history stays a few events long. A run that an earlier version started on the payments' task
// queue continues on the chain's.
func ChainWatch(ctx workflow.Context, input models.ChainWatchInput) error {
	workflow.SetCurrentDetails(
		ctx,
		fmt.Sprintf(
			"Follows the %s network block by block. The heartbeat of the pending activity shows the latest block.",
			input.Network,
		),
	)
	run := time.Duration(input.RunSeconds) * time.Second
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		// The activity ends by itself after a run; the extra hour leaves room for its last step.
		StartToCloseTimeout: run + time.Hour,
		HeartbeatTimeout:    time.Duration(input.HeartbeatSeconds) * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    200 * time.Millisecond,
			BackoffCoefficient: 2,
			MaximumInterval:    5 * time.Second,
		},
		WaitForCancellation: true,
		Summary:             "follow " + input.Network,
	})
	if err := workflow.ExecuteActivity(ctx, models.ActivityFollowChain, input).Get(ctx, nil); err != nil {
		return fmt.Errorf("follow the chain: %w", err)
	}
	return workflow.NewContinueAsNewError(
		workflow.WithWorkflowTaskQueue(ctx, models.TaskQueueChain), models.WorkflowChainWatch, input)
}
