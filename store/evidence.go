package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// evidence is what the rows say about a payment: its transfers, its ledger entries and its stored decisions. A state is
// recorded only if the evidence supports it, whoever asks: workflows decide, but an input of theirs proves nothing. All
// amounts are in micro-USDT.
type evidence struct {
	// Received is what canonical transfers bring that were mined since the payment's creation. A credited one counts until
	// its credit is reversed.
	Received         models.Amount
	Credited         models.Amount // in the ledger
	CreditedInTime   models.Amount
	Early            models.Amount // mined before the payment's creation: it never pays
	CreditedEarly    models.Amount // the part of Early that is credited
	MinedInTime      models.Amount // the part of Received that was mined within the window
	UncreditedInTime int64         // transfers
	Removed          int64         // transfers that a reorg removed and that hold no credit
}

// evidenceOf reads the evidence for a payment whose window ends at the given time.
func evidenceOf(tx *gorm.DB, p models.Payment, end time.Time) (evidence, error) {
	before, err := lastBefore(tx, p)
	if err != nil {
		return evidence{}, err
	}
	var e evidence
	err = tx.Raw(`SELECT
		CAST(COALESCE(SUM(CASE WHEN block_number <= @before THEN 0 WHEN credited_amount <> 0 THEN credited_amount
			WHEN canonical THEN amount ELSE 0 END), 0)
			AS bigint) AS received,
		(SELECT CAST(COALESCE(SUM(e.amount), 0) AS bigint) FROM ledger_transactions t
			CROSS JOIN ledger_entries e WHERE e.transaction_id = t.id AND e.account || '' = @account
			AND t.payment_id = @payment) AS credited,
		CAST(COALESCE(SUM(CASE WHEN block_time <= @end AND block_number > @before THEN credited_amount ELSE 0 END), 0)
			AS bigint) AS credited_in_time,
		CAST(COALESCE(SUM(CASE WHEN block_number > @before THEN 0 WHEN credited_amount <> 0 THEN credited_amount
			WHEN canonical THEN amount ELSE 0 END), 0) AS bigint) AS early,
		CAST(COALESCE(SUM(CASE WHEN block_number <= @before THEN credited_amount ELSE 0 END), 0) AS bigint)
			AS credited_early,
		CAST(COALESCE(SUM(CASE WHEN block_time > @end OR block_number <= @before THEN 0
			WHEN credited_amount <> 0 THEN credited_amount WHEN canonical THEN amount ELSE 0 END), 0) AS bigint)
			AS mined_in_time,
		COUNT(CASE WHEN canonical AND credited_amount = 0 AND block_time <= @end AND block_number > @before THEN 1 END)
			AS uncredited_in_time,
		COUNT(CASE WHEN NOT canonical AND credited_amount = 0 THEN 1 END) AS removed
		FROM transfers WHERE payment_id = @payment`, map[string]any{
		"payment": p.ID, "end": toMillis(end), "before": before, "account": models.OperatorAvailableAccount(p.OperatorID),
	}).Scan(&e).Error
	if err != nil {
		return evidence{}, fmt.Errorf("read the evidence for a payment's state: %w", err)
	}
	return e, nil
}

// Payee returns a payment as it was agreed with the payer, and what its transfers received: the canonical ones, and
// those that are still credited. Returns models.ErrNotFound, and models.ErrPaymentAltered with an alarm when the row
// was changed or planted.
func (s *Store) Payee(ctx context.Context, paymentID string) (p models.Payment, received models.Amount, err error) {
	if p, err = s.Payment(ctx, paymentID); err != nil {
		return p, 0, err
	}
	if err := s.CheckAddress(ctx, p); err != nil {
		return p, 0, err
	}
	e, err := evidenceOf(s.read(ctx), p, p.ExpiresAt)
	return p, e.Received.AddSaturating(e.Early), err
}

// covers reports whether the amounts credited pay for the payment.
func (e evidence) covers(p models.Payment, credited models.Amount) bool {
	return credited >= p.Enough()
}

// judgeState reports why the rows do not allow a payment, whose row is locked, to have the next state. "" means that
// they do. Its bookings must have been made.
func (s *Store) judgeState(tx *gorm.DB, p models.Payment, next models.PaymentState) (models.Refusal, error) {
	if err := s.CheckTerms(p); err != nil {
		return "", err
	}
	end, _, err := windowEnd(tx, p)
	if err != nil {
		return "", err
	}
	e, err := evidenceOf(tx, p, end)
	if err != nil {
		return "", err
	}
	if refused, err := judgeAmounts(tx, p, next, e); refused != "" || err != nil {
		return refused, err
	}
	if refused, err := s.judgeDecision(tx, p, next, e); refused != "" || err != nil {
		return refused, err
	}
	if !e.allows(p, next) {
		return models.RefusedStatus, nil
	}
	if next.Status == models.StatusExpired && p.Status != models.StatusExpired {
		closing, _, err := judgeWindow(tx, p)
		if err != nil || !closing.ScannedPast {
			return models.RefusedWindow, err
		}
	}
	return "", nil
}

