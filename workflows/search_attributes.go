package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// The search attributes that the Payment workflow changes. Package engine registers them, and sets the others at the
// start.
var (
	AttributePaymentStatus    = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentStatus)
	AttributePaymentException = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentException)
	AttributeTxHash           = temporal.NewSearchAttributeKeyKeywordList(models.AttributeTxHash)
)

// upsertSearchAttributes makes the payment's status, exception and transactions searchable. Each upsert is a
// write to Temporal's visibility store, so nothing is upserted without a change.
func (p *payment) upsertSearchAttributes(ctx workflow.Context) error {
	shown := workflow.GetTypedSearchAttributes(ctx)
	status := p.rules.Recorded().Status.String()
	var updates []temporal.SearchAttributeUpdate
	if known, _ := shown.GetKeyword(AttributePaymentStatus); known != status {
		updates = append(updates, AttributePaymentStatus.ValueSet(status))
	}
	hashes := p.rules.TxHashes()
	known, _ := shown.GetKeywordList(AttributeTxHash)
	if p.rules.IsCrowded() {
		hashes = union(known, hashes)
	}
	if len(hashes) > len(known) {
		updates = append(updates, AttributeTxHash.ValueSet(hashes))
	}
	// An upsert that is made anyway may hold more than it did when the history was recorded. One more may not be made.
	exception := p.rules.Recorded().Exception
	shownException, _ := shown.GetKeyword(AttributePaymentException)
	if shownException != string(exception) && (len(updates) > 0 || isExceptionSearchable(ctx)) {
		if exception == models.ExceptionNone {
			updates = append(updates, AttributePaymentException.ValueUnset())
		} else {
			updates = append(updates, AttributePaymentException.ValueSet(string(exception)))
		}
	}
	if len(updates) == 0 {
		return nil
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		return fmt.Errorf("upsert the search attributes: %w", err)
	}
	return nil
}

// union returns the texts of both lists.
func union(known, more []string) []string {
	all := slices.Clone(known)
	for _, text := range more {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
