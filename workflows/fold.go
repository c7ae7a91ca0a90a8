package workflows

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"paycow/models"
)

// fold is what a payment's workflow knows, and the rules that turn it into a status. It is plain data: every message is
// folded in, and the state that follows is derived from the whole, so that repeats and disorder of messages do no harm.
//
// Three kinds of facts are folded: transfers (a set keyed by transfer, the newest revision counts), the closing of the
// window (the chain was scanned past expiresAt), and decisions (reject, accept). A decision is a fact of the moment in which
// it is taken: it meets a status, and from then on it stands or was refused.
type fold struct {
	input        models.PaymentInput
	transfers    map[models.TransferKey]models.TransferNotice
	windowClosed bool
	rejected     bool
	accepted     bool
	reason       string
	held         map[models.TransferKey]string // confirmed transfers that could not be verified, and why
	extendedTo   time.Time                     // when the window really ends, if that is after its promised end
	undecided    *models.DecisionSignal        // an acceptance of a version of the row that is not known here yet
	recorded     models.PaymentState           // what the row holds
	// news counts the messages folded in since it was last certain what the row holds. The engine may drop a finished step
	// with all it knows of it and play it again, together with what has arrived since: then the row holds what followed from
	// the first message, and what follows from all of them may look like what was recorded before.
	news int
}

// heard notes that a message was folded in, or that the timer has fired.
func (f *fold) heard() { f.news++ }

// rested notes that the engine has kept everything up to now: it does before it lets a run wait.
func (f *fold) rested() { f.news = 0 }

// distrust notes that a write may have been made of which no answer came.
func (f *fold) distrust() { f.news += 2 }

// newFold returns the fold of a payment of which nothing but its creation is known.
func newFold(input models.PaymentInput) *fold {
	return &fold{
		input:     input,
		transfers: map[models.TransferKey]models.TransferNotice{},
		held:      map[models.TransferKey]string{},
		recorded:  models.PaymentState{Status: models.StatusPending, Version: 1},
	}
}

// foldSnapshot takes over what the database says. Transfers that are known already are only replaced by newer news, but
// what is credited is the database's to say.
func (f *fold) foldSnapshot(snapshot models.PaymentSnapshot) {
	recorded := snapshot.State
	// A decision that was folded and not yet recorded goes on if what the row says still allows it.
	undecided := f.rejected && !recorded.Status.IsFinal() ||
		f.accepted && recorded.Status == models.StatusExpired && recorded.Exception.IsAcceptable()
	if !undecided {
		f.rejected = recorded.Decision == models.DecisionReject
		f.accepted = recorded.Decision == models.DecisionAccept
		f.reason = recorded.Reason
	}
	f.windowClosed = f.windowClosed || f.accepted || recorded.Status == models.StatusExpired
	f.rested()
	f.setRecorded(recorded)
	f.extend(snapshot.WindowEnd)
	for _, notice := range snapshot.Transfers {
		f.foldTransfer(notice)
		known := f.transfers[notice.TransferKey]
		known.CreditedAmount = notice.CreditedAmount
		f.transfers[notice.TransferKey] = known
	}
}

// foldTransfer takes in one notice, unless what is known is newer.
func (f *fold) foldTransfer(notice models.TransferNotice) {
	known, ok := f.transfers[notice.TransferKey]
	if ok && !notice.Supersedes(known) {
		return
	}
	// Only the ledger's own transaction says what is credited; a notice may have been written before it.
	notice.CreditedAmount = max(notice.CreditedAmount, 0)
	if ok {
		notice.CreditedAmount = known.CreditedAmount
	}
	f.transfers[notice.TransferKey] = notice
	delete(f.held, notice.TransferKey) // with news it is worth another try
}

// extend notes a later end of the window. Of several the latest counts, so their order does not matter.
func (f *fold) extend(end time.Time) {
	if end.After(f.extendedTo) {
		f.extendedTo = end
	}
}

// windowEnd is when the window really ends, as far as is known.
func (f *fold) windowEnd() time.Time {
	if f.extendedTo.After(f.input.ExpiresAt) {
		return f.extendedTo
	}
	return f.input.ExpiresAt
}

