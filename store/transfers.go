package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// ownTransfers returns rows for the transfers that pay an address of ours, in lockOrder.
func (s *Store) ownTransfers(tx *gorm.DB, network string, transfers []models.TokenTransfer) ([]models.Transfer, error) {
	payments, err := s.paymentsOfAddresses(tx, network, transfers)
	if err != nil || len(payments) == 0 {
		return nil, err
	}
	now := s.now()
	// A node may repeat a log; the databases refuse to write one row twice in a statement.
	seen := make(map[rowKey]models.Transfer, len(transfers))
	for _, t := range transfers {
		paymentID, ours := payments[t.To]
		if !ours || t.Amount <= 0 { // a transfer of nothing is spam
			continue
		}
		dueAt := t.Block.Number
		seen[rowKey{t.TransferKey, paymentID}] = models.Transfer{
			TransferKey: t.TransferKey, PaymentID: paymentID, FromAddress: t.From, Amount: t.Amount, LogIndex: t.LogIndex,
			BlockNumber: t.Block.Number, BlockHash: t.Block.Hash, BlockTime: toMillis(t.Block.Time), Canonical: true,
			Revision: 1, SignalDueAt: &dueAt, CreatedAt: now, UpdatedAt: now,
		}
	}
	rows := make([]models.Transfer, 0, len(seen))
	for _, row := range seen {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, compareByLockOrder)
	return rows, nil
}

// rowKey is the primary key of a transfer's row.
type rowKey struct {
	models.TransferKey
	paymentID string
}

func compareByLockOrder(a, b models.Transfer) int {
	return cmp.Or(cmp.Compare(a.ChainID, b.ChainID), strings.Compare(a.TxHash, b.TxHash), cmp.Compare(a.Ordinal, b.Ordinal),
		strings.Compare(a.PaymentID, b.PaymentID))
}

// paymentsOfAddresses maps those recipients that are our addresses to their payments, with one indexed statement however
// many there are: they travel as one JSON parameter.
func (s *Store) paymentsOfAddresses(tx *gorm.DB, network string, transfers []models.TokenTransfer) (map[string]string, error) {
	if len(transfers) == 0 {
		return nil, nil
	}
	recipients := make(map[string]bool, len(transfers))
	for _, t := range transfers {
		recipients[t.To] = true
	}
	list := make([]string, 0, len(recipients))
	for address := range recipients {
		list = append(list, address)
	}
	parameter, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("listing the recipients: %w", err)
	}
	unfold := "SELECT value FROM json_each(?)"
	if s.engine == enginePostgres {
		unfold = "SELECT jsonb_array_elements_text(CAST(? AS jsonb))"
	}
	var found []models.DepositAddress
	err = tx.Raw(`SELECT d.address, d.payment_id FROM deposit_addresses d
		JOIN payments p ON p.id = d.payment_id AND p.network = ? WHERE d.address IN (`+unfold+`)`, network, string(parameter)).Scan(&found).Error
	if err != nil {
		return nil, fmt.Errorf("matching the recipients with our addresses: %w", err)
	}
	payments := make(map[string]string, len(found))
	for _, address := range found {
		payments[address.Address] = address.PaymentID
	}
	return payments, nil
}

// storeTransfers writes the rows. One that exists is changed, with a new revision, only when the chain says something else
// of it than before.
func storeTransfers(tx *gorm.DB, rows []models.Transfer) error {
	if len(rows) == 0 {
		return nil
	}
	changes := clause.AssignmentColumns([]string{
		"from_address", "amount", "log_index", "block_number", "block_hash", "block_time", "canonical", "signal_due_at",
		"signalled_confirmations", "updated_at",
	})
	changes = append(changes, clause.Assignments(map[string]any{"revision": gorm.Expr("transfers.revision + 1")})...)
	err := tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "chain_id"}, {Name: "tx_hash"}, {Name: "ordinal"}, {Name: "payment_id"}},
		DoUpdates: changes,
		Where: clause.Where{Exprs: []clause.Expression{gorm.Expr(`NOT transfers.canonical OR transfers.block_hash <> excluded.block_hash
			OR transfers.amount <> excluded.amount OR transfers.log_index <> excluded.log_index`)}},
	}).CreateInBatches(rows, batchRows).Error
	if err != nil {
		return fmt.Errorf("storing transfers: %w", err)
	}
	return nil
}

