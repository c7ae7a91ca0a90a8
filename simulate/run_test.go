package simulate

import (
	"context"
	"time"

	"paycow/chain/chaintest"
	"paycow/models"
	"paycow/rules"
)

// run is the workflow of one payment. It survives the process; after it was terminated or has ended, the next signal starts
// another one. It carries out the effects of package rules in the order in which workflows.Payment does.
type run struct {
	payment models.Payment
	number  int // of the payment, for the trace
	rules   *rules.Payment
	alive   bool
	resume  bool         // the row is to be read before anything else
	began   int          // the step at which the run began
	inbox   []func()     // signals that have arrived and are not applied yet
	waiting *rules.Wait  // what the run waits for, nil while it does not
	timer   time.Time    // when the timer fires or has fired, zero before there is one
	pending rules.Effect // whose activity is being repeated, nil when there is none

	wasPaid    bool  // it was recorded as PAID
	takesBack  bool  // credits of a crowded payment were to be reversed since its state was recorded
	rejected   bool  // the operator has rejected the payment
	accepted   bool  // the operator has accepted it
	acceptedAt int64 // the version that was accepted, 0 when none was or its run was terminated afterwards
}

// signal brings a signal to a payment's run, starting one when there is none.
func (sim *simulation) signal(r *run, apply func(*rules.Payment)) {
	sim.start(r)
	r.inbox = append(r.inbox, func() { apply(r.rules) })
}

// start starts a run of a payment unless there is one.
func (sim *simulation) start(r *run) {
	if r.alive {
		return
	}
	sim.resume(r)
}

// resume begins another run of a payment, which starts from its row.
func (sim *simulation) resume(r *run) {
	input := models.NewPaymentInput(r.payment, sim.required(), chaintest.BlockTime)
	*r = run{
		payment: r.payment, number: r.number, wasPaid: r.wasPaid, takesBack: r.takesBack, rejected: r.rejected, accepted: r.accepted, acceptedAt: r.acceptedAt,
		rules: rules.NewPayment(input), alive: true, resume: true, began: sim.step,
	}
}

func (r *run) takeSignals() {
	for _, apply := range r.inbox {
		apply()
	}
	r.inbox = nil
}

// wakes reports whether the run goes on at the given time, and notes that it does.
func (r *run) wakes(now time.Time) bool {
	fired := !r.timer.IsZero() && !now.Before(r.timer)
	switch {
	case r.waiting != nil && len(r.inbox) == 0 && (r.waiting.Until.IsZero() || !fired):
		return false
	case r.waiting != nil:
		r.waiting = nil
		r.rules.ApplyWake(fired)
	case isInterruptible(r.pending) && len(r.inbox) > 0:
		r.pending = nil
		r.takeSignals()
		r.rules.ApplyInterruption()
	}
	return true
}

// isInterruptible reports whether a signal ends the repetition of the effect's activity.
func isInterruptible(effect rules.Effect) bool {
	switch effect.(type) {
	case rules.Credit, rules.Settle, rules.AwaitScan:
		return true
	default:
		return false
	}
}

// drive lets a run go on until it waits, ends, or needs an activity that fails: that is repeated at the next turn, whether it
// had its effect or not.
func (sim *simulation) drive(ctx context.Context, r *run) {
	if !r.alive || !r.wakes(time.Now()) {
		return
	}
	for range 20 {
		effect := r.pending
		switch {
		case effect != nil:
		case r.resume:
			effect = rules.Load{PaymentID: r.payment.ID}
		default:
			if r.rules.TakesSignals() {
				r.takeSignals()
			}
			effect = r.rules.Next(time.Now())
			// The workflow shows these for every effect, so they must never panic.
			_, _, _ = r.rules.Details(effect), effect.Summary(), r.rules.TxHashes()
		}
		r.pending = nil
		if done := sim.carryOut(ctx, r, effect); !done {
			r.pending = effect
			return
		}
		if r.waiting != nil || !r.alive {
			return
		}
	}
}

