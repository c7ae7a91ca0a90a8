package store

import (
	"context"

	"paycow/models"
)

// PaymentsByID returns those of the payments that there are, in no order, in one statement for each few hundred.
func (s *Store) PaymentsByID(ctx context.Context, ids []string) ([]models.Payment, error) {
	var all []models.Payment
	for len(ids) > 0 {
		batch := ids[:min(len(ids), batchRows)]
		ids = ids[len(batch):]
		var some []models.Payment
		if err := s.read(ctx).Where("id IN ?", batch).Find(&some).Error; err != nil {
			return nil, wrap(err, "reading payments")
		}
		all = append(all, some...)
	}
	return all, nil
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
