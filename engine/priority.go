package engine

import (
	"context"
	"sync"
	"sync/atomic"
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

// The priorities of payments on their task queue. Of the tasks that wait, Temporal hands out those with the lower
// number first: https://docs.temporal.io/develop/task-queue-priority-fairness
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
	// preferTimeout bounds what preferring adds to the time of a signal.
	preferTimeout = 500 * time.Millisecond
)

// backlog tells whether tasks of payments are waiting for a worker, as after many payments have expired at once. It is
// safe for concurrent use.
type backlog struct {
	asking  sync.Mutex
	askedAt time.Time // under asking
	isLong  atomic.Bool
}

// isLongNow asks Temporal at most once in backlogAge. While one caller asks, and when Temporal does not answer, the
// answer before counts.
func (b *backlog) isLongNow(ctx context.Context, temporal client.Client, namespace string) bool {
	if !b.asking.TryLock() {
		return b.isLong.Load()
	}
	defer b.asking.Unlock()
	if time.Since(b.askedAt) < backlogAge {
		return b.isLong.Load()
	}
	queue, err := temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: models.TaskQueue},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW, ReportStats: true,
	})
	b.askedAt = time.Now()
	if err == nil {
		b.isLong.Store(queue.GetStats().GetApproximateBacklogCount() > backlogLimit)
	}
	return b.isLong.Load()
}

// prefer lets a payment's next task go before those of payments that only expire, if many of them are waiting. It must
// come before the signal that makes the task. What fails here makes a payment wait and does nothing else, so there is
// no error; Temporal servers without priorities refuse it.
func (c *Client) prefer(ctx context.Context, p models.Payment) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), preferTimeout)
	defer cancel()
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
