package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"paycow/models"
)

// testStep is what a test payment becomes at a time after its creation.
type testStep struct {
	after         time.Duration
	status        models.Status
	exception     models.Exception
	received      models.Amount
	credited      models.Amount
	confirmations uint64 // of the transfer, if anything was received
	isEnd         bool   // the payment's window ends
}

// Test payments change at these times, and their windows end then if the outcome is that they expire.
const (
	testDetected   = 2 * time.Second
	testConfirming = 4 * time.Second
	testEnd        = 6 * time.Second
	testLastEnd    = 8 * time.Second
)

// testReason is the reason of a rejection that is simulated.
const testReason = "The outcome of this test payment is rejected."

// testScript returns what becomes of a test payment, step by step.
func testScript(t models.TestPayment) []testStep {
	amount, half, required := t.AmountRequested, t.AmountRequested/2, t.Confirmations
	detected := func(received models.Amount) testStep {
		return testStep{after: testDetected, status: models.StatusDetected, received: received, confirmations: 1}
	}
	confirming := func(received models.Amount) testStep {
		return testStep{
			after: testConfirming, status: models.StatusConfirming, received: received,
			confirmations: min(models.ConfirmingFrom, required),
		}
	}
	credited := func(status models.Status, exception models.Exception, received models.Amount) testStep {
		return testStep{
			after: testEnd, status: status, exception: exception, received: received, credited: received,
			confirmations: required,
		}
	}
	switch t.Outcome {
	case models.OutcomeUnderpaid:
		last := credited(models.StatusExpired, models.ExceptionUnderpaid, half)
		last.isEnd = true
		return []testStep{detected(half), last}
	case models.OutcomeOverpaid:
		more := amount + (amount+1)/2
		return []testStep{
			detected(more), confirming(more), credited(models.StatusPaid, models.ExceptionOverpaid, more),
		}
	case models.OutcomeLate:
		return []testStep{
			{after: testConfirming, status: models.StatusExpired, isEnd: true},
			credited(models.StatusExpired, models.ExceptionPaidLate, amount),
		}
	case models.OutcomeReverted:
		return []testStep{
			detected(amount), confirming(amount),
			{after: testEnd, status: models.StatusPending, exception: models.ExceptionReverted},
			{after: testLastEnd, status: models.StatusExpired, exception: models.ExceptionReverted, isEnd: true},
		}
	case models.OutcomeRejected:
		return []testStep{{after: testConfirming, status: models.StatusRejected}}
	default:
		return []testStep{
			detected(amount), confirming(amount), credited(models.StatusPaid, models.ExceptionNone, amount),
		}
	}
}

// BeginTest returns a new test payment in its first state, with the time of its first step. If it is to expire, its
// window ends when its script says so.
func BeginTest(t models.TestPayment) models.TestPayment {
	t.PaymentState = models.PaymentState{Status: models.StatusPending, Version: 1}
	for _, step := range testScript(t) {
		if step.isEnd {
			t.ExpiresAt = t.CreatedAt.Add(step.after)
		}
	}
	t.NextAt = nextTestStep(t)
	return t
}

// AdvanceTest returns a test payment after its next step. ok is false when there is none.
func AdvanceTest(t models.TestPayment) (next models.TestPayment, ok bool) {
	if nextTestStep(t) == nil {
		return t, false
	}
	t.Step = len(testSteps(t)) + 1
	version := t.Version + 1
	t.PaymentState = testState(t)
	t.Version = version
	t.NextAt = nextTestStep(t)
	return t, true
}

// DecideTest returns a test payment that its operator has rejected or accepted at a time. Nothing more becomes of it.
// ok is false when its state does not allow that.
func DecideTest(
	t models.TestPayment, kind models.Decision, reason string, at time.Time,
) (decided models.TestPayment, ok bool) {
	if !kind.IsPossible(t.PaymentState) {
		return t, false
	}
	t.Status = models.StatusRejected
	if kind == models.DecisionAccept {
		t.Status, t.Exception = models.StatusPaid, models.ExceptionAccepted
	}
	t.Decision, t.Reason, t.DecidedAt, t.NextAt = kind, reason, &at, nil
	t.Version++
	return t, true
}

