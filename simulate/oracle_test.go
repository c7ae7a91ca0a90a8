package simulate

import (
	"context"
	"slices"
	"time"

	"paycow/chain/chaintest"
	"paycow/models"
)

// pause is a time in which the token was paused, to the zero time while it lasts.
type pause struct{ from, to time.Time }

// pausesIn returns the pauses that a chain's blocks hold.
func pausesIn(blocks []*chaintest.Block) []pause {
	var pauses []pause
	for _, block := range blocks {
		for _, log := range block.Logs(chaintest.Token) {
			lasts := len(pauses) > 0 && pauses[len(pauses)-1].to.IsZero()
			switch {
			case log.Topics[0] == pauseTopic && !lasts:
				pauses = append(pauses, pause{from: block.Header.Time})
			case log.Topics[0] == unpauseTopic && lasts:
				pauses[len(pauses)-1].to = block.Header.Time
			}
		}
	}
	return pauses
}

// windowOf returns when a payment's window ends by a chain: a pause that touches it makes it longer. lasts is true while such
// a pause lasts at the chain's head; the end is then as though it ended there.
func windowOf(p models.Payment, blocks []*chaintest.Block) (end time.Time, lasts bool) {
	end = p.ExpiresAt
	for _, pause := range pausesIn(blocks) {
		if pause.from.Before(p.CreatedAt) {
			pause.from = p.CreatedAt
		}
		if !pause.from.Before(end) {
			break
		}
		if pause.to.IsZero() {
			pause.to, lasts = blocks[len(blocks)-1].Header.Time, true
		}
		end = end.Add(pause.to.Sub(pause.from))
	}
	return end, lasts
}

// windowEnds returns the ends of a payment's window that may have been in force. It is one unless a reorg has touched a pause:
// then any end between the earliest and the latest of the chains that there were is right, because a workflow that was
// signalled a later end keeps it, and one that has ended is not signalled.
func (sim *simulation) windowEnds(p models.Payment, all []models.TokenTransfer) []time.Time {
	first, _ := windowOf(p, sim.world.Blocks())
	last := first
	for _, former := range sim.former {
		end, _ := windowOf(p, former.chain)
		if end.After(last) {
			last = end
		}
		if end.Before(first) && former.hadPause {
			first = end
		}
	}
	ends := []time.Time{first}
	for _, t := range all {
		if t.To == p.DepositAddress && t.Block.Time.After(first) && t.Block.Time.Before(last) {
			ends = append(ends, t.Block.Time)
		}
	}
	if last.After(first) {
		ends = append(ends, last)
	}
	return ends
}

// judgeState compares how a payment ended with what follows from the chain and the operator's decisions alone.
func (sim *simulation) judgeState(r *run, state models.PaymentState, all []models.TokenTransfer) {
	p := r.payment
	if state.Decision == models.DecisionReject && !r.rejected || state.Decision == models.DecisionAccept && !r.accepted {
		sim.failf("payment %d: nobody decided to %s it", r.number, state.Decision)
	}
	if r.acceptedAt != 0 && state.Version == r.acceptedAt {
		sim.failf("payment %d: the acceptance of version %d is lost", r.number, r.acceptedAt)
	}
	sim.judgeEarly(r, all)
	total, early := models.Amount(0), models.Amount(0)
	for _, t := range all {
		if t.To == p.DepositAddress {
			total += t.Amount
			if sim.isEarly(p, t) {
				early += t.Amount
			}
		}
	}
	if state.AmountReceived != total-early || state.AmountCredited != total {
		sim.failf("payment %d: received %s, credited %s, the truth is %s, %s of it from before its creation", r.number, state.AmountReceived,
			state.AmountCredited, total, early)
	}
	ends := sim.windowEnds(p, all)
	// What was PAID in time stays PAID when a fork mines its transfers again after the window.
	staysPaid := r.wasPaid && state.Status == models.StatusPaid && total-early >= p.Enough() &&
		state.Exception == exceptionOfPaid(p, total)
	if !staysPaid && !slices.ContainsFunc(ends, func(end time.Time) bool { return sim.mayEndAs(p, state, all, end) }) {
		sim.failf("payment %d of %s ends %s (%s) with decision %q; that follows from none of the windows to %v and %v",
			r.number, p.AmountRequested, state.Status, state.Exception, state.Decision, ends, all)
	}
}

