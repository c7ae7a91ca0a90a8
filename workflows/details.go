package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"paycow/models"
)

// The typed search attributes of the Payment workflow.
var (
	AttributePaymentStatus    = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentStatus)
	AttributeOperatorID       = temporal.NewSearchAttributeKeyKeyword(models.AttributeOperatorID)
	AttributeDepositAddress   = temporal.NewSearchAttributeKeyKeyword(models.AttributeDepositAddress)
	AttributePaymentReference = temporal.NewSearchAttributeKeyKeyword(models.AttributePaymentReference)
	AttributeTxHash           = temporal.NewSearchAttributeKeyKeywordList(models.AttributeTxHash)
)

// maxSearchableHashes bounds the TxHash attribute: a flood of dust must not grow it past what the visibility store takes.
const maxSearchableHashes = 20

// maxShownTransfers bounds the table of transfers in the details text.
const maxShownTransfers = 50

// txHashes returns the first transactions known for the payment, in the order of the chain.
func (f *fold) txHashes() []string {
	var hashes []string
	seen := map[string]bool{}
	for _, n := range f.matching(func(models.TransferNotice) bool { return true }) {
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

// summarizeSettlement is the one line that the engine's UI shows for a booking.
func summarizeSettlement(credits, reversals []models.TransferNotice, state models.PaymentState) string {
	var parts []string
	if len(credits) > 0 {
		total := models.Amount(0)
		for _, n := range credits {
			total = total.AddSaturating(n.Amount)
		}
		parts = append(parts, fmt.Sprintf("verify and credit USDT %s", total))
	}
	if len(reversals) > 0 {
		total := models.Amount(0)
		for _, n := range reversals {
			total = total.AddSaturating(n.CreditedAmount)
		}
		parts = append(parts, fmt.Sprintf("reverse USDT %s", total))
	}
	return strings.Join(parts, ", ") + " → " + describe(state)
}

// details is the Markdown that the engine's UI shows for a payment: where it stands, what came, what it waits for.
func (f *fold) details(todo action) string {
	var b strings.Builder
	state := f.state()
	fmt.Fprintf(&b, "**%s**: received **%s** of **%s %s**", describe(state), state.AmountReceived, f.input.AmountRequested, f.input.Currency)
	if state.AmountCredited > 0 {
		fmt.Fprintf(&b, ", credited %s", state.AmountCredited)
	}
	fmt.Fprintf(&b, "\n\nDeposit address `%s` (%s), reference `%s`\n", f.input.DepositAddress, f.input.Network, f.input.Reference)
	if transfers := f.matching(func(models.TransferNotice) bool { return true }); len(transfers) > 0 {
		b.WriteString("\n| transaction | amount | block | state |\n| --- | --- | --- | --- |\n")
		for i, n := range transfers {
			if i == maxShownTransfers {
				fmt.Fprintf(&b, "| and %d more | | | |\n", len(transfers)-i)
				break
			}
			fmt.Fprintf(&b, "| `%s` (%d) | %s | %d | %s |\n", n.TxHash, n.Ordinal, n.Amount, n.Block.Number, f.transferState(n))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", f.waitsFor(state, todo))
	return b.String()
}

func (f *fold) transferState(n models.TransferNotice) string {
	switch {
	case !n.Canonical && n.CreditedAmount != 0:
		return "removed by a reorg, credit to be reversed"
	case !n.Canonical:
		return "removed by a reorg"
	case n.CreditedAmount != 0:
		return "credited"
	case f.isHeld(n):
		return "confirmed, not verified yet"
	case f.isConfirmed(n):
		return "confirmed, to be credited"
	default:
		return fmt.Sprintf("at least %d of %d confirmations", n.Confirmations, f.input.Confirmations)
	}
}

// waitsFor says in a sentence what the payment waits for and until when.
func (f *fold) waitsFor(state models.PaymentState, todo action) string {
	awaited := f.awaited()
	switch {
	case todo == actionSettle:
		return "Booking confirmed transfers after reading them from the chain again; a transfer that the nodes do not confirm waits without holding up the others."
	case todo == actionSettleHeld:
		return "Waits until the quorum of Ethereum nodes confirms what is to be credited, and asks again and again: " + f.whyHeld()
	case todo == actionRecord:
		return "Recording the new state."
	case todo == actionExpire:
		return fmt.Sprintf("Waits until the chain has been read past the end of the window, %s; expires only then.", f.windowEnd().UTC().Format(time.RFC3339))
	case todo == actionEnd:
		return "Ended. A transfer that comes later starts another run and is credited."
	case len(awaited) > 0:
		newest := awaited[len(awaited)-1]
		return fmt.Sprintf("Waits for %d confirmations, which block %d brings.", f.input.Confirmations, newest.Block.Number+f.input.Confirmations-1)
	case state.AmountReceived > 0:
		return fmt.Sprintf("Waits for the missing amount until %s.", f.windowEnd().UTC().Format(time.RFC3339))
	default:
		return fmt.Sprintf("Waits for a transfer until %s.", f.windowEnd().UTC().Format(time.RFC3339))
	}
}

// whyHeld is the reason of the first held transfer.
func (f *fold) whyHeld() string {
	for _, n := range f.heldCredits() {
		return f.held[n.TransferKey]
	}
	return ""
}
