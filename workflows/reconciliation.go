package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// Reconciliation compares the ledger, the transfers, the chain and the workflows once. A schedule starts it at an
// interval. The report is in the database.
func Reconciliation(ctx workflow.Context, input models.ReconciliationInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Minute,
		HeartbeatTimeout:    5 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 10 * time.Second, MaximumAttempts: 3},
		Summary:             "reconcile " + input.Network,
	})
	var summary models.ReconciliationSummary
	if err := workflow.ExecuteActivity(ctx, models.ActivityReconcile, input).Get(ctx, &summary); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	text := fmt.Sprintf("**%d differences**, %d missing workflows started.", summary.Differences, summary.WorkflowsStarted)
	if summary.Unchecked != "" {
		text += " Not checked: " + summary.Unchecked
	}
	workflow.SetCurrentDetails(ctx, text)
	return nil
}
