// Package rules decides what a payment does next. It is plain data and pure functions, without Temporal and without
// I/O: the Payment workflow carries the decisions out durably, and the simulator carries out the same decisions in
// virtual time.
//
// What a caller may rely on:
//   - Messages may be repeated and may arrive in any order; the same set of messages leads to the same state.
//   - Everything is deterministic: nothing depends on the clock, on chance or on the order of a map.
//   - Next has no effect of its own. An effect is repeated until its outcome is applied.
package rules

import (
	"strings"
	"time"
	"unicode"

	"paycow/models"
)

// Payment is what is known about one payment. Every message and every outcome of an effect is applied to it, and its
// state is derived from the whole, so repeated and reordered messages do no harm.
//
// It knows three kinds of facts: transfers (a set keyed by transfer, of which the newest revision counts), the end of
// the window (the chain was read past it), and decisions (reject, accept). A decision is judged once, against the
// status at that moment; it is then either in force or refused.
type Payment struct {
	input        models.PaymentInput
	transfers    *transferSet
	windowClosed bool
	rejected     bool
	accepted     bool
	reason       string
	held         map[models.TransferKey]string // transfers whose credit or reversal could not be verified, and why
	crowd        *models.Crowd                 // the sums of all transfers, once they are too many to know each
	crowdHeld    string                        // why what is to be booked of them could not be at the last attempt
	crowdBehind  bool                          // the sums are older than the recorded state
	crowdWindow  time.Time                     // the end of the window that the sums were read for
	extendedTo   time.Time                     // the real end of the window, if it is later than the promised one
	windowAsOf   time.Time                     // when the database held what extendedTo was computed from
	undecided    *models.DecisionSignal        // an acceptance of a version of the row that is not known here yet
	recorded     models.PaymentState           // what the row is known to hold
	awaitScan    *AwaitScan                    // follows an Expire that could not be answered yet
	refused      *refusal                      // what the database refused, until there is news
	// unsynced counts the messages applied since it was last certain what the row holds. Temporal may drop a finished
	// workflow task with everything it learned, and replay it together with the messages that have arrived since. The row
	// then holds what followed from the first message, while what follows from all of them may look like the state
	// recorded before.
	unsynced int
}

// NewPayment returns a payment of which only its creation is known.
func NewPayment(input models.PaymentInput) *Payment {
	return &Payment{
		input:     input,
		transfers: newTransferSet(),
		held:      map[models.TransferKey]string{},
		recorded:  models.PaymentState{Status: models.StatusPending, Version: 1},
	}
}

// Recorded returns the state that the payment's row is known to hold.
func (p *Payment) Recorded() models.PaymentState { return p.recorded }

// Transfers returns every transfer known, in the order of the chain, or the sums of a crowded payment, and the end of
// the window if it has moved.
func (p *Payment) Transfers() models.TransfersSignal {
	return models.TransfersSignal{
		Transfers: p.transfers.all(), Crowd: p.crowd, WindowEnd: p.extendedTo, WindowAsOf: p.windowAsOf,
	}
}

// ApplySnapshot takes over the payment's row and transfers. Newer notices of transfers are kept, but the amounts
// credited are those of the database.
func (p *Payment) ApplySnapshot(snapshot models.PaymentSnapshot) {
	recorded := snapshot.State
	// A decision that was taken and is not recorded yet stays in force if the row still allows it.
	unrecorded := p.rejected && !recorded.Status.IsFinal() ||
		p.accepted && recorded.Status == models.StatusExpired && recorded.Exception.IsAcceptable()
	if !unrecorded {
		p.rejected = recorded.Decision == models.DecisionReject
		p.accepted = recorded.Decision == models.DecisionAccept
		p.reason = recorded.Reason
	}
	p.windowClosed = p.windowClosed || p.accepted || recorded.Status == models.StatusExpired
	p.unsynced = 0
	p.setRecorded(recorded)
	p.undecided = nil // the row was read after the signal, so a version that it has not reached does not exist
	p.moveWindow(snapshot.WindowEnd, snapshot.WindowAsOf)
	if snapshot.Crowd != nil { // read after everything that is known, so its window is the newest, too
		p.extendedTo, p.windowAsOf = snapshot.WindowEnd, snapshot.WindowAsOf
		p.applyCrowd(*snapshot.Crowd, p.windowEnd())
	}
	if p.crowd != nil {
		return
	}
	for _, notice := range snapshot.Transfers {
		p.applyTransfer(notice)
		known, _ := p.transfers.get(notice.TransferKey)
		known.CreditedAmount = notice.CreditedAmount
		p.transfers.put(known)
	}
}

