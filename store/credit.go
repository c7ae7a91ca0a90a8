package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"paycow/models"
)

// Credit books transfers to the operator's balance, reverses credits of transfers that a reorg removed or changed, and
// records the state that follows, all in one transaction. When the row has moved on, or a transfer is no longer what
// the caller saw, or the rows contradict the state, nothing is written: Recorded is false and Snapshot holds the
// present. Reversals are booked first, so a transfer that came back with another amount can be in both lists.
//
// Returns models.ErrCreditingHalted while an alarm stops crediting, models.ErrNotConfirmedYet, models.ErrNotFound, and
// models.ErrAlreadyExists while another payment still holds the credit of the same transfer (a contract call that was
// mined again with another recipient): once that credit is reversed, the call succeeds. Returns
// models.ErrPaymentAltered with an alarm when the payment's row was changed, or when the ledger does not hold what is
// to be reversed.
func (s *Store) Credit(ctx context.Context, in models.CreditInput) (result models.CreditResult, err error) {
	var p models.Payment
	err = s.write(ctx, func(tx *gorm.DB) error {
		result = models.CreditResult{}
		if p, err = lockPayment(tx, in.PaymentID); err != nil {
			return err
		}
		if p.OperatorID != in.OperatorID {
			return fmt.Errorf("the payment does not belong to operator %s", in.OperatorID)
		}
		if p.Version != in.State.Version-1 {
			// Even a row in the wanted state may stand on other bookings; only the snapshot shows them.
			snapshot, err := s.snapshotOf(tx, p)
			result.Snapshot = &snapshot
			return err
		}
		if err := s.checkAddress(tx, p); err != nil {
			return err
		}
		if err := refuseWhileHalted(tx, p.Network); err != nil {
			return err
		}
		if err := lockWindow(tx, p, in.State); err != nil {
			return err
		}
		bookings, err := s.planBookings(tx, p, in)
		if err != nil {
			return err
		}
		if bookings == nil {
			snapshot, err := s.snapshotOf(tx, p)
			result.Snapshot = &snapshot
			return err
		}
		if _, err := s.bookTransfers(tx, p, bookings); err != nil {
			return err
		}
		result.RecordResult, err = s.record(tx, p, in.State)
		return err
	})
	if refused, isRefused := errors.AsType[*refusedError](err); isRefused { // the bookings were rolled back
		result = models.CreditResult{}
		result.RecordResult, err = s.refusal(s.read(ctx), in.PaymentID, refused)
	}
	return result, s.alarmIfAltered(ctx, p, wrap(err, "credit a payment"))
}

// transferBooking is one booking of a transfer into or out of the operator's account.
type transferBooking struct {
	kind   models.LedgerKind
	key    models.TransferKey
	amount models.Amount
	block  uint64 // its number
}

func creditOf(row models.Transfer) transferBooking {
	return transferBooking{models.LedgerCredit, row.TransferKey, row.Amount, row.BlockNumber}
}

func reversalOf(row models.Transfer) transferBooking {
	return transferBooking{models.LedgerReversal, row.TransferKey, row.CreditedAmount, row.BlockNumber}
}

// planBookings locks the transfers to be booked and compares them with what the caller saw. It returns nil when they
// differ, and when a transfer turns out to come from an address of ours.
func (s *Store) planBookings(tx *gorm.DB, p models.Payment, in models.CreditInput) ([]transferBooking, error) {
	wanted := make([]models.Transfer, 0, len(in.Reversals)+len(in.Credits))
	for _, notice := range slices.Concat(in.Reversals, in.Credits) {
		wanted = append(wanted, models.Transfer{TransferKey: notice.TransferKey, PaymentID: p.ID})
	}
	rows, err := lockTransfers(tx, p, wanted)
	if err != nil {
		return nil, err
	}
	transfers := make(map[models.TransferKey]*models.Transfer, len(rows))
	for key, row := range rows {
		transfers[key] = &row
	}
	bookings := make([]transferBooking, 0, len(in.Reversals)+len(in.Credits))
	for _, reversal := range in.Reversals {
		row := transfers[reversal.TransferKey]
		// What was verified to be gone must be what is credited, in the block that it was last seen in.
		if row == nil || !isOutdated(*row) ||
			row.CreditedAmount != reversal.CreditedAmount || row.Revision != reversal.Revision ||
			row.BlockHash != reversal.Block.Hash || row.FromAddress != reversal.From {
			return nil, nil
		}
		bookings = append(bookings, reversalOf(*row))
		row.CreditedAmount = 0
	}
	senders := make([]string, 0, len(in.Credits))
	for _, credit := range in.Credits {
		if row := transfers[credit.TransferKey]; row != nil {
			senders = append(senders, row.FromAddress)
		}
	}
	own, err := s.ownSenders(tx, senders)
	if err != nil {
		return nil, err
	}
	anyInternal := false
	for _, credit := range in.Credits {
		row := transfers[credit.TransferKey]
		if row == nil || row.CreditedAmount != 0 || !row.Canonical || row.Revision != credit.Revision ||
			row.Amount != credit.Amount || row.BlockHash != credit.Block.Hash || row.FromAddress != credit.From ||
			!row.BlockTime.Equal(credit.Block.Time) {
			return nil, nil
		}
		if err := own.check(row.TransferKey, row.FromAddress); err != nil {
			return nil, err
		}
		if own.ours[row.FromAddress] {
			anyInternal = true
			if err := s.makeInternal(tx, p, *row); err != nil {
				return nil, err
			}
			continue
		}
		bookings = append(bookings, creditOf(*row))
		row.CreditedAmount = row.Amount
	}
	if anyInternal {
		return nil, nil // the payment is less than the caller saw
	}
	return bookings, nil
}

