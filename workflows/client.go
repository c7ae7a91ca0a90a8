package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// Engine starts, signals and queries workflows for the other processes.
type Engine struct {
	client      client.Client
	settings    EngineSettings
	callTimeout time.Duration
}

// EngineSettings are what every payment's workflow is started with.
type EngineSettings struct {
	Confirmations uint64        // a transfer needs before it is credited, in blocks
	ExpiryGrace   time.Duration // after expiresAt, until the chain has usually been read past it
}

// NewEngine returns an engine on a connected client.
func NewEngine(c client.Client, settings EngineSettings) *Engine {
	return &Engine{client: c, settings: settings, callTimeout: 5 * time.Second}
}

// StartPayment starts the payment's workflow. That it was started before is no error: the id allows one only.
func (e *Engine) StartPayment(ctx context.Context, p models.Payment) error {
	ctx, cancel := context.WithTimeout(ctx, e.callTimeout)
	defer cancel()
	options := e.startOptions(p)
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err := e.client.ExecuteWorkflow(ctx, options, models.WorkflowPayment, e.input(p))
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start workflow: %w", err)
	}
	return nil
}

// SignalTransfers tells a payment of its transfers, starting its workflow when none is running.
func (e *Engine) SignalTransfers(ctx context.Context, p models.Payment, signal models.TransfersSignal) error {
	return e.signal(ctx, p, models.SignalTransfers, signal)
}

// SignalReject hands an operator's rejection to the payment's workflow.
func (e *Engine) SignalReject(ctx context.Context, p models.Payment, decision models.DecisionSignal) error {
	return e.signal(ctx, p, models.SignalReject, decision)
}

// SignalAccept hands an operator's acceptance to the payment's workflow.
func (e *Engine) SignalAccept(ctx context.Context, p models.Payment, decision models.DecisionSignal) error {
	return e.signal(ctx, p, models.SignalAccept, decision)
}

func (e *Engine) signal(ctx context.Context, p models.Payment, name string, payload any) error {
	ctx, cancel := context.WithTimeout(ctx, e.callTimeout)
	defer cancel()
	input := e.input(p)
	input.Resume = true
	_, err := e.client.SignalWithStartWorkflow(ctx, models.PaymentWorkflowID(p.ID), name, payload, e.startOptions(p), models.WorkflowPayment, input)
	if err != nil {
		return fmt.Errorf("signal %s: %w", name, err)
	}
	return nil
}

// QueryState asks the payment's workflow for its state. Returns models.ErrNotFound when there is no such workflow.
func (e *Engine) QueryState(ctx context.Context, paymentID string) (models.PaymentState, error) {
	var state models.PaymentState
	value, err := e.client.QueryWorkflow(ctx, models.PaymentWorkflowID(paymentID), "", models.QueryPaymentState)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return state, models.ErrNotFound
	}
	if err != nil {
		return state, fmt.Errorf("query workflow: %w", err)
	}
	if err := value.Get(&state); err != nil {
		return state, fmt.Errorf("read the query's answer: %w", err)
	}
	return state, nil
}

// Ping tells whether the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	if _, err := e.client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("workflow engine: %w", err)
	}
	return nil
}

// EnsureChainWatch starts the network's watcher unless it is running.
func (e *Engine) EnsureChainWatch(ctx context.Context, input models.ChainWatchInput) error {
	_, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       models.ChainWatchWorkflowID(input.Network),
		TaskQueue:                models.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            "watches " + input.Network,
	}, models.WorkflowChainWatch, input)
	if err != nil {
		return fmt.Errorf("start the chain watcher: %w", err)
	}
	return nil
}

// EnsureReconciliation makes sure that the books of a network are compared at that interval.
func (e *Engine) EnsureReconciliation(ctx context.Context, network string, every time.Duration) error {
	id := models.ReconciliationScheduleID(network)
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}}
	_, err := e.client.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: spec, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		// What was missed while the engine was away need not be made up for: one comparison sees all.
		CatchupWindow: time.Minute,
		Action: &client.ScheduleWorkflowAction{
			ID: id, Workflow: models.WorkflowReconciliation, TaskQueue: models.TaskQueue,
			Args: []any{models.ReconciliationInput{Network: network}}, StaticSummary: "compares the books of " + network,
		},
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return e.adjustReconciliation(ctx, id, spec, every)
	}
	if err != nil {
		return fmt.Errorf("schedule the reconciliation: %w", err)
	}
	return nil
}

