package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// chainOrder is the order in which transfers stand in the chain.
const chainOrder = "block_number, log_index, tx_hash, ordinal, chain_id, token"

// Transfers returns every transfer known for a payment in the order of the chain, including those that a reorg removed.
func (s *Store) Transfers(ctx context.Context, paymentID string) ([]models.Transfer, error) {
	transfers, err := transfersOf(s.read(ctx), paymentID)
	return transfers, wrap(err, "read a payment's transfers")
}

// largestTransfers returns the largest transfers known for a payment, at most limit, in the order of the chain, and how
// many there are.
func largestTransfers(db *gorm.DB, paymentID string, limit int) (transfers []models.Transfer, total int64, err error) {
	of := db.Model(&models.Transfer{}).Where("payment_id = ?", paymentID).Session(&gorm.Session{})
	err = of.Count(&total).Error
	if err == nil {
		err = of.Order("amount DESC, " + chainOrder).Limit(limit).Find(&transfers).Error
	}
	slices.SortFunc(transfers, func(a, b models.Transfer) int {
		return cmp.Or(cmp.Compare(a.BlockNumber, b.BlockNumber), cmp.Compare(a.LogIndex, b.LogIndex),
			a.Compare(b.TransferKey))
	})
	return transfers, total, err
}

func transfersOf(db *gorm.DB, paymentID string) ([]models.Transfer, error) {
	var transfers []models.Transfer
	err := db.Where("payment_id = ?", paymentID).Order(chainOrder).Find(&transfers).Error
	return transfers, err
}

// storeFound stores the transfers to and from our addresses.
func (s *Store) storeFound(tx *gorm.DB, network string, transfers []models.TokenTransfer) error {
	rows, err := s.ownTransfers(tx, network, transfers)
	if err != nil {
		return err
	}
	if err := storeTransfers(tx, rows); err != nil {
		return err
	}
	if err := s.reportAltered(tx, pluck(rows, func(t models.Transfer) string { return t.PaymentID })); err != nil {
		return err
	}
	return s.storeSweeps(tx, network, transfers)
}

// ownTransfers returns rows for the transfers that others sent to our addresses, in lockOrder.
func (s *Store) ownTransfers(tx *gorm.DB, network string, transfers []models.TokenTransfer) ([]models.Transfer, error) {
	payments, err := s.paymentsOfAddresses(tx, network,
		pluck(transfers, func(t models.TokenTransfer) string { return t.To }))
	if err != nil || len(payments) == 0 {
		return nil, err
	}
	var senders []string
	for _, t := range transfers {
		if payments[t.To] != "" {
			senders = append(senders, t.From)
		}
	}
	own, err := s.ownSenders(tx, senders)
	if err != nil {
		return nil, err
	}
	now := s.now()
	// A node may repeat a log; the databases refuse to write one row twice in a statement.
	seen := make(map[rowKey]models.Transfer, len(transfers))
	for _, t := range transfers {
		paymentID, ours := payments[t.To]
		if !ours || own.ours[t.From] || t.Amount <= 0 { // a transfer of nothing is spam
			continue
		}
		dueAt := t.Block.Number
		seen[rowKey{t.TransferKey, paymentID}] = models.Transfer{
			TransferKey: t.TransferKey, PaymentID: paymentID, FromAddress: t.From, Amount: t.Amount, LogIndex: t.LogIndex,
			BlockNumber: t.Block.Number, BlockHash: t.Block.Hash, BlockTime: toMillis(t.Block.Time), Canonical: true,
			Revision: 1, SignalDueAt: &dueAt, CreatedAt: now, UpdatedAt: now,
		}
	}
	return slices.SortedFunc(maps.Values(seen), compareByLockOrder), nil
}

// rowKey is the primary key of a transfer's row.
type rowKey struct {
	models.TransferKey
	paymentID string
}

// rowOf selects the row of a transfer.
func rowOf(tx *gorm.DB, key models.TransferKey, paymentID string) *gorm.DB {
	return ofKey(tx.Model(&models.Transfer{}), key).Where("payment_id = ?", paymentID)
}

// ofKey selects the rows of a table that hold the transfer or the event with that key.
func ofKey(tx *gorm.DB, key models.TransferKey) *gorm.DB {
	return tx.Where("chain_id = ? AND tx_hash = ? AND ordinal = ? AND token = ?",
		key.ChainID, key.TxHash, key.Ordinal, key.Token)
}

func compareByLockOrder(a, b models.Transfer) int {
	return cmp.Or(a.Compare(b.TransferKey), strings.Compare(a.PaymentID, b.PaymentID))
}

