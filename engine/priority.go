package engine

import (
	"context"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"paycow/models"
)

// The priorities of payments on their task queue. Of the tasks that wait, Temporal hands out those with the lower number
// first: https://docs.temporal.io/develop/task-queue-priority-fairness
const (
	// unpaidPriority is that of a payment which starts: if nothing happens to it, its only task is to expire.
	unpaidPriority = 5
	// touchedPriority is Temporal's default: that of a payment to which something has happened.
	touchedPriority = 3
)

const (
	// backlogLimit is how many tasks may wait before payments are preferred. Preferring costs a call for each payment.
	backlogLimit = 20
	// backlogAge is how long an answer about the backlog is used.
	backlogAge = time.Second
	// backlogTimeout bounds the question. Without an answer nothing is preferred.
	backlogTimeout = time.Second
)

// backlog tells whether tasks of payments are waiting for a worker, as after many payments have expired at once. It is
// safe for concurrent use.
type backlog struct {
	mu      sync.Mutex
	askedAt time.Time
	isLong  bool
}

// isLongNow asks Temporal at most once in backlogAge.
func (b *backlog) isLongNow(ctx context.Context, temporal client.Client, namespace string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.askedAt) < backlogAge {
		return b.isLong
	}
	ctx, cancel := context.WithTimeout(ctx, backlogTimeout)
	defer cancel()
	queue, err := temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: models.TaskQueue},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW, ReportStats: true,
	})
	b.askedAt = time.Now()
	b.isLong = err == nil && queue.GetStats().GetApproximateBacklogCount() > backlogLimit
	return b.isLong
}

// prefer lets a payment's next task go before those of payments that only expire, if many of them are waiting. It must
// come before the signal that makes the task. What fails here makes a payment wait and does nothing else, so there is no
// error; Temporal servers without priorities refuse it.
func (c *Client) prefer(ctx context.Context, p models.Payment) {
	if !c.backlog.isLongNow(ctx, c.temporal, c.settings.Namespace) {
		return
	}
	_, _ = c.temporal.WorkflowService().UpdateWorkflowExecutionOptions(ctx,
		&workflowservice.UpdateWorkflowExecutionOptionsRequest{
			Namespace:         c.settings.Namespace,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: models.PaymentWorkflowID(p.ID)},
			WorkflowExecutionOptions: &workflowpb.WorkflowExecutionOptions{
				Priority: &commonpb.Priority{PriorityKey: touchedPriority},
			},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}},
		})
}