// exceptionOfPaid returns the exception of a payment that is PAID with so much credited in all.
func exceptionOfPaid(p models.Payment, credited models.Amount) models.Exception {
	switch {
	case credited > p.AmountRequested:
		return models.ExceptionOverpaid
	case credited < p.AmountRequested:
		return models.ExceptionUnderpaidAccepted
	default:
		return models.ExceptionNone
	}
}

// mayEndAs reports whether a payment whose window ends at the given time may end in a state.
func (sim *simulation) mayEndAs(p models.Payment, state models.PaymentState, all []models.TokenTransfer, end time.Time) bool {
	inTime, late, early := models.Amount(0), models.Amount(0), models.Amount(0)
	for _, t := range all {
		switch {
		case t.To != p.DepositAddress:
		case sim.isEarly(p, t):
			early += t.Amount
		case t.Block.Time.After(end):
			late += t.Amount
		default:
			inTime += t.Amount
		}
	}
	status, exceptions := models.StatusExpired, []models.Exception{models.ExceptionNone, models.ExceptionReverted}
	switch {
	case state.Decision == models.DecisionReject:
		status = models.StatusRejected
		if inTime+late+early > 0 {
			exceptions = []models.Exception{models.ExceptionAfterReject}
		}
	case state.Decision == models.DecisionAccept && inTime+late+early > 0:
		status, exceptions = models.StatusPaid, []models.Exception{models.ExceptionAccepted}
	case inTime >= p.Enough():
		status, exceptions = models.StatusPaid, []models.Exception{exceptionOfPaid(p, inTime+late+early)}
	case late > 0:
		exceptions = []models.Exception{models.ExceptionPaidLate}
	case inTime+early > 0:
		exceptions = []models.Exception{models.ExceptionUnderpaid}
	}
	return state.Status == status && slices.Contains(exceptions, state.Exception)
}

// judgeCredits checks that an honest node's chain holds each credited transfer deep enough.
func (sim *simulation) judgeCredits(input models.CreditInput) {
	to := sim.runs[slices.IndexFunc(sim.runs, func(r *run) bool { return r.payment.DepositAddress == input.DepositAddress })]
	needed := sim.stepsOf(to.number).Of(asked, models.DefaultConfirmations)
	for _, n := range input.Credits {
		found := false
		for _, node := range sim.nodes {
			if node.IsLiar() {
				continue
			}
			view := node.View()
			for _, t := range chaintest.Transfers(view) {
				found = found || t.TransferKey == n.TransferKey && t.To == input.DepositAddress && t.Amount == n.Amount &&
					t.Block.Hash == n.Block.Hash && models.Confirmations(uint64(len(view)-1), t.Block.Number) >= needed
			}
		}
		if !found {
			sim.failf("credited %s of block %s, which no honest node holds with %d confirmations", n.TransferKey, n.Block, needed)
		}
	}
}

// anyHonest reports whether an honest node has lately shown a chain of which the condition holds.
func (sim *simulation) anyHonest(condition func(blocks []*chaintest.Block) bool) bool {
	for _, seen := range sim.views {
		if slices.ContainsFunc(seen.chains, condition) {
			return true
		}
	}
	return false
}

// judgeReversals checks that an honest node's chain does not hold what is taken back: of a quorum at most one node lies.
func (sim *simulation) judgeReversals(input models.CreditInput) {
	for _, n := range input.Reversals {
		if sim.quorum < 2 {
			continue
		}
		gone := sim.anyHonest(func(blocks []*chaintest.Block) bool {
			return len(blocks) > int(n.Block.Number) && !slices.ContainsFunc(chaintest.Transfers(blocks), func(t models.TokenTransfer) bool {
				return t.TransferKey == n.TransferKey && t.To == input.DepositAddress && t.Amount == n.CreditedAmount
			})
		})
		if !gone {
			sim.failf("reversed %s of block %s, which every honest node holds", n.TransferKey, n.Block)
		}
	}
}

// judgeRewind checks that what the quorum agreed on is taken back only when an honest node has another block there.
func (sim *simulation) judgeRewind(before models.ChainCursor, to models.BlockRef) {
	if sim.quorum < 2 || to.Number >= before.AgreedNumber {
		return
	}
	moved := sim.anyHonest(func(blocks []*chaintest.Block) bool {
		return len(blocks) > int(before.AgreedNumber) && blocks[before.AgreedNumber].Header.Hash.Hex() != before.AgreedHash
	})
	if !moved {
		sim.failf("block %d was agreed on, every honest node has it, and reading went back to block %d", before.AgreedNumber, to.Number)
	}
}

