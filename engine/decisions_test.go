package engine

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// fakeDecisions is a store of decisions and a workflow engine in one.
type fakeDecisions struct {
	waiting           []models.WaitingDecision
	rejected          []string
	accepted          []string
	deferred, dropped []string
	fail              error
}

func (f *fakeDecisions) WaitingDecisions(context.Context, int) ([]models.WaitingDecision, error) {
	return f.waiting, nil
}

func (f *fakeDecisions) DeferDecision(_ context.Context, d models.PaymentDecision) error {
	f.deferred = append(f.deferred, d.PaymentID)
	return nil
}

func (f *fakeDecisions) DropDecision(_ context.Context, d models.PaymentDecision) error {
	f.dropped = append(f.dropped, d.PaymentID)
	return nil
}

func (f *fakeDecisions) SignalReject(_ context.Context, p models.Payment, d models.DecisionSignal) error {
	f.rejected = append(f.rejected, p.ID+" "+d.Reason)
	return f.fail
}

func (f *fakeDecisions) SignalAccept(_ context.Context, p models.Payment, d models.DecisionSignal) error {
	f.accepted = append(f.accepted, p.ID+" "+d.Reason)
	return f.fail
}

func TestWaitingDecisionsAreSentAgain(t *testing.T) {
	t.Parallel()
	waiting := func(id string, kind models.Decision, status models.Status, exception models.Exception) models.WaitingDecision {
		return models.WaitingDecision{
			Payment:  models.Payment{ID: id, PaymentState: models.PaymentState{Status: status, Exception: exception, Version: 4}},
			Decision: models.PaymentDecision{PaymentID: id, Kind: kind, Version: 3, Reason: "why"},
		}
	}
	f := &fakeDecisions{waiting: []models.WaitingDecision{
		waiting("open", models.DecisionReject, models.StatusDetected, ""),
		waiting("underpaid", models.DecisionAccept, models.StatusExpired, models.ExceptionUnderpaid),
		waiting("paid", models.DecisionReject, models.StatusPaid, ""),
		waiting("reverted", models.DecisionAccept, models.StatusExpired, models.ExceptionReverted),
	}}
	d := NewDecisions(f, f, slog.New(slog.DiscardHandler))
	require.NoError(t, d.sweep(t.Context()))
	require.Equal(t, []string{"open why"}, f.rejected)
	require.Equal(t, []string{"underpaid why"}, f.accepted)
	require.Equal(t, []string{"open", "underpaid"}, f.deferred)
	require.Equal(t, []string{"paid", "reverted"}, f.dropped)

	f.fail, f.deferred = errors.New("away"), nil
	require.ErrorIs(t, d.sweep(t.Context()), f.fail)
	require.Empty(t, f.deferred, "what was not sent stays due")
}