// uncanonize marks the transfers above a block as taken away and due to be signalled at once.
func (s *Store) uncanonize(tx *gorm.DB, network string, above uint64) error {
	const taken = "canonical AND block_number > ? AND EXISTS (SELECT 1 FROM payments p WHERE p.id = transfers.payment_id AND p.network = ?)"
	var locked []models.Transfer
	err := tx.Clauses(rowLock).Select("chain_id").Where(taken, above, network).Order(lockOrder).Find(&locked).Error
	if err != nil {
		return fmt.Errorf("locking the transfers above block %d: %w", above, err)
	}
	// Sweeps, events and quarantine have no network of their own: an installation watches one chain.
	for _, table := range []string{"sweeps", "token_events", "quarantined_transfers"} {
		if err := tx.Table(table).Where("canonical AND block_number > ?", above).UpdateColumns(map[string]any{"canonical": false}).Error; err != nil {
			return fmt.Errorf("taking away %s above block %d: %w", table, above, err)
		}
	}
	if len(locked) == 0 {
		return nil
	}
	err = tx.Model(&models.Transfer{}).Where(taken, above, network).UpdateColumns(map[string]any{
		"canonical": false, "revision": gorm.Expr("revision + 1"), "signalled_confirmations": 0, "signal_due_at": 0,
		"updated_at": s.now(),
	}).Error
	if err != nil {
		return fmt.Errorf("taking away the transfers above block %d: %w", above, err)
	}
	return nil
}

