package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// paymentStart is a payment whose workflow is not known to have started. These rows are the outbox of payments: the
// database adds one with each payment, in the same transaction.
type paymentStart struct {
	PaymentID  string `gorm:"primaryKey"`
	StartAfter time.Time
}

// paymentsTakenFor is how long no other process takes a payment that one has taken from the outbox.
const paymentsTakenFor = 30 * time.Second

// TakeUnstartedPayments takes payments from the outbox whose workflow is to be started, oldest first. Other processes
// leave them alone for a while. more is true if there are further ones.
func (s *Store) TakeUnstartedPayments(
	ctx context.Context, limit int,
) (taken []models.Payment, more bool, err error) {
	var ids []string
	err = s.write(ctx, func(tx *gorm.DB) error {
		ids = nil
		now := s.now()
		free := clause.Locking{Strength: rowLock.Strength, Options: clause.LockingOptionsSkipLocked}
		err := tx.Model(&paymentStart{}).Clauses(free).Where("start_after <= ?", now).
			Order("start_after, payment_id").Limit(limit).Pluck("payment_id", &ids).Error
		if err != nil || len(ids) == 0 {
			return err
		}
		return tx.Model(&paymentStart{}).Where("payment_id IN ?", ids).
			UpdateColumn("start_after", now.Add(paymentsTakenFor)).Error
	})
	if err == nil {
		taken, err = byID[models.Payment](s.writer.WithContext(ctx), ids)
	}
	slices.SortFunc(taken, func(a, b models.Payment) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return taken, len(ids) == limit, wrap(err, "take the payments to start")
}

// MarkStarted takes payments out of the outbox, because their workflows have started. A time noted before stays.
func (s *Store) MarkStarted(ctx context.Context, paymentIDs []string, at time.Time) error {
	for batch := range slices.Chunk(paymentIDs, batchRows) {
		err := s.write(ctx, func(tx *gorm.DB) error {
			if err := tx.Where("payment_id IN ?", batch).Delete(&paymentStart{}).Error; err != nil {
				return err
			}
			// UpdateColumn leaves updated_at alone: it is the time of the payment's last change of state.
			return tx.Model(&models.Payment{}).Where("id IN ? AND workflow_started_at IS NULL", batch).
				UpdateColumn("workflow_started_at", toMillis(at)).Error
		})
		if err != nil {
			return wrap(err, "note started workflows")
		}
	}
	return nil
}

// countUnstarted returns how many payments are in the outbox.
func (s *Store) countUnstarted(ctx context.Context) (count int64, err error) {
	err = s.read(ctx).Model(&paymentStart{}).Count(&count).Error
	return count, wrap(err, "count the payments to start")
}
