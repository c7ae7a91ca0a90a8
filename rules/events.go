package rules

import "paycow/models"

// Events returns the events that tell a shop of a payment's change from one state to the next, each type at most once:
// one for a status that was reached, one for a new exception, one if a reorg took something away, and otherwise one
// for what was received or credited. Without a visible change there is none.
func Events(before, after models.PaymentState) []models.EventType {
	var events []models.EventType
	if reachedStatus(before, after) {
		events = append(events, statusEvent(before, after))
	}
	if after.Exception != before.Exception && hasOwnEvent(after.Exception) {
		events = append(events, models.EventException)
	}
	if isLoss(before, after) {
		events = append(events, models.EventReverted)
	}
	if len(events) > 0 {
		return events
	}
	switch {
	case after.Status.IsFinal() && after.AmountCredited > before.AmountCredited:
		return []models.EventType{models.EventException} // every credit after the end is unusual
	case after.AmountReceived > before.AmountReceived, after.TxHash != before.TxHash, after.Exception != before.Exception:
		return []models.EventType{models.EventDetected}
	case after.AmountCredited > before.AmountCredited:
		return []models.EventType{models.EventConfirming}
	default:
		return nil
	}
}

// statusRank is the order of a payment's life. It never goes backwards except by a reorg.
func statusRank(status models.Status) int {
	switch status {
	case models.StatusPending:
		return 0
	case models.StatusDetected:
		return 1
	case models.StatusConfirming:
		return 2
	default:
		return 3
	}
}

// reachedStatus reports whether the payment has come to another status without going backwards, or a decision on it was
// recorded.
func reachedStatus(before, after models.PaymentState) bool {
	return after.Decision != before.Decision ||
		after.Status != before.Status && statusRank(after.Status) >= statusRank(before.Status)
}

func statusEvent(before, after models.PaymentState) models.EventType {
	isAccepted := after.Decision == models.DecisionAccept
	switch {
	case isAccepted && (before.Decision != after.Decision || after.Status == models.StatusPaid):
		return models.EventAccepted
	case after.Decision == models.DecisionReject, after.Status == models.StatusRejected:
		return models.EventRejected
	case after.Status == models.StatusPaid:
		return models.EventPaid
	case after.Status == models.StatusExpired:
		return models.EventExpired
	case after.Status == models.StatusConfirming:
		return models.EventConfirming
	default:
		return models.EventDetected
	}
}

// hasOwnEvent reports whether an exception is told by payment.exception. The others are told by payment.reverted and
// payment.accepted.
func hasOwnEvent(exception models.Exception) bool {
	switch exception {
	case models.ExceptionNone, models.ExceptionReverted, models.ExceptionAccepted:
		return false
	default:
		return true
	}
}

// isLoss reports whether a reorg has taken something away that was visible before.
func isLoss(before, after models.PaymentState) bool {
	return after.AmountReceived < before.AmountReceived || after.AmountCredited < before.AmountCredited ||
		statusRank(after.Status) < statusRank(before.Status) ||
		after.Exception == models.ExceptionReverted && before.Exception != models.ExceptionReverted
}
