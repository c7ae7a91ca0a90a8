package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// seenFor is how long a transaction that was seen on its way is shown: longer ones were dropped or replaced.
const seenFor = time.Hour

// NoteSeen keeps those that would pay an address of ours, for a while.
func (s *Store) NoteSeen(ctx context.Context, network string, seen []models.SeenTransfer) error {
	transfers := make([]models.TokenTransfer, len(seen))
	for i := range seen {
		transfers[i].To = seen[i].To
	}
	payments, err := s.paymentsOfAddresses(s.read(ctx), network, transfers)
	if err != nil || len(payments) == 0 {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		now := s.now()
		for _, one := range seen {
			paymentID, ours := payments[one.To]
			if !ours {
				continue
			}
			row := models.SeenTransaction{TxHash: one.TxHash, PaymentID: paymentID, Amount: one.Amount, SeenAt: now}
			if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
				return err
			}
		}
		return tx.Where("seen_at < ?", now.Add(-seenFor)).Delete(&models.SeenTransaction{}).Error
	})
	return wrap(err, "noting transactions on their way")
}

// OnTheirWay sums up, by payment, what nodes hold in their pools for these payments. Payments without any are left out.
func (s *Store) OnTheirWay(ctx context.Context, paymentIDs []string) (map[string]models.Amount, error) {
	sums := map[string]models.Amount{}
	for len(paymentIDs) > 0 {
		batch := paymentIDs[:min(len(paymentIDs), batchRows)]
		paymentIDs = paymentIDs[len(batch):]
		var seen []models.SeenTransaction
		if err := s.read(ctx).Where("payment_id IN ? AND "+stillOnItsWay, batch, s.now().Add(-seenFor)).Find(&seen).Error; err != nil {
			return nil, wrap(err, "reading transactions on their way")
		}
		for _, transaction := range seen {
			sums[transaction.PaymentID] = sums[transaction.PaymentID].AddSaturating(transaction.Amount)
		}
	}
	return sums, nil
}

// stillOnItsWay is true of a seen transaction that is fresh and in no block that was read.
const stillOnItsWay = `seen_at >= ? AND NOT EXISTS
	(SELECT 1 FROM transfers t WHERE t.payment_id = seen_transactions.payment_id AND t.tx_hash = seen_transactions.tx_hash)`
