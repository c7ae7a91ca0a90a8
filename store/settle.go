package store

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"paycow/models"
)

// creditOrder is the order in which the transfers of a crowded payment are credited: the largest first, so that what
// completes the amount does not wait for tiny ones; of the same amount, those of one block together.
const creditOrder = "amount DESC, block_number, tx_hash, ordinal, token"

// TransfersToCredit returns a page of the transfers of a payment that have the required confirmations and are not
// credited, largest first, without the first skip of them.
func (s *Store) TransfersToCredit(
	ctx context.Context, p models.Payment, skip, limit int,
) ([]models.Transfer, uint64, error) {
	var cursor models.ChainCursor
	var page []models.Transfer
	err := s.read(ctx).Where("network = ?", p.Network).Take(&cursor).Error
	if err == nil {
		err = s.read(ctx).Where("payment_id = ? AND canonical AND credited_amount = 0 AND block_number <= ?",
			p.ID, lastWith(cursor.BlockNumber, required(p))).
			Order(creditOrder).Offset(skip).Limit(limit).Find(&page).Error
	}
	return page, cursor.BlockNumber, wrap(err, "read the transfers to credit")
}

// TransfersToReverse returns a page of the transfers of a payment whose credit is no longer right, without the first
// skip of them.
func (s *Store) TransfersToReverse(ctx context.Context, paymentID string, skip, limit int) ([]models.Transfer, error) {
	var page []models.Transfer
	err := s.read(ctx).Where("payment_id = ?", paymentID).
		Where("credited_amount <> 0 AND (NOT canonical OR credited_amount <> amount)").
		Order(lockOrder).Offset(skip).Limit(limit).Find(&page).Error
	return page, wrap(err, "read the transfers to reverse")
}

// Settle books transfers of a crowded payment to the operator's balance, and reverses credits that are no longer right,
// in one transaction. A transfer that is no longer what the caller saw is left out. The row's credited amount and
// version move with the bookings; the state that follows is recorded afterwards. It is safe to repeat.
//
// Returns the payment as it is then, and how many transfers were booked. Returns models.ErrCreditingHalted while an
// alarm stops crediting, models.ErrNotFound, and models.ErrNotConfirmedYet, ErrAlreadyExists and ErrPaymentAltered as
// Credit does.
func (s *Store) Settle(
	ctx context.Context, paymentID string, credits, reversals []models.Transfer,
) (p models.Payment, booked int, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		if p, err = lockPayment(tx, paymentID); err != nil {
			return err
		}
		if err := s.checkAddress(tx, p); err != nil {
			return err
		}
		if err := refuseWhileHalted(tx, p.Network); err != nil {
			return err
		}
		bookings, err := s.planSettlement(tx, p, credits, reversals)
		if booked = len(bookings); err != nil || booked == 0 {
			return err
		}
		change, err := s.bookTransfers(tx, p, bookings)
		if err != nil {
			return err
		}
		before := p.PaymentState
		if p.AmountCredited, err = p.AmountCredited.Add(change); err != nil {
			return fmt.Errorf("add up what is credited: %w", err)
		}
		p.Version++
		p.UpdatedAt = s.now()
		err = tx.Model(&models.Payment{}).Where("id = ?", p.ID).UpdateColumns(map[string]any{
			"amount_credited": p.AmountCredited, "version": p.Version, "updated_at": p.UpdatedAt,
		}).Error
		if err != nil {
			return fmt.Errorf("note what is credited: %w", err)
		}
		return s.tell(tx, before, p)
	})
	return p, booked, s.alarmIfAltered(ctx, p, wrap(err, "settle a crowded payment"))
}