// lockOrder is the order in which every transaction locks several transfers, so that no two wait for each other.
const lockOrder = "chain_id, tx_hash, ordinal, token, payment_id"

// bookTransfers books transfers of one payment, reversals first, and returns by how much the operator's account
// changes. Returns models.ErrNotConfirmedYet.
func (s *Store) bookTransfers(tx *gorm.DB, p models.Payment, bookings []transferBooking) (models.Amount, error) {
	if err := requireConfirmed(tx, p, bookings); err != nil {
		return 0, err
	}
	if err := s.alarmEarly(tx, p, bookings); err != nil {
		return 0, err
	}
	change := models.Amount(0)
	for _, kind := range []models.LedgerKind{models.LedgerReversal, models.LedgerCredit} {
		var some []transferBooking
		for _, b := range bookings {
			if b.kind == kind {
				some = append(some, b)
			}
		}
		for batch := range slices.Chunk(some, batchRows) {
			moved, err := s.bookBatch(tx, p, kind, batch)
			if err != nil {
				return 0, err
			}
			if change, err = change.Add(moved); err != nil {
				return 0, fmt.Errorf("add up the bookings: %w", err)
			}
		}
	}
	return change, nil
}

// alarmEarly raises an alarm if a transfer that is to be credited was mined before its payment was created: somebody
// paid for something else, of which this database does not know.
func (s *Store) alarmEarly(tx *gorm.DB, p models.Payment, bookings []transferBooking) error {
	before, err := lastBefore(tx, p)
	if err != nil {
		return err
	}
	for _, b := range bookings {
		if b.kind == models.LedgerCredit && b.block <= before {
			return s.raise(tx, models.Alarm{
				Network: p.Network, Kind: models.AlarmEarlyTransfer, Subject: p.ID,
				Message: fmt.Sprintf("Transfer %s of %s USDT (block %d) came to the address of payment %s before that payment was "+
					"created. It is credited to the operator and does not pay the payment.", b.key, b.amount, b.block, p.ID),
			})
		}
	}
	return nil
}

// bookBatch books transfers of one payment that are all credited or all reversed, in a few statements.
func (s *Store) bookBatch(
	tx *gorm.DB, p models.Payment, kind models.LedgerKind, batch []transferBooking,
) (change models.Amount, err error) {
	keys := make([]models.TransferKey, len(batch))
	for i, b := range batch {
		keys[i] = b.key
	}
	generations, err := reversalsOf(tx, keys)
	if err != nil {
		return 0, err
	}
	now := s.now()
	booked := make([]booking, len(batch))
	for i, b := range batch {
		header := models.LedgerTransaction{Kind: kind, PaymentID: p.ID, CreatedAt: now}
		toOperator := b.amount
		header.ExternalID = models.CreditExternalID(b.key, generations[b.key])
		if kind == models.LedgerReversal {
			header.ExternalID = models.ReversalExternalID(b.key, generations[b.key])
			toOperator = -b.amount
		}
		header.ID = models.LedgerTransactionID(header.ExternalID, p.ID, p.Version)
		booked[i] = booking{header, []models.LedgerEntry{
			{Account: models.OperatorAvailableAccount(p.OperatorID), Amount: toOperator},
			{Account: models.AccountChainDeposits, Amount: -toOperator},
		}}
		if change, err = change.Add(toOperator); err != nil {
			return 0, fmt.Errorf("add up the bookings: %w", err)
		}
	}
	if kind == models.LedgerReversal {
		if err := requireCredits(tx, p, batch, generations); err != nil {
			return 0, err
		}
		if err := s.auditReversals(tx, p, batch, -change); err != nil {
			return 0, err
		}
	}
	if err := bookAll(tx, booked); err != nil {
		return 0, err
	}
	credited := "amount"
	if kind == models.LedgerReversal {
		credited = "0"
	}
	err = ofKeys(tx, p.ID, keys).UpdateColumns(map[string]any{
		"credited_amount": gorm.Expr(credited), "updated_at": now,
		// A transfer whose credit agrees with the chain is no longer due to be signalled.
		"signal_due_at": gorm.Expr("CASE WHEN " + credited + ` = (CASE WHEN canonical THEN amount ELSE 0 END)
			THEN NULL ELSE signal_due_at END`),
	}).Error
	if err != nil {
		return 0, fmt.Errorf("note what was booked for the transfers of payment %s: %w", p.ID, err)
	}
	return change, nil
}

