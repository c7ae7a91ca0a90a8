package rules

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"paycow/models"
	"paycow/rules/rulestest"
)

var (
	created   = rulestest.Created
	testInput = rulestest.Input()
)

// TestMain makes the property tests long enough to find what few orders show: rapid's own default is 100 checks.
func TestMain(m *testing.M) {
	flag.Parse()
	isGiven := false
	flag.Visit(func(f *flag.Flag) { isGiven = isGiven || f.Name == "rapid.checks" })
	if !isGiven {
		if err := flag.Set("rapid.checks", "20000"); err != nil {
			panic(err)
		}
	}
	m.Run()
}

// world is one payment with its database row, a run of its workflow that may crash, and signals that arrive in any order,
// repeated, late. It carries effects out as the Payment workflow does.
type world struct {
	t       *rapid.T
	db      *rulestest.Store
	keys    []models.TransferKey
	payment *Payment // nil while no run is open
	inbox   []func() // signals that have arrived and are not applied yet
	patient bool     // an activity that a signal interrupts is being repeated
	timer   time.Time
	pending []news
	sent    []news
	now     time.Time
	rejects int // rejections that must stay in force
	// paid and reversed are whether the row was PAID, and how many reversals there were, when it was last looked at.
	paid     bool
	reversed int
	sequence int
}

// news is a signal about one transfer that is under way. For a crowded payment it holds the sums at the time of the change.
type news struct {
	key    models.TransferKey
	signal models.TransfersSignal
}

// put changes a transfer's row as the follower does, and lets a signal be under way.
func (w *world) put(row models.TransferNotice) {
	row = w.db.Put(row)
	w.pending = append(w.pending, news{row.TransferKey, w.db.News(row)})
}

// chainStep is one change of a transfer on the chain: mined in a block, mined elsewhere, or removed.
func (w *world) chainStep(key models.TransferKey) {
	row := w.db.Transfers[key]
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
		// What a reorg mines again is mined after the payment's creation.
		row.IsEarly = row.Revision == 1 && rapid.IntRange(0, 4).Draw(w.t, "early") == 0
		row.Confirmations = 1
		row.Amount = rapid.SampledFrom([]models.Amount{1, 20 * models.USDT, 25 * models.USDT, 50 * models.USDT, 70 * models.USDT}).Draw(w.t, "amount")
	}
	w.put(row)
}

// confirm gives a transfer more confirmations.
func (w *world) confirm(key models.TransferKey) {
	row := w.db.Transfers[key]
	if next, ok := models.NextMilestone(row.Confirmations, testInput.Confirmations); ok && row.Canonical {
		row.Confirmations = next
		w.put(row)
	}
}

// pause lets the token be paused, or ends the pause: then the window is longer by some seconds, and the chain has to be read
// further.
func (w *world) pause() {
	switch {
	case w.db.Paused:
		end := testInput.ExpiresAt
		if w.db.WindowEnd.After(end) {
			end = w.db.WindowEnd
		}
		w.db.EndPause(end.Add(time.Duration(rapid.IntRange(1, 40).Draw(w.t, "pause")) * time.Second))
	case !w.db.Scanned: // a pause that touches the window is read before the end of the window is
		w.db.Paused = true
	}
}

// wake ends a wait or interrupts a patient activity, as the arrival of a signal or the timer does.
func (w *world) wake() {
	switch {
	case w.patient && len(w.inbox) > 0:
		w.takeSignals()
		w.payment.ApplyInterruption()
		w.patient = false
	case !w.patient:
		w.payment.ApplyWake(!w.timer.IsZero() && !w.now.Before(w.timer))
	}
}

func (w *world) takeSignals() {
	for _, apply := range w.inbox {
		apply()
	}
	w.inbox = nil
}