// planSettlement locks the transfers and returns the bookings of those that are still what the caller saw. Those that
// turn out to come from an address of ours are not credited.
func (s *Store) planSettlement(
	tx *gorm.DB, p models.Payment, credits, reversals []models.Transfer,
) ([]transferBooking, error) {
	rows, err := lockTransfers(tx, p, slices.Concat(reversals, credits))
	if err != nil {
		return nil, err
	}
	var bookings []transferBooking
	for _, seen := range reversals {
		row, ok := rows[seen.TransferKey]
		if ok && isOutdated(row) && row.Revision == seen.Revision && row.CreditedAmount == seen.CreditedAmount &&
			row.BlockHash == seen.BlockHash && row.FromAddress == seen.FromAddress {
			bookings = append(bookings, reversalOf(row))
			delete(rows, seen.TransferKey) // it is credited again with another page
		}
	}
	own, err := s.ownSenders(tx, pluck(credits, func(t models.Transfer) string { return t.FromAddress }))
	if err != nil {
		return nil, err
	}
	for _, seen := range credits {
		row, ok := rows[seen.TransferKey]
		switch {
		case !ok || row.Revision != seen.Revision || !row.Canonical || row.CreditedAmount != 0 ||
			row.Amount != seen.Amount || row.BlockHash != seen.BlockHash || row.FromAddress != seen.FromAddress ||
			!row.BlockTime.Equal(seen.BlockTime):
			continue
		case own.ours[row.FromAddress]:
			if err := s.makeInternal(tx, p, row); err != nil {
				return nil, err
			}
		default:
			if err := own.check(row.TransferKey, row.FromAddress); err != nil {
				return nil, err
			}
			bookings = append(bookings, creditOf(row))
		}
		delete(rows, seen.TransferKey)
	}
	return bookings, nil
}

// isOutdated reports whether a transfer has a credit that is no longer right.
func isOutdated(t models.Transfer) bool {
	return t.CreditedAmount != 0 && (!t.Canonical || t.CreditedAmount != t.Amount)
}

// lockTransfers locks those rows of a payment, and no others, in lockOrder. Returns models.ErrPaymentAltered for a row
// without a sender: this program writes none, and without one nobody can tell whether the money was ours before.
func lockTransfers(
	tx *gorm.DB, p models.Payment, wanted []models.Transfer,
) (map[models.TransferKey]models.Transfer, error) {
	rows := make(map[models.TransferKey]models.Transfer, len(wanted))
	for batch := range slices.Chunk(slices.SortedFunc(slices.Values(wanted), compareByLockOrder), batchRows) {
		var locked []models.Transfer
		err := ofKeys(tx.Clauses(rowLock), p.ID, keysOf(batch)).Order(lockOrder).Find(&locked).Error
		if err != nil {
			return nil, fmt.Errorf("lock transfers: %w", err)
		}
		for _, row := range locked {
			if row.FromAddress == "" {
				return nil, fmt.Errorf("transfer %s: its row names no sender: %w", row.TransferKey, models.ErrPaymentAltered)
			}
			rows[row.TransferKey] = row
		}
	}
	return rows, nil
}

func keysOf(transfers []models.Transfer) []models.TransferKey {
	keys := make([]models.TransferKey, len(transfers))
	for i, t := range transfers {
		keys[i] = t.TransferKey
	}
	return keys
}

// ofKeys selects the rows of a payment's transfers with those keys. The hashes alone use an index.
func ofKeys(tx *gorm.DB, paymentID string, keys []models.TransferKey) *gorm.DB {
	hashes, names := make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		hashes[i], names[i] = key.TxHash, key.String()
	}
	return tx.Model(&models.Transfer{}).
		Where("payment_id = ? AND tx_hash IN ?", paymentID, slices.Compact(slices.Sorted(slices.Values(hashes)))).
		Where(keyOfTransferRow+" IN ?", names)
}

// keyOfTransferRow is SQL for the key of a row of transfers, as models.TransferKey writes it.
const keyOfTransferRow = "CAST(chain_id AS text) || ':' || tx_hash || ':' || CAST(ordinal AS text) || " +
	"CASE WHEN token = '' THEN '' ELSE ':' || token END"
