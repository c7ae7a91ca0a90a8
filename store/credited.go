package store

import (
	"context"
	"slices"

	"paycow/models"
)

// CreditedTransfers returns those of the transfers that the ledger holds a credit for.
func (s *Store) CreditedTransfers(ctx context.Context, keys []models.TransferKey) ([]models.TransferKey, error) {
	hashes := make([]string, len(keys))
	for i, key := range keys {
		hashes[i] = key.TxHash
	}
	var rows []models.Transfer
	for part := range slices.Chunk(hashes, batchRows) {
		var found []models.Transfer
		if err := s.read(ctx).Where("tx_hash IN ? AND credited_amount <> 0", part).Find(&found).Error; err != nil {
			return nil, wrap(err, "looking for credited transfers")
		}
		rows = append(rows, found...)
	}
	var credited []models.TransferKey
	for _, row := range rows {
		if slices.Contains(keys, row.TransferKey) && !slices.Contains(credited, row.TransferKey) {
			credited = append(credited, row.TransferKey)
		}
	}
	return credited, nil
}
