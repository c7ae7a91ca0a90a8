package rules

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"paycow/models"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	type state = models.PaymentState
	const (
		accept, reject = models.DecisionAccept, models.DecisionReject
		half, full     = 25 * models.USDT, 50 * models.USDT
	)
	pending := state{Status: models.StatusPending}
	detected := state{Status: models.StatusDetected, AmountReceived: half, TxHash: "0xa"}
	confirming := state{Status: models.StatusConfirming, AmountReceived: full, TxHash: "0xb"}
	paid := state{Status: models.StatusPaid, AmountReceived: full, AmountCredited: full, TxHash: "0xb"}
	expired := state{Status: models.StatusExpired}
	underpaid := state{Status: models.StatusExpired, Exception: models.ExceptionUnderpaid, AmountReceived: half, AmountCredited: half}
	with := func(s state, change func(*state)) state {
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		before, after state
		want          []models.EventType
	}{
		"nothing":             {pending, pending, nil},
		"only the version":    {pending, with(pending, func(s *state) { s.Version = 9 }), nil},
		"only the block":      {paid, with(paid, func(s *state) { s.LastBlock = 9 }), nil},
		"a first transfer":    {pending, detected, []models.EventType{models.EventDetected}},
		"a further transfer":  {detected, with(detected, func(s *state) { s.AmountReceived++ }), []models.EventType{models.EventDetected}},
		"another transaction": {detected, with(detected, func(s *state) { s.TxHash = "0xc" }), []models.EventType{models.EventDetected}},
		"a part is credited":  {detected, with(detected, func(s *state) { s.AmountCredited = half }), []models.EventType{models.EventConfirming}},
		"the full amount":     {detected, confirming, []models.EventType{models.EventConfirming}},
		"paid":                {confirming, paid, []models.EventType{models.EventPaid}},
		"paid at once":        {pending, paid, []models.EventType{models.EventPaid}},
		"paid too much": {
			confirming, with(paid, func(s *state) { s.AmountCredited, s.Exception = full+1, models.ExceptionOverpaid }),
			[]models.EventType{models.EventPaid, models.EventException},
		},
		"more after paid": {
			paid, with(paid, func(s *state) { s.AmountCredited, s.Exception = full+1, models.ExceptionOverpaid }),
			[]models.EventType{models.EventException},
		},
		"still more": {
			with(paid, func(s *state) { s.AmountCredited, s.Exception = full+1, models.ExceptionOverpaid }),
			with(paid, func(s *state) { s.AmountCredited, s.Exception = full+2, models.ExceptionOverpaid }),
			[]models.EventType{models.EventException},
		},
		"seen after paid":   {paid, with(paid, func(s *state) { s.AmountReceived++ }), []models.EventType{models.EventDetected}},
		"expired":           {pending, expired, []models.EventType{models.EventExpired}},
		"expired underpaid": {with(detected, func(s *state) { s.AmountCredited = half }), underpaid, []models.EventType{models.EventExpired, models.EventException}},
		"paid late": {
			expired, with(expired, func(s *state) { s.AmountReceived, s.AmountCredited, s.Exception = full, full, models.ExceptionPaidLate }),
			[]models.EventType{models.EventException},
		},
		"rejected": {
			pending, state{Status: models.StatusRejected, Decision: reject, Reason: "r"}, []models.EventType{models.EventRejected},
		},
		"after the rejection": {
			state{Status: models.StatusRejected, Decision: reject},
			state{Status: models.StatusRejected, Decision: reject, AmountReceived: half, AmountCredited: half, Exception: models.ExceptionAfterReject},
			[]models.EventType{models.EventException},
		},
		"accepted": {
			underpaid, with(underpaid, func(s *state) {
				s.Status, s.Exception, s.Decision = models.StatusPaid, models.ExceptionAccepted, accept
			}), []models.EventType{models.EventAccepted},
		},
		"taken away before the credit": {
			detected, with(pending, func(s *state) { s.Exception = models.ExceptionReverted }), []models.EventType{models.EventReverted},
		},
		"a credit taken away": {
			paid, with(expired, func(s *state) { s.Exception = models.ExceptionReverted }), []models.EventType{models.EventExpired, models.EventReverted},
		},
		"too much taken away": {
			with(paid, func(s *state) { s.AmountCredited, s.Exception = full+1, models.ExceptionOverpaid }), paid,
			[]models.EventType{models.EventReverted},
		},
		"a part taken away": {
			with(underpaid, func(s *state) { s.AmountReceived++ }), underpaid, []models.EventType{models.EventReverted},
		},
		"back again": {
			with(pending, func(s *state) { s.Exception = models.ExceptionReverted }),
			with(detected, func(s *state) { s.Exception = models.ExceptionReverted }),
			[]models.EventType{models.EventDetected},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, Events(c.before, c.after))
		})
	}
}

// Whatever the two states are, a visible change is told, each fact by one event, and nothing else is.
func TestEachVisibleChangeHasItsEvent(t *testing.T) {
	t.Parallel()
	states := rapid.Custom(func(t *rapid.T) models.PaymentState {
		return models.PaymentState{
			Status:         rapid.SampledFrom(models.Statuses()).Draw(t, "status"),
			Exception:      rapid.SampledFrom(append(models.Exceptions(), "")).Draw(t, "exception"),
			AmountReceived: models.Amount(rapid.Int64Range(0, 2).Draw(t, "received")),
			AmountCredited: models.Amount(rapid.Int64Range(0, 2).Draw(t, "credited")),
			TxHash:         rapid.SampledFrom([]string{"", "0xa", "0xb"}).Draw(t, "hash"),
			Decision:       rapid.SampledFrom([]models.Decision{"", models.DecisionAccept, models.DecisionReject}).Draw(t, "decision"),
			Version:        rapid.Int64Range(1, 9).Draw(t, "version"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := states.Draw(t, "before"), states.Draw(t, "after")
		if before.Decision != "" {
			after.Decision = before.Decision // a decision stands
		}
		events := Events(before, after)
		require.Equal(t, before.Same(after), len(events) == 0, "%v", events)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(events))), len(events), "a type comes once")
		for _, event := range events {
			require.Contains(t, models.EventTypes(), event)
		}
		if after.AmountReceived < before.AmountReceived || after.AmountCredited < before.AmountCredited {
			require.Contains(t, events, models.EventReverted)
		} else if before.Status == after.Status && after.Exception != models.ExceptionReverted {
			require.NotContains(t, events, models.EventReverted)
		}
		if before.Status != after.Status && after.Status == models.StatusPaid && before.Decision == after.Decision &&
			after.Decision == "" {
			require.Contains(t, events, models.EventPaid)
		}
		if before.Status == after.Status {
			require.NotContains(t, events, models.EventPaid)
			require.NotContains(t, events, models.EventExpired)
		}
	})
}
