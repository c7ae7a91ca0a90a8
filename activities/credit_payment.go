package activities

import (
	"context"
	"fmt"

	"paycow/models"
)

// CreditPayment reads each transfer to be credited from the chain again and then, in one transaction, books credits and
// reversals together with the state that follows. It fails, to be tried again, while the chain does not show what is claimed.
func (a *Activities) CreditPayment(ctx context.Context, input models.CreditInput) (models.RecordResult, error) {
	for _, notice := range input.Credits {
		if err := a.verifier.VerifyTransfer(ctx, a.settings.Token, input.DepositAddress, notice, input.Confirmations); err != nil {
			a.log.WarnContext(ctx, "transfer not verified", "payment_id", input.PaymentID, "tx_hash", notice.TxHash,
				"block", notice.Block.Number, "error", err)
			return models.RecordResult{}, fmt.Errorf("verify transfer %s: %w", notice.TransferKey, err)
		}
	}
	result, err := a.payments.Credit(ctx, input)
	if err != nil {
		return result, classify(err)
	}
	if result.Recorded {
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
	return result, nil
}
