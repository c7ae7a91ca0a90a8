package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// seenFor is how long a pending transaction is shown after a node last held it. Older ones were dropped or replaced.
const seenFor = time.Hour

// stillOnItsWay holds for a pending transaction that was seen since the given time and is in no block that was read.
const stillOnItsWay = `seen_at >= ? AND NOT EXISTS
	(SELECT 1 FROM transfers t
		WHERE t.payment_id = seen_transactions.payment_id AND t.tx_hash = seen_transactions.tx_hash)
	AND NOT EXISTS (SELECT 1 FROM sweeps w JOIN deposit_addresses d ON d.address = w.to_address
		WHERE d.payment_id = seen_transactions.payment_id AND w.tx_hash = seen_transactions.tx_hash)`

// NoteSeen stores the pending transfers with which others would pay a deposit address of the network, and forgets old
// ones.
func (s *Store) NoteSeen(ctx context.Context, network string, seen []models.SeenTransfer) error {
	payments, err := s.paymentsOfAddresses(s.read(ctx), network,
		pluck(seen, func(t models.SeenTransfer) string { return t.To }))
	if err != nil || len(payments) == 0 {
		return err
	}
	own, err := s.ownSenders(s.read(ctx), pluck(seen, func(t models.SeenTransfer) string { return t.From }))
	if err != nil {
		return wrap(err, "note pending transfers")
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		now := s.now()
		for _, one := range seen {
			paymentID, ours := payments[one.To]
			if !ours || own.ours[one.From] {
				continue
			}
			row := models.SeenTransaction{TxHash: one.TxHash, PaymentID: paymentID, Amount: one.Amount, SeenAt: now}
			if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
				return err
			}
		}
		return tx.Where("seen_at < ?", now.Add(-seenFor)).Delete(&models.SeenTransaction{}).Error
	})
	return wrap(err, "note pending transfers")
}

// OnItsWay are the pending transfers to a payment.
type OnItsWay struct {
	Amount models.Amount // their sum, in micro-USDT
	SeenAt time.Time     // when a node last held one of them
}

// OnTheirWay returns what is on its way to each of the payments. Payments without any are left out.
func (s *Store) OnTheirWay(ctx context.Context, paymentIDs []string) (map[string]OnItsWay, error) {
	sums := map[string]OnItsWay{}
	for batch := range slices.Chunk(paymentIDs, batchRows) {
		var seen []models.SeenTransaction
		err := s.read(ctx).Where("payment_id IN ? AND "+stillOnItsWay, batch, s.now().Add(-seenFor)).Find(&seen).Error
		if err != nil {
			return nil, wrap(err, "read pending transfers")
		}
		for _, transaction := range seen {
			sum := sums[transaction.PaymentID]
			sum.Amount = sum.Amount.AddSaturating(transaction.Amount)
			if transaction.SeenAt.After(sum.SeenAt) {
				sum.SeenAt = transaction.SeenAt
			}
			sums[transaction.PaymentID] = sum
		}
	}
	return sums, nil
}