// adjustReconciliation changes the interval of the schedule when the setting has changed.
func (e *Engine) adjustReconciliation(ctx context.Context, id string, spec client.ScheduleSpec, every time.Duration) error {
	handle := e.client.ScheduleClient().GetHandle(ctx, id)
	now, err := handle.Describe(ctx)
	if err != nil {
		return fmt.Errorf("read the schedule of the reconciliation: %w", err)
	}
	if now.Schedule.Spec != nil && len(now.Schedule.Spec.Intervals) == 1 && now.Schedule.Spec.Intervals[0].Every == every {
		return nil
	}
	err = handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(input client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		schedule := input.Description.Schedule
		schedule.Spec = &spec
		return &client.ScheduleUpdate{Schedule: &schedule}, nil
	}})
	if err != nil {
		return fmt.Errorf("change the schedule of the reconciliation: %w", err)
	}
	return nil
}

// RunningPayments lists the payments whose workflow is running, as the visibility store knows them. It may lag behind.
func (e *Engine) RunningPayments(ctx context.Context) (map[string]bool, error) {
	running := map[string]bool{}
	var page []byte
	for {
		answer, err := e.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running'", models.WorkflowPayment), PageSize: 1000, NextPageToken: page,
		})
		if err != nil {
			return nil, fmt.Errorf("list workflows: %w", err)
		}
		for _, execution := range answer.Executions {
			if id, ok := strings.CutPrefix(execution.Execution.WorkflowId, models.PaymentWorkflowID("")); ok {
				running[id] = true
			}
		}
		if page = answer.NextPageToken; len(page) == 0 {
			return running, nil
		}
	}
}

// IsRunning tells whether a payment's workflow is running now.
func (e *Engine) IsRunning(ctx context.Context, paymentID string) (bool, error) {
	answer, err := e.client.DescribeWorkflowExecution(ctx, models.PaymentWorkflowID(paymentID), "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describe workflow: %w", err)
	}
	return answer.WorkflowExecutionInfo.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// Resume starts a workflow for a payment that has none running; it begins by reading the payment's row. That one is running
// after all is no error.
func (e *Engine) Resume(ctx context.Context, p models.Payment) error {
	ctx, cancel := context.WithTimeout(ctx, e.callTimeout)
	defer cancel()
	input := e.input(p)
	input.Resume = true
	options := e.startOptions(p)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	if _, err := e.client.ExecuteWorkflow(ctx, options, models.WorkflowPayment, input); err != nil {
		return fmt.Errorf("start workflow: %w", err)
	}
	return nil
}

// KnownTransfers asks a payment's workflow for the transfers it knows. Returns models.ErrNotFound when there is none.
func (e *Engine) KnownTransfers(ctx context.Context, paymentID string) ([]models.TransferNotice, error) {
	var known models.TransfersSignal
	value, err := e.client.QueryWorkflow(ctx, models.PaymentWorkflowID(paymentID), "", models.QueryTransfers)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return nil, models.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("query workflow: %w", err)
	}
	if err := value.Get(&known); err != nil {
		return nil, fmt.Errorf("read the query's answer: %w", err)
	}
	return known.Transfers, nil
}

func (e *Engine) input(p models.Payment) models.PaymentInput {
	return models.NewPaymentInput(p, e.settings.Confirmations, e.settings.ExpiryGrace)
}

func (e *Engine) startOptions(p models.Payment) client.StartWorkflowOptions {
	attributes := []temporal.SearchAttributeUpdate{
		AttributePaymentStatus.ValueSet(p.Status.String()),
		AttributeOperatorID.ValueSet(p.OperatorID),
		AttributeDepositAddress.ValueSet(p.DepositAddress),
		AttributePaymentReference.ValueSet(p.Reference),
	}
	if p.TxHash != "" {
		attributes = append(attributes, AttributeTxHash.ValueSet([]string{p.TxHash}))
	}
	return client.StartWorkflowOptions{
		ID:                    models.PaymentWorkflowID(p.ID),
		TaskQueue:             models.TaskQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(attributes...),
		StaticSummary:         fmt.Sprintf("%s %s for %s", p.Currency, p.AmountRequested, shortened(p.UserID)),
	}
}

// shortened keeps a text within what the engine takes for a summary (400 bytes).
func shortened(text string) string {
	const longestRunes = 64
	if runes := []rune(text); len(runes) > longestRunes {
		return string(runes[:longestRunes]) + "…"
	}
	return text
}