// run lets the open run do what it wants until it waits or ends. Any write may be committed and its outcome lost.
func (w *world) run() {
	if w.payment == nil {
		return
	}
	w.patient = false
	for range 200 {
		if w.payment.TakesSignals() {
			w.takeSignals()
		}
		effect := w.payment.Next(w.now)
		// The workflow shows these for every effect, so they must never panic.
		_, _, _ = w.payment.Details(effect), effect.Summary(), w.payment.TxHashes()
		switch effect := effect.(type) {
		case Wait:
			if !effect.Until.IsZero() && (w.timer.IsZero() || !w.now.Before(w.timer)) {
				w.timer = effect.Until
			}
			return
		case Load:
			w.payment.ApplySnapshot(*w.db.Snapshot())
		case End:
			w.payment = nil
			return
		case Record:
			if result, known := committed(w, func() (models.RecordResult, error) {
				return w.db.RecordPayment(context.Background(), effect.Input)
			}); known {
				w.payment.ApplyRecordResult(effect, result)
			}
		case Credit:
			if w.credit(effect); w.patient {
				return
			}
		case Settle:
			if w.settle(effect); w.patient {
				return
			}
		case Expire:
			result, known := committed(w, func() (models.ExpireResult, error) {
				return w.db.ExpirePayment(context.Background(), effect.Input)
			})
			if !known {
				result = models.ExpireResult{}
			}
			w.payment.ApplyExpireResult(effect, result, w.now)
		case AwaitScan:
			if w.awaitScan(effect); w.patient {
				return
			}
		}
		w.checkLedger()
	}
	w.t.Fatalf("the run does not come to rest: next %#v, recorded %+v, derived %+v", w.payment.Next(w.now), w.payment.recorded, w.payment.state())
}

// credit books, unless the nodes confirm nothing of what is held: then the activity is repeated.
func (w *world) credit(effect Credit) {
	result, known := committed(w, func() (models.CreditResult, error) {
		result, err := w.db.CreditPayment(context.Background(), effect.Input)
		if w.patient = errors.Is(err, rulestest.ErrUnverified); w.patient {
			err = nil
		}
		return result, err
	})
	switch {
	case !known:
		w.interrupt()
	case !w.patient:
		w.payment.ApplyCreditResult(effect, result)
	}
}

// settle books what the nodes confirm of a crowded payment, unless they confirm nothing: then the activity is repeated.
func (w *world) settle(effect Settle) {
	w.db.SettleLimit = rapid.IntRange(0, 2).Draw(w.t, "page")
	result, known := committed(w, func() (models.SettleResult, error) {
		result, err := w.db.SettlePayment(context.Background(), effect.Input)
		if w.patient = errors.Is(err, rulestest.ErrUnverified); w.patient {
			err = nil
		}
		return result, err
	})
	switch {
	case !known:
		w.interrupt()
	case !w.patient:
		w.payment.ApplySettleResult(effect, result)
	}
}

// awaitScan expires the payment, unless the chain has not been read far enough: then the activity is repeated.
func (w *world) awaitScan(effect AwaitScan) {
	result, known := committed(w, func() (models.ExpireResult, error) {
		result, err := w.db.ExpirePayment(context.Background(), effect.Input)
		w.patient = err != nil
		return result, nil
	})
	switch {
	case !known:
		w.interrupt()
	case !w.patient:
		w.payment.ApplyScanResult(effect, result)
	}
}

// interrupt gives up an activity whose outcome is not known, because of a signal. Often it says that the chain has changed.
func (w *world) interrupt() {
	w.patient = false
	if len(w.keys) > 0 && rapid.Bool().Draw(w.t, "changed") {
		w.chainStep(rapid.SampledFrom(w.keys).Draw(w.t, "key"))
		last := len(w.pending) - 1
		w.send(w.pending[last])
		w.pending = w.pending[:last]
	}
	w.takeSignals()
	w.payment.ApplyInterruption()
}

