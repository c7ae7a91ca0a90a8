package views

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// The timeline says who decided where that is known, at the entry with which the decision took effect.
func TestWhoDecided(t *testing.T) {
	t.Parallel()
	const (
		pending, rejected          = models.StatusPending, models.StatusRejected
		none, underpaid, accepted  = models.ExceptionNone, models.ExceptionUnderpaid, models.ExceptionAccepted
		reject, accept             = models.DecisionReject, models.DecisionAccept
		byKey, byPerson, notProven = "key pk_1", "session ab", ""
	)
	entry := func(version int64, status models.Status, exception models.Exception) models.PaymentEvent {
		return models.PaymentEvent{Version: version, Status: status, Exception: exception}
	}
	decision := func(kind models.Decision, version int64, via string) models.PaymentDecision {
		return models.PaymentDecision{Kind: kind, Version: version, Via: via}
	}
	rejection := []models.PaymentEvent{entry(1, pending, none), entry(2, rejected, none), entry(3, rejected, none)}
	twice := []models.PaymentEvent{
		entry(4, pending, underpaid), entry(5, pending, accepted), entry(6, pending, models.ExceptionReverted),
		entry(7, pending, underpaid), entry(8, pending, accepted),
	}
	for name, c := range map[string]struct {
		kind      models.Decision
		timeline  []models.PaymentEvent
		decisions []models.PaymentDecision
		want      map[int]string
	}{
		"a key":                      {reject, rejection, []models.PaymentDecision{decision(reject, 1, byKey)}, map[int]string{1: "pk_1"}},
		"a person":                   {reject, rejection, []models.PaymentDecision{decision(reject, 1, byPerson)}, map[int]string{1: "dashboard"}},
		"a signal":                   {reject, rejection, nil, map[int]string{1: "temporal"}},
		"not known":                  {reject, rejection, []models.PaymentDecision{decision(reject, 1, notProven)}, map[int]string{}},
		"from before it was stored":  {reject, rejection, []models.PaymentDecision{decision(reject, 3, notProven)}, map[int]string{}},
		"the entry is cut off":       {reject, rejection[1:], []models.PaymentDecision{decision(reject, 1, byKey)}, map[int]string{}},
		"accepted again by another":  {accept, twice, []models.PaymentDecision{decision(accept, 4, byKey), decision(accept, 7, byPerson)}, map[int]string{1: "pk_1", 4: "dashboard"}},
		"accepted once, came back":   {accept, twice, []models.PaymentDecision{decision(accept, 4, byKey)}, map[int]string{1: "pk_1"}},
		"decided twice, done once":   {accept, twice[1:], []models.PaymentDecision{decision(accept, 6, byKey), decision(accept, 7, byPerson)}, map[int]string{3: "dashboard"}},
		"no decision":                {"", rejection, nil, map[int]string{}},
		"another kind counts for no": {reject, rejection, []models.PaymentDecision{decision(accept, 1, byKey)}, map[int]string{1: "temporal"}},
	} {
		facts := PaymentFacts{
			Payment:  models.Payment{PaymentState: models.PaymentState{Decision: c.kind}},
			Timeline: c.timeline, Decisions: c.decisions,
		}
		view := NewOperatorPayment(facts, "", time.Time{})
		got := map[int]string{}
		for i, line := range view.Timeline {
			if line.DecidedBy != nil {
				got[i] = *line.DecidedBy
			}
		}
		require.Equal(t, c.want, got, name)
	}
}
