package rules

import (
	"slices"
	"time"

	"paycow/models"
)

// Effect is what a payment wants done next. The driver carries it out and applies the outcome; then it asks Next again.
type Effect interface {
	// Summary is the line that the Temporal UI shows for the effect, "" for an effect that Temporal does not show.
	Summary() string
}

// The effects.
type (
	// Load reads the payment's row and transfers, because the row may hold more than is known. Outcome: ApplySnapshot.
	Load struct{ PaymentID string }

	// Record writes a state to the payment's row. Outcome: ApplyRecordResult.
	Record struct{ Input models.RecordInput }

	// Credit verifies on the chain again that transfers are there, or are gone, and books credits and reversals together
	// with the state that follows.
	// With Input.Await it covers only transfers that could not be verified before, and is repeated until they can be.
	// A signal interrupts it. Outcome: ApplyCreditResult or ApplyInterruption.
	Credit struct{ Input models.CreditInput }

	// Settle verifies and books what is confirmed, or no longer right, among the transfers of a crowded payment: page by
	// page, the largest first. The state that follows is recorded afterwards. With Input.Await it is repeated until
	// something can be booked. A signal interrupts it. Outcome: ApplySettleResult or ApplyInterruption.
	Settle struct {
		Input models.SettleInput
		Crowd models.Crowd // what is known before
	}

	// Expire asks once whether no transfer came within the window and, if so, records the expiry. Outcome:
	// ApplyExpireResult; the zero result when the question failed.
	Expire struct{ Input models.ExpireInput }

	// AwaitScan repeats the question of Expire until the chain has been read past the window. Nothing may be applied
	// between the outcome of Expire and it. A signal interrupts it. Outcome: ApplyScanResult or ApplyInterruption.
	AwaitScan struct {
		Input  models.ExpireInput
		Answer models.ExpireResult // what Expire found
	}

	// Wait waits for a signal or, unless Until is zero, for the time at which the expiry can be asked for. A timer that is
	// running already is not moved. Outcome: ApplyWake.
	Wait struct {
		Until     time.Time
		ExpiresAt time.Time // as promised at the payment's creation
	}

	// End says that there is nothing left to wait for.
	End struct{ State models.PaymentState }
)

// Next decides what to do at the given time.
func (p *Payment) Next(now time.Time) Effect {
	effect := p.next(now)
	if p.isRefused(effect) {
		return End{State: p.recorded}
	}
	return effect
}

func (p *Payment) next(now time.Time) Effect {
	if p.awaitScan != nil {
		return *p.awaitScan
	}
	state := p.state()
	switch {
	case p.isCrowdOutdated():
		return p.load()
	case state.Decision != p.recorded.Decision:
		return p.record() // a decision waits for no node
	case p.undecided != nil:
		return p.load()
	case p.needsSettling() && describe(state) == describe(p.recorded):
		return p.settle(false)
	case len(p.credits()) > 0 || len(p.reversals()) > 0:
		return p.credit(p.credits(), p.reversals(), false)
	case !state.Same(p.recorded):
		return p.record()
	case p.needsSettling():
		return p.settle(false)
	case p.unsynced > 1:
		return p.load() // a dropped workflow task may have written something in between
	case p.canExpire(state) && p.isExpiryDue(now):
		return p.expire()
	case len(p.heldCredits()) > 0 || len(p.heldReversals()) > 0:
		return p.credit(p.heldCredits(), p.heldReversals(), true)
	case p.isSettlingHeld():
		return p.settle(true)
	case state.Status.IsFinal() && !p.isUnconfirmed():
		return End{State: p.recorded}
	default:
		return p.wait(state)
	}
}

// TakesSignals reports whether signals that have arrived are to be applied before the next effect. They are not between
// Expire and AwaitScan, which ask one question.
func (p *Payment) TakesSignals() bool { return p.awaitScan == nil }

// canExpire reports whether the chain still has to be asked for the payment's expiry. While transfers of the window
// wait for their confirmations, or a credit for its reversal, those decide how the payment ends. A crowded payment does
// not wait for them: the next ones of many may always be on their way.
func (p *Payment) canExpire(state models.PaymentState) bool {
	s := p.sums()
	return !state.Status.IsFinal() && !p.windowClosed && (p.crowd != nil || !s.unconfirmedInTime && !s.outdated)
}

// expiryCheckAt returns when the chain has usually been read past the window.
func (p *Payment) expiryCheckAt() time.Time {
	return p.windowEnd().Add(time.Duration(p.input.ExpiryGraceSeconds) * time.Second)
}

// isExpiryDue reports whether the chain is to be asked now. A late transfer that is credited proves that the chain is
// past the window, whatever our clock says.
func (p *Payment) isExpiryDue(now time.Time) bool {
	return !now.Before(p.expiryCheckAt()) || p.sums().creditedLate > 0
}

func (p *Payment) load() Load { return Load{PaymentID: p.input.PaymentID} }

func (p *Payment) record() Record {
	return Record{models.RecordInput{PaymentID: p.input.PaymentID, State: p.nextState()}}
}

func (p *Payment) credit(credits, reversals []models.TransferNotice, await bool) Credit {
	state := p.withBookings(credits, reversals).nextState()
	return Credit{models.CreditInput{
		PaymentID: p.input.PaymentID, OperatorID: p.input.OperatorID, DepositAddress: p.input.DepositAddress,
		Confirmations: p.input.Confirmations, Credits: credits, Reversals: reversals, State: state,
		AtStake: max(p.input.AmountRequested, state.AmountReceived, state.AmountCredited), Await: await,
	}}
}