// requireCredits returns models.ErrPaymentAltered unless the ledger holds each credit that is to be reversed, for this
// payment and with this amount. A transfer's row says what is credited, but anybody who writes rows can change it.
func requireCredits(
	tx *gorm.DB, p models.Payment, batch []transferBooking, generations map[models.TransferKey]int,
) error {
	ids := make([]string, len(batch))
	for i, b := range batch {
		ids[i] = models.CreditExternalID(b.key, generations[b.key])
	}
	var credits []struct {
		ExternalID string
		Amount     models.Amount
	}
	err := tx.Raw(`SELECT t.external_id, e.amount FROM ledger_transactions t CROSS JOIN ledger_entries e
		WHERE t.external_id IN ? AND t.payment_id = ? AND e.transaction_id = t.id AND e.account || '' = ?`,
		ids, p.ID, models.OperatorAvailableAccount(p.OperatorID)).Scan(&credits).Error
	if err != nil {
		return fmt.Errorf("look for the credits to reverse: %w", err)
	}
	held := make(map[string]models.Amount, len(credits))
	for _, credit := range credits {
		held[credit.ExternalID] = credit.Amount
	}
	for i, b := range batch {
		if held[ids[i]] != b.amount {
			return fmt.Errorf("transfer %s: its row says that %s USDT is credited, but the ledger has %s: %w",
				b.key, b.amount, held[ids[i]], models.ErrPaymentAltered)
		}
	}
	return nil
}

// auditedReversals is how many reversals of one transaction get a line each in the audit log; more share one.
const auditedReversals = 20

func (s *Store) auditReversals(tx *gorm.DB, p models.Payment, batch []transferBooking, sum models.Amount) error {
	entry := models.AuditEntry{Actor: models.ActorSystem, Action: "credit_reversed", Subject: "payment:" + p.ID}
	if len(batch) > auditedReversals {
		entry.Detail = fmt.Sprintf("A reorg removed or changed %d transfers, the first is %s, so their credits of %s USDT "+
			"are reversed.", len(batch), batch[0].key, sum)
		return s.audit(tx, entry)
	}
	for _, b := range batch {
		entry.Detail = fmt.Sprintf("A reorg removed or changed transfer %s, so its credit of %s USDT is reversed.",
			b.key, b.amount)
		if err := s.audit(tx, entry); err != nil {
			return err
		}
	}
	return nil
}

// reversalsOf counts the reversals of transfers so far, whichever payment they were for. Those without one are left
// out.
func reversalsOf(tx *gorm.DB, keys []models.TransferKey) (map[models.TransferKey]int, error) {
	firsts := make([]string, len(keys))
	for i, key := range keys {
		firsts[i] = models.ReversalExternalID(key, 0)
	}
	var found []string
	err := tx.Model(&models.LedgerTransaction{}).Where("external_id IN ?", firsts).Pluck("external_id", &found).Error
	if err != nil {
		return nil, fmt.Errorf("look for reversals: %w", err)
	}
	counts := map[models.TransferKey]int{}
	for i, key := range keys {
		if !slices.Contains(found, firsts[i]) {
			continue
		}
		// The first has the bare key, later ones "#1", "#2", … after it; "$" is the character that follows "#".
		var later int64
		err := tx.Model(&models.LedgerTransaction{}).
			Where("external_id > ? AND external_id < ?", firsts[i]+"#", firsts[i]+"$").Count(&later).Error
		if err != nil {
			return nil, fmt.Errorf("count the reversals of transfer %s: %w", key, err)
		}
		counts[key] = int(later) + 1
	}
	return counts, nil
}

// CreditedTransfers returns those of the transfers for which the ledger holds a credit.
func (s *Store) CreditedTransfers(ctx context.Context, keys []models.TransferKey) ([]models.TransferKey, error) {
	hashes := make([]string, len(keys))
	for i, key := range keys {
		hashes[i] = key.TxHash
	}
	var credited []models.TransferKey
	for batch := range slices.Chunk(hashes, batchRows) {
		var rows []models.Transfer
		if err := s.read(ctx).Where("tx_hash IN ? AND credited_amount <> 0", batch).Find(&rows).Error; err != nil {
			return nil, wrap(err, "look for credited transfers")
		}
		for _, row := range rows {
			if slices.Contains(keys, row.TransferKey) && !slices.Contains(credited, row.TransferKey) {
				credited = append(credited, row.TransferKey)
			}
		}
	}
	return credited, nil
}
