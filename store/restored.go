package store

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// UnknownPayments returns those of the ids that no payment has, and that are not noted as forgotten.
func (s *Store) UnknownPayments(ctx context.Context, ids []string) ([]string, error) {
	var unknown []string
	for batch := range slices.Chunk(ids, batchRows) {
		list, err := jsonList(batch)
		if err != nil {
			return nil, err
		}
		var known []string
		err = s.read(ctx).Raw(`SELECT id FROM payments WHERE id IN (`+s.unfold()+`) UNION ALL
			SELECT payment_id FROM forgotten_addresses WHERE payment_id IN (`+s.unfold()+`)`, list, list).Scan(&known).Error
		if err != nil {
			return nil, wrap(err, "look for payments")
		}
		for _, id := range batch {
			if !slices.Contains(known, id) {
				unknown = append(unknown, id)
			}
		}
	}
	return unknown, nil
}

// NoteRestore raises the alarm that the database was restored to an earlier moment, unless it is open. From then on no
// payment is created.
func (s *Store) NoteRestore(ctx context.Context, network, message string) error {
	restored, err := s.IsRestored(ctx, network)
	if err != nil || restored {
		return err
	}
	return s.Raise(ctx, models.Alarm{Network: network, Kind: models.AlarmDatabaseRestored, Message: message})
}

// IsRestored reports whether the alarm is open that the database was restored.
func (s *Store) IsRestored(ctx context.Context, network string) (bool, error) {
	var open int64
	err := openAlarms(s.read(ctx), network, models.AlarmDatabaseRestored).Count(&open).Error
	return open > 0, wrap(err, "look for the alarm of a restore")
}

// NextAddressIndex returns the next index that would be reserved for new addresses of an account key.
func (s *Store) NextAddressIndex(ctx context.Context, key string) (uint32, error) {
	var next []uint32
	err := s.read(ctx).Raw("SELECT next_index FROM address_counters WHERE name = ?", counterOf(key)).Scan(&next).Error
	if err != nil || len(next) == 0 {
		return 0, wrap(err, "read the address counter")
	}
	return next[0], nil
}

// PutForgotten notes addresses that no payment has, closes the indexes below next for each account key, and resolves
// the alarm of the restore, all in one transaction.
func (s *Store) PutForgotten(
	ctx context.Context, network string, forgotten []models.ForgottenAddress, next map[string]uint32, note string,
) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if len(forgotten) > 0 {
			err := tx.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(forgotten, batchRows).Error
			if err != nil {
				return fmt.Errorf("write the forgotten addresses: %w", err)
			}
		}
		for key, index := range next {
			err := tx.Exec(`UPDATE address_counters SET closed_below = @index,
				next_index = CASE WHEN next_index < CAST(@index AS bigint) THEN CAST(@index AS bigint) ELSE next_index END
				WHERE name = @name AND closed_below < @index`,
				map[string]any{"index": int64(index), "name": counterOf(key)}).Error
			if err != nil {
				return fmt.Errorf("move the address counter: %w", err)
			}
		}
		err := s.audit(tx, models.AuditEntry{
			Actor: models.ActorCLI, Action: "addresses_recovered", Subject: "addresses", Detail: note,
		})
		if err != nil {
			return err
		}
		return s.resolve(tx, network, models.AlarmDatabaseRestored, "", models.ActorCLI, note)
	})
	return wrap(err, "note the forgotten addresses")
}

// KeyName returns what rows of addresses name an account key: "" for the first one.
func (s *Store) KeyName(ctx context.Context, fingerprint string) (string, error) {
	var first models.AccountKey
	if err := s.read(ctx).Order("position").Limit(1).Find(&first).Error; err != nil {
		return "", wrap(err, "read the account keys")
	}
	if first.Fingerprint == fingerprint {
		return "", nil
	}
	return fingerprint, nil
}

// UnusedIndexes returns the indexes of an account key from first on and below end that no payment has.
func (s *Store) UnusedIndexes(ctx context.Context, key string, first, end uint32) ([]uint32, error) {
	var used []uint32
	err := s.read(ctx).Model(&models.DepositAddress{}).Where("xpub = ? AND address_index >= ? AND address_index < ?",
		key, first, end).Pluck("address_index", &used).Error
	if err != nil {
		return nil, wrap(err, "read the indexes that were handed out")
	}
	taken := make(map[uint32]bool, len(used))
	for _, index := range used {
		taken[index] = true
	}
	var unused []uint32
	for index := first; index < end; index++ {
		if !taken[index] {
			unused = append(unused, index)
		}
	}
	return unused, nil
}

// WithForgotten adds to addresses what an earlier call of PutForgotten noted: the payment that had one, and its
// operator.
func (s *Store) WithForgotten(
	ctx context.Context, addresses []models.ForgottenAddress,
) ([]models.ForgottenAddress, error) {
	var noted []models.ForgottenAddress
	if err := s.read(ctx).Where("payment_id <> ''").Find(&noted).Error; err != nil {
		return nil, wrap(err, "read the forgotten addresses")
	}
	known := make(map[string]models.ForgottenAddress, len(noted))
	for _, f := range noted {
		known[f.Address] = f
	}
	for i, f := range addresses {
		if earlier, ok := known[f.Address]; ok && f.PaymentID == "" {
			addresses[i].PaymentID, addresses[i].OperatorID = earlier.PaymentID, earlier.OperatorID
		}
	}
	return addresses, nil
}
