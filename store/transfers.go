package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
