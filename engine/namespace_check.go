package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	commandpb "go.temporal.io/api/command/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/durationpb"
)

// checkTimeout bounds one check. The workflow of a check that was cut off ends by itself after this time.
const checkTimeout = 10 * time.Second

// waitUpsertable waits until workflows can upsert the attributes. The frontend and the history service each cache the
// namespace, and an upsert that meets the older copy fails the payment's workflow task. No call reads the cache of the
// history service, so a throw-away workflow tries it.
func (e *ensurer) waitUpsertable(ctx context.Context) error {
	values, err := sampleValues(e.attributes)
	if err != nil {
		return err
	}
	return repeat(ctx, func() error {
		checkCtx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		return e.runCheck(checkCtx, values)
	})
}

// runCheck starts a workflow with the attributes and acts as its worker: it answers the only task with an upsert and
// the completion of the workflow.
func (e *ensurer) runCheck(ctx context.Context, values *commonpb.SearchAttributes) error {
	const identity = "paycow-namespace-check"
	service := e.client.WorkflowService()
	id := "namespace-check/" + uuid.NewString()
	queue := &taskqueuepb.TaskQueue{Name: id, Kind: enumspb.TASK_QUEUE_KIND_NORMAL}
	started, err := service.StartWorkflowExecution(ctx, &workflowservice.StartWorkflowExecutionRequest{
		Namespace: e.namespace, WorkflowId: id, RequestId: uuid.NewString(), Identity: identity,
		WorkflowType:             &commonpb.WorkflowType{Name: "NamespaceCheck"},
		TaskQueue:                queue,
		WorkflowExecutionTimeout: durationpb.New(checkTimeout),
		SearchAttributes:         values,
	})
	if err != nil {
		return err
	}
	// Nobody needs the workflow afterwards, however it ended.
	defer func() {
		_, _ = service.DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace:         e.namespace,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: started.GetRunId()},
		})
	}()
	task, err := service.PollWorkflowTaskQueue(ctx, &workflowservice.PollWorkflowTaskQueueRequest{
		Namespace: e.namespace, TaskQueue: queue, Identity: identity,
	})
	if err != nil {
		return err
	}
	_, err = service.RespondWorkflowTaskCompleted(ctx, &workflowservice.RespondWorkflowTaskCompletedRequest{
		Namespace: e.namespace, TaskToken: task.GetTaskToken(), Identity: identity,
		Commands: []*commandpb.Command{{
			CommandType: enumspb.COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
			Attributes: &commandpb.Command_UpsertWorkflowSearchAttributesCommandAttributes{
				UpsertWorkflowSearchAttributesCommandAttributes: &commandpb.UpsertWorkflowSearchAttributesCommandAttributes{
					SearchAttributes: values,
				},
			},
		}, {
			CommandType: enumspb.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
			Attributes: &commandpb.Command_CompleteWorkflowExecutionCommandAttributes{
				CompleteWorkflowExecutionCommandAttributes: &commandpb.CompleteWorkflowExecutionCommandAttributes{},
			},
		}},
	})
	return err
}

// sampleValues encodes one value of each attribute's type, as the SDK does for typed search attributes.
func sampleValues(attributes map[string]enumspb.IndexedValueType) (*commonpb.SearchAttributes, error) {
	samples := map[enumspb.IndexedValueType]any{
		enumspb.INDEXED_VALUE_TYPE_KEYWORD:      "check",
		enumspb.INDEXED_VALUE_TYPE_TEXT:         "check",
		enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST: []string{"check"},
		enumspb.INDEXED_VALUE_TYPE_INT:          1,
		enumspb.INDEXED_VALUE_TYPE_DOUBLE:       1.5,
		enumspb.INDEXED_VALUE_TYPE_BOOL:         true,
		enumspb.INDEXED_VALUE_TYPE_DATETIME:     time.Unix(0, 0).UTC(),
	}
	fields := make(map[string]*commonpb.Payload, len(attributes))
	for name, kind := range attributes {
		sample, known := samples[kind]
		if !known {
			return nil, fmt.Errorf("search attribute %s: unknown type %s", name, kind)
		}
		payload, err := converter.GetDefaultDataConverter().ToPayload(sample)
		if err != nil {
			return nil, err
		}
		payload.Metadata["type"] = []byte(kind.String())
		fields[name] = payload
	}
	return &commonpb.SearchAttributes{IndexedFields: fields}, nil
}
