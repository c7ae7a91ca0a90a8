package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
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
