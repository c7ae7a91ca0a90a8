package api

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
	"paycow/store"
	"paycow/views"
)

func TestReject(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"cancelled"}`)
	require.Equal(t, http.StatusOK, got.status, got.body)
	view := parse[views.OperatorPayment](t, got.body)
	require.Equal(t, models.StatusRejected, view.Status)
	require.Equal(t, "cancelled", *view.Reason)
	require.Len(t, view.Timeline, 2)

	again := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"cancelled"}`)
	require.Equal(t, http.StatusConflict, again.status)
	require.Equal(t, "payment_already_rejected", parse[errorBody](t, again.body).Code)
	require.EqualValues(t, 1, f.engine.signals.Load())
}

func TestDecisionsThatComeTooLate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, c := range []struct {
		status         models.Status
		exception      models.Exception
		reject, accept string
	}{
		{models.StatusPaid, "", "payment_already_paid", "payment_already_paid"},
		{models.StatusPaid, models.ExceptionOverpaid, "payment_already_paid", "payment_already_paid"},
		{models.StatusExpired, "", "payment_already_expired", "payment_not_acceptable"},
		{models.StatusExpired, models.ExceptionReverted, "payment_already_expired", "payment_not_acceptable"},
		{models.StatusRejected, "", "payment_already_rejected", "payment_already_rejected"},
		{models.StatusRejected, models.ExceptionAfterReject, "payment_already_rejected", "payment_already_rejected"},
		{models.StatusDetected, "", "", "payment_still_open"},
	} {
		p := f.payment(f.account)
		f.record(p.ID, func(s *models.PaymentState) { s.Status, s.Exception = c.status, c.exception })
		if c.reject != "" {
			got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`)
			require.Equal(t, http.StatusConflict, got.status)
			require.Equal(t, c.reject, parse[errorBody](t, got.body).Code)
		}
		got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/accept", "")
		require.Equal(t, http.StatusConflict, got.status)
		require.Equal(t, c.accept, parse[errorBody](t, got.body).Code)
	}
	require.Zero(t, f.engine.signals.Load())
}

func TestAccept(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, exception := range []models.Exception{models.ExceptionUnderpaid, models.ExceptionPaidLate} {
		for _, body := range []string{"", "{}", `{"reason":"close enough"}`} {
			p := f.short(f.account, exception)
			got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/accept", body)
			require.Equal(t, http.StatusOK, got.status, got.body)
			view := parse[views.OperatorPayment](t, got.body)
			require.Equal(t, models.StatusPaid, view.Status)
			require.Equal(t, models.ExceptionAccepted, view.Exception)
		}
	}
}

func TestDecisionOvertakenByTheChain(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.engine.decide = func(context.Context, models.Payment, models.Status, models.DecisionSignal) error {
		f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusPaid })
		return nil
	}
	got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`)
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, "payment_already_paid", parse[errorBody](t, got.body).Code)
}

func TestDecisionNotCarriedOutInTime(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.DecisionWait = 50 * time.Millisecond })
	p := f.payment(f.account)
	f.engine.decide = func(context.Context, models.Payment, models.Status, models.DecisionSignal) error { return nil }
	got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`)
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Equal(t, "decision_pending", parse[errorBody](t, got.body).Code)
	require.Equal(t, "2", got.header.Get("Retry-After"))
}

func TestDecisionWithTheEngineAway(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := f.payment(f.account)
	f.engine.decide = func(context.Context, models.Payment, models.Status, models.DecisionSignal) error {
		return errors.New("dial tcp 10.0.0.7:7233: connection refused")
	}
	got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`)
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Equal(t, "decision_pending", parse[errorBody](t, got.body).Code)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	require.NotContains(t, got.body, "10.0.0.7")
	require.Contains(t, f.log.String(), "10.0.0.7", "the log has the cause")
	require.Equal(t, models.StatusPending, f.row(p.ID).Status)
}

// A decision is a row before anything is signalled, so it survives the process that stored it; what the row says is who
// decided, by what and from where. A repeat changes nothing and signals again.
func TestADecisionIsStoredBeforeItIsSignalled(t *testing.T) {
	t.Parallel()
	f := setup(t, func(c *Config) { c.DecisionWait = 50 * time.Millisecond })
	p := f.short(f.account, models.ExceptionUnderpaid)
	f.engine.decide = func(ctx context.Context, p models.Payment, _ models.Status, d models.DecisionSignal) error {
		stored, err := f.store.Decisions(ctx, p.ID)
		require.NoError(t, err)
		require.Len(t, stored, 1, "stored before the signal")
		require.Equal(t, models.DecisionSignal{Reason: "close enough", Version: p.Version}, d)
		return errors.New("the process is killed here")
	}
	for _, body := range []string{`{"reason":"close enough"}`, `{"reason":"another reason"}`} {
		got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/accept", body)
		require.Equal(t, http.StatusServiceUnavailable, got.status)
	}
	require.EqualValues(t, 2, f.engine.signals.Load())
	stored, err := f.store.Decisions(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, stored, 1)
	d := stored[0]
	require.Equal(t, models.DecisionAccept, d.Kind)
	require.Equal(t, "operator:"+p.OperatorID, d.Actor)
	require.Equal(t, "key "+f.account.APIKey, d.Via)
	require.Equal(t, "127.0.0.1", d.Address)
	require.Equal(t, p.Version, d.Version)
	require.Equal(t, 49*models.USDT, d.AmountCredited)
	require.Nil(t, d.SettledAt)
	entries, _, err := f.store.ListAudit(t.Context(), store.AuditFilter{Action: "payment_accepted", Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 1)

	f.engine.decide = nil
	got := f.call(f.account, http.MethodPost, "/api/payment/"+p.ID+"/accept", "")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, models.ExceptionAccepted, f.row(p.ID).Exception)
	stored, err = f.store.Decisions(t.Context(), p.ID)
	require.NoError(t, err)
	require.NotNil(t, stored[0].SettledAt, "carried out")
}

// The timeline says who rejected or accepted a payment.
func TestTheTimelineSaysWhoDecided(t *testing.T) {
	t.Parallel()
	f := setup(t, withKey)
	operator := f.approved(newEmail)
	account := operator.credentials()
	decider := func(id string) string {
		t.Helper()
		view := parse[views.OperatorPayment](t, f.call(account, http.MethodGet, "/api/payment/"+id, "").body)
		require.Len(t, view.Timeline, 2)
		require.Nil(t, view.Timeline[0].DecidedBy)
		return textOrEmpty(view.Timeline[1].DecidedBy)
	}
	p := f.payment(account)
	require.Equal(t, http.StatusOK, f.call(account, http.MethodPost, "/api/payment/"+p.ID+"/reject", `{"reason":"r"}`).status)
	require.Equal(t, account.APIKey, decider(p.ID))
	p = f.payment(account)
	operator.must(http.StatusOK, http.MethodPost, "/api/payment/"+p.ID+"/reject", fieldsOf{"reason": "r"})
	require.Equal(t, "dashboard", decider(p.ID))
	f.sql("DROP TRIGGER payment_decisions_no_update")
	f.exec("UPDATE payment_decisions SET via = 'key pk_planted' WHERE payment_id = ?", p.ID)
	require.Empty(t, decider(p.ID), "the proof does not hold")
	p = f.payment(account)
	require.NoError(t, f.engine.SignalReject(t.Context(), p, models.DecisionSignal{Reason: "by hand"}))
	require.Equal(t, "temporal", decider(p.ID))
	p = f.payment(account)
	f.record(p.ID, func(s *models.PaymentState) { s.Status = models.StatusExpired })
	require.Empty(t, decider(p.ID))
}
