package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"paycow/models"
)

// maxSearchableHashes bounds the TxHash search attribute, so that a flood of tiny transfers cannot grow it past what
// Temporal's visibility store takes.
const maxSearchableHashes = 20

// maxShownTransfers bounds the table of transfers in the details text.
const maxShownTransfers = 50

// TxHashes returns the hashes of the first transactions known for the payment, in the order of the chain. Of a crowded
// payment it is only the one that completed the amount.
func (p *Payment) TxHashes() []string {
	if c := p.crowd; c != nil && c.MinedInTime >= p.input.Enough() {
		return []string{c.TxHash}
	}
	var hashes []string
	seen := map[string]bool{}
	for _, n := range p.transfers.all() {
		if !seen[n.TxHash] && len(hashes) < maxSearchableHashes {
			seen[n.TxHash] = true
			hashes = append(hashes, n.TxHash)
		}
	}
	return hashes
}

// describe names a state in a few words.
func describe(state models.PaymentState) string {
	if state.Exception == models.ExceptionNone {
		return state.Status.String()
	}
	return fmt.Sprintf("%s (%s)", state.Status, state.Exception)
}

// Summary implements Effect.
func (Load) Summary() string { return "read the payment's row" }

// Summary implements Effect.
func (e Record) Summary() string { return "record " + describe(e.Input.State) }

// Summary implements Effect.
func (e Credit) Summary() string {
	var parts []string
	if len(e.Input.Credits) > 0 {
		total := models.Amount(0)
		for _, n := range e.Input.Credits {
			total = total.AddSaturating(n.Amount)
		}
		parts = append(parts, fmt.Sprintf("verify and credit USDT %s", total))
	}
	if len(e.Input.Reversals) > 0 {
		total := models.Amount(0)
		for _, n := range e.Input.Reversals {
			total = total.AddSaturating(n.CreditedAmount)
		}
		parts = append(parts, fmt.Sprintf("reverse USDT %s", total))
	}
	return strings.Join(parts, ", ") + " → " + describe(e.Input.State)
}

// Summary implements Effect.
func (Expire) Summary() string { return "check whether a transfer came in time" }

// Summary implements Effect.
func (AwaitScan) Summary() string { return "wait until the chain is read past the end of the window" }

// Summary implements Effect.
func (e Wait) Summary() string { return "expires at " + instant(e.ExpiresAt) }

// Summary implements Effect.
func (End) Summary() string { return "" }

// Details returns the Markdown that the Temporal UI shows for a payment: its state, its transfers, and what it waits
// for.
func (p *Payment) Details(effect Effect) string {
	state := p.state()
	text := fmt.Sprintf("**%s**: received **%s** of **%s %s**",
		describe(state), state.AmountReceived, p.input.AmountRequested, p.input.Currency)
	if state.AmountCredited > 0 {
		text += fmt.Sprintf(", credited %s", state.AmountCredited)
	}
	text += fmt.Sprintf("\n\nDeposit address %#q (%s), reference %#q\n",
		p.input.DepositAddress, p.input.Network, p.input.Reference)
	return text + p.describeTransfers() + "\n" + p.describeEffect(state, effect) + "\n"
}

// Opening returns how long a new payment has nothing to do unless a transfer or a decision arrives, 0 if it is to begin
// at once, and the Markdown that the Temporal UI shows for it: what the payment asks for.
func Opening(input models.PaymentInput, now time.Time) (idle time.Duration, details string) {
	p := NewPayment(input)
	if wait, isWait := p.Next(now).(Wait); isWait {
		idle = max(wait.Until.Sub(now), 0)
	}
	return idle, fmt.Sprintf("Asks for **%s %s** at %#q (%s) until **%s**, reference %#q. The "+
		"time is longer if the token is paused.\n\nThe workflow begins when a "+
		"transfer arrives, when the payment is rejected in PayCow, or when its time is up. Until then the payment is "+
		"PENDING, and a signal sent by hand waits.\n",
		input.Currency, input.AmountRequested, input.DepositAddress, input.Network, instant(p.windowEnd()), input.Reference)
}

// describeTransfers returns the table of the transfers, "" when there are none.
func (p *Payment) describeTransfers() string {
	if p.crowd != nil {
		return describeCrowd(*p.crowd)
	}
	transfers := p.transfers.all()
	if len(transfers) == 0 {
		return ""
	}
	rows := []string{"", "| transaction | amount | block | state |", "| --- | --- | --- | --- |"}
	for i, n := range transfers {
		if i == maxShownTransfers {
			rows = append(rows, fmt.Sprintf("| and %d more | | | |", len(transfers)-i))
			break
		}
		rows = append(rows, fmt.Sprintf("| %#q (%d) | %s | %d | %s |",
			n.TxHash, n.Ordinal, n.Amount, n.Block.Number, p.describeTransfer(n)))
	}
	return strings.Join(rows, "\n") + "\n"
}

