package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// The typed search attributes of the Payment workflow.
var (
	AttributePaymentStatus    = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentStatus)
	AttributeOperatorID       = temporal.NewSearchAttributeKeyKeyword(models.AttributeOperatorID)
	AttributeDepositAddress   = temporal.NewSearchAttributeKeyKeyword(models.AttributeDepositAddress)
	AttributePaymentReference = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentReference)
	AttributeTxHash           = temporal.NewSearchAttributeKeyKeywordList(models.AttributeTxHash)
)

// upsertSearchAttributes makes the payment's status and transactions searchable. Each upsert is a write to Temporal's
// visibility store, so nothing is upserted without a change.
func (p *payment) upsertSearchAttributes(ctx workflow.Context) error {
	shown := workflow.GetTypedSearchAttributes(ctx)
	status := p.rules.Recorded().Status.String()
	var updates []temporal.SearchAttributeUpdate
	if known, _ := shown.GetKeyword(AttributePaymentStatus); known != status {
		updates = append(updates, AttributePaymentStatus.ValueSet(status))
	}
	hashes := p.rules.TxHashes()
	if known, _ := shown.GetKeywordList(AttributeTxHash); len(hashes) > len(known) {
		updates = append(updates, AttributeTxHash.ValueSet(hashes))
	}
	if len(updates) == 0 {
		return nil
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		return fmt.Errorf("upsert the search attributes: %w", err)
	}
	return nil
}
