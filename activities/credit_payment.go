package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"paycow/chain"
	"paycow/models"
)

// verifyConcurrency is how many transfers of one CreditPayment are verified at once.
const verifyConcurrency = 4

// verifyShare is the part of an attempt's time that may go into verifying, in percent. What is not verified by then
// waits for the next attempt, and what is can still be booked.
const verifyShare = 70

// QuickCredits is how many CreditPayment a process runs at a time within workflow tasks. A worker must have room for
// more local activities, so that states are recorded while nodes let credits wait.
const QuickCredits = 32

// CreditPayment reads each transfer to be credited, and each whose credit is to be reversed, from the chain again. Then
// it books credits and reversals, together with the state that follows, in one transaction. When one of them cannot be
// verified now, or an alarm stops crediting, or the newest blocks are gone, nothing is booked: the result says which
// and why or, with input.Await, the activity fails and Temporal repeats it.
//
// Whom the transfers must have paid, how deep they must be and how much is at stake is the row's: the input may come
// from anybody who reaches Temporal.
//
// As a local activity it refuses when many are under way.
func (a *Activities) CreditPayment(ctx context.Context, input models.CreditInput) (models.CreditResult, error) {
	if isLocal(ctx) {
		select {
		case a.quickCredits <- struct{}{}:
			defer func() { <-a.quickCredits }()
		default:
			return models.CreditResult{}, temporal.NewApplicationErrorWithOptions("many credits are under way", "TakesLong",
				temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign})
		}
	}
	payment, received, err := a.payee(ctx, input.PaymentID)
	if err != nil {
		return models.CreditResult{}, classify(err)
	}
	input.OperatorID, input.DepositAddress, input.Confirmations = payment.OperatorID, payment.DepositAddress,
		cmp.Or(payment.Confirmations, models.DefaultConfirmations)
	input.AtStake = max(payment.AmountRequested, received)
	unverified, err := a.verify(ctx, input)
	if err != nil {
		return models.CreditResult{}, err
	}
	if len(unverified) > 0 {
		return waitOrAnswer(input, unverified)
	}
	result, err := a.payments.Credit(ctx, input)
	reason, notices := notYet(err), slices.Concat(input.Credits, input.Reversals)
	if errors.Is(err, models.ErrNotConfirmedYet) {
		notices = input.Credits // a reversal does not wait for confirmations
	}
	if reason != "" && len(notices) > 0 {
		for _, notice := range notices {
			unverified = append(unverified, models.UnverifiedTransfer{TransferKey: notice.TransferKey, Reason: reason})
		}
		return waitOrAnswer(input, unverified)
	}
	if err != nil {
		return result, classify(err)
	}
	if result.Recorded {
		a.logBooking(ctx, input)
	}
	return result, nil
}

// isLocal reports whether an activity runs within a workflow task.
func isLocal(ctx context.Context) bool {
	return activity.IsActivity(ctx) && activity.GetInfo(ctx).IsLocalActivity
}

// payee returns the payment that the transfers must have paid, and what they come to. Its address must be the one that
// was handed out for it, derived from an account key.
func (a *Activities) payee(ctx context.Context, paymentID string) (models.Payment, models.Amount, error) {
	payment, received, err := a.payments.Payee(ctx, paymentID)
	if err != nil || a.derives == nil {
		return payment, received, err
	}
	derived, err := a.derives(payment.DepositAddress, payment.AddressIndex)
	if err != nil {
		return payment, received, fmt.Errorf("derive the address of payment %s: %w", paymentID, err)
	}
	if !derived {
		return payment, received, fmt.Errorf("payment %s: no account key has address %s at index %d: %w", paymentID,
			payment.DepositAddress, payment.AddressIndex, models.ErrPaymentAltered)
	}
	return payment, received, nil
}

// verify returns the credits and reversals that cannot be verified now, in the order of the input.
func (a *Activities) verify(ctx context.Context, input models.CreditInput) ([]models.UnverifiedTransfer, error) {
	notices := slices.Concat(input.Credits, input.Reversals)
	inTime := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		inTime, cancel = context.WithTimeout(ctx, time.Until(deadline)*verifyShare/100)
		defer cancel()
	}
	wanted := make([]chain.Verification, len(notices))
	for i, notice := range notices {
		wanted[i] = chain.Verification{
			DepositAddress: input.DepositAddress, Notice: notice, Confirmations: input.Confirmations, AtStake: input.AtStake,
		}
	}
	credits, reversals := wanted[:len(input.Credits)], wanted[len(input.Credits):]
	reasons := slices.Concat(verifyEach(inTime, credits, a.verifier.VerifyTransfer), a.verifyRemovals(inTime, reversals))
	if ctx.Err() != nil {
		return nil, fmt.Errorf("verify the payment's transfers: %w", ctx.Err())
	}
	var unverified []models.UnverifiedTransfer
	for i, notice := range notices {
		if reasons[i] != nil {
			a.log.WarnContext(ctx, "transfer not verified", "payment_id", input.PaymentID, "tx_hash", notice.TxHash,
				"block", notice.Block.Number, "error", reasons[i])
			unverified = append(
				unverified,
				models.UnverifiedTransfer{
					TransferKey: notice.TransferKey,
					Reason:      models.Shorten(reasons[i].Error(), maxReasonRunes),
				},
			)
		}
	}
	return unverified, nil
}

// waitOrAnswer returns the result of an attempt that booked nothing, or the error that makes Temporal repeat it.
func waitOrAnswer(input models.CreditInput, unverified []models.UnverifiedTransfer) (models.CreditResult, error) {
	// What can be verified must not wait for the others: the next attempt is for that alone.
	if input.Await && len(unverified) == len(input.Credits)+len(input.Reversals) {
		return models.CreditResult{}, errors.New(unverified[0].Reason)
	}
	return models.CreditResult{Unverified: unverified}, nil
}

// maxReasonRunes bounds a reason, in characters, because it becomes part of a workflow's history.
const maxReasonRunes = 400

func (a *Activities) logBooking(ctx context.Context, input models.CreditInput) {
	for _, notice := range input.Credits {
		a.log.InfoContext(ctx, "transfer credited", "payment_id", input.PaymentID, "operator_id", input.OperatorID,
			"tx_hash", notice.TxHash, "block", notice.Block.Number, "amount", notice.Amount.String())
	}
	for _, notice := range input.Reversals {
		a.log.WarnContext(ctx, "credit reversed", "payment_id", input.PaymentID, "operator_id", input.OperatorID,
			"tx_hash", notice.TxHash, "amount", notice.CreditedAmount.String())
	}
	a.log.InfoContext(ctx, "payment state recorded", "payment_id", input.PaymentID, "status", input.State.Status,
		"exception", string(input.State.Exception), "amount", input.State.AmountReceived.String())
}
