package store

import (
	"context"

	"paycow/models"
)

// Figures are counts of a network's payments and transfers, as metrics show them.
type Figures struct {
	Payments   map[models.Status]int64
	Unstarted  int64 // payments whose workflow is not known to have been started
	Uncredited int64 // payments with a canonical transfer that the ledger does not hold
}

// Figures counts a network's payments and transfers.
func (s *Store) Figures(ctx context.Context, network string) (Figures, error) {
	figures := Figures{Payments: map[models.Status]int64{}}
	var counts []struct {
		Status models.Status
		Count  int64
	}
	err := s.read(ctx).Model(&models.Payment{}).Select("status, count(*) AS count").Where("network = ?", network).Group("status").Scan(&counts).Error
	if err != nil {
		return figures, wrap(err, "counting payments")
	}
	for _, c := range counts {
		figures.Payments[c.Status] = c.Count
	}
	err = s.read(ctx).Model(&models.Payment{}).Where("workflow_started_at IS NULL AND network = ?", network).Count(&figures.Unstarted).Error
	if err != nil {
		return figures, wrap(err, "counting payments to start")
	}
	// The partial index transfers_uncredited holds just these.
	err = s.read(ctx).Model(&models.Transfer{}).Where("canonical AND credited_amount = 0").
		Distinct("payment_id").Count(&figures.Uncredited).Error
	return figures, wrap(err, "counting payments to credit")
}

// PaymentOfKey returns the payment that an idempotency key made, without making one. Returns models.ErrNotFound when the
// key is not in force, and models.ErrIdempotencyMismatch when it was used with another RequestHash.
func (s *Store) PaymentOfKey(ctx context.Context, in NewPayment) (models.Payment, error) {
	in.CreatedAt = toMillis(in.CreatedAt)
	return paymentOfKey(s.read(ctx), in)
}
