package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// Reconciliation compares ledger, transfers, chain and workflows once. A schedule starts it again and again; the report is
// in the database.
func Reconciliation(ctx workflow.Context, input models.ReconciliationInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Minute,
		HeartbeatTimeout:    10 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 10 * time.Second, MaximumAttempts: 3},
		Summary:             "compare the books of " + input.Network,
	})
	var summary struct {
		Differences      int    `json:"differences"`
		WorkflowsStarted int64  `json:"workflowsStarted"`
		Unchecked        string `json:"unchecked"`
	}
	if err := workflow.ExecuteActivity(ctx, models.ActivityReconcile, input).Get(ctx, &summary); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	text := fmt.Sprintf("**%d differences**, %d missing workflows started.", summary.Differences, summary.WorkflowsStarted)
	if summary.Unchecked != "" {
		text += " Not compared: " + summary.Unchecked
	}
	workflow.SetCurrentDetails(ctx, text)
	return nil
}