// ApplyTransfers applies a signal that reports transfers.
func (p *Payment) ApplyTransfers(signal models.TransfersSignal) {
	p.refused = nil
	p.unsynced++
	p.moveWindow(signal.WindowEnd, signal.WindowAsOf)
	if signal.Crowd != nil {
		p.applyCrowdNews(*signal.Crowd)
	}
	if p.crowd != nil {
		return // the sums hold what was signalled before them
	}
	for _, notice := range signal.Transfers {
		p.applyTransfer(notice)
	}
}

// applyTransfer applies one notice, unless a newer one is known.
func (p *Payment) applyTransfer(notice models.TransferNotice) {
	known, ok := p.transfers.get(notice.TransferKey)
	if ok && !notice.Supersedes(known) {
		return
	}
	// Only the ledger's own transaction decides what is credited; a notice may have been written before it.
	notice.CreditedAmount = max(notice.CreditedAmount, 0)
	if ok {
		notice.CreditedAmount = known.CreditedAmount
	}
	p.transfers.put(notice)
	delete(p.held, notice.TransferKey) // a newer notice is worth another attempt
}

// ApplyReject applies an operator's rejection. It returns false when the rejection is refused, because the payment has
// ended or was rejected before.
func (p *Payment) ApplyReject(reason string) bool {
	p.refused = nil
	p.unsynced++
	if p.recorded.Status.IsFinal() || p.rejected {
		return false
	}
	p.rejected, p.reason = true, cleanReason(reason)
	return true
}

// ApplyAccept applies an operator's acceptance. It returns false when the acceptance is refused, because the payment is
// neither underpaid nor paid late. An acceptance of a version newer than the one known here (the row was written, but
// the outcome has not arrived) is kept until that version is known.
func (p *Payment) ApplyAccept(decision models.DecisionSignal) bool {
	p.refused = nil
	p.unsynced++
	return p.accept(decision)
}

func (p *Payment) accept(decision models.DecisionSignal) bool {
	if decision.Version > p.recorded.Version {
		// Of several, the one that the row reaches first is kept: a later one may name a version that never comes.
		if p.undecided == nil || decision.Version < p.undecided.Version {
			p.undecided = &decision
		}
		return true
	}
	if p.recorded.Status != models.StatusExpired || !p.recorded.Exception.IsAcceptable() || p.accepted {
		return false
	}
	p.accepted, p.reason = true, cleanReason(decision.Reason)
	return true
}

// setRecorded notes what the row holds now, and judges an acceptance that was kept for that version.
func (p *Payment) setRecorded(state models.PaymentState) {
	p.recorded = state
	if kept := p.undecided; kept != nil && kept.Version <= state.Version {
		p.undecided = nil
		p.accept(*kept)
	}
}

// maxReasonRunes bounds a reason, in characters. The API has its own limit, but a signal can be sent by hand.
const maxReasonRunes = 500

// cleanReason returns a text that every database and page can hold: valid UTF-8, without control characters, and not
// longer than maxReasonRunes. It adds no ellipsis, because the text is stored as the operator's own.
func cleanReason(text string) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "")))
	return string(runes[:min(len(runes), maxReasonRunes)])
}

