package engine

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// StartDelivery starts the workflow of a webhook delivery, or signals it if the delivery's round is not the first one.
// A delivery whose workflow is running or has ended may be started again: the workflow does what the row says.
func (c *Client) StartDelivery(ctx context.Context, d models.WebhookDelivery) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	id := models.WebhookWorkflowID(d.EndpointID, d.EventID)
	operatorID, _ := models.OperatorOfSide(d.OperatorID)
	options := client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                models.TaskQueueWebhooks,
		WorkflowTaskTimeout:      models.WebhookTaskTimeout,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		// Operators take turns, so that one with many deliveries does not hold up another one.
		Priority:      temporal.Priority{FairnessKey: operatorID},
		StaticSummary: string(d.EventType),
		StaticDetails: fmt.Sprintf("Tells the webhook endpoint %#q of operator %#q of the event %#q.",
			d.EndpointID, operatorID, d.EventID),
		TypedSearchAttributes: temporal.NewSearchAttributes(operatorIDKey.ValueSet(operatorID)),
	}
	var err error
	if input := models.NewDeliveryInput(d); d.Round <= 1 {
		_, err = c.temporal.ExecuteWorkflow(ctx, options, models.WorkflowWebhookDelivery, input)
	} else {
		_, err = c.temporal.SignalWithStartWorkflow(ctx, id, models.SignalRedeliver,
			models.RedeliverSignal{Round: d.Round}, options, models.WorkflowWebhookDelivery, input)
	}
	if err != nil {
		return fmt.Errorf("start the workflow of a webhook delivery: %w", err)
	}
	return nil
}
