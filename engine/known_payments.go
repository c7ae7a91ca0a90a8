package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"paycow/models"
)

// memoAddressIndex is the key of the memo that holds a payment's address index.
const memoAddressIndex = "addressIndex"

// KnownPayment is a payment as its workflow's start describes it.
type KnownPayment struct {
	ID             string
	OperatorID     string
	DepositAddress string  // EIP-55 form
	AddressIndex   *uint32 // nil for a workflow that an earlier version started
	IsRunning      bool
}

// NewestPayments returns payments whose workflow is running, newest start first, then others, at most limit. The list
// comes from the visibility store and may lag behind.
func (c *Client) NewestPayments(ctx context.Context, limit int32) ([]KnownPayment, error) {
	page, _, err := c.pageOfPayments(ctx, limit, time.Time{}, nil)
	return page, err
}

// EachPayment calls do for every page of the payments that have a workflow within the engine's retention, and that was
// started at that time or later. The zero time means all.
func (c *Client) EachPayment(ctx context.Context, since time.Time, do func(page []KnownPayment) error) error {
	for token := []byte(nil); ; {
		page, next, err := c.pageOfPayments(ctx, 1000, since, token)
		if err == nil {
			err = do(page)
		}
		if err != nil || len(next) == 0 {
			return err
		}
		token = next
	}
}

func (c *Client) pageOfPayments(
	ctx context.Context, size int32, since time.Time, token []byte,
) ([]KnownPayment, []byte, error) {
	query := fmt.Sprintf("WorkflowType = '%s'", models.WorkflowPayment)
	if !since.IsZero() {
		query += fmt.Sprintf(" AND StartTime >= '%s'", since.UTC().Format(time.RFC3339Nano))
	}
	answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: query, PageSize: size, NextPageToken: token,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list the workflows: %w", err)
	}
	var page []KnownPayment
	for _, execution := range answer.GetExecutions() {
		if p, ok := knownPayment(execution); ok {
			page = append(page, p)
		}
	}
	return page, answer.GetNextPageToken(), nil
}

func knownPayment(execution *workflow.WorkflowExecutionInfo) (p KnownPayment, ok bool) {
	p.ID, ok = strings.CutPrefix(execution.GetExecution().GetWorkflowId(), models.PaymentWorkflowID(""))
	attributes := execution.GetSearchAttributes().GetIndexedFields()
	decode(attributes[models.AttributeDepositAddress], &p.DepositAddress)
	decode(attributes[models.AttributeOperatorID], &p.OperatorID)
	var index uint32
	if decode(execution.GetMemo().GetFields()[memoAddressIndex], &index) {
		p.AddressIndex = &index
	}
	p.IsRunning = execution.GetCloseTime() == nil
	return p, ok
}

// decode reads a value that somebody else may have written, and reports whether it has the expected type.
func decode(payload *commonpb.Payload, value any) bool {
	return payload != nil && converter.GetDefaultDataConverter().FromPayload(payload, value) == nil
}

// Terminate ends the running workflow of a payment, if there is one.
func (c *Client) Terminate(ctx context.Context, paymentID, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := c.temporal.TerminateWorkflow(ctx, models.PaymentWorkflowID(paymentID), "", reason)
	if notFound := new(serviceerror.NotFound); errors.As(err, &notFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end the workflow of payment %s: %w", paymentID, err)
	}
	return nil
}
