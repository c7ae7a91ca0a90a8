package engine

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
	"paycow/rules"
)

// Client starts, signals and queries workflows.
type Client struct {
	temporal client.Client
	settings ClientSettings
	backlog  backlog
}

// ClientSettings are the settings with which every payment's workflow starts.
type ClientSettings struct {
	Namespace     string
	Confirmations uint64        // that a transfer needs before it is credited, in blocks
	ExpiryGrace   time.Duration // from a payment's expiry until the chain has usually been read past it
}

// maxSummaryRunes keeps a workflow's summary below the 400 bytes that Temporal accepts, whatever the payer's id is.
const maxSummaryRunes = 64

// callTimeout bounds one call that changes something, in case the caller's context does not.
const callTimeout = 5 * time.Second

// NewClient returns a client that talks to Temporal through c.
func NewClient(c client.Client, settings ClientSettings) *Client {
	return &Client{temporal: c, settings: settings}
}

// StartPayment starts the payment's workflow. It returns nil if the workflow was started before: an id can be started
// only once. The workflow gets its first task when its expiry is to be checked, so a payment that nobody pays costs the
// workers nothing before. A signal ends that delay, but only one that is sent as signal does, with a start: see
// https://docs.temporal.io/workflow-execution/timers-delays#delay-workflow-execution.
func (c *Client) StartPayment(ctx context.Context, p models.Payment) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := c.startOptions(p)
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	input := c.input(p)
	now := time.Now()
	if now.Before(p.CreatedAt) { // this machine's clock is behind
		now = p.CreatedAt
	}
	options.StartDelay, options.StaticDetails = rules.Opening(input, now)
	options.Priority = temporal.Priority{PriorityKey: unpaidPriority}
	_, err := c.temporal.ExecuteWorkflow(ctx, options, models.WorkflowPayment, input)
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start the workflow: %w", err)
	}
	return nil
}

// SignalTransfers signals transfers to a payment's workflow, and starts the workflow if none is running. A signal
// without transfers says that the payment's window has ended, and gets no priority.
func (c *Client) SignalTransfers(ctx context.Context, p models.Payment, signal models.TransfersSignal) error {
	if len(signal.Transfers) > 0 || signal.Crowd != nil {
		c.prefer(ctx, p)
	}
	return c.signal(ctx, p, models.SignalTransfers, signal)
}

// SignalReject sends an operator's rejection to the payment's workflow, and starts the workflow if none is running.
func (c *Client) SignalReject(ctx context.Context, p models.Payment, decision models.DecisionSignal) error {
	c.prefer(ctx, p)
	return c.signal(ctx, p, models.SignalReject, decision)
}

// SignalAccept sends an operator's acceptance to the payment's workflow, and starts the workflow if none is running.
func (c *Client) SignalAccept(ctx context.Context, p models.Payment, decision models.DecisionSignal) error {
	c.prefer(ctx, p)
	return c.signal(ctx, p, models.SignalAccept, decision)
}

// signal sends a signal together with a start, because a signal alone would wait for the end of a start delay. The
// start has no delay of its own.
func (c *Client) signal(ctx context.Context, p models.Payment, name string, payload any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	input := c.input(p)
	input.Resume = true
	_, err := c.temporal.SignalWithStartWorkflow(
		ctx, models.PaymentWorkflowID(p.ID), name, payload, c.startOptions(p), models.WorkflowPayment, input)
	if err != nil {
		return fmt.Errorf("send the signal %s: %w", name, err)
	}
	return nil
}

// QueryState queries the payment's workflow for its state. It returns models.ErrNotFound if no such workflow exists, or
// if it has not begun.
func (c *Client) QueryState(ctx context.Context, paymentID string) (models.PaymentState, error) {
	var state models.PaymentState
	value, err := c.temporal.QueryWorkflow(ctx, models.PaymentWorkflowID(paymentID), "", models.QueryPaymentState)
	_, isMissing := errors.AsType[*serviceerror.NotFound](err)
	_, hasNotBegun := errors.AsType[*serviceerror.WorkflowNotReady](err)
	if isMissing || hasNotBegun {
		return state, models.ErrNotFound
	}
	if err != nil {
		return state, fmt.Errorf("query the workflow: %w", err)
	}
	if err := value.Get(&state); err != nil {
		return state, fmt.Errorf("read the query's answer: %w", err)
	}
	return state, nil
}

// Ping returns an error unless Temporal answers.
func (c *Client) Ping(ctx context.Context) error {
	if _, err := c.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("ask Temporal for its health: %w", err)
	}
	return nil
}

// EnsureChainWatch starts the workflow that watches the network's chain, unless it is running.
func (c *Client) EnsureChainWatch(ctx context.Context, input models.ChainWatchInput) error {
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       models.ChainWatchWorkflowID(input.Network),
		TaskQueue:                models.TaskQueueChain,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            "watches " + input.Network,
	}, models.WorkflowChainWatch, input)
	if err != nil {
		return fmt.Errorf("start the chain watcher: %w", err)
	}
	return nil
}

// EnsureReconciliation creates the schedule that reconciles a network's books, or changes its interval.
func (c *Client) EnsureReconciliation(ctx context.Context, network string, every time.Duration) error {
	id := models.ReconciliationScheduleID(network)
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}}
	action := &client.ScheduleWorkflowAction{
		ID: id, Workflow: models.WorkflowReconciliation, TaskQueue: models.TaskQueueChain,
		Args: []any{models.ReconciliationInput{Network: network}}, StaticSummary: "compares the books of " + network,
	}
	_, err := c.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: spec, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		// Runs that were missed while Temporal was down are skipped: the next run compares everything.
		CatchupWindow: time.Minute,
		Action:        action,
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return c.adjustReconciliation(ctx, id, spec, action)
	}
	if err != nil {
		return fmt.Errorf("schedule the reconciliation: %w", err)
	}
	return nil
}