// storeTransfers writes the rows. An existing row changes, and gets a new revision, only when the chain now says
// something else about the transfer.
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
		Columns: []clause.Column{
			{Name: "chain_id"}, {Name: "tx_hash"}, {Name: "ordinal"}, {Name: "payment_id"}, {Name: "token"},
		},
		DoUpdates: changes,
		Where: clause.Where{Exprs: []clause.Expression{gorm.Expr(`NOT transfers.canonical
			OR transfers.block_hash <> excluded.block_hash OR transfers.amount <> excluded.amount
			OR transfers.log_index <> excluded.log_index OR transfers.from_address <> excluded.from_address`)}},
	}).CreateInBatches(rows, batchRows).Error
	if err != nil {
		return fmt.Errorf("store transfers: %w", err)
	}
	return nil
}

// uncanonize marks the transfers, sweeps and events above a block as removed by a reorg. The transfers are due to be
// signalled when the new branch has been read to where the old one was: most are mined again in it, and nobody needs to
// hear of a removal that was none.
func (s *Store) uncanonize(tx *gorm.DB, network string, above, dueAt uint64) error {
	const removed = `canonical AND block_number > ?
		AND EXISTS (SELECT 1 FROM payments p WHERE p.id = transfers.payment_id AND p.network = ?)`
	var locked []models.Transfer
	err := tx.Clauses(rowLock).Select("chain_id").Where(removed, above, network).Order(lockOrder).Find(&locked).Error
	if err != nil {
		return fmt.Errorf("lock the transfers above block %d: %w", above, err)
	}
	// Sweeps, events and quarantine have no network of their own: an installation watches one chain.
	for _, table := range []string{"sweeps", "token_events", "quarantined_transfers"} {
		err := tx.Table(table).Where("canonical AND block_number > ?", above).UpdateColumn("canonical", false).Error
		if err != nil {
			return fmt.Errorf("mark %s above block %d as removed: %w", table, above, err)
		}
	}
	if len(locked) == 0 {
		return nil
	}
	err = tx.Model(&models.Transfer{}).Where(removed, above, network).UpdateColumns(s.removal(dueAt)).Error
	if err != nil {
		return fmt.Errorf("mark the transfers above block %d as removed: %w", above, err)
	}
	return nil
}

// removal is the change of a transfer's row when the transfer turns out not to be in the chain. It is due to be
// signalled when the chain has been read up to the block number dueAt.
func (s *Store) removal(dueAt uint64) map[string]any {
	return map[string]any{
		"canonical": false, "revision": gorm.Expr("revision + 1"), "signalled_confirmations": 0, "signal_due_at": dueAt,
		"updated_at": s.now(),
	}
}

// sweep is the row of a transfer from one of our deposit addresses, or from another address of ours to one of them. It
// is never credited: what stays among deposit addresses is an internal movement, all else has left them.
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

func (s *Store) storeSweeps(tx *gorm.DB, network string, transfers []models.TokenTransfer) error {
	own, err := s.ownSenders(tx, pluck(transfers, func(t models.TokenTransfer) string { return t.From }))
	if err != nil || len(own.ours) == 0 {
		return err
	}
	var sent []models.TokenTransfer
	var parties []string
	for _, t := range transfers {
		if own.ours[t.From] && t.Amount > 0 {
			sent = append(sent, t)
			parties = append(parties, t.From, t.To)
		}
	}
	deposits, err := s.paymentsOfAddresses(tx, network, parties)
	if err != nil {
		return err
	}
	seen := map[models.TransferKey]bool{}
	var rows []sweep
	for _, t := range sent {
		if seen[t.TransferKey] || deposits[t.From] == "" && deposits[t.To] == "" {
			continue // what the treasury pays others is none of our business
		}
		seen[t.TransferKey] = true
		if payment := deposits[t.To]; payment != "" {
			if err := s.takeBack(tx, t.TransferKey, payment); err != nil {
				return err
			}
		}
		rows = append(rows, sweep{
			TransferKey: t.TransferKey, FromAddress: t.From, ToAddress: t.To, Amount: t.Amount, LogIndex: t.LogIndex,
			BlockNumber: t.Block.Number, BlockHash: t.Block.Hash, BlockTime: toMillis(t.Block.Time), Canonical: true,
		})
	}
	return storeMovements(tx, rows)
}

func storeMovements(tx *gorm.DB, rows []sweep) error {
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b sweep) int { return a.Compare(b.TransferKey) })
	if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(rows, batchRows).Error; err != nil {
		return fmt.Errorf("store sweeps: %w", err)
	}
	return nil
}

