package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// ownAddress is the row of an address that is ours without being a deposit address. Rows are only added: what was once
// an address of ours must not become a payer's because a setting was left out. The proof covers the address: a planted
// row must not make a payer's money look like ours.
type ownAddress struct {
	Address   string `gorm:"primaryKey"` // EIP-55 form
	Kind      string // ownReserved or ownTreasury
	XPub      string `gorm:"column:xpub"` // fingerprint of the account key of a reserved address, else ""
	MAC       []byte `gorm:"column:mac"`
	CreatedAt time.Time
}

func (ownAddress) TableName() string { return "own_addresses" }

const (
	ownReserved = "RESERVED" // one of the first indexes of an account key
	ownTreasury = "TREASURY" // where deposits are swept to
)

// addressReserve is the one row that says how many indexes of each account key are never handed out.
type addressReserve struct {
	ID   int `gorm:"primaryKey;autoIncrement:false"`
	Size uint32
}

func (addressReserve) TableName() string { return "address_reserve" }

// fixReserve returns how many of the first indexes of each account key are never handed out. The first call fixes it.
func fixReserve(tx *gorm.DB, size uint32) (uint32, error) {
	row := addressReserve{ID: 1, Size: size}
	err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error
	if err == nil {
		err = tx.Take(&row, "id = 1").Error
	}
	if err != nil {
		return 0, fmt.Errorf("read how many address indexes are reserved: %w", err)
	}
	return row.Size, nil
}

// ReserveAddresses fixes how many of the first indexes of each account key are never handed out: a wallet uses them for
// itself. A counter below them jumps, one past them goes on. Returns models.ErrReserveFixed when another number is
// fixed.
func (s *Store) ReserveAddresses(ctx context.Context, size uint32) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		fixed, err := fixReserve(tx, size)
		if err == nil && fixed != size {
			return fmt.Errorf("%w to %d when the database was first used, so it cannot become %d",
				models.ErrReserveFixed, fixed, size)
		}
		return err
	})
	return wrap(err, "reserve addresses")
}

// HasReservedAddresses reports whether so many reserved addresses of an account key are stored with a proof.
func (s *Store) HasReservedAddresses(ctx context.Context, key string, size uint32) (bool, error) {
	var rows []ownAddress
	if err := s.read(ctx).Where("kind = ? AND xpub = ?", ownReserved, key).Find(&rows).Error; err != nil {
		return false, wrap(err, "read the reserved addresses")
	}
	proven := 0
	for _, row := range rows {
		if s.proves(row) {
			proven++
		}
	}
	return proven >= int(size), nil
}

// proves reports whether this program wrote the row.
func (s *Store) proves(row ownAddress) bool {
	return s.keys.CheckMAC(row.MAC, proofOfOwnAddress, row.Address)
}

// addOwn adds addresses, proves those that are stored without a proof, and returns how many were added. A process
// without keys proves nothing.
func (s *Store) addOwn(tx *gorm.DB, kind, key string, addresses ...string) (added int64, err error) {
	rows := make([]ownAddress, len(addresses))
	for i, address := range addresses {
		rows[i] = ownAddress{
			Address: address, Kind: kind, XPub: key, MAC: s.keys.MAC(proofOfOwnAddress, address), CreatedAt: s.now(),
		}
	}
	created := tx.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(rows, batchRows)
	if _, none := s.keys.(noKeys); created.Error != nil || none || created.RowsAffected == int64(len(rows)) {
		return created.RowsAffected, created.Error
	}
	list, err := jsonList(addresses)
	if err != nil {
		return 0, err
	}
	var known []ownAddress
	if err := tx.Where("address IN ("+s.unfold()+")", list).Find(&known).Error; err != nil {
		return 0, err
	}
	for _, row := range known {
		if s.proves(row) {
			continue
		}
		if err := s.proveOwn(tx, row); err != nil {
			return 0, err
		}
	}
	return created.RowsAffected, nil
}

// proveOwn gives a row a proof by the current master key.
func (s *Store) proveOwn(tx *gorm.DB, row ownAddress) error {
	err := tx.Model(&row).UpdateColumn("mac", s.keys.MAC(proofOfOwnAddress, row.Address)).Error
	if err != nil {
		return fmt.Errorf("prove address %s: %w", row.Address, err)
	}
	return nil
}

// AddReservedAddresses stores the reserved addresses of an account key (EIP-55 form). What they send us is never
// credited.
func (s *Store) AddReservedAddresses(ctx context.Context, key string, addresses []string) error {
	return wrap(s.write(ctx, func(tx *gorm.DB) error {
		_, err := s.addOwn(tx, ownReserved, key, addresses...)
		return err
	}), "store the reserved addresses")
}