// moveWindow notes the end of the window, as the database held it at a time. The newest end counts, also when it is the
// earlier one: the pause that had moved it may have been taken back. Of ends whose order is not known, and against an
// older one, the latest counts: an end that is too late harms less than one that is too early.
func (p *Payment) moveWindow(end, asOf time.Time) {
	switch {
	case !asOf.IsZero() && !asOf.Before(p.windowAsOf):
		p.extendedTo, p.windowAsOf = end, asOf
	case end.After(p.extendedTo):
		p.extendedTo = end
	}
}

// windowEnd returns when the window really ends, as far as is known.
func (p *Payment) windowEnd() time.Time {
	if p.extendedTo.After(p.input.ExpiresAt) {
		return p.extendedTo
	}
	return p.input.ExpiresAt
}

// isLate reports whether a transfer was mined after the window. The time of its block decides, not when it was noticed.
func (p *Payment) isLate(n models.TransferNotice) bool { return n.Block.Time.After(p.windowEnd()) }

func (p *Payment) isConfirmed(n models.TransferNotice) bool {
	return n.Canonical && n.Confirmations >= p.input.Confirmations
}

func (p *Payment) isHeld(n models.TransferNotice) bool {
	_, held := p.held[n.TransferKey]
	return held
}

// maxCredits bounds how many transfers one Credit verifies, so that a flood of tiny transfers cannot make it outlast
// its time limit. The next one books the rest.
const maxCredits = 20

func firstOf(notices []models.TransferNotice) []models.TransferNotice {
	return notices[:min(len(notices), maxCredits)]
}

// credits returns the confirmed transfers that the ledger does not hold yet, in the order of the chain, without those
// that are held.
func (p *Payment) credits() []models.TransferNotice {
	return firstOf(p.transfers.matching(func(n models.TransferNotice) bool {
		return p.isConfirmed(n) && n.CreditedAmount == 0 && !p.isHeld(n)
	}))
}

// heldCredits returns the confirmed transfers that could not be verified at the last attempt.
func (p *Payment) heldCredits() []models.TransferNotice {
	return firstOf(p.transfers.matching(func(n models.TransferNotice) bool {
		return p.isConfirmed(n) && n.CreditedAmount == 0 && p.isHeld(n)
	}))
}

// reversals returns the transfers whose credit is no longer right, without those that are held.
func (p *Payment) reversals() []models.TransferNotice {
	return firstOf(p.transfers.matching(func(n models.TransferNotice) bool { return isOutdated(n) && !p.isHeld(n) }))
}

// heldReversals returns the transfers whose credit is no longer right, and whose removal could not be verified at the
// last attempt.
func (p *Payment) heldReversals() []models.TransferNotice {
	return firstOf(p.transfers.matching(func(n models.TransferNotice) bool { return isOutdated(n) && p.isHeld(n) }))
}

// isOutdated reports whether a transfer has a credit that is no longer right: a reorg removed it or changed what it
// pays.
func isOutdated(n models.TransferNotice) bool {
	return n.CreditedAmount != 0 && (!n.Canonical || n.CreditedAmount != n.Amount)
}

// standing returns a transfer as the state counts it. What is credited counts until its credit is reversed: only the
// quorum takes back what the quorum has confirmed.
func standing(n models.TransferNotice) models.TransferNotice {
	if isOutdated(n) {
		n.Canonical, n.Amount = true, n.CreditedAmount
	}
	return n
}

// unconfirmed returns the canonical transfers that still need confirmations.
func (p *Payment) unconfirmed() []models.TransferNotice {
	return p.transfers.matching(func(n models.TransferNotice) bool {
		return n.Canonical && !p.isConfirmed(n) && n.CreditedAmount == 0
	})
}

// withBookings returns the payment as it will be once the credits and reversals are booked.
func (p *Payment) withBookings(credits, reversals []models.TransferNotice) *Payment {
	after := *p
	after.transfers = p.transfers.clone()
	for _, n := range reversals {
		n.CreditedAmount = 0
		after.transfers.put(n)
	}
	for _, n := range credits {
		n.CreditedAmount = n.Amount
		after.transfers.put(n)
	}
	return &after
}
