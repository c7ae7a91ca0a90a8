package workflows

import (
	"time"

	"paycow/models"
)

// Rules are a payment's decisions without the engine that makes them durable. The Payment workflow interprets them; the
// simulator does too, so that it tests the rules that payments really live by.
type Rules struct{ fold *fold }

// NewRules returns the rules of a payment of which nothing but its creation is known.
func NewRules(input models.PaymentInput) *Rules { return &Rules{newFold(input)} }

// TakeSnapshot takes over what the database says.
func (r *Rules) TakeSnapshot(snapshot models.PaymentSnapshot) { r.fold.foldSnapshot(snapshot) }

// TakeTransfers folds a signal in.
func (r *Rules) TakeTransfers(signal models.TransfersSignal) {
	r.fold.heard()
	r.fold.extend(signal.WindowEnd)
	for _, notice := range signal.Transfers {
		r.fold.foldTransfer(notice)
	}
}

// TakeReject folds a rejection in. It returns false when it is refused.
func (r *Rules) TakeReject(reason string) bool {
	r.fold.heard()
	return r.fold.foldReject(reason)
}

// TakeAccept folds an acceptance in. It returns false when it is refused.
func (r *Rules) TakeAccept(decision models.DecisionSignal) bool {
	r.fold.heard()
	return r.fold.foldAccept(decision)
}

// Rest notes that everything up to now is kept, because the payment waits.
func (r *Rules) Rest() { r.fold.rested() }

// Recorded is what the row is known to hold.
func (r *Rules) Recorded() models.PaymentState { return r.fold.recorded }

// Next is what to do now: one of the Effect types, or nil to wait for a signal or the time.
func (r *Rules) Next(now time.Time) Effect {
	switch r.fold.next(now) {
	case actionLoad:
		return EffectLoad{}
	case actionSettle:
		return r.settlement(r.fold.credits(), false)
	case actionSettleHeld:
		return r.settlement(r.fold.heldCredits(), true)
	case actionRecord:
		state := r.fold.state()
		state.Version++
		return EffectRecord{models.RecordInput{PaymentID: r.fold.input.PaymentID, State: state}}
	case actionExpire:
		return EffectExpire{r.fold.expiry()}
	case actionEnd:
		return EffectEnd{}
	default:
		return nil
	}
}

func (r *Rules) settlement(credits []models.TransferNotice, await bool) Effect {
	input, after := r.fold.settlement(credits, r.fold.reversals(), await)
	return EffectSettle{Input: input, after: after}
}

// Effect is something that the rules want done.
type Effect interface{ effect() }

// The effects. The answer to each is handed back with the Take method of its name.
type (
	// EffectLoad wants the row and its transfers.
	EffectLoad struct{}
	// EffectRecord wants a state written.
	EffectRecord struct{ Input models.RecordInput }
	// EffectSettle wants transfers booked.
	EffectSettle struct {
		Input models.CreditInput
		after *fold
	}
	// EffectExpire wants to know whether anything came in time.
	EffectExpire struct{ Input models.ExpireInput }
	// EffectEnd says that nothing is left to wait for.
	EffectEnd struct{}
)

func (EffectLoad) effect()   {}
func (EffectRecord) effect() {}
func (EffectSettle) effect() {}
func (EffectExpire) effect() {}
func (EffectEnd) effect()    {}

// TakeRecorded takes the answer to an EffectRecord.
func (r *Rules) TakeRecorded(asked EffectRecord, result models.RecordResult) {
	r.fold.takeOver(asked.Input.State, result)
}

// TakeSettled takes the answer to an EffectSettle.
func (r *Rules) TakeSettled(asked EffectSettle, result models.CreditResult) {
	r.fold.takeSettled(asked.Input.State, asked.after, result)
}

// TakeExpired takes the answer to an EffectExpire.
func (r *Rules) TakeExpired(asked EffectExpire, result models.ExpireResult) {
	r.fold.extend(result.WindowEnd)
	if !result.ScannedPast {
		return
	}
	r.fold.closeWindow()
	r.fold.takeOver(asked.Input.State, result.RecordResult)
}