// StoredTransfers returns the canonical transfers to and from our addresses in the blocks from one number to another,
// inclusive.
func (s *Store) StoredTransfers(ctx context.Context, network string, from, to uint64) ([]models.TokenTransfer, error) {
	var incoming, outgoing []sweep
	err := s.read(ctx).Table("transfers t").
		Select(`t.chain_id, t.tx_hash, t.ordinal, t.token, t.from_address, p.deposit_address AS to_address, t.amount,
			t.log_index,
			t.block_number, t.block_hash, t.block_time`).
		Joins("JOIN payments p ON p.id = t.payment_id").
		Where("t.canonical AND t.block_number BETWEEN ? AND ? AND p.network = ?", from, to, network).Find(&incoming).Error
	if err == nil {
		err = s.read(ctx).Where("canonical AND block_number BETWEEN ? AND ?", from, to).Find(&outgoing).Error
	}
	if err != nil {
		return nil, wrap(err, "read the transfers of a range")
	}
	var found []models.TokenTransfer
	known := map[models.TransferKey]bool{}
	for _, row := range append(incoming, outgoing...) {
		if known[row.TransferKey] {
			continue // from one of our addresses to another
		}
		known[row.TransferKey] = true
		found = append(found, models.TokenTransfer{
			TransferKey: row.TransferKey, From: row.FromAddress, To: row.ToAddress, Amount: row.Amount, LogIndex: row.LogIndex,
			Block: models.BlockRef{Number: row.BlockNumber, Hash: row.BlockHash, Time: row.BlockTime},
		})
	}
	return found, nil
}

// quarantinedTransfer is the row of a transfer to us that is never credited.
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

// storeOversized stores transfers to us that do not fit 64 bits, each with an alarm.
func (s *Store) storeOversized(tx *gorm.DB, network string, oversized []models.OversizedTransfer) error {
	payments, err := s.paymentsOfAddresses(tx, network,
		pluck(oversized, func(t models.OversizedTransfer) string { return t.To }))
	if err != nil {
		return err
	}
	for _, o := range oversized {
		paymentID, ours := payments[o.To]
		if !ours {
			continue
		}
		row := quarantinedTransfer{
			TransferKey: o.TransferKey, PaymentID: paymentID, FromAddress: o.From, Value: o.Value, LogIndex: o.LogIndex,
			BlockNumber: o.Block.Number, BlockHash: o.Block.Hash, BlockTime: toMillis(o.Block.Time), Canonical: true,
		}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return fmt.Errorf("store a transfer beyond 64 bits: %w", err)
		}
		err := s.raise(tx, models.Alarm{
			Network: network, Kind: models.AlarmAmountTooLarge, Subject: o.String(),
			Message: fmt.Sprintf("A transfer of %s micro-USDT to %s (payment %s, transaction %s) does not fit 64 bits "+
				"and is in quarantine; it is not credited.", o.Value, o.To, paymentID, o.TxHash),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses of the network, in no particular
// order.
func (s *Store) OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error) {
	payments, err := s.paymentsOfAddresses(s.read(ctx), network, addresses)
	if err != nil {
		return nil, wrap(err, "look for our addresses")
	}
	return slices.Collect(maps.Keys(payments)), nil
}

// paymentsOfAddresses maps those of the addresses that are deposit addresses of the network to their payments' ids. It
// runs one indexed statement, however many addresses there are: they are passed as one JSON parameter.
func (s *Store) paymentsOfAddresses(db *gorm.DB, network string, addresses []string) (map[string]string, error) {
	if len(addresses) == 0 {
		return map[string]string{}, nil
	}
	list, err := jsonList(addresses)
	if err != nil {
		return nil, err
	}
	var found []models.DepositAddress
	err = db.Raw(`SELECT d.address, d.payment_id FROM deposit_addresses d
		JOIN payments p ON p.id = d.payment_id AND p.network = ? WHERE d.address IN (`+s.unfold()+`)`,
		network, list).Scan(&found).Error
	if err != nil {
		return nil, fmt.Errorf("match addresses with ours: %w", err)
	}
	payments := make(map[string]string, len(found))
	for _, address := range found {
		payments[address.Address] = address.PaymentID
	}
	return payments, nil
}

// jsonList encodes texts as the one parameter of unfold, each once.
func jsonList(texts []string) (string, error) {
	list, err := json.Marshal(slices.Compact(slices.Sorted(slices.Values(texts))))
	if err != nil {
		return "", fmt.Errorf("encode a list: %w", err)
	}
	return string(list), nil
}

// unfold is SQL for the texts of a parameter that jsonList made.
func (s *Store) unfold() string {
	if s.engine == enginePostgres {
		return "SELECT jsonb_array_elements_text(CAST(? AS jsonb))"
	}
	return "SELECT value FROM json_each(?)"
}

// pluck returns one text of each row.
func pluck[T any](rows []T, text func(row T) string) []string {
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = text(row)
	}
	return texts
}