func (p *Payment) describeTransfer(n models.TransferNotice) string {
	switch {
	case isOutdated(n) && p.isHeld(n):
		return "credited, its removal is not verified yet"
	case !n.Canonical && n.CreditedAmount != 0:
		return "removed by a reorg, credit to be reversed"
	case !n.Canonical:
		return "removed by a reorg"
	case n.CreditedAmount != 0 && n.IsEarly:
		return "credited; mined before the payment was created, so it does not pay"
	case n.CreditedAmount != 0:
		return "credited"
	case p.isHeld(n):
		return "confirmed, not verified yet"
	case p.isConfirmed(n):
		return "confirmed, to be credited"
	default:
		return fmt.Sprintf("at least %d of %d confirmations", n.Confirmations, p.input.Confirmations)
	}
}

// describeEffect says in a sentence what the payment does or waits for.
func (p *Payment) describeEffect(state models.PaymentState, effect Effect) string {
	end := instant(p.windowEnd())
	switch effect := effect.(type) {
	case Load:
		return "Reading the payment's row."
	case Record:
		return "Recording the new state."
	case Credit:
		if effect.Input.Await {
			return "Waiting for a quorum of Ethereum nodes to confirm the bookings; retrying. Last reason: " + p.whyHeld()
		}
		return "Reading the confirmed transfers from the chain again before booking them. " +
			"A transfer that the nodes do not confirm waits without holding up the others."
	case Settle:
		if effect.Input.Await {
			return "Waiting until the transfers can be booked; retrying. Last reason: " + p.crowdHeld
		}
		return "Reading the confirmed transfers from the chain again before booking them, the largest first."
	case Expire:
		return p.describeExpiry(end)
	case AwaitScan:
		return strings.TrimSpace(p.describeExpiry(end) + "\n\n" + describeExpiryWait(effect.Answer))
	case End:
		if p.refused != nil {
			return p.refused.why.Sentence() + " This run ends; the next one begins with what the database holds."
		}
		return "Ended. A later transfer starts another run and is credited."
	}
	switch newest := p.newestUnconfirmed(); {
	case newest > 0:
		return fmt.Sprintf("Waiting for %d confirmations, reached at block %d.",
			p.input.Confirmations, newest+p.input.Confirmations-1)
	case state.AmountReceived > 0:
		return "Waiting for the rest of the amount until " + end + "."
	default:
		return "Waiting for a transfer until " + end + "."
	}
}

// newestUnconfirmed returns the block number of the newest transfer that still needs confirmations, 0 for none.
func (p *Payment) newestUnconfirmed() uint64 {
	if p.crowd != nil {
		return p.crowd.NewestUnconfirmed
	}
	if unconfirmed := p.unconfirmed(); len(unconfirmed) > 0 {
		return unconfirmed[len(unconfirmed)-1].Block.Number
	}
	return 0
}

func (*Payment) describeExpiry(end string) string {
	return "Waiting until the chain has been read past the end of the window, " + end + ". The payment expires only then."
}

// describeExpiryWait says in a sentence why a payment cannot expire yet, "" when that is not known.
func describeExpiryWait(answer models.ExpireResult) string {
	return cmp.Or(answer.Wait.Sentence(answer.WaitBlock), answer.Waits)
}

// whyHeld returns the reason of the first held transfer.
func (p *Payment) whyHeld() string {
	for _, n := range slices.Concat(p.heldCredits(), p.heldReversals()) {
		return p.held[n.TransferKey]
	}
	return ""
}

// DeliveryDetails returns the Markdown that the Temporal UI shows for the delivery of an event.
func DeliveryDetails(input models.DeliveryInput, state models.DeliveryState) string {
	text := fmt.Sprintf("**%s** of event %#q to endpoint %#q: ", input.EventType, input.EventID, input.EndpointID)
	switch state.Status {
	case models.DeliveryPending:
		return text + fmt.Sprintf("**%d** tries failed, the next one is at %s. The signal %#q tries now.",
			state.Tries, instant(state.NextTryAt), models.SignalRedeliver)
	case models.DeliveryDelivered:
		return text + fmt.Sprintf("**delivered** with try %d.", state.Tries)
	case models.DeliveryParked:
		return text + fmt.Sprintf("**parked**. %s The signal %#q delivers it again.", state.Reason, models.SignalRedeliver)
	default:
		return text + "its row is gone, so there is nothing to do."
	}
}

func instant(at time.Time) string { return at.UTC().Format(time.RFC3339) }