// committed performs a write as an activity does: repeated when the process dies before or after its commit, or given up
// although it was committed. A run itself survives a crash, because Temporal replays it. known is false when the outcome never
// came.
func committed[T any](w *world, commit func() (T, error)) (result T, known bool) {
	fate := rapid.IntRange(0, 9).Draw(w.t, "write")
	if fate == 0 { // given up before
		return result, false
	}
	result, err := commit()
	if fate == 1 { // given up after
		return result, false
	}
	if fate == 2 { // committed, died, repeated
		result, err = commit()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return result, true
}

// restart begins a run as one that was started by a signal: from the row.
func (w *world) restart() {
	w.payment, w.patient, w.timer, w.inbox = NewPayment(testInput), false, time.Time{}, nil
	w.payment.ApplySnapshot(*w.db.Snapshot())
}

// deliver brings one signal to the payment, starting a run when none is open.
func (w *world) deliver(n news) {
	if w.payment == nil {
		w.restart()
	} else if !w.patient {
		w.wake()
	}
	if !w.patient && rapid.IntRange(0, 4).Draw(w.t, "dropped") == 0 {
		w.dropStep(n)
	}
	w.send(n)
	if w.patient {
		w.wake()
	}
	w.run()
}

// send puts a signal into the inbox.
func (w *world) send(n news) {
	w.sent = append(w.sent, n)
	signal := n.signal
	if signal.Crowd == nil {
		signal.WindowEnd = w.db.WindowEnd
	}
	w.inbox = append(w.inbox, func() { w.payment.ApplyTransfers(signal) })
}

// clone returns an independent copy of a payment.
func clone(p *Payment) *Payment {
	c := *p
	c.transfers, c.held = p.transfers.clone(), maps.Clone(p.held)
	return &c
}

// dropStep lets the run act on a signal and then forget that it did: Temporal refuses a workflow task that ends a run when
// another signal has arrived, and replays it with both. What the task wrote stays written.
func (w *world) dropStep(n news) {
	before, timer := clone(w.payment), w.timer
	w.send(n)
	w.run()
	w.payment, w.timer, w.patient, w.inbox = before, timer, false, nil
	w.sent = w.sent[:len(w.sent)-1]
	w.chainStep(n.key)
	last := len(w.pending) - 1
	w.send(w.pending[last])
	w.pending = w.pending[:last]
}

// decide lets an operator's decision arrive.
func (w *world) decide(apply func()) {
	if w.payment == nil {
		w.restart()
	}
	w.inbox = append(w.inbox, apply)
	w.wake()
	w.run()
}

func (w *world) reject() {
	final := w.db.State.Status.IsFinal()
	inForce := false
	w.decide(func() { inForce = w.payment.ApplyReject("no") })
	if final && w.db.State.Decision == models.DecisionReject && w.rejects == 0 {
		w.t.Fatalf("a rejection was taken after the payment had ended as %s", w.db.State.Status)
	}
	if inForce && !final {
		w.rejects++
	}
}

func (w *world) accept() {
	// The API accepts what the row says.
	row := w.db.State
	w.decide(func() { w.payment.ApplyAccept(models.DecisionSignal{Reason: "fine", Version: row.Version}) })
	if row.Status == models.StatusExpired && row.Exception.IsAcceptable() && w.db.State.Decision != models.DecisionAccept {
		w.t.Fatalf("an acceptance of %+v was lost: %+v", row, w.db.State)
	}
}

// pass lets time go on.
func (w *world) pass(until time.Time) {
	w.now = until
	if w.payment != nil {
		w.wake()
	}
	w.run()
}

// checkLedger says that what is booked for each transfer is exactly what its row says is credited, and nothing else.
func (w *world) checkLedger() {
	total := models.Amount(0)
	for key, n := range w.db.Transfers {
		if w.db.Booked[key.String()] != n.CreditedAmount {
			w.t.Fatalf("transfer %s: booked %s, row says %s", key, w.db.Booked[key.String()], n.CreditedAmount)
		}
		total += n.CreditedAmount
	}
	for _, amount := range w.db.Booked {
		total -= amount
	}
	if total != 0 {
		w.t.Fatalf("the ledger holds %s that no transfer explains", -total)
	}
	isPaid := w.db.State.Status == models.StatusPaid
	if w.paid && !isPaid && w.db.Reversed == w.reversed {
		w.t.Fatalf("a PAID payment became %s although nothing was reversed: %+v; transfers %+v", w.db.State.Status, w.db.States, w.db.Transfers)
	}
	// The bookings of a crowded payment come before the state that follows from them.
	if !w.paid || !isPaid || w.db.CrowdedAbove == 0 {
		w.reversed = w.db.Reversed
	}
	w.paid = isPaid
}

// checkCredits says that every confirmed transfer of the chain is credited, and no other.
func (w *world) checkCredits() {
	for key, n := range w.db.Transfers {
		want := models.Amount(0)
		if n.Canonical && (n.Confirmations >= testInput.Confirmations || n.CreditedAmount == n.Amount) {
			want = n.Amount
		}
		if n.CreditedAmount != want {
			w.t.Fatalf("transfer %s: credited %s, want %s (%+v)", key, n.CreditedAmount, want, n)
		}
	}
}

// step is one thing that happens: to the chain, to a signal, to the run, to the nodes, by an operator.
func (w *world) step() {
	keys := w.keys
	kind := rapid.IntRange(0, 11).Draw(w.t, "step")
	if len(keys) == 0 && (kind <= 3 || kind == 10) {
		return
	}
	switch kind {
	case 0, 1:
		w.chainStep(rapid.SampledFrom(keys).Draw(w.t, "key"))
	case 2, 3:
		w.confirm(rapid.SampledFrom(keys).Draw(w.t, "key"))
	case 4, 5, 6:
		if len(w.pending) > 0 {
			w.deliverPending()
		}
	case 7:
		if len(w.sent) > 0 {
			w.deliver(rapid.SampledFrom(w.sent).Draw(w.t, "repeat"))
		}
	case 8:
		switch rapid.IntRange(0, 5).Draw(w.t, "decision") {
		case 0:
			w.reject()
		case 1, 2:
			w.accept()
		default:
			w.db.Scanned = rapid.Bool().Draw(w.t, "scanned") || w.db.Scanned
			w.pass(testInput.ExpiresAt.Add(time.Minute))
		}
	case 9: // an admin ends the run by hand; one that holds a decision not yet recorded would lose it
		if w.payment == nil || w.payment.state().Decision == w.db.State.Decision {
			w.restart()
			w.run()
		}
	case 10: // the nodes cease or begin to confirm a transfer
		key := rapid.SampledFrom(keys).Draw(w.t, "key")
		w.db.Unverifiable[key] = !w.db.Unverifiable[key]
		w.run()
	case 11:
		if w.pause(); w.patient { // otherwise the payment waits and does not notice
			w.run()
		}
	}
	w.checkLedger()
}

func (w *world) deliverPending() {
	i := rapid.IntRange(0, len(w.pending)-1).Draw(w.t, "which")
	n := w.pending[i]
	w.pending = append(w.pending[:i:i], w.pending[i+1:]...)
	w.deliver(n)
}

// finish lets everything that is under way arrive, the chain be read past the window, and crashed runs come back.
func (w *world) finish() {
	if w.db.Paused {
		w.pause()
	}
	w.db.Scanned = true
	clear(w.db.Unverifiable)
	w.pass(testInput.ExpiresAt.Add(time.Hour))
	for len(w.pending) > 0 {
		w.deliverPending()
	}
	w.run()
	w.checkCredits() // every transfer was signalled, so none may need another signal
	// A transfer is signalled again and again until the ledger holds it, with the end of the window as it is then.
	var uncredited []models.TransferNotice
	for _, n := range w.db.Transfers {
		if n.Canonical && n.CreditedAmount == 0 {
			uncredited = append(uncredited, n)
		}
	}
	slices.SortFunc(uncredited, func(a, b models.TransferNotice) int {
		return strings.Compare(a.TransferKey.String(), b.TransferKey.String())
	})
	for _, n := range uncredited {
		w.deliver(news{n.TransferKey, w.db.News(n)})
	}
	for len(w.pending) > 0 { // what a dropped task has made of it
		w.deliverPending()
	}
	w.run()
	if w.payment == nil {
		w.restart()
		w.run()
	}
}

// TestAnyOrderEndsInTheSameTruth drives a payment with transfers, reorgs, confirmations, pauses, expiry and decisions in any
// order, with repeats, lost outcomes and crashes, and compares the end with a truth that is computed from the chain alone.
func TestAnyOrderEndsInTheSameTruth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, db: rulestest.NewStore(), payment: NewPayment(testInput), now: created}
		w.db.CrowdedAbove = rapid.IntRange(0, 3).Draw(t, "crowded above")
		keys := make([]models.TransferKey, rapid.IntRange(0, 6).Draw(t, "transfers"))
		for i := range keys {
			// Two of a kind share a transaction: they are two transfers all the same.
			keys[i] = models.TransferKey{ChainID: 1, TxHash: fmt.Sprintf("0x%064x", 1000+i/2), Ordinal: i % 2}
		}
		w.keys = keys
		w.run()
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			w.step()
		}
		w.finish()
		w.checkCredits()
		status, exception := truth(w.db)
		if w.db.State.Status != status || w.db.State.Exception != exception {
			t.Fatalf("ended as %s %q, the truth is %s %q; transfers %+v, row %+v", w.db.State.Status, w.db.State.Exception, status, exception, w.db.Transfers, w.db.State)
		}
		if w.rejects > 0 && w.db.State.Decision != models.DecisionReject && !paidMeanwhile(w.db.States) {
			t.Fatalf("a rejection was taken and is gone: %+v", w.db.States)
		}
	})
}

