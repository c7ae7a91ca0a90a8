package rules

import (
	"fmt"
	"time"

	"paycow/models"
)

// applyCrowd takes over the sums of a crowded payment, read for a window with that end, in place of its transfers. A
// payment stays crowded.
func (p *Payment) applyCrowd(crowd models.Crowd, end time.Time) {
	p.crowd, p.crowdHeld, p.crowdBehind, p.crowdWindow = &crowd, "", false, end
	p.transfers = newTransferSet()
	p.held = map[models.TransferKey]string{}
}

// applyCrowdNews takes over the sums that a signal brought, unless newer ones are known.
func (p *Payment) applyCrowdNews(crowd models.Crowd) {
	if p.crowd == nil || crowd.Supersedes(*p.crowd) {
		p.applyCrowd(crowd, crowd.WindowEnd)
		p.crowdBehind = crowd.Version < p.recorded.Version
	}
}

// IsCrowded reports whether only the sums of the payment's transfers are known.
func (p *Payment) IsCrowded() bool { return p.crowd != nil }

// isCrowdOutdated reports whether the sums have to be read again: they may lack what was booked with the row's last
// version, or the window is known to have another end than it had for them.
func (p *Payment) isCrowdOutdated() bool {
	return p.crowd != nil && (p.crowdBehind || !p.windowEnd().Equal(p.crowdWindow))
}

// needsSettling reports whether a crowded payment has something to book. What was held at the last attempt waits.
func (p *Payment) needsSettling() bool {
	return p.crowd != nil && p.crowd.HasBookings() && p.crowdHeld == ""
}

func (p *Payment) isSettlingHeld() bool {
	return p.crowd != nil && p.crowd.HasBookings() && p.crowdHeld != ""
}

// isUnconfirmed reports whether a transfer still needs confirmations.
func (p *Payment) isUnconfirmed() bool {
	return len(p.unconfirmed()) > 0 || p.crowd != nil && p.crowd.Unconfirmed > 0
}

func (p *Payment) settle(await bool) Settle {
	return Settle{
		Input: models.SettleInput{PaymentID: p.input.PaymentID, Credited: p.recorded.AmountCredited, Await: await},
		Crowd: *p.crowd,
	}
}

// ApplySettleResult applies the outcome of a Settle.
func (p *Payment) ApplySettleResult(asked Settle, result models.SettleResult) {
	p.ApplySnapshot(result.Snapshot)
	if p.crowd == nil {
		return
	}
	p.crowdHeld = result.Held
	isNew := p.recorded.AmountCredited != asked.Input.Credited // booked by a run whose outcome did not arrive
	if result.Booked == 0 && result.Held == "" && p.needsSettling() && !asked.Input.Await && !isNew {
		p.crowdHeld = "nothing could be booked" // the next attempt is repeated by Temporal, with pauses
	}
}

// Summary implements Effect.
func (e Settle) Summary() string {
	text := ""
	if e.Crowd.Confirmed > 0 {
		text = fmt.Sprintf("verify and credit %d transfers, USDT %s", e.Crowd.Confirmed, e.Crowd.ConfirmedAmount)
	}
	if e.Crowd.Outdated > 0 {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("reverse %d credits", e.Crowd.Outdated)
	}
	return text
}

// describeCrowd returns the sums of a crowded payment as the details show them.
func describeCrowd(c models.Crowd) string {
	return fmt.Sprintf(`
%d transfers, too many to list: %d to be credited (USDT %s), %d to be reversed, %d without the required confirmations,
%d removed by a reorg.
`, c.Transfers, c.Confirmed, c.ConfirmedAmount, c.Outdated, c.Unconfirmed, c.Removed)
}
