//go:build !slim

package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

// TestKilledWithTestPayments kills the program again and again while test payments go through their scripts. Each still
// ends as its outcome says, each event is there once and in its order, and no balance moves.
func TestKilledWithTestPayments(t *testing.T) {
	t.Parallel()
	s := startStack(t, "--block-time", "0s")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	ends := map[models.Outcome][]string{
		models.OutcomePaid:      {"PAID", "", "payment.detected", "payment.confirming", "payment.paid"},
		models.OutcomeUnderpaid: {"EXPIRED", "UNDERPAID", "payment.detected", "payment.expired", "payment.exception"},
		models.OutcomeOverpaid:  {"PAID", "OVERPAID", "payment.detected", "payment.confirming", "payment.paid", "payment.exception"},
		models.OutcomeLate:      {"EXPIRED", "PAID_LATE", "payment.expired", "payment.exception"},
		models.OutcomeReverted:  {"EXPIRED", "REVERTED", "payment.detected", "payment.confirming", "payment.reverted", "payment.expired"},
		models.OutcomeRejected:  {"REJECTED", "", "payment.rejected"},
	}
	made := map[string]models.Outcome{}
	for range 5 {
		for outcome := range ends {
			body := fmt.Sprintf(`{"amount":50,"userId":"u","network":"ERC20","metadata":{"simulate":%q}}`, outcome)
			var payment created
			s.must(http.MethodPost, "/api/payment/create", body, &payment)
			made[payment.SessionID] = outcome
		}
		time.Sleep(time.Duration(random.Int64N(int64(2500 * time.Millisecond))))
		s.kill()
		s.start()
	}
	for id, outcome := range made {
		want := ends[outcome]
		require.Eventually(t, func() bool {
			v := s.view(id)
			return v.Status == want[0] && v.Exception == want[1] && len(v.Ledger) == 0
		}, time.Minute, 100*time.Millisecond, outcome)
		var list struct {
			Events []struct {
				Type string
				Data struct{ Test bool }
			}
		}
		s.must(http.MethodGet, "/api/events?test=true&payment="+id, "", &list)
		var types []string
		for _, e := range list.Events {
			require.True(t, e.Data.Test)
			types = append(types, e.Type)
		}
		require.Equal(t, want[2:], types, outcome)
	}
	require.Zero(t, s.available())
}
