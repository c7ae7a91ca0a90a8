package rules

import "paycow/models"

// sums are the amounts that a status depends on, in micro-USDT.
type sums struct {
	received          models.Amount // canonical, mined since the payment's creation
	credited          models.Amount // in the ledger
	creditedInTime    models.Amount
	creditedLate      models.Amount
	creditedEarly     models.Amount // mined before the payment's creation: it never pays
	minedInTime       models.Amount // canonical and mined within the window
	confirming        models.Amount // the part of minedInTime with ConfirmingFrom or more confirmations
	unconfirmedInTime bool          // a part of minedInTime is not credited yet
	removed           bool          // a reorg has removed a transfer
	outdated          bool          // a credit waits for its reversal
}

func (p *Payment) sums() sums {
	if c := p.crowd; c != nil {
		return sums{
			received: c.Received, credited: c.Credited, creditedInTime: c.CreditedInTime, creditedLate: c.CreditedLate,
			creditedEarly: c.CreditedEarly,
			minedInTime:   c.MinedInTime, confirming: c.Confirming, unconfirmedInTime: c.UncreditedInTime > 0,
			removed: c.Removed > 0, outdated: c.Outdated > 0,
		}
	}
	var s sums
	for _, n := range p.transfers.notices {
		s.outdated = s.outdated || isOutdated(n)
		n = standing(n)
		if n.CreditedAmount != 0 {
			s.credited = s.credited.AddSaturating(n.CreditedAmount)
		}
		if !n.Canonical {
			s.removed = true
			continue
		}
		if n.IsEarly {
			s.creditedEarly = s.creditedEarly.AddSaturating(n.CreditedAmount)
			continue
		}
		s.received = s.received.AddSaturating(n.Amount)
		if p.isLate(n) {
			s.creditedLate = s.creditedLate.AddSaturating(n.CreditedAmount)
			continue
		}
		s.creditedInTime = s.creditedInTime.AddSaturating(n.CreditedAmount)
		s.minedInTime = s.minedInTime.AddSaturating(n.Amount)
		if n.Confirmations >= min(models.ConfirmingFrom, p.input.Confirmations) {
			s.confirming = s.confirming.AddSaturating(n.Amount)
		}
		if n.CreditedAmount == 0 {
			s.unconfirmedInTime = true
		}
	}
	return s
}

// state derives what the row should hold. Its version is the recorded one.
func (p *Payment) state() models.PaymentState {
	s := p.sums()
	state := models.PaymentState{
		AmountReceived: s.received, AmountCredited: s.credited, Reason: p.reason, Version: p.recorded.Version,
	}
	switch {
	case p.rejected:
		state.Decision = models.DecisionReject
	case p.accepted:
		state.Decision = models.DecisionAccept
	}
	state.Status, state.Exception = p.status(s)
	if p.crowd != nil {
		state.TxHash, state.LastBlock = p.crowd.TxHash, p.crowd.LastBlock
	}
	total := models.Amount(0)
	counts := func(n models.TransferNotice) bool { return standing(n).Canonical && !n.IsEarly }
	for _, n := range p.transfers.matching(counts) {
		n = standing(n)
		// A transfer that comes after what is enough no longer identifies the payment.
		if total < p.input.Enough() {
			state.TxHash, state.LastBlock = n.TxHash, n.Block.Number
		}
		total = total.AddSaturating(n.Amount)
	}
	return state
}

// nextState is the state to write: the derived one with the version that follows the recorded one.
func (p *Payment) nextState() models.PaymentState {
	state := p.state()
	state.Version++
	return state
}

func (p *Payment) status(s sums) (models.Status, models.Exception) {
	requested, enough := p.input.AmountRequested, p.input.Enough()
	expired := p.windowClosed && !s.unconfirmedInTime
	// What is PAID stays PAID while the credits cover it, even if a reorg mines a transfer again after the window.
	isPaid := s.creditedInTime >= enough ||
		p.recorded.Status == models.StatusPaid && s.credited-s.creditedEarly >= enough
	switch {
	case p.rejected && s.credited > 0:
		return models.StatusRejected, models.ExceptionAfterReject
	case p.rejected && s.removed:
		return models.StatusRejected, models.ExceptionReverted
	case p.rejected:
		return models.StatusRejected, models.ExceptionNone

	case p.accepted && s.credited > 0:
		return models.StatusPaid, models.ExceptionAccepted

	case isPaid && s.credited > requested:
		return models.StatusPaid, models.ExceptionOverpaid
	case isPaid && s.credited < requested:
		return models.StatusPaid, models.ExceptionUnderpaidAccepted
	case isPaid:
		return models.StatusPaid, models.ExceptionNone

	case expired && s.creditedLate > 0:
		return models.StatusExpired, models.ExceptionPaidLate
	case expired && (s.creditedInTime > 0 || s.creditedEarly > 0):
		return models.StatusExpired, models.ExceptionUnderpaid
	case expired && s.removed:
		return models.StatusExpired, models.ExceptionReverted
	case expired:
		return models.StatusExpired, models.ExceptionNone
	}
	exception := models.ExceptionNone
	if s.removed {
		exception = models.ExceptionReverted
	}
	switch {
	case s.minedInTime == 0:
		return models.StatusPending, exception
	case s.confirming >= enough:
		return models.StatusConfirming, exception
	default:
		return models.StatusDetected, exception
	}
}