// storeOversized keeps transfers to us that do not fit 64 bits, each with an alarm.
func (s *Store) storeOversized(tx *gorm.DB, network string, oversized []models.OversizedTransfer) error {
	for _, o := range oversized {
		payments, err := s.paymentsOfAddresses(tx, network, []models.TokenTransfer{{To: o.To}})
		if err != nil {
			return err
		}
		paymentID, ours := payments[o.To]
		if !ours {
			continue
		}
		row := quarantinedTransfer{
			TransferKey: o.TransferKey, PaymentID: paymentID, FromAddress: o.From, Value: o.Value, LogIndex: o.LogIndex,
			BlockNumber: o.Block.Number, BlockHash: o.Block.Hash, BlockTime: toMillis(o.Block.Time), Canonical: true,
		}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return fmt.Errorf("putting a transfer into quarantine: %w", err)
		}
		err = s.raise(tx, models.Alarm{
			Network: network, Kind: models.AlarmAmountTooLarge, Subject: o.String(),
			Message: fmt.Sprintf("A transfer of %s micro-USDT to %s (payment %s, transaction %s) does not fit 64 bits and is in quarantine; it is not credited.",
				o.Value, o.To, paymentID, o.TxHash),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// quarantinedTransfer is the row of a transfer that nobody credits.
type quarantinedTransfer struct {
	models.TransferKey `gorm:"embedded"`
	PaymentID          string `gorm:"primaryKey"`
	FromAddress        string
	Value              string
	LogIndex           uint
	BlockNumber        uint64
	BlockHash          string
	BlockTime          time.Time
	Canonical          bool
}

// sweep is the row of a transfer from one of our addresses.
type sweep struct {
	models.TransferKey `gorm:"embedded"`
	FromAddress        string `gorm:"primaryKey"`
	ToAddress          string
	Amount             models.Amount
	LogIndex           uint
	BlockNumber        uint64
	BlockHash          string
	BlockTime          time.Time
	Canonical          bool
}

// storeFound keeps the transfers that pay or drain an address of ours.
func (s *Store) storeFound(tx *gorm.DB, network string, transfers []models.TokenTransfer) error {
	rows, err := s.ownTransfers(tx, network, transfers)
	if err != nil {
		return err
	}
	if err := storeTransfers(tx, rows); err != nil {
		return err
	}
	return s.storeSweeps(tx, network, transfers)
}

func (s *Store) storeSweeps(tx *gorm.DB, network string, transfers []models.TokenTransfer) error {
	senders := make([]models.TokenTransfer, len(transfers))
	for i := range transfers {
		senders[i].To = transfers[i].From
	}
	ours, err := s.paymentsOfAddresses(tx, network, senders)
	if err != nil || len(ours) == 0 {
		return err
	}
	seen := map[models.TransferKey]bool{}
	var rows []sweep
	for _, t := range transfers {
		if ours[t.From] == "" || t.Amount <= 0 || seen[t.TransferKey] {
			continue
		}
		seen[t.TransferKey] = true
		rows = append(rows, sweep{
			TransferKey: t.TransferKey, FromAddress: t.From, ToAddress: t.To, Amount: t.Amount, LogIndex: t.LogIndex,
			BlockNumber: t.Block.Number, BlockHash: t.Block.Hash, BlockTime: toMillis(t.Block.Time), Canonical: true,
		})
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b sweep) int {
		return cmp.Or(strings.Compare(a.TxHash, b.TxHash), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(rows, batchRows).Error; err != nil {
		return fmt.Errorf("storing sweeps: %w", err)
	}
	return nil
}

// StoredTransfers returns the canonical transfers to and from our addresses in a range of blocks, both ends included.
func (s *Store) StoredTransfers(ctx context.Context, network string, from, to uint64) ([]models.TokenTransfer, error) {
	type row struct {
		models.TransferKey `gorm:"embedded"`
		FromAddress        string
		ToAddress          string
		Amount             models.Amount
		LogIndex           uint
		BlockNumber        uint64
		BlockHash          string
		BlockTime          time.Time
	}
	var incoming, outgoing []row
	err := s.read(ctx).Table("transfers t").
		Select("t.chain_id, t.tx_hash, t.ordinal, t.from_address, p.deposit_address AS to_address, t.amount, t.log_index, t.block_number, t.block_hash, t.block_time").
		Joins("JOIN payments p ON p.id = t.payment_id").
		Where("t.canonical AND t.block_number BETWEEN ? AND ? AND p.network = ?", from, to, network).Find(&incoming).Error
	if err == nil {
		err = s.read(ctx).Table("sweeps").Where("canonical AND block_number BETWEEN ? AND ?", from, to).Find(&outgoing).Error
	}
	if err != nil {
		return nil, wrap(err, "reading the transfers of a range")
	}
	var found []models.TokenTransfer
	known := map[models.TransferKey]bool{}
	for _, r := range append(incoming, outgoing...) {
		if known[r.TransferKey] {
			continue // from one of our addresses to another
		}
		known[r.TransferKey] = true
		found = append(found, models.TokenTransfer{
			TransferKey: r.TransferKey, From: r.FromAddress, To: r.ToAddress, Amount: r.Amount, LogIndex: r.LogIndex,
			Block: models.BlockRef{Number: r.BlockNumber, Hash: r.BlockHash, Time: r.BlockTime},
		})
	}
	return found, nil
}

// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses of the network.
func (s *Store) OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error) {
	transfers := make([]models.TokenTransfer, len(addresses))
	for i, address := range addresses {
		transfers[i].To = address
	}
	payments, err := s.paymentsOfAddresses(s.read(ctx), network, transfers)
	if err != nil {
		return nil, err
	}
	ours := make([]string, 0, len(payments))
	for address := range payments {
		ours = append(ours, address)
	}
	return ours, nil
}

// Transfers returns every transfer known for a payment in the order of the chain, also those that a reorg removed.
func (s *Store) Transfers(ctx context.Context, paymentID string) ([]models.Transfer, error) {
	var transfers []models.Transfer
	err := s.read(ctx).Where("payment_id = ?", paymentID).Order(chainOrder).Find(&transfers).Error
	return transfers, wrap(err, "reading a payment's transfers")
}

const chainOrder = "block_number, log_index, tx_hash, ordinal, chain_id"