// AddTreasury stores addresses that deposits are swept to (EIP-55 form), each new one with a line in the audit log.
// What they send us is never credited. An address that was once added stays.
func (s *Store) AddTreasury(ctx context.Context, addresses []string) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		for _, address := range slices.Sorted(slices.Values(addresses)) {
			added, err := s.addOwn(tx, ownTreasury, "", address)
			if err != nil {
				return err
			}
			if added == 0 {
				continue
			}
			err = s.audit(tx, models.AuditEntry{
				Actor: models.ActorSystem, Action: "treasury_added", Subject: "address:" + address,
				Detail: "What this address sends to deposit addresses is never credited from now on.",
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "store the treasury's addresses")
}

// fromOurselves is SQL that holds for a sender of ours: a deposit address, a reserved one or the treasury.
func fromOurselves(sender string) string {
	return "(EXISTS (SELECT 1 FROM deposit_addresses o WHERE o.address = " + sender +
		") OR EXISTS (SELECT 1 FROM own_addresses o WHERE o.address = " + sender + "))"
}

// senders says which addresses are ours.
type senders struct {
	ours map[string]bool
	// doubtful are those that are ours by a row which this program did not write. What they send is neither credited nor
	// hidden: it waits for a person.
	doubtful map[string]bool
}

// check returns models.ErrPaymentAltered for a transfer whose sender is doubtful.
func (s senders) check(key models.TransferKey, sender string) error {
	if !s.doubtful[sender] {
		return nil
	}
	return fmt.Errorf("transfer %s: a row says that its sender %s is an address of ours, and this program did not write "+
		"that row: %w", key, sender, models.ErrPaymentAltered)
}

// ownSenders returns which of the addresses are ours, deposit addresses included.
func (s *Store) ownSenders(db *gorm.DB, addresses []string) (senders, error) {
	found := senders{ours: map[string]bool{}, doubtful: map[string]bool{}}
	if len(addresses) == 0 {
		return found, nil
	}
	list, err := jsonList(addresses)
	if err != nil {
		return found, err
	}
	var own []ownAddress
	if err := db.Where("address IN ("+s.unfold()+")", list).Find(&own).Error; err != nil {
		return found, fmt.Errorf("match senders with our addresses: %w", err)
	}
	var deposits []struct {
		models.Payment
		Address string
	}
	err = db.Table("deposit_addresses d").Select("p.*, d.address").Joins("JOIN payments p ON p.id = d.payment_id").
		Where("d.address IN ("+s.unfold()+")", list).Find(&deposits).Error
	if err != nil {
		return found, fmt.Errorf("match senders with deposit addresses: %w", err)
	}
	note := func(address string, proven bool) {
		if proven {
			found.ours[address] = true
		} else {
			found.doubtful[address] = true
		}
	}
	for _, row := range own {
		note(row.Address, s.proves(row))
	}
	for _, row := range deposits {
		note(row.Address, row.DepositAddress == row.Address && s.CheckTerms(row.Payment) == nil)
	}
	for address := range found.ours {
		delete(found.doubtful, address)
	}
	return found, nil
}

// internalMovements returns the transfers to a deposit address that come from an address of ours, in the order of the
// chain, including those that a reorg removed. They are never credited.
func internalMovements(db *gorm.DB, depositAddress string) ([]models.Transfer, error) {
	var rows []sweep
	err := db.Where(`to_address = ? AND NOT EXISTS (SELECT 1 FROM transfers t JOIN deposit_addresses d
		ON d.payment_id = t.payment_id AND d.address = sweeps.to_address WHERE `+sameKey("t", "sweeps")+` AND t.canonical)`,
		depositAddress).Order("block_number, log_index, tx_hash, ordinal").Find(&rows).Error
	if err != nil {
		return nil, err
	}
	movements := make([]models.Transfer, len(rows))
	for i, row := range rows {
		movements[i] = models.Transfer{
			TransferKey: row.TransferKey, FromAddress: row.FromAddress, Amount: row.Amount, LogIndex: row.LogIndex,
			BlockNumber: row.BlockNumber, BlockHash: row.BlockHash, BlockTime: row.BlockTime, Canonical: row.Canonical,
		}
	}
	return movements, nil
}

// sameKey is SQL that holds when the rows of two tables are about the same transfer.
func sameKey(a, b string) string {
	return a + ".chain_id = " + b + ".chain_id AND " + a + ".tx_hash = " + b + ".tx_hash AND " +
		a + ".ordinal = " + b + ".ordinal AND " + a + ".token = " + b + ".token"
}

// makeInternal turns a transfer that was stored as a deposit, and is not credited, into an internal movement: its
// sender was not known as ours when it came. The payment takes it back as it would after a reorg.
func (s *Store) makeInternal(tx *gorm.DB, p models.Payment, t models.Transfer) error {
	if err := s.takeBack(tx, t.TransferKey, p.ID); err != nil {
		return err
	}
	err := storeMovements(tx, []sweep{{
		TransferKey: t.TransferKey, FromAddress: t.FromAddress, ToAddress: p.DepositAddress, Amount: t.Amount,
		LogIndex: t.LogIndex, BlockNumber: t.BlockNumber, BlockHash: t.BlockHash, BlockTime: t.BlockTime, Canonical: true,
	}})
	if err != nil {
		return err
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "internal_movement", Subject: "payment:" + p.ID,
		Detail: fmt.Sprintf("Transfer %s of %s USDT comes from %s, which is an address of ours, so it is not credited.",
			t.TransferKey, t.Amount, t.FromAddress),
	})
}

// takeBack takes a transfer that is not a deposit from its payment, as a reorg would. What is credited stays for a
// person to decide: reconciliation reports it.
func (s *Store) takeBack(tx *gorm.DB, key models.TransferKey, paymentID string) error {
	err := rowOf(tx, key, paymentID).Where("canonical AND credited_amount = 0").UpdateColumns(s.removal(0)).Error
	if err != nil {
		return fmt.Errorf("take transfer %s from its payment: %w", key, err)
	}
	return nil
}
