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
// present. Reversals are booked first, so
// a transfer that came back with another amount can be in both lists.
//
// Returns models.ErrCreditingHalted while an alarm stops crediting, models.ErrNotFound, and models.ErrAlreadyExists
// while another payment still holds the credit of the same transfer (a contract call that was mined again with another
// recipient): once that credit is reversed, the call succeeds.
func (s *Store) Credit(ctx context.Context, in models.CreditInput) (result models.CreditResult, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		result = models.CreditResult{}
		p, err := lockPayment(tx, in.PaymentID)
		if err != nil {
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
		for _, booking := range bookings {
			if err := s.bookTransfer(tx, p, booking); err != nil {
				return err
			}
		}
		result.RecordResult, err = s.record(tx, p, in.State)
		return err
	})
	if refused, isRefused := errors.AsType[*refusedError](err); isRefused { // the bookings were rolled back
		result = models.CreditResult{}
		result.RecordResult, err = s.refusal(s.read(ctx), in.PaymentID, refused)
	}
	return result, wrap(err, "credit a payment")
}

// transferBooking is one booking of a transfer into or out of the operator's account.
type transferBooking struct {
	kind   models.LedgerKind
	key    models.TransferKey
	amount models.Amount
}

// planBookings locks the payment's transfers and compares them with what the caller saw. It returns nil when they
// differ, and when a transfer turns out to come from an address of ours.
func (s *Store) planBookings(tx *gorm.DB, p models.Payment, in models.CreditInput) ([]transferBooking, error) {
	var rows []models.Transfer
	if err := tx.Clauses(rowLock).Where("payment_id = ?", p.ID).Order(lockOrder).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock the payment's transfers: %w", err)
	}
	transfers := make(map[models.TransferKey]*models.Transfer, len(rows))
	for i := range rows {
		transfers[rows[i].TransferKey] = &rows[i]
	}
	bookings := make([]transferBooking, 0, len(in.Reversals)+len(in.Credits))
	for _, reversal := range in.Reversals {
		row := transfers[reversal.TransferKey]
		if row == nil || row.CreditedAmount == 0 || (row.Canonical && row.Amount == row.CreditedAmount) {
			return nil, nil
		}
		bookings = append(bookings, transferBooking{models.LedgerReversal, row.TransferKey, row.CreditedAmount})
		row.CreditedAmount = 0
	}
	senders := make([]string, 0, len(in.Credits))
	for _, credit := range in.Credits {
		if row := transfers[credit.TransferKey]; row != nil {
			senders = append(senders, row.FromAddress)
		}
	}
	internal, err := s.ownSenders(tx, senders)
	if err != nil {
		return nil, err
	}
	anyInternal := false
	for _, credit := range in.Credits {
		row := transfers[credit.TransferKey]
		if row == nil || row.CreditedAmount != 0 || !row.Canonical || row.Revision != credit.Revision ||
			row.Amount != credit.Amount || row.BlockHash != credit.Block.Hash || row.FromAddress != credit.From {
			return nil, nil
		}
		if internal[row.FromAddress] {
			anyInternal = true
			if err := s.makeInternal(tx, p, *row); err != nil {
				return nil, err
			}
			continue
		}
		bookings = append(bookings, transferBooking{models.LedgerCredit, row.TransferKey, row.Amount})
		row.CreditedAmount = row.Amount
	}
	if anyInternal {
		return nil, nil // the payment is less than the caller saw
	}
	return bookings, nil
}

// lockOrder is the order in which every transaction locks several transfers, so that no two wait for each other.
const lockOrder = "chain_id, tx_hash, ordinal, token, payment_id"

func (s *Store) bookTransfer(tx *gorm.DB, p models.Payment, b transferBooking) error {
	generation, err := reversalsOf(tx, b.key)
	if err != nil {
		return err
	}
	header := models.LedgerTransaction{Kind: b.kind, PaymentID: p.ID, CreatedAt: s.now()}
	toOperator, credited := b.amount, b.amount
	switch b.kind {
	case models.LedgerCredit:
		header.ExternalID = models.CreditExternalID(b.key, generation)
	case models.LedgerReversal:
		err := s.audit(tx, models.AuditEntry{
			Actor:   models.ActorSystem,
			Action:  "credit_reversed",
			Subject: "payment:" + p.ID,
			Detail: fmt.Sprintf("A reorg removed or changed transfer %s, so its credit of %s USDT is reversed.",
				b.key, b.amount),
		})
		if err != nil {
			return err
		}
		header.ExternalID = models.ReversalExternalID(b.key, generation)
		toOperator, credited = -b.amount, 0
	}
	header.ID = models.LedgerTransactionID(header.ExternalID, p.ID, p.Version)
	err = book(tx, header, []models.LedgerEntry{
		{Account: models.OperatorAvailableAccount(p.OperatorID), Amount: toOperator},
		{Account: models.AccountChainDeposits, Amount: -toOperator},
	})
	if err != nil {
		return err
	}
	err = rowOf(tx, b.key, p.ID).UpdateColumns(map[string]any{
		"credited_amount": credited, "updated_at": header.CreatedAt,
		// A transfer whose credit agrees with the chain is no longer due to be signalled.
		"signal_due_at": gorm.Expr(`CASE WHEN CAST(? AS bigint) = (CASE WHEN canonical THEN amount ELSE 0 END)
			THEN NULL ELSE signal_due_at END`, credited),
	}).Error
	if err != nil {
		return fmt.Errorf("note what was booked for transfer %s: %w", b.key, err)
	}
	return nil
}

// reversalsOf counts the reversals of a transfer so far, whichever payment they were for.
func reversalsOf(tx *gorm.DB, key models.TransferKey) (int, error) {
	// The first has the bare key, later ones "#1", "#2", … after it; "$" is the character that follows "#".
	first := models.ReversalExternalID(key, 0)
	var count int64
	err := tx.Model(&models.LedgerTransaction{}).
		Where("external_id = ? OR (external_id > ? AND external_id < ?)", first, first+"#", first+"$").Count(&count).Error
	if err != nil {
		return 0, fmt.Errorf("count the reversals of transfer %s: %w", key, err)
	}
	return int(count), nil
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
