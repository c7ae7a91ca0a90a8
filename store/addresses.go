package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gorm.io/gorm"

	"paycow/models"
)

// addressBlockSize is how many address indexes a process reserves at a time, so that concurrent creates do not wait for
// each other's commit at the counter's row. Indexes that a process had reserved when it ended stay unused; that does no
// harm.
const addressBlockSize = 64

// addressIndexEnd is the first index that is no longer a BIP-32 child without a private key.
const addressIndexEnd = math.MaxInt32 + 1

var errAddressesUsedUp = errors.New("the account key has no address index left")

// addressAllocator hands out the address indexes that this process has reserved.
type addressAllocator struct {
	reserve func(ctx context.Context, key string) (first, end uint32, err error)
	turn    chan struct{} // a lock that holds one token; waiting for it ends with the caller's context
	key     string        // the account key of new addresses, as models.DepositAddress names it
	next    uint32
	end     uint32
	unused  []uint32
}

func newAddressAllocator(reserve func(context.Context, string) (uint32, uint32, error)) *addressAllocator {
	a := &addressAllocator{reserve: reserve, turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	return a
}

// useKey makes new addresses come from another account key. It is called before the first take.
func (a *addressAllocator) useKey(key string) {
	<-a.turn
	if a.key != key {
		a.key, a.next, a.end, a.unused = key, 0, 0, nil
	}
	a.turn <- struct{}{}
}

// take returns an index of the account key that new addresses come from, and that key. No other process gets the index.
func (a *addressAllocator) take(ctx context.Context) (index uint32, key string, err error) {
	select {
	case <-a.turn:
	case <-ctx.Done():
		return 0, "", fmt.Errorf("wait for an address index: %w", ctx.Err())
	}
	defer func() { a.turn <- struct{}{} }()
	if last := len(a.unused) - 1; last >= 0 {
		index = a.unused[last]
		a.unused = a.unused[:last]
		return index, a.key, nil
	}
	if a.next == a.end {
		first, end, err := a.reserve(ctx, a.key)
		if err != nil {
			return 0, "", fmt.Errorf("reserve address indexes: %w", err)
		}
		a.next, a.end = first, end
	}
	a.next++
	return a.next - 1, a.key, nil
}

// putBack returns an index that was certainly not written.
func (a *addressAllocator) putBack(index uint32) {
	<-a.turn
	a.unused = append(a.unused, index)
	a.turn <- struct{}{}
}

// counterOf returns the name of the counter of an account key's indexes.
func counterOf(key string) string {
	if key == "" {
		return "external"
	}
	return "external:" + key
}

// reserveAddressIndexes takes the next block of an account key's indexes from its counter, in a transaction of its own.
// The first indexes of every key are the wallet's own: see ReserveAddresses.
func (s *Store) reserveAddressIndexes(ctx context.Context, key string) (first, end uint32, err error) {
	var next []int64
	err = s.write(ctx, func(tx *gorm.DB) error {
		next = nil
		reserved, err := fixReserve(tx, models.DefaultReservedAddresses)
		if err != nil {
			return err
		}
		const from = "(CASE WHEN next_index < CAST(? AS bigint) THEN CAST(? AS bigint) ELSE next_index END) + ?"
		return tx.Raw(`UPDATE address_counters SET next_index = `+from+`
			WHERE name = ? AND `+from+` <= ? RETURNING next_index`, reserved, reserved, addressBlockSize,
			counterOf(key), reserved, reserved, addressBlockSize, int64(addressIndexEnd)).Scan(&next).Error
	})
	if err != nil {
		return 0, 0, err
	}
	if len(next) != 1 {
		return 0, 0, errAddressesUsedUp
	}
	return uint32(next[0] - addressBlockSize), uint32(next[0]), nil //nolint:gosec // the statement keeps it within 2^31
}

// UnpaidRun returns how many payments the operator has created since the last one that received money. It counts no
// further than limit, and not those through links: strangers create them, and unpaidOfLink bounds them.
func (s *Store) UnpaidRun(ctx context.Context, operatorID string, limit int) (int, error) {
	var funded []models.Payment
	err := s.read(ctx).Select("created_at").Where("operator_id = ? AND amount_received > 0", operatorID).
		Order("created_at DESC").Limit(1).Find(&funded).Error
	if err != nil {
		return 0, wrap(err, "read an operator's last funded payment")
	}
	later := s.read(ctx).Model(&models.Payment{}).Where("operator_id = ? AND link_id = ''", operatorID)
	if len(funded) > 0 {
		later = later.Where("created_at > ?", funded[0].CreatedAt)
	}
	count, err := countUpTo(later, limit)
	return count, wrap(err, "count an operator's unpaid payments")
}

// OpenCount returns how many payments of the operator have not ended. It counts no further than limit.
func (s *Store) OpenCount(ctx context.Context, operatorID string, limit int) (int, error) {
	count, err := countUpTo(s.read(ctx).Model(&models.Payment{}).Where("operator_id = ? AND status IN ?",
		operatorID, []models.Status{models.StatusPending, models.StatusDetected, models.StatusConfirming}), limit)
	return count, wrap(err, "count an operator's open payments")
}

// unpaidRunOfAll is UnpaidRun for the payments of all operators, also those through links. It looks at the newest ones
// only.
func (s *Store) unpaidRunOfAll(ctx context.Context) (int64, error) {
	newest := s.read(ctx).Model(&models.Payment{}).Select("created_at, amount_received").
		Order("created_at DESC, id DESC").Limit(maxUnpaidShown)
	var funded []models.Payment
	err := s.read(ctx).Table("(?) AS newest", newest).Where("amount_received > 0").Order("created_at DESC").Limit(1).
		Scan(&funded).Error
	if err != nil {
		return 0, wrap(err, "read the last funded payment")
	}
	later := s.read(ctx).Model(&models.Payment{})
	if len(funded) > 0 {
		later = later.Where("created_at > ?", funded[0].CreatedAt)
	}
	count, err := countUpTo(later, maxUnpaidShown)
	return int64(count), wrap(err, "count the unpaid payments")
}

// UsedAddress is a deposit address that was handed out.
type UsedAddress struct {
	models.DepositAddress `gorm:"embedded"`
	OperatorID            string
	AmountReceived        models.Amount // micro-USDT
	AmountCredited        models.Amount // micro-USDT
}

// UsedAddresses returns the deposit addresses in the order of their account keys and indexes, from the one that follows
// after on; nil begins with the first.
func (s *Store) UsedAddresses(ctx context.Context, after *UsedAddress, limit int) ([]UsedAddress, error) {
	query := s.read(ctx).Table("deposit_addresses d").
		Select(`d.address, d.payment_id, d.address_index, d.xpub, d.created_at, p.operator_id, p.amount_received,
			p.amount_credited`).
		Joins("JOIN payments p ON p.id = d.payment_id").Order("d.xpub, d.address_index").Limit(limit)
	if after != nil {
		query = query.Where("d.xpub > ? OR (d.xpub = ? AND d.address_index > ?)", after.XPub, after.XPub, after.Index)
	}
	var used []UsedAddress
	err := query.Scan(&used).Error
	return used, wrap(err, "read the deposit addresses")
}
