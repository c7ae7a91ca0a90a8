package workflows

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
)

// upserts runs a payment and returns what each upsert made of its exception: "(unset)" where it was removed, "" where
// it was not mentioned.
func upserts(t *testing.T, b *bench) []string {
	t.Helper()
	require.NoError(t, b.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(AttributePaymentStatus.ValueSet("PENDING"))))
	var seen []string
	b.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		changes, ok := args.Get(0).(temporal.SearchAttributes)
		require.True(t, ok)
		exception, _ := changes.GetKeyword(AttributePaymentException)
		status, _ := changes.GetKeyword(AttributePaymentStatus)
		unset := temporal.NewSearchAttributes(AttributePaymentStatus.ValueSet(status), AttributePaymentException.ValueUnset())
		if reflect.DeepEqual(changes, unset) {
			exception = "(unset)"
		}
		seen = append(seen, exception)
	}).Return(nil)
	b.run(testInput)
	return seen
}

// TestExceptionIsSearchable shows that the exception is upserted when it changes, together with the status where that
// changes too, and never otherwise.
func TestExceptionIsSearchable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play func(b *bench)
		want []string
	}{
		"paid": {
			func(b *bench) { b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute) },
			[]string{"", "", ""},
		},
		"overpaid": {
			func(b *bench) { b.arrive(transfer(0, 60*models.USDT, time.Minute), time.Minute) },
			[]string{"", "", "OVERPAID"},
		},
		"taken away by a reorg, then mined again": {
			func(b *bench) {
				n := transfer(0, 50*models.USDT, time.Minute)
				b.at(time.Minute, func() { b.signal(n, 2) })
				b.at(2*time.Minute, func() {
					n.Canonical, n.Revision = false, 2
					b.signal(n, 0)
				})
				b.at(3*time.Minute, func() {
					n.Canonical, n.Revision, n.Block.Number, n.Block.Hash = true, 3, 105, "0xother"
					b.signal(n, 12)
				})
			},
			[]string{"", "REVERTED", "(unset)"},
		},
		"the exception alone changes": {
			func(b *bench) {
				b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute)
				b.at(2*time.Minute, func() { b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "fraud"}) })
			},
			[]string{"", "", "", "AFTER_REJECT"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			c.play(b)
			require.Equal(t, c.want, upserts(t, b))
		})
	}
}

// TestExceptionOfAnEarlierVersion shows that a run that began before the exception was searchable makes no upsert that
// its history does not have.
func TestExceptionOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.OnGetVersion("exception-searchable", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute)
	b.at(2*time.Minute, func() { b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "fraud"}) })
	require.Equal(t, []string{"", "", ""}, upserts(t, b))
}
