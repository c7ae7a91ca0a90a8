package store

import (
	"context"
	"strconv"

	"paycow/models"
)

// partsOfTolerance is what the proof of an operator's tolerance covers.
func partsOfTolerance(operatorID string, t models.Tolerance) []string {
	return []string{operatorID, strconv.FormatInt(int64(t.Amount), 10), strconv.Itoa(t.BasisPoints)}
}

// ToleranceOf returns an operator's tolerance. One that this program did not write counts for nothing: it would make
// payments PAID for less than the operator wants.
func (s *Store) ToleranceOf(ctx context.Context, o models.Operator) models.Tolerance {
	if o.Tolerance.IsNone() {
		return models.Tolerance{}
	}
	if !s.keys.CheckMAC(o.ToleranceMAC, proofOfTolerance, partsOfTolerance(o.ID, o.Tolerance)...) {
		s.log.ErrorContext(ctx, "the tolerance of an operator was not written by this program; it does not count",
			"operator_id", o.ID)
		return models.Tolerance{}
	}
	return o.Tolerance
}

// SetTolerance sets by how much less may arrive for the payments that an operator creates from now on, and writes the
// audit log. Returns models.ErrNotFound.
func (s *Store) SetTolerance(
	ctx context.Context, operatorID string, t models.Tolerance, entry models.AuditEntry,
) error {
	return s.changeAccount(ctx, models.Account{Role: models.RoleOperator, ID: operatorID}, map[string]any{
		"tolerance_amount": t.Amount, "tolerance_basis_points": t.BasisPoints,
		"tolerance_mac": s.keys.MAC(proofOfTolerance, partsOfTolerance(operatorID, t)...), "updated_at": s.now(),
	}, entry)
}
