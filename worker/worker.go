// Package worker runs workflows and activities: it registers them and sets the worker's options.
package worker

import (
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paycow/activities"
	"paycow/models"
	"paycow/workflows"
)

// StickyCacheSize is how many workflows a process keeps in memory. Waiting payments need none (each costs about 40 kB),
// so it covers only those that are being worked on.
const StickyCacheSize = 500

// stopTimeout is how long activities under way may take to end when the worker stops.
const stopTimeout = 10 * time.Second

// New returns a worker that is ready to start, and the channel on which it says that it cannot go on.
func New(c client.Client, acts *activities.Activities) (worker.Worker, <-chan error) {
	fatal := make(chan error, 1)
	w := worker.New(c, models.TaskQueue, worker.Options{
		OnFatalError: func(err error) {
			select {
			case fatal <- err:
			default:
			}
		},
		WorkerStopTimeout:                       stopTimeout,
		MaxConcurrentActivityExecutionSize:      64,
		MaxConcurrentLocalActivityExecutionSize: 64,
	})
	Register(w, acts)
	return w, fatal
}

// Register names the workflows and activities, so that their types do not change when their functions are renamed.
func Register(w worker.Registry, acts *activities.Activities) {
	w.RegisterWorkflowWithOptions(workflows.Payment, workflow.RegisterOptions{Name: models.WorkflowPayment})
	w.RegisterWorkflowWithOptions(workflows.ChainWatch, workflow.RegisterOptions{Name: models.WorkflowChainWatch})
	w.RegisterWorkflowWithOptions(workflows.Reconciliation, workflow.RegisterOptions{Name: models.WorkflowReconciliation})
	w.RegisterActivityWithOptions(acts.LoadPayment, activity.RegisterOptions{Name: models.ActivityLoadPayment})
	w.RegisterActivityWithOptions(acts.RecordPayment, activity.RegisterOptions{Name: models.ActivityRecordPayment})
	w.RegisterActivityWithOptions(acts.ExpirePayment, activity.RegisterOptions{Name: models.ActivityExpirePayment})
	w.RegisterActivityWithOptions(acts.CreditPayment, activity.RegisterOptions{Name: models.ActivityCreditPayment})
	w.RegisterActivityWithOptions(acts.SettlePayment, activity.RegisterOptions{Name: models.ActivitySettlePayment})
	w.RegisterActivityWithOptions(acts.FollowChain, activity.RegisterOptions{Name: models.ActivityFollowChain})
	w.RegisterActivityWithOptions(acts.Reconcile, activity.RegisterOptions{Name: models.ActivityReconcile})
}
