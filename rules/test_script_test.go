package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/models"
)

func newTest(outcome models.Outcome, amount models.Amount, confirmations uint64) models.TestPayment {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	return BeginTest(models.TestPayment{
		ID: "0123456789abcdef01234567", AmountRequested: amount, Confirmations: confirmations, Outcome: outcome,
		CreatedAt: at, ExpiresAt: at.Add(time.Hour),
	})
}

// lifeOf returns what a payment becomes, as "seconds STATUS EXCEPTION received credited confirmations", and the events.
func lifeOf(t *testing.T, p models.TestPayment) (life []string, events []models.EventType) {
	t.Helper()
	for p.NextAt != nil {
		before := p
		after := p.NextAt.Sub(p.CreatedAt)
		var ok bool
		p, ok = AdvanceTest(p)
		require.True(t, ok)
		require.Equal(t, before.Version+1, p.Version)
		events = append(events, Events(before.PaymentState, p.PaymentState)...)
		transfers, head := TestTransfers(p)
		confirmations := models.Confirmations(head, p.LastBlock)
		life = append(life, strings.TrimSpace(fmt.Sprintf("%g %s %s %s %s %d", after.Seconds(), p.Status, p.Exception, p.AmountReceived,
			p.AmountCredited, confirmations)))
		checkTest(t, p, transfers)
	}
	_, ok := AdvanceTest(p)
	require.False(t, ok)
	return life, events
}

// checkTest holds the parts of a view against each other.
func checkTest(t *testing.T, p models.TestPayment, transfers []models.Transfer) {
	t.Helper()
	lines := TestTimeline(p)
	require.Len(t, lines, int(p.Version))
	last := lines[len(lines)-1]
	shown := models.PaymentState{
		Status: last.Status, Exception: last.Exception, AmountReceived: last.AmountReceived, AmountCredited: last.AmountCredited,
		TxHash: last.TxHash, LastBlock: p.LastBlock, Decision: p.Decision, Reason: last.Reason, Version: last.Version,
	}
	require.Equal(t, shown, p.PaymentState)
	for i, line := range lines {
		require.Equal(t, int64(i+1), line.Version)
		require.False(t, i > 0 && line.CreatedAt.Before(lines[i-1].CreatedAt))
	}
	received, credited := models.Amount(0), models.Amount(0)
	for _, transfer := range transfers {
		require.NotZero(t, transfer.Amount)
		if transfer.Canonical {
			received, credited = received+transfer.Amount, credited+transfer.CreditedAmount
			require.Equal(t, transfer.TxHash, p.TxHash)
			require.Equal(t, transfer.BlockNumber, p.LastBlock)
		}
	}
	require.Equal(t, p.AmountReceived, received)
	require.Equal(t, p.AmountCredited, credited)
	require.Equal(t, p.AmountReceived == 0, p.TxHash == "")
	if p.Status == models.StatusExpired {
		require.False(t, last.CreatedAt.Before(p.ExpiresAt), "it expires at the end of its window")
	} else {
		require.True(t, last.CreatedAt.Before(p.ExpiresAt), "nothing else happens after the window")
	}
}

func TestTheSixOutcomes(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[models.Outcome]struct {
		life   []string
		events []models.EventType
	}{
		models.OutcomePaid: {
			[]string{"2 DETECTED  50.00 0.00 1", "4 CONFIRMING  50.00 0.00 2", "6 PAID  50.00 50.00 12"},
			[]models.EventType{models.EventDetected, models.EventConfirming, models.EventPaid},
		},
		models.OutcomeUnderpaid: {
			[]string{"2 DETECTED  25.00 0.00 1", "6 EXPIRED UNDERPAID 25.00 25.00 12"},
			[]models.EventType{models.EventDetected, models.EventExpired, models.EventException},
		},
		models.OutcomeOverpaid: {
			[]string{"2 DETECTED  75.00 0.00 1", "4 CONFIRMING  75.00 0.00 2", "6 PAID OVERPAID 75.00 75.00 12"},
			[]models.EventType{models.EventDetected, models.EventConfirming, models.EventPaid, models.EventException},
		},
		models.OutcomeLate: {
			[]string{"4 EXPIRED  0.00 0.00 0", "6 EXPIRED PAID_LATE 50.00 50.00 12"},
			[]models.EventType{models.EventExpired, models.EventException},
		},
		models.OutcomeReverted: {
			[]string{
				"2 DETECTED  50.00 0.00 1", "4 CONFIRMING  50.00 0.00 2", "6 PENDING REVERTED 0.00 0.00 0", "8 EXPIRED REVERTED 0.00 0.00 0",
			},
			[]models.EventType{models.EventDetected, models.EventConfirming, models.EventReverted, models.EventExpired},
		},
		models.OutcomeRejected: {[]string{"4 REJECTED  0.00 0.00 0"}, []models.EventType{models.EventRejected}},
	} {
		life, events := lifeOf(t, newTest(outcome, 50*models.USDT, 12))
		require.Equal(t, want.life, life, outcome)
		require.Equal(t, want.events, events, outcome)
		// With the smallest amounts and numbers of confirmations nothing contradicts itself either.
		for _, amount := range []models.Amount{2, 3} {
			for _, confirmations := range []uint64{1, 2} {
				few, same := lifeOf(t, newTest(outcome, amount, confirmations))
				require.Len(t, few, len(want.life))
				require.Equal(t, want.events, same, outcome)
			}
		}
	}
	require.Len(t, models.Outcomes(), 6)
}

// A decision is possible exactly where it is for a real payment, and ends the script.
func TestDecisionsOnTestPayments(t *testing.T) {
	t.Parallel()
	for _, outcome := range models.Outcomes() {
		for p, ok := newTest(outcome, 50*models.USDT, 12), true; ok; p, ok = AdvanceTest(p) {
			for _, kind := range []models.Decision{models.DecisionReject, models.DecisionAccept} {
				at := p.CreatedAt.Add(time.Minute)
				if len(testSteps(p)) < len(testScript(p)) {
					at = p.CreatedAt.Add(testScript(p)[len(testSteps(p))].after - time.Millisecond)
				}
				decided, did := DecideTest(p, kind, "because", at)
				require.Equal(t, kind.IsPossible(p.PaymentState), did)
				if !did {
					require.Equal(t, p, decided)
					continue
				}
				require.True(t, decided.Status.IsFinal())
				require.Equal(t, "because", decided.Reason)
				require.Nil(t, decided.NextAt)
				_, more := AdvanceTest(decided)
				require.False(t, more)
				lines := TestTimeline(decided)
				require.Len(t, lines, int(decided.Version))
				require.Equal(t, at, lines[len(lines)-1].CreatedAt)
				require.Equal(t, decided.Status, lines[len(lines)-1].Status)
				want := models.EventRejected
				if kind == models.DecisionAccept {
					want = models.EventAccepted
				}
				require.Equal(t, []models.EventType{want}, Events(p.PaymentState, decided.PaymentState))
				require.False(t, models.DecisionReject.IsPossible(decided.PaymentState) || models.DecisionAccept.IsPossible(decided.PaymentState))
			}
		}
	}
}

// Whoever writes rows makes no process fail with a step that there is not.
func TestAStepThatThereIsNot(t *testing.T) {
	t.Parallel()
	for _, step := range []int{-1, 4, 1 << 40} {
		p := newTest(models.OutcomePaid, 50*models.USDT, 12)
		p.Step = step
		TestTransfers(p)
		TestTimeline(p)
		AdvanceTest(p)
	}
}
