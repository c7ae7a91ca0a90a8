package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"paycow/engine"
	"paycow/workflows"
)

// TestEngineRegistersWhatWorkflowsUpsert: an upsert of an attribute that is not registered, or has another type, fails the
// workflow task of every payment.
func TestEngineRegistersWhatWorkflowsUpsert(t *testing.T) {
	t.Parallel()
	registered := engine.SearchAttributes()
	for _, key := range []temporal.SearchAttributeKey{
		workflows.AttributePaymentStatus, workflows.AttributePaymentException, workflows.AttributeTxHash,
	} {
		require.Contains(t, registered, key.GetName())
		require.Equal(t, registered[key.GetName()], key.GetValueType(), key.GetName())
	}
}
