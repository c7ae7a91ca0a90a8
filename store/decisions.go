package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// decisionPatience is how long a workflow has to carry out a decision before it is told again: the process that stored
// the decision tells it at once.
const decisionPatience = 10 * time.Second

// Decide stores a decision on a payment, with its line in the audit log. A repeat of a decision on the same version of
// the payment changes nothing. The decision takes effect when the payment's workflow records it.
//
// Returns the decision as it is stored, which may be an earlier one with another reason. Returns models.ErrNotFound
// when the payment is not the operator's, and models.ErrNotPossible when the payment has moved on since that version.
func (s *Store) Decide(
	ctx context.Context, operatorID string, d models.PaymentDecision,
) (stored models.PaymentDecision, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		p, err := lockPayment(tx, d.PaymentID)
		if err != nil {
			return err
		}
		switch {
		case p.OperatorID != operatorID:
			return models.ErrNotFound
		case p.Version != d.Version:
			return models.ErrNotPossible
		}
		row := d
		row.AmountCredited, row.CreatedAt = p.AmountCredited, s.now()
		row.DueAt = row.CreatedAt.Add(decisionPatience)
		row.MAC = s.keys.MAC(proofOfDecision, partsOfDecision(row)...)
		created := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if created.Error != nil {
			return created.Error
		}
		stored = models.PaymentDecision{}
		err = tx.Where("payment_id = ? AND kind = ? AND version = ?", d.PaymentID, d.Kind, d.Version).Take(&stored).Error
		if err != nil || created.RowsAffected == 0 {
			return err
		}
		action, detail := wordsOfDecision(d.Kind)
		if d.Kind == models.DecisionAccept {
			detail += " with " + p.AmountCredited.String() + " USDT credited"
		}
		return s.audit(tx, models.AuditEntry{
			Actor: d.Actor, Action: action, Subject: "payment:" + p.ID, Address: d.Address,
			Detail: fmt.Sprintf("%s at version %d, by %s.", detail, d.Version, d.Via),
		})
	})
	return stored, wrap(err, "store a decision")
}

// wordsOfDecision returns how the audit log names a decision.
func wordsOfDecision(kind models.Decision) (action, detail string) {
	if kind == models.DecisionAccept {
		return "payment_accepted", "Accepted"
	}
	return "payment_rejected", "Rejected"
}

// Decisions returns the decisions on a payment, oldest first.
func (s *Store) Decisions(ctx context.Context, paymentID string) ([]models.PaymentDecision, error) {
	var decisions []models.PaymentDecision
	err := s.read(ctx).Where("payment_id = ?", paymentID).Order("version, kind").Find(&decisions).Error
	return decisions, wrap(err, "read a payment's decisions")
}

// decisionsOf returns the decisions on a payment, oldest first; none as long as no decision has taken effect. Via is ""
// where no proof says who decided, as in rows from before decisions were stored.
func (s *Store) decisionsOf(db *gorm.DB, p models.Payment) ([]models.PaymentDecision, error) {
	if p.Decision == "" {
		return nil, nil
	}
	var decisions []models.PaymentDecision
	err := db.Where("payment_id = ? AND kind = ?", p.ID, p.Decision).Order("version").Find(&decisions).Error
	if err != nil {
		return nil, fmt.Errorf("read the decisions: %w", err)
	}
	for i, d := range decisions {
		if !s.keys.CheckMAC(d.MAC, proofOfDecision, partsOfDecision(d)...) {
			decisions[i].Via = ""
		}
	}
	return decisions, nil
}

// acceptanceOf reports whether the payment's acceptance was stored when no more was credited than now: an acceptance of
// 49 USDT is none of what a reorg left of them.
func (s *Store) acceptanceOf(tx *gorm.DB, p models.Payment, credited models.Amount) (bool, error) {
	var stored []models.PaymentDecision
	err := tx.Where("payment_id = ? AND kind = ? AND version <= ? AND amount_credited <= ?",
		p.ID, models.DecisionAccept, p.Version, credited).Find(&stored).Error
	if err != nil {
		return false, fmt.Errorf("look for the acceptance: %w", err)
	}
	return slices.ContainsFunc(stored, func(d models.PaymentDecision) bool {
		return s.keys.CheckMAC(d.MAC, proofOfDecision, partsOfDecision(d)...)
	}), nil
}