// adjustReconciliation changes the schedule if its interval differs from the setting, or if an earlier version put it
// on another task queue.
func (c *Client) adjustReconciliation(
	ctx context.Context,
	id string,
	spec client.ScheduleSpec,
	action *client.ScheduleWorkflowAction,
) error {
	handle := c.temporal.ScheduleClient().GetHandle(ctx, id)
	now, err := handle.Describe(ctx)
	if err != nil {
		return fmt.Errorf("read the schedule of the reconciliation: %w", err)
	}
	if isScheduled(now.Schedule, spec, action) {
		return nil
	}
	err = handle.Update(
		ctx,
		client.ScheduleUpdateOptions{DoUpdate: func(input client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := input.Description.Schedule
			schedule.Spec, schedule.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		}},
	)
	if err != nil {
		return fmt.Errorf("change the schedule of the reconciliation: %w", err)
	}
	return nil
}

// isScheduled reports whether a schedule has the interval and the task queue that it should have.
func isScheduled(now client.Schedule, spec client.ScheduleSpec, action *client.ScheduleWorkflowAction) bool {
	if now.Spec == nil || len(now.Spec.Intervals) != 1 || now.Spec.Intervals[0].Every != spec.Intervals[0].Every {
		return false
	}
	started, ok := now.Action.(*client.ScheduleWorkflowAction)
	return ok && started.TaskQueue == action.TaskQueue
}

// RunningPayments returns the ids of the payments whose workflow is running. The list comes from the visibility store
// and may lag behind.
func (c *Client) RunningPayments(ctx context.Context) (map[string]bool, error) {
	running := map[string]bool{}
	var page []byte
	for {
		answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query:    fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running'", models.WorkflowPayment),
			PageSize: 1000, NextPageToken: page,
		})
		if err != nil {
			return nil, fmt.Errorf("list the workflows: %w", err)
		}
		for _, execution := range answer.GetExecutions() {
			if id, ok := strings.CutPrefix(execution.GetExecution().GetWorkflowId(), models.PaymentWorkflowID("")); ok {
				running[id] = true
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return running, nil
		}
	}
}

// IsRunning reports whether a payment's workflow is running now.
func (c *Client) IsRunning(ctx context.Context, paymentID string) (bool, error) {
	answer, err := c.temporal.DescribeWorkflowExecution(ctx, models.PaymentWorkflowID(paymentID), "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describe the workflow: %w", err)
	}
	return answer.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// Resume starts a workflow for a payment that has none running. The workflow begins by reading the payment's row.
// Resume returns nil if a workflow is running.
func (c *Client) Resume(ctx context.Context, p models.Payment) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	input := c.input(p)
	input.Resume = true
	options := c.startOptions(p)
	if p.Status == models.StatusPending {
		options.Priority = temporal.Priority{PriorityKey: unpaidPriority}
	}
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	if _, err := c.temporal.ExecuteWorkflow(ctx, options, models.WorkflowPayment, input); err != nil {
		return fmt.Errorf("start the workflow: %w", err)
	}
	return nil
}

// KnownTransfers queries a payment's workflow for the transfers it knows. It returns models.ErrNotFound if no such
// workflow exists, and another error if it has not begun.
func (c *Client) KnownTransfers(ctx context.Context, paymentID string) ([]models.TransferNotice, error) {
	var known models.TransfersSignal
	value, err := c.temporal.QueryWorkflow(ctx, models.PaymentWorkflowID(paymentID), "", models.QueryTransfers)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return nil, models.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("query the workflow: %w", err)
	}
	if err := value.Get(&known); err != nil {
		return nil, fmt.Errorf("read the query's answer: %w", err)
	}
	return known.Transfers, nil
}

func (c *Client) input(p models.Payment) models.PaymentInput {
	return models.NewPaymentInput(p, c.settings.Confirmations, c.settings.ExpiryGrace)
}

func (c *Client) startOptions(p models.Payment) client.StartWorkflowOptions {
	attributes := []temporal.SearchAttributeUpdate{
		paymentStatusKey.ValueSet(p.Status.String()),
		operatorIDKey.ValueSet(p.OperatorID),
		userIDKey.ValueSet(keyword(p.UserID)),
		depositAddressKey.ValueSet(p.DepositAddress),
		paymentReferenceKey.ValueSet(p.Reference),
	}
	if p.Exception != models.ExceptionNone {
		attributes = append(attributes, paymentExceptionKey.ValueSet(string(p.Exception)))
	}
	if p.TxHash != "" {
		attributes = append(attributes, txHashKey.ValueSet([]string{p.TxHash}))
	}
	return client.StartWorkflowOptions{
		Memo:                  map[string]any{memoAddressIndex: p.AddressIndex},
		ID:                    models.PaymentWorkflowID(p.ID),
		TaskQueue:             models.TaskQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(attributes...),
		StaticSummary: fmt.Sprintf(
			"%s %s for %s",
			p.Currency,
			p.AmountRequested,
			models.Shorten(p.UserID, maxSummaryRunes),
		),
	}
}