// judgeAlarm checks that nothing halts the installation: no fork of the honest chain is deeper than what is final.
func (sim *simulation) judgeAlarm(alarm models.Alarm) {
	if alarm.Kind.HaltsCrediting() {
		sim.failf("an alarm halts crediting on the word of a node that lies: %s", alarm.Message)
	}
}

// judgeProgress checks that a status goes back from PAID only when something is reversed.
func (sim *simulation) judgeProgress(r *run, before, after models.PaymentState, reversals int) {
	r.wasPaid = r.wasPaid || after.Status == models.StatusPaid
	if before.Status == models.StatusPaid && after.Status != models.StatusPaid && reversals == 0 {
		sim.failf("payment %d was PAID and became %s (%s) although nothing was reversed", r.number, after.Status, after.Exception)
	}
}

// judgeExpiry checks that an honest node's chain has passed the window and holds nothing of it for the payment.
func (sim *simulation) judgeExpiry(p models.Payment) {
	views := [][]*chaintest.Block{sim.world.Blocks()} // a node may have fallen behind again what it showed
	for _, node := range sim.nodes {
		if !node.IsLiar() {
			views = append(views, node.View())
		}
	}
	// Nodes and database may stand on a branch that died a moment ago. What a reorg brings into the window later is PAID then.
	for _, former := range sim.former {
		if former.step+formerSteps >= sim.step {
			views = append(views, former.chain)
		}
	}
	for _, view := range views {
		end, lasts := windowOf(p, view)
		if lasts || !view[len(view)-1].Header.Time.After(end) {
			continue
		}
		paid := false
		for _, t := range chaintest.Transfers(view) {
			paid = paid || t.To == p.DepositAddress && !t.Block.Time.After(end) && !sim.isEarly(p, t)
		}
		if !paid {
			return
		}
	}
	cursor, _ := sim.db.Cursor(context.Background(), models.NetworkERC20)
	snapshot, _ := sim.db.Snapshot(context.Background(), p.ID)
	sim.tracef("quorum %d of %d; cursor %d at %s, agreed %d at %s; window to %s; known %+v", sim.quorum, len(sim.nodes),
		cursor.BlockNumber, cursor.BlockTime, cursor.AgreedNumber, cursor.AgreedTime, p.ExpiresAt, snapshot.Transfers)
	for i, view := range views {
		end, lasts := windowOf(p, view)
		sim.tracef("view %d up to %s: window to %s, paused %t", i, view[len(view)-1].Header.Time, end, lasts)
		for _, t := range chaintest.Transfers(view) {
			if t.To == p.DepositAddress {
				sim.tracef("view %d: %s of %s in %s at %s", i, t.TransferKey, t.Amount, t.Block, t.Block.Time)
			}
		}
	}
	sim.failf("payment %s expired although no honest node's chain has passed its window without a payment", p.ID)
}

// judgeEnd compares the books with the truth when all is over.
func (sim *simulation) judgeEnd(ctx context.Context) {
	total := models.Amount(0)
	all := chaintest.Transfers(sim.world.Blocks())
	for _, r := range sim.runs {
		want := map[models.TransferKey]models.Amount{}
		for _, t := range all {
			if t.To == r.payment.DepositAddress {
				want[t.TransferKey] = t.Amount
				total += t.Amount
			}
		}
		snapshot, err := sim.db.Snapshot(ctx, r.payment.ID)
		if err != nil {
			sim.failf("read payment %d: %v", r.number, err)
		}
		rows, err := sim.db.Transfers(ctx, r.payment.ID)
		if err != nil {
			sim.failf("read the transfers of payment %d: %v", r.number, err)
		}
		for _, n := range rows {
			if n.CreditedAmount != want[n.TransferKey] {
				sim.failf("transfer %s is credited with %s, the truth is %s", n.TransferKey, n.CreditedAmount, want[n.TransferKey])
			}
			delete(want, n.TransferKey)
		}
		if len(want) > 0 {
			sim.failf("payment %d: %d transfers are not known: %v", r.number, len(want), want)
		}
		sim.judgeState(r, snapshot.State, all)
		sim.judgeEvents(ctx, r)
	}
	sim.judgeEventOrder(ctx)
	balance, _, err := sim.db.Balance(ctx, operatorID)
	if err != nil || balance != total {
		sim.failf("the balance is %s, the truth is %s (%v)", balance, total, err)
	}
}
