package workflows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"paycow/models"
)

// world is one payment with its database row, a fold that may crash, and messages that arrive in any order, repeated, late.
type world struct {
	t        *rapid.T
	db       *modelStore
	fold     *fold // nil while no run is open
	pending  []models.TransferNotice
	sent     []models.TransferNotice
	now      time.Time
	rejects  int // rejections that must have been taken
	sequence int
}

// chainStep is one change of a transfer on the chain: mined in a block, mined elsewhere, or removed.
func (w *world) chainStep(key models.TransferKey) {
	row := w.db.transfers[key]
	row.TransferKey, row.Revision = key, row.Revision+1
	w.sequence++
	removed := row.Canonical && rapid.IntRange(0, 2).Draw(w.t, "removed") == 0
	row.Canonical, row.Confirmations = !removed, 0
	if !removed {
		late := rapid.IntRange(0, 3).Draw(w.t, "late") == 0
		row.Block = models.BlockRef{Number: uint64(100 + w.sequence), Hash: fmt.Sprintf("0x%064x", w.sequence), Time: created.Add(time.Duration(w.sequence) * time.Second)}
		if late {
			row.Block.Time = testInput.ExpiresAt.Add(time.Duration(w.sequence) * time.Second)
		}
		row.Confirmations = 1
		row.Amount = rapid.SampledFrom([]models.Amount{1, 20 * models.USDT, 25 * models.USDT, 50 * models.USDT, 70 * models.USDT}).Draw(w.t, "amount")
	}
	w.pending = append(w.pending, w.db.put(row))
}

// confirm gives a transfer more confirmations.
func (w *world) confirm(key models.TransferKey) {
	row := w.db.transfers[key]
	if next, ok := models.NextMilestone(row.Confirmations, testInput.Confirmations); ok && row.Canonical {
		row.Confirmations = next
		w.pending = append(w.pending, w.db.put(row))
	}
}

// run lets the open run do what it wants until it waits or ends. Any write may be committed and its answer lost.
func (w *world) run() {
	for range 200 {
		if w.fold == nil {
			return
		}
		switch todo := w.fold.next(w.now); todo {
		case actionWait:
			return
		case actionLoad:
			w.fold.foldSnapshot(*w.db.snapshot())
		case actionEnd:
			w.fold = nil
			return
		case actionRecord:
			state := w.fold.state()
			state.Version++
			w.write(func() (models.RecordResult, error) {
				return w.db.RecordPayment(context.Background(), models.RecordInput{State: state})
			}, state)
		case actionSettle, actionSettleHeld:
			credits, reversals := w.fold.credits(), w.fold.reversals()
			if todo == actionSettleHeld {
				credits = w.fold.heldCredits()
			}
			if waits := w.settle(w.fold.settlement(credits, reversals, todo == actionSettleHeld)); waits {
				return
			}
		case actionExpire:
			if !w.db.scanned {
				return
			}
			closed := *w.fold
			closed.closeWindow()
			state := closed.state()
			state.Version++
			var result models.ExpireResult
			w.write(func() (models.RecordResult, error) {
				var err error
				result, err = w.db.ExpirePayment(context.Background(), models.ExpireInput{ExpiresAt: testInput.ExpiresAt, State: state})
				return result.RecordResult, err
			}, state)
			if w.fold != nil && result.ScannedPast {
				w.fold.closeWindow()
			}
		}
		w.checkLedger()
	}
	w.t.Fatalf("the run does not come to rest: next %d, recorded %+v, derived %+v", w.fold.next(w.now), w.fold.recorded, w.fold.state())
}

// write performs a write as an activity does: tried again when the process dies before or after its commit, or given up
// because of a signal although it was committed. A run itself survives a crash, because the engine replays it.
func (w *world) write(commit func() (models.RecordResult, error), state models.PaymentState) {
	result, known := committed(w, commit)
	if known {
		w.fold.takeOver(state, result)
	}
}

// settle books as write writes. It returns whether the nodes confirm nothing of what is held, so that the payment waits.
func (w *world) settle(input models.CreditInput, after *fold) (waits bool) {
	result, known := committed(w, func() (models.CreditResult, error) {
		result, err := w.db.CreditPayment(context.Background(), input)
		if waits = errors.Is(err, errModelUnverified); waits {
			err = nil
		}
		return result, err
	})
	switch {
	case !known:
		w.fold.distrust()
	case !waits:
		w.fold.takeSettled(input.State, after, result)
	}
	return waits
}