// carryOut does what the payment's rules want, through the activities. It returns false when the activity is to be repeated.
func (sim *simulation) carryOut(ctx context.Context, r *run, effect rules.Effect) (done bool) {
	act := sim.process.activities
	switch effect := effect.(type) {
	case rules.Wait:
		if r.began != sim.step && sim.rnd("continue as new", r.number)%12 == 0 { // its history has grown long
			sim.resume(r)
			return true
		}
		if now := time.Now(); !effect.Until.IsZero() && (r.timer.IsZero() || !now.Before(r.timer)) {
			r.timer = effect.Until
		}
		r.waiting = &effect
	case rules.End:
		r.alive = false
	case rules.Load:
		snapshot, err := act.LoadPayment(ctx, effect.PaymentID)
		if err != nil {
			return false
		}
		r.resume = false
		r.rules.ApplySnapshot(snapshot)
	case rules.Record:
		before := r.rules.Recorded()
		result, err := act.RecordPayment(ctx, effect.Input)
		if err != nil {
			return false
		}
		sim.tracef("payment %d: %s, recorded %t", r.number, effect.Summary(), result.Recorded)
		if result.Recorded {
			reversals := 0
			if r.takesBack {
				reversals++
			}
			r.takesBack = false
			sim.judgeProgress(r, before, effect.Input.State, reversals)
		}
		r.rules.ApplyRecordResult(effect, result)
	case rules.Credit:
		result, err := sim.credit(ctx, effect.Input)
		if err != nil {
			return false
		}
		sim.tracef("payment %d: %s, recorded %t, %d not verified", r.number, effect.Summary(), result.Recorded, len(result.Unverified))
		if result.Recorded {
			sim.judgeCredits(effect.Input)
			sim.judgeReversals(effect.Input)
			sim.judgeProgress(r, r.rules.Recorded(), effect.Input.State, len(effect.Input.Reversals))
		}
		r.rules.ApplyCreditResult(effect, result)
	case rules.Settle:
		r.takesBack = r.takesBack || effect.Crowd.Outdated > 0 // a reversal may be booked and its outcome lost
		result, err := act.SettlePayment(ctx, effect.Input)
		if err != nil {
			return false
		}
		sim.tracef("payment %d: %s, booked %d, held %q", r.number, effect.Summary(), result.Booked, result.Held)
		r.rules.ApplySettleResult(effect, result)
	case rules.Expire:
		result, err := sim.expire(ctx, r, effect.Input)
		if err != nil {
			result = models.ExpireResult{}
		}
		r.rules.ApplyExpireResult(effect, result, time.Now())
	case rules.AwaitScan:
		result, err := sim.expire(ctx, r, effect.Input)
		if err != nil {
			return false
		}
		r.rules.ApplyScanResult(effect, result)
	}
	return true
}

// credit makes a quick attempt and, when that books nothing, an ordinary one.
func (sim *simulation) credit(ctx context.Context, input models.CreditInput) (models.CreditResult, error) {
	act := sim.process.activities
	if !input.Await {
		result, err := act.CreditPayment(ctx, input)
		if err == nil && len(result.Unverified) == 0 {
			return result, nil
		}
	}
	return act.CreditPayment(ctx, input)
}

func (sim *simulation) expire(ctx context.Context, r *run, input models.ExpireInput) (result models.ExpireResult, err error) {
	if sim.mutant == expiryByClock {
		result.RecordResult, err = sim.process.activities.RecordPayment(ctx, models.RecordInput{PaymentID: input.PaymentID, State: input.State})
		result.ScannedPast = true
	} else {
		result, err = sim.process.activities.ExpirePayment(ctx, input)
	}
	if err != nil {
		return result, err
	}
	sim.tracef("payment %d: expiry asked for, scanned past %t, recorded %t, %s", r.number, result.ScannedPast, result.Recorded, result.Wait)
	if result.Recorded {
		sim.judgeExpiry(r.payment)
	}
	return result, nil
}
