package workflows

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// A chain watch that an earlier version started on the payments' task queue continues on the chain's.
func TestTheChainWatchMovesToItsOwnTaskQueue(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(ChainWatch, workflow.RegisterOptions{Name: models.WorkflowChainWatch})
	followed := 0
	env.RegisterActivityWithOptions(func(context.Context, models.ChainWatchInput) error { followed++; return nil }, activity.RegisterOptions{Name: models.ActivityFollowChain})
	env.ExecuteWorkflow(models.WorkflowChainWatch, models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: 60, HeartbeatSeconds: 10})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &again)
	require.Equal(t, models.TaskQueueChain, again.TaskQueueName)
	require.Equal(t, 1, followed)
}
