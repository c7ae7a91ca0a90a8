package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func refusedWith(why models.Refusal, snapshot models.PaymentSnapshot) models.RecordResult {
	return models.RecordResult{Snapshot: &snapshot, Refused: why}
}

// A refusal corrects what the run believes. If the same state follows all the same, the run ends instead of asking for
// ever, and news lets it try again.
func TestARefusalCorrectsTheRun(t *testing.T) {
	t.Parallel()
	row := models.PaymentSnapshot{State: models.PaymentState{Status: models.StatusPending, Version: 1}}

	p := NewPayment(testInput)
	require.True(t, p.ApplyReject("fraud"))
	record := p.Next(created).(Record)
	p.ApplyRecordResult(record, refusedWith(models.RefusedAmounts, row))
	require.IsType(t, End{}, p.Next(created), "the database refuses the same state again")
	require.Contains(t, p.Details(End{}), models.RefusedAmounts.Sentence())
	p.ApplyTransfers(models.TransfersSignal{})
	require.IsType(t, Record{}, p.Next(created), "the decision is not forgotten")

	p = NewPayment(testInput)
	row.State = models.PaymentState{Status: models.StatusExpired, Exception: models.ExceptionUnderpaid, Version: 1}
	p.ApplySnapshot(row)
	require.True(t, p.ApplyAccept(models.DecisionSignal{Version: 1}))
	record = p.Next(created).(Record)
	require.Equal(t, models.DecisionAccept, record.Input.State.Decision)
	p.ApplyRecordResult(record, refusedWith(models.RefusedDecision, row))
	next := p.Next(created)
	if again, ok := next.(Record); ok {
		require.Empty(t, again.Input.State.Decision, "an acceptance that nobody stored is dropped")
	}
}

// A run that believes that the window is over asks again when the database says that it is not.
func TestARefusedExpiryIsAskedForAgain(t *testing.T) {
	t.Parallel()
	end := testInput.ExpiresAt.Add(time.Hour)
	for _, seen := range []time.Time{{}, testInput.ExpiresAt.Add(5 * time.Hour)} {
		p := NewPayment(testInput)
		p.extendedTo = seen
		p.windowClosed = true
		record := p.Next(created).(Record)
		require.Equal(t, models.StatusExpired, record.Input.State.Status)
		p.ApplyRecordResult(record, refusedWith(models.RefusedWindow, models.PaymentSnapshot{
			State: models.PaymentState{Status: models.StatusPending, Version: 1}, WindowEnd: end,
		}))
		require.IsType(t, Wait{}, p.Next(created))
		require.Equal(t, end, p.windowEnd(), "the database's end counts")
		require.IsType(t, Expire{}, p.Next(end.Add(time.Hour)))
	}
}