// committed is a commit under the fates of write. known is false when its answer never came.
func committed[T any](w *world, commit func() (T, error)) (result T, known bool) {
	fate := rapid.IntRange(0, 9).Draw(w.t, "write")
	if fate == 0 { // given up before
		return result, false
	}
	result, err := commit()
	if fate == 1 { // given up after
		return result, false
	}
	if fate == 2 { // committed, died, tried again
		result, err = commit()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return result, true
}

// restart begins a run as one that was started by a signal: from the row.
func (w *world) restart() {
	w.fold = newFold(testInput)
	w.fold.foldSnapshot(*w.db.snapshot())
}

// deliver brings one message to the payment, starting a run when none is open.
func (w *world) deliver(n models.TransferNotice) {
	if w.fold == nil {
		w.restart()
	}
	w.fold.rested()
	if rapid.IntRange(0, 4).Draw(w.t, "dropped") == 0 {
		w.dropStep(n)
	}
	w.take(n)
	w.sent = append(w.sent, n)
	w.run()
}

func (w *world) take(n models.TransferNotice) {
	w.fold.heard()
	w.fold.foldTransfer(n)
}

// dropStep lets the run act on a message and then forget that it did: the engine refuses a step that ends a run when another
// message has arrived, and plays it again with both. What the step wrote stays written.
func (w *world) dropStep(n models.TransferNotice) {
	before := *w.fold
	before.transfers, before.held = maps.Clone(w.fold.transfers), maps.Clone(w.fold.held)
	w.take(n)
	w.run()
	w.fold = &before
	w.chainStep(n.TransferKey)
	last := len(w.pending) - 1
	w.take(w.pending[last])
	w.sent, w.pending = append(w.sent, w.pending[last]), w.pending[:last]
}

func (w *world) reject() {
	if w.fold == nil {
		w.restart()
	}
	final := w.db.state.Status.IsFinal()
	taken := w.fold.foldReject("no")
	w.run()
	if final && w.db.state.Decision == models.DecisionReject && w.rejects == 0 {
		w.t.Fatalf("a rejection was taken after the payment had ended as %s", w.db.state.Status)
	}
	if taken && !final {
		w.rejects++
	}
}

func (w *world) accept() {
	if w.fold == nil {
		w.restart()
	}
	// The API accepts what the row says, which a run may not know yet: a write was given up, or its answer is on its way.
	row := w.db.state
	w.fold.foldAccept(models.DecisionSignal{Reason: "fine", Version: row.Version})
	w.run()
	if row.Status == models.StatusExpired && row.Exception.IsAcceptable() && w.db.state.Decision != models.DecisionAccept {
		w.t.Fatalf("an acceptance of %+v was lost: %+v", row, w.db.state)
	}
}

// checkLedger says that what is booked for each transfer is exactly what its row says is credited, and nothing else.
func (w *world) checkLedger() {
	total := models.Amount(0)
	for key, n := range w.db.transfers {
		if w.db.booked[key.String()] != n.CreditedAmount {
			w.t.Fatalf("transfer %s: booked %s, row says %s", key, w.db.booked[key.String()], n.CreditedAmount)
		}
		total += n.CreditedAmount
	}
	for _, amount := range w.db.booked {
		total -= amount
	}
	if total != 0 {
		w.t.Fatalf("the ledger holds %s that no transfer explains", -total)
	}
}

// TestAnyOrderEndsInTheSameTruth drives a payment with transfers, reorgs, confirmations, expiry and decisions in any order,
// with repeats, lost answers and crashes, and compares the end with a truth that is computed from the chain alone.
func TestAnyOrderEndsInTheSameTruth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, db: newModelStore(), fold: newFold(testInput), now: created}
		keys := make([]models.TransferKey, rapid.IntRange(0, 4).Draw(t, "transfers"))
		for i := range keys {
			// Two of a kind share a transaction: they are two transfers all the same.
			keys[i] = models.TransferKey{ChainID: 1, TxHash: fmt.Sprintf("0x%064x", 1000+i/2), Ordinal: i % 2}
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 10).Draw(t, "step") {
			case 0, 1:
				if len(keys) > 0 {
					w.chainStep(rapid.SampledFrom(keys).Draw(t, "key"))
				}
			case 2, 3:
				if len(keys) > 0 {
					w.confirm(rapid.SampledFrom(keys).Draw(t, "key"))
				}
			case 4, 5, 6:
				if len(w.pending) > 0 {
					i := rapid.IntRange(0, len(w.pending)-1).Draw(t, "which")
					n := w.pending[i]
					w.pending = append(w.pending[:i:i], w.pending[i+1:]...)
					w.deliver(n)
				}
			case 7:
				if len(w.sent) > 0 {
					w.deliver(rapid.SampledFrom(w.sent).Draw(t, "repeat"))
				}
			case 8:
				switch rapid.IntRange(0, 5).Draw(t, "decision") {
				case 0:
					w.reject()
				case 1, 2:
					w.accept()
				default:
					w.now = testInput.ExpiresAt.Add(time.Minute)
					w.db.scanned = rapid.Bool().Draw(t, "scanned") || w.db.scanned
					w.run()
				}
			case 9: // an admin ends the run by hand; one that holds a decision not yet recorded would lose it
				if w.fold == nil || w.fold.state().Decision == w.db.state.Decision {
					w.restart()
					w.run()
				}
			case 10: // the nodes cease or begin to confirm a transfer
				if len(keys) > 0 {
					key := rapid.SampledFrom(keys).Draw(t, "key")
					w.db.unverifiable[key] = !w.db.unverifiable[key]
					w.run()
				}
			}
			w.checkLedger()
		}
		// Everything that is under way arrives, the chain is read past the window, crashed runs come back.
		w.now, w.db.scanned = testInput.ExpiresAt.Add(time.Hour), true
		clear(w.db.unverifiable)
		for len(w.pending) > 0 {
			i := rapid.IntRange(0, len(w.pending)-1).Draw(t, "which")
			n := w.pending[i]
			w.pending = append(w.pending[:i:i], w.pending[i+1:]...)
			w.deliver(n)
		}
		w.run()
		if w.fold == nil {
			w.restart()
			w.run()
		}
		for key, n := range w.db.transfers {
			want := models.Amount(0)
			if n.Canonical && (n.Confirmations >= testInput.Confirmations || n.CreditedAmount == n.Amount) {
				want = n.Amount
			}
			if n.CreditedAmount != want {
				t.Fatalf("transfer %s: credited %s, want %s (%+v)", key, n.CreditedAmount, want, n)
			}
		}
		status, exception := truth(w.db)
		if w.db.state.Status != status || w.db.state.Exception != exception {
			t.Fatalf("ended as %s %q, the truth is %s %q; transfers %+v, row %+v", w.db.state.Status, w.db.state.Exception, status, exception, w.db.transfers, w.db.state)
		}
		if w.rejects > 0 && w.db.state.Decision != models.DecisionReject && !paidMeanwhile(w.db.states) {
			t.Fatalf("a rejection was taken and is gone: %+v", w.db.states)
		}
	})
}