// truth derives how a payment must end from the rows of its transfers and the decision that was recorded.
func truth(db *rulestest.Store) (models.Status, models.Exception) {
	var inTime, late, early, all, mined, confirming models.Amount
	var removed, open bool
	end := testInput.ExpiresAt
	if db.WindowEnd.After(end) {
		end = db.WindowEnd
	}
	for _, n := range db.Transfers {
		isLate := n.Block.Time.After(end)
		switch {
		case !n.Canonical:
			removed = true
		case n.IsEarly:
			early, all = early+n.CreditedAmount, all+n.CreditedAmount
		case n.CreditedAmount > 0 && isLate:
			late, all = late+n.Amount, all+n.Amount
		case n.CreditedAmount > 0:
			inTime, all, mined = inTime+n.Amount, all+n.Amount, mined+n.Amount
		case !isLate:
			open, mined = true, mined+n.Amount
		}
		if n.Canonical && !isLate && !n.IsEarly && n.Confirmations >= 2 {
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
	if db.State.Decision == models.DecisionReject {
		if all > 0 {
			return models.StatusRejected, models.ExceptionAfterReject
		}
		return models.StatusRejected, pick(removed, models.ExceptionReverted)
	}
	if db.State.Decision == models.DecisionAccept && all > 0 {
		return models.StatusPaid, models.ExceptionAccepted
	}
	if inTime >= requested || db.State.Status == models.StatusPaid && all-early >= requested {
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
	case inTime > 0 || early > 0:
		return models.StatusExpired, models.ExceptionUnderpaid
	default:
		return models.StatusExpired, pick(removed, models.ExceptionReverted)
	}
}

// paidMeanwhile reports whether the payment ended before the rejection could be recorded.
func paidMeanwhile(states []models.PaymentState) bool {
	for _, s := range states {
		if s.Status.IsFinal() && s.Decision != models.DecisionReject {
			return true
		}
	}
	return false
}