// settleDecisions notes that no decision on the payment waits to be carried out any more: one was recorded, or none is
// possible. When a rejection is recorded that nobody stored, it came by hand, which the audit log says.
func (s *Store) settleDecisions(tx *gorm.DB, p models.Payment, next models.PaymentState) error {
	isNew := next.Decision != p.Decision
	settled := tx.Model(&models.PaymentDecision{}).Where("payment_id = ? AND settled_at IS NULL", p.ID)
	switch {
	case isNew || next.Status == models.StatusPaid || next.Status == models.StatusRejected:
	case next.Status == models.StatusExpired:
		settled = settled.Where("kind = ?", models.DecisionReject)
	default:
		return nil
	}
	update := settled.UpdateColumn("settled_at", s.now())
	if update.Error != nil {
		return fmt.Errorf("settle the payment's decisions: %w", update.Error)
	}
	if !isNew || next.Decision != models.DecisionReject {
		return nil
	}
	var stored int64
	err := tx.Model(&models.PaymentDecision{}).Where("payment_id = ? AND kind = ?", p.ID, models.DecisionReject).
		Limit(1).Count(&stored).Error
	if err != nil {
		return fmt.Errorf("look for the rejection: %w", err)
	}
	if stored > 0 {
		return nil
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorTemporal, Action: "payment_rejected", Subject: "payment:" + p.ID,
		Detail: fmt.Sprintf("Rejected at version %d, signalled by hand through Temporal.", p.Version),
	})
}

// WaitingDecisions returns decisions that are due to be told to their payments' workflows again, longest due first.
func (s *Store) WaitingDecisions(ctx context.Context, limit int) ([]models.WaitingDecision, error) {
	var rows []models.PaymentDecision
	err := s.read(ctx).Where("settled_at IS NULL AND due_at <= ?", s.now()).Order("due_at, payment_id").Limit(limit).
		Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, wrap(err, "read the waiting decisions")
	}
	payments, err := s.PaymentsByID(ctx, pluck(rows, func(d models.PaymentDecision) string { return d.PaymentID }))
	if err != nil {
		return nil, err
	}
	byID := make(map[string]models.Payment, len(payments))
	for _, p := range payments {
		byID[p.ID] = p
	}
	waiting := make([]models.WaitingDecision, len(rows))
	for i, row := range rows {
		waiting[i] = models.WaitingDecision{Payment: byID[row.PaymentID], Decision: row}
	}
	return waiting, nil
}

// DeferDecision puts off telling a workflow of a decision again, for as long as the decision is old: the pauses double,
// so a workflow that cannot work is not flooded.
func (s *Store) DeferDecision(ctx context.Context, d models.PaymentDecision) error {
	now := s.now()
	err := s.openDecision(ctx, d).UpdateColumn("due_at", now.Add(max(decisionPatience, now.Sub(d.CreatedAt)))).Error
	return wrap(err, "defer a decision")
}

// DropDecision notes that a decision can no longer be carried out: the payment's state does not allow it any more.
func (s *Store) DropDecision(ctx context.Context, d models.PaymentDecision) error {
	return wrap(s.openDecision(ctx, d).UpdateColumn("settled_at", s.now()).Error, "drop a decision")
}

func (s *Store) openDecision(ctx context.Context, d models.PaymentDecision) *gorm.DB {
	return s.writer.WithContext(ctx).Model(&models.PaymentDecision{}).
		Where("payment_id = ? AND kind = ? AND version = ? AND settled_at IS NULL", d.PaymentID, d.Kind, d.Version)
}
