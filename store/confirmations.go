package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"gorm.io/gorm"

	"paycow/models"
)

// partsOfSteps is what the proof of an operator's confirmation steps covers.
func partsOfSteps(operatorID string, steps models.ConfirmationSteps) []string {
	parts := make([]string, 1, 1+2*len(steps))
	parts[0] = operatorID
	for _, step := range steps {
		parts = append(parts, strconv.FormatInt(int64(step.From), 10), strconv.FormatUint(step.Confirmations, 10))
	}
	return parts
}

// ConfirmationsOf returns an operator's confirmation steps. Returns models.ErrStepsAltered when this program did not
// write them: no other number is safe then, because the steps only ever ask for more than the installation does.
func (s *Store) ConfirmationsOf(o models.Operator) (models.ConfirmationSteps, error) {
	if len(o.ConfirmationStepsMAC) == 0 && len(o.ConfirmationSteps) == 0 {
		return nil, nil // never set; see the trigger operators_steps_stay_proved
	}
	if !s.keys.CheckMAC(o.ConfirmationStepsMAC, proofOfSteps, partsOfSteps(o.ID, o.ConfirmationSteps)...) {
		return nil, fmt.Errorf("operator %s: %w", o.ID, models.ErrStepsAltered)
	}
	return o.ConfirmationSteps, nil
}

// SetConfirmations sets the confirmation steps of the payments that an operator creates from now on, and writes the
// audit log. floor is how many confirmations every payment needs. Returns a *models.StepError or models.ErrNotFound.
func (s *Store) SetConfirmations(
	ctx context.Context, operatorID string, steps models.ConfirmationSteps, floor uint64, entry models.AuditEntry,
) error {
	if err := steps.Validate(floor); err != nil {
		return fmt.Errorf("set the confirmation steps: %w", err)
	}
	return s.changeAccount(ctx, models.Account{Role: models.RoleOperator, ID: operatorID}, map[string]any{
		"confirmation_steps":     steps,
		"confirmation_steps_mac": s.keys.MAC(proofOfSteps, partsOfSteps(operatorID, steps)...), "updated_at": s.now(),
	}, entry)
}

// required returns how many confirmations a payment's transfers need.
func required(p models.Payment) uint64 { return cmp.Or(p.Confirmations, models.DefaultConfirmations) }

// requireConfirmed returns models.ErrNotConfirmedYet unless each transfer that is to be credited has the confirmations
// that its payment requires, counted from the newest block that was read.
func requireConfirmed(tx *gorm.DB, p models.Payment, bookings []transferBooking) error {
	var cursor models.ChainCursor
	err := tx.Select("block_number").Where("network = ?", p.Network).Take(&cursor).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	for _, b := range bookings {
		have := models.Confirmations(cursor.BlockNumber, b.block)
		if b.kind == models.LedgerCredit && have < required(p) {
			return fmt.Errorf("transfer %s: %w: %d of %d", b.key, models.ErrNotConfirmedYet, have, required(p))
		}
	}
	return nil
}
