package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// An acceptance can arrive before the run knows the version of the row that it names. The run then reads the row and
// judges the acceptance against what it holds.
func TestAnAcceptanceOfANewerVersionReadsTheRow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status    models.Status
		exception models.Exception
		accepted  bool
	}{
		"underpaid": {models.StatusExpired, models.ExceptionUnderpaid, true},
		"paid late": {models.StatusExpired, models.ExceptionPaidLate, true},
		"unpaid":    {models.StatusExpired, models.ExceptionNone, false},
		"reverted":  {models.StatusExpired, models.ExceptionReverted, false},
		"pending":   {models.StatusPending, models.ExceptionNone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPayment(testInput)
			require.True(t, p.ApplyAccept(models.DecisionSignal{Reason: "fine", Version: 2}))
			require.IsType(t, Load{}, p.Next(created))
			p.ApplySnapshot(models.PaymentSnapshot{
				State: models.PaymentState{Status: c.status, Exception: c.exception, Version: 2},
			})
			record, ok := p.Next(created).(Record)
			require.Equal(t, c.accepted, ok && record.Input.State.Decision == models.DecisionAccept)
			require.NotEqual(t, Load{PaymentID: testInput.PaymentID}, p.Next(created))
			if c.accepted {
				require.Equal(t, "fine", record.Input.State.Reason)
				require.False(t, p.ApplyAccept(models.DecisionSignal{Reason: "again", Version: 2}), "accepted twice")
			}
		})
	}
}

// The row may never reach the version of an acceptance: it was typed by hand, or the database was restored from a
// backup. The acceptance is dropped once the row has been read, whichever effect read it.
func TestAnAcceptanceOfAVersionThatNeverComesIsDropped(t *testing.T) {
	t.Parallel()
	row := models.PaymentSnapshot{State: models.PaymentState{Status: models.StatusPending, Version: 1}}
	for name, read := range map[string]func(*Payment){
		"by a load":  func(p *Payment) { p.ApplySnapshot(row) },
		"by a write": func(p *Payment) { p.ApplyRecordResult(Record{}, models.RecordResult{Snapshot: &row}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPayment(testInput)
			require.True(t, p.ApplyAccept(models.DecisionSignal{Version: 99}))
			require.IsType(t, Load{}, p.Next(created))
			read(p)
			require.IsType(t, Wait{}, p.Next(created))
		})
	}
}

// A real acceptance that is ahead of the row is not displaced by one that names a version which never comes.
func TestAnUnreachableAcceptanceDisplacesNoOther(t *testing.T) {
	t.Parallel()
	for name, versions := range map[string][2]int64{"before": {2, 99}, "after": {99, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPayment(testInput)
			for _, version := range versions {
				require.True(t, p.ApplyAccept(models.DecisionSignal{Version: version}))
			}
			p.ApplySnapshot(models.PaymentSnapshot{
				State: models.PaymentState{Status: models.StatusExpired, Exception: models.ExceptionUnderpaid, Version: 2},
			})
			record, ok := p.Next(created).(Record)
			require.True(t, ok)
			require.Equal(t, models.DecisionAccept, record.Input.State.Decision)
		})
	}
}