// truth says what a payment must end as, from the rows of its transfers and the decision that was recorded.
func truth(db *modelStore) (models.Status, models.Exception) {
	var inTime, late, all, mined, confirming models.Amount
	var removed, open bool
	for _, n := range db.transfers {
		isLate := n.Block.Time.After(testInput.ExpiresAt)
		switch {
		case !n.Canonical:
			removed = true
		case n.CreditedAmount > 0 && isLate:
			late, all = late+n.Amount, all+n.Amount
		case n.CreditedAmount > 0:
			inTime, all, mined = inTime+n.Amount, all+n.Amount, mined+n.Amount
		case !isLate:
			open, mined = true, mined+n.Amount
		}
		if n.Canonical && !isLate && n.Confirmations >= 2 {
			confirming += n.Amount
		}
	}
	requested := testInput.AmountRequested
	pick := func(condition bool, e models.Exception) models.Exception {
		if condition {
			return e
		}
		return models.ExceptionNone
	}
	if db.state.Decision == models.DecisionReject {
		if all > 0 {
			return models.StatusRejected, models.ExceptionAfterReject
		}
		return models.StatusRejected, pick(removed, models.ExceptionReverted)
	}
	if db.state.Decision == models.DecisionAccept && all > 0 {
		return models.StatusPaid, models.ExceptionAccepted
	}
	if inTime >= requested {
		return models.StatusPaid, pick(all > requested, models.ExceptionOverpaid)
	}
	if open {
		switch {
		case confirming >= requested:
			return models.StatusConfirming, pick(removed, models.ExceptionReverted)
		case mined > 0:
			return models.StatusDetected, pick(removed, models.ExceptionReverted)
		}
	}
	switch {
	case late > 0:
		return models.StatusExpired, models.ExceptionPaidLate
	case inTime > 0:
		return models.StatusExpired, models.ExceptionUnderpaid
	default:
		return models.StatusExpired, pick(removed, models.ExceptionReverted)
	}
}

// paidMeanwhile tells whether the payment ended before the rejection could be recorded.
func paidMeanwhile(states []models.PaymentState) bool {
	for _, s := range states {
		if s.Status.IsFinal() && s.Decision != models.DecisionReject {
			return true
		}
	}
	return false
}