// testSteps returns the steps of its script that a test payment has made.
func testSteps(t models.TestPayment) []testStep {
	script := testScript(t)
	return script[:max(0, min(t.Step, len(script)))]
}

// nextTestStep returns when the next step of a test payment is due, nil when there is none.
func nextTestStep(t models.TestPayment) *time.Time {
	script, made := testScript(t), len(testSteps(t))
	if t.DecidedAt != nil || made == len(script) {
		return nil
	}
	at := t.CreatedAt.Add(script[made].after)
	return &at
}

// testState returns the state that a test payment has after its steps, at least one, without its version.
func testState(t models.TestPayment) models.PaymentState {
	steps := testSteps(t)
	step := steps[len(steps)-1]
	state := models.PaymentState{
		Status: step.status, Exception: step.exception, AmountReceived: step.received, AmountCredited: step.credited,
	}
	if step.received > 0 {
		transfer := testTransfer(t)
		state.TxHash, state.LastBlock = transfer.TxHash, transfer.BlockNumber
	}
	if step.status == models.StatusRejected {
		state.Decision, state.Reason = models.DecisionReject, testReason
	}
	return state
}

// TestTimeline returns the lines that a real payment's timeline would have.
func TestTimeline(t models.TestPayment) []models.PaymentEvent {
	lines := []models.PaymentEvent{{
		PaymentID: t.ID, Version: 1, Status: models.StatusPending, CreatedAt: t.CreatedAt,
	}}
	add := func(state models.PaymentState, at time.Time) {
		lines = append(lines, models.PaymentEvent{
			PaymentID: t.ID, Version: int64(len(lines)) + 1, Status: state.Status, Exception: state.Exception,
			AmountReceived: state.AmountReceived, AmountCredited: state.AmountCredited, TxHash: state.TxHash,
			Reason: state.Reason, CreatedAt: at,
		})
	}
	for i, step := range testSteps(t) {
		earlier := t
		earlier.Step = i + 1
		add(testState(earlier), t.CreatedAt.Add(step.after))
	}
	if t.DecidedAt != nil {
		add(t.PaymentState, *t.DecidedAt)
	}
	return lines
}

// TestTransfers returns the transfers that a real payment in this state would have, and the number of the newest block.
// A test payment has one at most.
func TestTransfers(t models.TestPayment) (transfers []models.Transfer, head uint64) {
	transfer := testTransfer(t)
	for _, step := range testSteps(t) {
		if step.received > 0 {
			transfer.Canonical, transfer.Amount, transfer.CreditedAmount = true, step.received, step.credited
			head = transfer.BlockNumber + step.confirmations - 1
		} else {
			transfer.Canonical = false // a reorg has removed it, or it is not there yet
		}
	}
	if transfer.Amount == 0 {
		return nil, transfer.BlockNumber
	}
	return []models.Transfer{transfer}, head
}

// secondsPerTestBlock is the time between two blocks of the chain that test payments tell of.
const secondsPerTestBlock = 12

// testTransfer returns the one transfer of a test payment, without what changes. Its hashes follow from the payment's
// id, and its sender is no address that anybody has: it has no letters, so it is valid with and without EIP-55.
func testTransfer(t models.TestPayment) models.Transfer {
	at := t.CreatedAt
	for _, step := range testScript(t) {
		if step.received > 0 {
			at = at.Add(step.after)
			break
		}
	}
	return models.Transfer{
		TransferKey: models.TransferKey{TxHash: testHash("transaction", t.ID)}, PaymentID: t.ID,
		FromAddress: "0x" + strings.Repeat("0123456789", 4), BlockHash: testHash("block", t.ID), BlockTime: at,
		BlockNumber: uint64(at.Unix()) / secondsPerTestBlock, //nolint:gosec // after 1970
	}
}

func testHash(kind, id string) string {
	sum := sha256.Sum256([]byte("test " + kind + " " + id))
	return "0x" + hex.EncodeToString(sum[:])
}