// hold notes transfers that cannot be credited now. The others need not wait for them.
func (f *fold) hold(unverified []models.UnverifiedTransfer) {
	for _, u := range unverified {
		f.held[u.TransferKey] = u.Reason
	}
}

// foldReject takes in an operator's rejection. It is refused once the payment has ended.
func (f *fold) foldReject(reason string) bool {
	if f.recorded.Status.IsFinal() || f.rejected {
		return false
	}
	f.rejected, f.reason = true, plainReason(reason)
	return true
}

// foldAccept takes in an operator's acceptance of an under- or late payment. It is refused for any other. An acceptance of
// a newer version than the one known here (the row was written, but its answer has not arrived) is kept until that is known.
func (f *fold) foldAccept(decision models.DecisionSignal) bool {
	if decision.Version > f.recorded.Version {
		f.undecided = &decision
		return true
	}
	if f.recorded.Status != models.StatusExpired || !f.recorded.Exception.IsAcceptable() || f.accepted {
		return false
	}
	f.accepted, f.reason = true, plainReason(decision.Reason)
	return true
}

// setRecorded notes what the row holds now, and judges an acceptance that has waited for it.
func (f *fold) setRecorded(state models.PaymentState) {
	f.recorded = state
	if waiting := f.undecided; waiting != nil && waiting.Version <= state.Version {
		f.undecided = nil
		f.foldAccept(*waiting)
	}
}

// maxReasonRunes bounds a reason: signals typed by hand pass no API that would.
const maxReasonRunes = 500

// plainReason makes a text fit for every database and page: valid UTF-8, no control characters, not too long.
func plainReason(text string) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "")))
	return string(runes[:min(len(runes), maxReasonRunes)])
}

// closeWindow notes that the chain was read past the payment's end.
func (f *fold) closeWindow() { f.windowClosed = true }

// isLate tells whether a transfer was mined after the window. The block's own time decides, not when we heard of it.
func (f *fold) isLate(n models.TransferNotice) bool { return n.Block.Time.After(f.windowEnd()) }

func (f *fold) isConfirmed(n models.TransferNotice) bool {
	return n.Canonical && n.Confirmations >= f.input.Confirmations
}

// credits returns the confirmed transfers that the ledger does not hold yet, in the order of the chain, but for those that
// are held.
func (f *fold) credits() []models.TransferNotice {
	return firstOf(f.matching(func(n models.TransferNotice) bool {
		return f.isConfirmed(n) && n.CreditedAmount == 0 && !f.isHeld(n)
	}))
}

// heldCredits returns the confirmed transfers that could not be verified when it was last tried.
func (f *fold) heldCredits() []models.TransferNotice {
	return firstOf(f.matching(func(n models.TransferNotice) bool {
		return f.isConfirmed(n) && n.CreditedAmount == 0 && f.isHeld(n)
	}))
}

func (f *fold) isHeld(n models.TransferNotice) bool {
	_, held := f.held[n.TransferKey]
	return held
}

// maxSettled bounds how many transfers one booking verifies: a flood of dust must not make it outlast its time limit. The
// rest is booked by the next one.
const maxSettled = 20

func firstOf(notices []models.TransferNotice) []models.TransferNotice {
	return notices[:min(len(notices), maxSettled)]
}

// reversals returns the transfers whose credit no longer stands: a reorg took them away or changed what they pay.
func (f *fold) reversals() []models.TransferNotice {
	return firstOf(f.matching(func(n models.TransferNotice) bool {
		return n.CreditedAmount != 0 && (!n.Canonical || n.CreditedAmount != n.Amount)
	}))
}

// awaited returns the canonical transfers that still lack confirmations.
func (f *fold) awaited() []models.TransferNotice {
	return f.matching(func(n models.TransferNotice) bool {
		return n.Canonical && !f.isConfirmed(n) && n.CreditedAmount == 0
	})
}