func (p *Payment) expire() Expire {
	closed := *p
	closed.windowClosed = true
	return Expire{models.ExpireInput{
		PaymentID: p.input.PaymentID, Network: p.input.Network, ExpiresAt: p.input.ExpiresAt, State: closed.nextState(),
	}}
}

func (p *Payment) wait(state models.PaymentState) Wait {
	wait := Wait{ExpiresAt: p.input.ExpiresAt}
	if p.canExpire(state) {
		wait.Until = p.expiryCheckAt()
	}
	return wait
}

// ApplyWake notes the end of a wait. timerFired reports whether the last timer that was started has fired, now or
// earlier.
func (p *Payment) ApplyWake(timerFired bool) {
	p.unsynced = 0 // Temporal keeps everything up to a wait
	if timerFired {
		p.unsynced++
	}
}

// ApplyRecordResult applies the outcome of a Record. A refusal brings what the rows hold.
func (p *Payment) ApplyRecordResult(asked Record, result models.RecordResult) {
	p.applyWrite(asked.Input.State, result)
}

// ApplyCreditResult applies the outcome of a Credit. Transfers that could not be verified are held, so that the others
// need not wait for them.
func (p *Payment) ApplyCreditResult(asked Credit, result models.CreditResult) {
	after := p.withBookings(asked.Input.Credits, asked.Input.Reversals)
	if len(result.Unverified) > 0 || result.Recorded {
		for _, attempted := range slices.Concat(asked.Input.Credits, asked.Input.Reversals) {
			delete(p.held, attempted.TransferKey)
		}
	}
	if len(result.Unverified) > 0 {
		for _, unverified := range result.Unverified {
			p.held[unverified.TransferKey] = unverified.Reason
		}
		return
	}
	if result.Recorded {
		p.transfers = after.transfers
	}
	p.applyWrite(asked.Input.State, result.RecordResult)
}

// ApplyExpireResult applies the outcome of an Expire. Unless it was answered, or the window turned out to end later,
// AwaitScan follows.
func (p *Payment) ApplyExpireResult(asked Expire, result models.ExpireResult, now time.Time) {
	if result.ScannedPast {
		p.applyExpiry(asked.Input, result)
		return
	}
	p.moveWindow(result.WindowEnd, result.WindowAsOf)
	if !result.Paused && !p.isExpiryDue(now) {
		return // the token was paused for a while, so the window is longer
	}
	input := asked.Input
	input.AwaitScan = true
	p.awaitScan = &AwaitScan{Input: input, Answer: result}
}

// ApplyScanResult applies the outcome of an AwaitScan.
func (p *Payment) ApplyScanResult(asked AwaitScan, result models.ExpireResult) {
	p.awaitScan = nil
	if !result.ScannedPast { // the activity repeats the question instead of answering so; ask again rather than expire
		return
	}
	p.applyExpiry(asked.Input, result)
}

// ApplyInterruption notes that a Credit or an AwaitScan was cancelled by a signal. It may have been written all
// the same, which moves the version of the row.
func (p *Payment) ApplyInterruption() {
	p.awaitScan = nil
	p.unsynced += 2
}

func (p *Payment) applyExpiry(asked models.ExpireInput, result models.ExpireResult) {
	p.windowClosed = true
	p.applyWrite(asked.State, result.RecordResult)
}

// applyWrite applies the outcome of a write: the wanted state or, when the row had moved on, what it holds instead.
func (p *Payment) applyWrite(wanted models.PaymentState, result models.RecordResult) {
	switch {
	case result.Recorded:
		p.unsynced = 0
		p.setRecorded(wanted)
	case result.Snapshot != nil:
		p.ApplySnapshot(*result.Snapshot)
		if result.Refused != "" {
			p.applyRefusal(wanted, *result.Snapshot, result.Refused)
		}
	}
}

// applyRefusal takes over what the rows say about the window and, if the decision was refused, about that. If the same
// state follows all the same, the run ends, and the next one begins with nothing but the rows.
func (p *Payment) applyRefusal(wanted models.PaymentState, snapshot models.PaymentSnapshot, why models.Refusal) {
	if why == models.RefusedDecision {
		p.rejected = snapshot.State.Decision == models.DecisionReject
		p.accepted = snapshot.State.Decision == models.DecisionAccept
		p.reason = snapshot.State.Reason
	}
	p.windowClosed = p.accepted || snapshot.State.Status == models.StatusExpired
	p.extendedTo = snapshot.WindowEnd
	p.refused = &refusal{wanted, why}
}

// refusal is a state that the rows contradict.
type refusal struct {
	state models.PaymentState
	why   models.Refusal
}

// isRefused reports whether an effect would write a state that was refused just now.
func (p *Payment) isRefused(effect Effect) bool {
	if p.refused == nil {
		return false
	}
	switch effect := effect.(type) {
	case Record:
		return effect.Input.State == p.refused.state
	case Credit:
		return effect.Input.State == p.refused.state
	case Expire:
		return effect.Input.State == p.refused.state && p.refused.why != models.RefusedWindow
	default:
		return false
	}
}