// judgeAmounts compares the amounts and the transfer that a state names with the rows.
func judgeAmounts(tx *gorm.DB, p models.Payment, next models.PaymentState, e evidence) (models.Refusal, error) {
	if next.AmountReceived != e.Received || next.AmountCredited != e.Credited {
		return models.RefusedAmounts, nil
	}
	if next.TxHash == "" && next.LastBlock == 0 {
		return "", nil
	}
	var named int64
	err := tx.Model(&models.Transfer{}).Where(`tx_hash = ? AND payment_id = ? AND block_number = ?
		AND (canonical OR credited_amount <> 0)`, next.TxHash, p.ID, next.LastBlock).Limit(1).Count(&named).Error
	if err != nil {
		return "", fmt.Errorf("look for the transfer that a state names: %w", err)
	}
	if named == 0 {
		return models.RefusedAmounts, nil
	}
	return "", nil
}

// judgeDecision compares the decision that a state names with what was decided. A decision stands once it is recorded.
// An acceptance must have been stored by the API; a rejection may also come by hand, as a signal.
func (s *Store) judgeDecision(
	tx *gorm.DB, p models.Payment, next models.PaymentState, e evidence,
) (models.Refusal, error) {
	switch {
	case next.Decision == p.Decision:
		return "", nil
	case p.Decision != "", next.Decision == models.DecisionReject && p.Status.IsFinal():
		return models.RefusedDecision, nil
	case next.Decision == models.DecisionReject:
		return "", nil
	case p.Status != models.StatusExpired || !p.Exception.IsAcceptable():
		return models.RefusedDecision, nil
	}
	stored, err := s.acceptanceOf(tx, p, e.Credited)
	if err != nil || !stored {
		return models.RefusedDecision, err
	}
	return "", nil
}

// allows reports whether the amounts allow a state whose amounts and decision are right.
func (e evidence) allows(p models.Payment, next models.PaymentState) bool {
	accepted := next.Decision == models.DecisionAccept && e.Credited > 0
	// A payment that is PAID stays PAID while the credits cover it, even if a reorg of a pause moves its window's end.
	isPaid := e.covers(p, e.CreditedInTime) || p.Status == models.StatusPaid && e.covers(p, e.Credited-e.CreditedEarly)
	switch {
	case next.Decision == models.DecisionReject || next.Status == models.StatusRejected:
		return next.Status == models.StatusRejected && next.Decision == models.DecisionReject &&
			(next.Exception == models.ExceptionAfterReject) == (e.Credited > 0) && e.allowsReverted(next)
	case accepted:
		return next.Status == models.StatusPaid && next.Exception == models.ExceptionAccepted
	case isPaid:
		return next.Status == models.StatusPaid && next.Exception == e.exceptionOfPaid(p)
	}
	switch next.Status {
	case models.StatusExpired:
		return e.UncreditedInTime == 0 && next.Exception.IsAcceptable() == (e.Credited > 0) && e.allowsReverted(next)
	case models.StatusPending:
		return e.MinedInTime == 0 && p.Status != models.StatusExpired && e.allowsReverted(next)
	case models.StatusDetected:
		return e.MinedInTime > 0 && e.allowsReverted(next)
	case models.StatusConfirming:
		return e.covers(p, e.MinedInTime) && e.allowsReverted(next)
	default:
		return false
	}
}

// exceptionOfPaid returns the only exception that a payment can have which its credits have made PAID.
func (e evidence) exceptionOfPaid(p models.Payment) models.Exception {
	switch {
	case e.Credited > p.AmountRequested:
		return models.ExceptionOverpaid
	case e.Credited < p.AmountRequested:
		return models.ExceptionUnderpaidAccepted
	default:
		return models.ExceptionNone
	}
}

// allowsReverted reports whether the exception of a payment that is not PAID is one that it can have: REVERTED only
// after a reorg removed a transfer.
func (e evidence) allowsReverted(next models.PaymentState) bool {
	switch next.Exception {
	case models.ExceptionNone:
		return true
	case models.ExceptionReverted:
		return e.Removed > 0
	case models.ExceptionAfterReject:
		return next.Status == models.StatusRejected
	default:
		return next.Status == models.StatusExpired && next.Exception.IsAcceptable()
	}
}

// refusedError makes a transaction roll back because the rows contradict the state that it was to record.
type refusedError struct{ why models.Refusal }

func (e *refusedError) Error() string { return e.why.Sentence() }

// refusal returns the result of a transaction that a refusedError ended: what the rows say. Any other error is returned
// as it is.
func (s *Store) refusal(tx *gorm.DB, paymentID string, err error) (models.RecordResult, error) {
	refused, ok := errors.AsType[*refusedError](err)
	if !ok {
		return models.RecordResult{}, err
	}
	var p models.Payment
	if err := tx.Where("id = ?", paymentID).Take(&p).Error; err != nil {
		return models.RecordResult{}, fmt.Errorf("read the payment: %w", err)
	}
	snapshot, err := s.snapshotOf(tx, p)
	return models.RecordResult{Snapshot: &snapshot, Refused: refused.why}, err
}