// matching returns the transfers that match, in an order that does not depend on the map: block, hash, ordinal.
func (f *fold) matching(match func(models.TransferNotice) bool) []models.TransferNotice {
	var found []models.TransferNotice
	for _, n := range f.transfers {
		if match(n) {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, func(a, b models.TransferNotice) int {
		switch {
		case a.Block.Number != b.Block.Number:
			if a.Block.Number < b.Block.Number {
				return -1
			}
			return 1
		case a.TxHash != b.TxHash:
			return strings.Compare(a.TxHash, b.TxHash)
		default:
			return a.Ordinal - b.Ordinal
		}
	})
	return found
}

// settled returns the fold as it will be once the given credits and reversals are booked.
func (f *fold) settled(credits, reversals []models.TransferNotice) *fold {
	after := *f
	after.transfers = make(map[models.TransferKey]models.TransferNotice, len(f.transfers))
	maps.Copy(after.transfers, f.transfers)
	for _, n := range reversals {
		n.CreditedAmount = 0
		after.transfers[n.TransferKey] = n
	}
	for _, n := range credits {
		n.CreditedAmount = n.Amount
		after.transfers[n.TransferKey] = n
	}
	return &after
}

// settlement asks for credits and reversals to be booked. It also returns the fold as it will be then.
func (f *fold) settlement(credits, reversals []models.TransferNotice, await bool) (models.CreditInput, *fold) {
	after := f.settled(credits, reversals)
	state := after.state()
	state.Version++
	return models.CreditInput{
		PaymentID: f.input.PaymentID, OperatorID: f.input.OperatorID, DepositAddress: f.input.DepositAddress,
		Confirmations: f.input.Confirmations, Credits: credits, Reversals: reversals, State: state,
		AtStake: max(f.input.AmountRequested, state.AmountReceived), Await: await,
	}, after
}

// takeSettled folds in how a settlement went.
func (f *fold) takeSettled(wanted models.PaymentState, after *fold, result models.CreditResult) {
	if len(result.Unverified) > 0 {
		for _, tried := range after.transfers {
			if tried.CreditedAmount != 0 {
				delete(f.held, tried.TransferKey)
			}
		}
		f.hold(result.Unverified)
		return
	}
	if result.Recorded {
		f.transfers = after.transfers
	}
	f.takeOver(wanted, result.RecordResult)
}

// takeOver folds in the outcome of a write: the wanted state, or what the row says instead.
func (f *fold) takeOver(wanted models.PaymentState, result models.RecordResult) {
	switch {
	case result.Recorded:
		f.rested()
		f.setRecorded(wanted)
	case result.Snapshot != nil:
		f.foldSnapshot(*result.Snapshot)
	}
}

// expiry asks whether nothing came in the window, and for that to be recorded.
func (f *fold) expiry() models.ExpireInput {
	closed := *f
	closed.closeWindow()
	state := closed.state()
	state.Version++
	return models.ExpireInput{PaymentID: f.input.PaymentID, Network: f.input.Network, ExpiresAt: f.input.ExpiresAt, State: state}
}

// sums are the amounts that the rules look at, in micro-USDT.
type sums struct {
	received       models.Amount // canonical, whenever it came
	credited       models.Amount // in the ledger
	creditedInTime models.Amount
	creditedLate   models.Amount
	minedInTime    models.Amount // canonical and mined within the window
	confirming     models.Amount // of these, with ConfirmingFrom or more confirmations
	awaitedInTime  bool          // some of these still lack confirmations
	removed        bool          // a reorg has taken a transfer away
}

func (f *fold) sums() sums {
	var s sums
	for _, n := range f.transfers {
		if n.CreditedAmount != 0 {
			s.credited = s.credited.AddSaturating(n.CreditedAmount)
		}
		if !n.Canonical {
			s.removed = true
			continue
		}
		s.received = s.received.AddSaturating(n.Amount)
		if f.isLate(n) {
			s.creditedLate = s.creditedLate.AddSaturating(n.CreditedAmount)
			continue
		}
		s.creditedInTime = s.creditedInTime.AddSaturating(n.CreditedAmount)
		s.minedInTime = s.minedInTime.AddSaturating(n.Amount)
		if n.Confirmations >= min(models.ConfirmingFrom, f.input.Confirmations) {
			s.confirming = s.confirming.AddSaturating(n.Amount)
		}
		if n.CreditedAmount == 0 {
			s.awaitedInTime = true
		}
	}
	return s
}

// state derives what the row should say, with the recorded version.
func (f *fold) state() models.PaymentState {
	s := f.sums()
	state := models.PaymentState{
		AmountReceived: s.received, AmountCredited: s.credited, Reason: f.reason, Version: f.recorded.Version,
	}
	switch {
	case f.rejected:
		state.Decision = models.DecisionReject
	case f.accepted:
		state.Decision = models.DecisionAccept
	}
	state.Status, state.Exception = f.status(s)
	total := models.Amount(0)
	for _, n := range f.matching(func(n models.TransferNotice) bool { return n.Canonical }) {
		// What comes after the full amount says nothing about the payment any more.
		if total < f.input.AmountRequested {
			state.TxHash, state.LastBlock = n.TxHash, n.Block.Number
		}
		total = total.AddSaturating(n.Amount)
	}
	return state
}

func (f *fold) status(s sums) (models.Status, models.Exception) {
	requested := f.input.AmountRequested
	switch {
	case f.rejected && s.credited > 0:
		return models.StatusRejected, models.ExceptionAfterReject
	case f.rejected && s.removed:
		return models.StatusRejected, models.ExceptionReverted
	case f.rejected:
		return models.StatusRejected, models.ExceptionNone

	case f.accepted && s.credited > 0:
		return models.StatusPaid, models.ExceptionAccepted

	case s.creditedInTime >= requested && s.credited > requested:
		return models.StatusPaid, models.ExceptionOverpaid
	case s.creditedInTime >= requested:
		return models.StatusPaid, models.ExceptionNone

	case f.windowClosed && !s.awaitedInTime && s.creditedLate > 0:
		return models.StatusExpired, models.ExceptionPaidLate
	case f.windowClosed && !s.awaitedInTime && s.creditedInTime > 0:
		return models.StatusExpired, models.ExceptionUnderpaid
	case f.windowClosed && !s.awaitedInTime && s.removed:
		return models.StatusExpired, models.ExceptionReverted
	case f.windowClosed && !s.awaitedInTime:
		return models.StatusExpired, models.ExceptionNone
	}
	exception := models.ExceptionNone
	if s.removed {
		exception = models.ExceptionReverted
	}
	switch {
	case s.minedInTime == 0:
		return models.StatusPending, exception
	case s.confirming >= requested:
		return models.StatusConfirming, exception
	default:
		return models.StatusDetected, exception
	}
}

// action is what the workflow does next.
type action int

const (
	actionWait       action = iota // for a signal or the timer
	actionLoad                     // the row knows more than we do
	actionRecord                   // the row must follow the state
	actionSettle                   // the ledger must follow the chain
	actionSettleHeld               // the same for what could not be verified, for as long as it takes
	actionExpire                   // ask whether the window has closed
	actionEnd                      // nothing is left to wait for
)

// next decides what to do at the given time.
func (f *fold) next(now time.Time) action {
	state := f.state()
	switch {
	case state.Decision != f.recorded.Decision:
		return actionRecord // a decision waits for no node
	case f.undecided != nil:
		return actionLoad
	case len(f.credits()) > 0 || len(f.reversals()) > 0:
		return actionSettle
	case !state.Same(f.recorded):
		return actionRecord
	case f.news > 1:
		return actionLoad // a step that was dropped may have written something between
	case f.expiryIsOpen(state) && !now.Before(f.expiryCheckAt()):
		return actionExpire
	case len(f.heldCredits()) > 0:
		return actionSettleHeld
	case state.Status.IsFinal() && len(f.awaited()) == 0:
		return actionEnd
	default:
		return actionWait
	}
}

// expiryIsOpen tells whether the payment's expiry is still to be decided by asking the chain. While transfers of the window
// are on their way to their confirmations, the chain owns the rest.
func (f *fold) expiryIsOpen(state models.PaymentState) bool {
	return !state.Status.IsFinal() && !f.windowClosed && !f.sums().awaitedInTime
}

// expiryCheckAt is when the chain has usually been scanned past the payment's end.
func (f *fold) expiryCheckAt() time.Time {
	return f.windowEnd().Add(time.Duration(f.input.ExpiryGraceSeconds) * time.Second)
}
