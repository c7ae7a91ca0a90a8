// Package worker runs workflows and activities: it registers them and sets the worker's options.
package worker

import (
	"fmt"
	"sync"
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

// webhookSlots is how many webhooks a process sends at a time.
const webhookSlots = 4000

// stopTimeout is how long activities under way may take to end when the worker stops.
const stopTimeout = 10 * time.Second

// Worker polls the task queues.
type Worker struct {
	client  client.Client
	acts    *activities.Activities
	fatal   chan error
	running []worker.Worker
}

// New returns a worker that is ready to start, and the channel on which it says that it cannot go on.
func New(c client.Client, acts *activities.Activities) (*Worker, <-chan error) {
	w := &Worker{client: c, acts: acts, fatal: make(chan error, 1)}
	return w, w.fatal
}

// Start begins to poll. After an error it can be called again.
func (w *Worker) Start() error {
	for queue, options := range map[string]worker.Options{
		models.TaskQueue: {
			MaxConcurrentActivityExecutionSize:      64,
			MaxConcurrentLocalActivityExecutionSize: 2 * activities.QuickCredits,
		},
		models.TaskQueueChain: {
			MaxConcurrentActivityExecutionSize: 4,
			MaxConcurrentActivityTaskPollers:   2, MaxConcurrentWorkflowTaskPollers: 2,
		},
		models.TaskQueueWebhooks: {
			// A slot costs next to nothing while an endpoint lets it wait.
			MaxConcurrentActivityExecutionSize: webhookSlots, MaxConcurrentLocalActivityExecutionSize: webhookSlots,
			MaxConcurrentWorkflowTaskExecutionSize: StickyCacheSize / 2,
		},
	} {
		options.WorkerStopTimeout = stopTimeout
		options.OnFatalError = func(err error) {
			select {
			case w.fatal <- err:
			default:
			}
		}
		part := worker.New(w.client, queue, options) // a worker that failed to start cannot be started again
		// All can run everything: what an earlier version started is still on the payments' queue.
		Register(part, w.acts)
		if err := part.Start(); err != nil {
			w.Stop()
			return fmt.Errorf("poll the task queue %s: %w", queue, err)
		}
		w.running = append(w.running, part)
	}
	return nil
}

// Stop ends all polling, and returns when what they were doing has ended.
func (w *Worker) Stop() {
	var stopping sync.WaitGroup
	for _, part := range w.running {
		stopping.Go(part.Stop)
	}
	stopping.Wait()
	w.running = nil
}

// Register names the workflows and activities, so that their types do not change when their functions are renamed.
func Register(w worker.Registry, acts *activities.Activities) {
	w.RegisterWorkflowWithOptions(workflows.Payment, workflow.RegisterOptions{Name: models.WorkflowPayment})
	w.RegisterWorkflowWithOptions(workflows.ChainWatch, workflow.RegisterOptions{Name: models.WorkflowChainWatch})
	w.RegisterWorkflowWithOptions(workflows.Reconciliation, workflow.RegisterOptions{Name: models.WorkflowReconciliation})
	w.RegisterWorkflowWithOptions(
		workflows.WebhookDelivery, workflow.RegisterOptions{Name: models.WorkflowWebhookDelivery})
	w.RegisterActivityWithOptions(acts.TryWebhook, activity.RegisterOptions{Name: models.ActivityTryWebhook})
	w.RegisterActivityWithOptions(acts.RedeliverWebhook, activity.RegisterOptions{Name: models.ActivityRedeliver})
	w.RegisterActivityWithOptions(acts.LoadPayment, activity.RegisterOptions{Name: models.ActivityLoadPayment})
	w.RegisterActivityWithOptions(acts.RecordPayment, activity.RegisterOptions{Name: models.ActivityRecordPayment})
	w.RegisterActivityWithOptions(acts.ExpirePayment, activity.RegisterOptions{Name: models.ActivityExpirePayment})
	w.RegisterActivityWithOptions(acts.CreditPayment, activity.RegisterOptions{Name: models.ActivityCreditPayment})
	w.RegisterActivityWithOptions(acts.SettlePayment, activity.RegisterOptions{Name: models.ActivitySettlePayment})
	w.RegisterActivityWithOptions(acts.FollowChain, activity.RegisterOptions{Name: models.ActivityFollowChain})
	w.RegisterActivityWithOptions(acts.Reconcile, activity.RegisterOptions{Name: models.ActivityReconcile})
}
