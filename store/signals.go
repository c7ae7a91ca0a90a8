package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// DueSignal is a payment whose workflow is due to be signalled, with the transfers that it is due to be sent.
type DueSignal struct {
	Payment   models.Payment
	Transfers []models.Transfer
	// LastBefore is the number of the last block from before the payment's creation, 0 when that is not known.
	LastBefore uint64
	// Crowd holds the sums of all transfers of a crowded payment, nil for another one. Then Transfers is empty.
	Crowd *models.Crowd
	// WindowEnd is when the payment's window really ends, zero when that is its expiry; WindowAsOf is when the database
	// held that.
	WindowEnd  time.Time
	WindowAsOf time.Time
}

// DueSignals returns the transfers that are due when the head is at the given block number, longest due first, grouped
// by payment. limit bounds the number of transfers. Crowded payments come last, when nothing else is due, so however
// many transfers they get, they hold up no other payment.
func (s *Store) DueSignals(ctx context.Context, network string, head uint64, limit int) ([]DueSignal, error) {
	for {
		signals, err := s.dueTransfers(ctx, network, head, limit)
		if err != nil {
			return nil, err
		}
		ids := make([]string, len(signals))
		for i, signal := range signals {
			ids[i] = signal.Payment.ID
		}
		crowded, err := crowdedOf(s.read(ctx), ids)
		if err != nil {
			return nil, wrap(err, "read the due signals")
		}
		for _, id := range crowded {
			if err := s.gatherCrowd(ctx, id, head); err != nil {
				return nil, wrap(err, "read the due signals")
			}
		}
		signals = slices.DeleteFunc(signals, func(d DueSignal) bool { return slices.Contains(crowded, d.Payment.ID) })
		switch {
		case len(signals) > 0:
			return signals, nil
		case len(crowded) == 0:
			signals, err := s.dueCrowds(ctx, network, head)
			return signals, wrap(err, "read the due signals")
		}
	}
}

func (s *Store) dueTransfers(ctx context.Context, network string, head uint64, limit int) ([]DueSignal, error) {
	var due []models.Transfer
	err := s.read(ctx).Where(`signal_due_at <= ?
		AND EXISTS (SELECT 1 FROM payments p WHERE p.id = transfers.payment_id AND p.network = ?)`, head, network).
		Order("signal_due_at, payment_id, " + chainOrder).Limit(limit).Find(&due).Error
	if err != nil || len(due) == 0 {
		return nil, wrap(err, "read the due signals")
	}
	position := make(map[string]int)
	var signals []DueSignal
	var ids []string
	for _, transfer := range due {
		i, known := position[transfer.PaymentID]
		if !known {
			i = len(signals)
			position[transfer.PaymentID] = i
			signals = append(signals, DueSignal{})
			ids = append(ids, transfer.PaymentID)
		}
		signals[i].Transfers = append(signals[i].Transfers, transfer)
	}
	payments, err := s.PaymentsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	asOf, err := windowAsOf(s.read(ctx), network)
	if err != nil {
		return nil, wrap(err, "read the due signals")
	}
	ends, err := windowEnds(s.read(ctx), network)
	if err != nil {
		return nil, wrap(err, "read the due signals")
	}
	for _, p := range payments {
		signal := &signals[position[p.ID]]
		end, _ := ends(p)
		signal.Payment, signal.WindowEnd, signal.WindowAsOf = p, movedEnd(p, end), asOf
		if slices.ContainsFunc(signal.Transfers, func(t models.Transfer) bool { return t.IsEarly(p.CreatedAfter) }) {
			if signal.LastBefore, err = lastBefore(s.read(ctx), p); err != nil {
				return nil, wrap(err, "read the due signals")
			}
		}
	}
	return signals, nil
}

// MarkSignalled notes that these transfers were signalled to their workflows with the head at the given block number,
// and when they are due again: at the transfer's next milestone, and after the last one with growing pauses until the
// ledger agrees with the chain. A transfer that changed since it was read stays due.
func (s *Store) MarkSignalled(ctx context.Context, transfers []models.Transfer, head, required uint64) error {
	alike := map[signalMark][]models.Transfer{}
	for _, t := range transfers {
		mark := markOf(t, head, required)
		alike[mark] = append(alike[mark], t)
	}
	err := s.writeRevisions(ctx, transfers, func(tx *gorm.DB) error {
		for mark, marked := range alike {
			err := eachBatch(tx, marked, func(rows *gorm.DB) error {
				return rows.UpdateColumns(map[string]any{
					"signalled_confirmations": mark.reached, "updated_at": s.now(),
					"signal_due_at": gorm.Expr(`CASE WHEN credited_amount = (CASE WHEN canonical THEN amount ELSE 0 END)
						THEN NULL ELSE CAST(? AS bigint) END`, mark.dueAt),
				}).Error
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "note signalled transfers")
}

// signalMark is what is noted of a transfer that was signalled. It is the same for most transfers of a block.
type signalMark struct {
	reached uint64 // the last milestone that was signalled, in confirmations
	dueAt   uint64 // the block number at which the transfer is due again
}

func markOf(t models.Transfer, head, required uint64) signalMark {
	confirmations := models.Confirmations(head, t.BlockNumber)
	// A signal that the engine accepted can still be lost with the run that got it (terminated by hand, an engine
	// restored from a backup), so the transfer is due again until the ledger agrees with the chain.
	mark := signalMark{dueAt: head + max(required, confirmations)}
	if t.Canonical {
		mark.reached = models.LastMilestone(confirmations, required)
		if next, ok := models.NextMilestone(mark.reached, required); ok {
			mark.dueAt = t.BlockNumber + next - 1
		}
	}
	return mark
}

// DeferSignals puts transfers whose payment could not be signalled behind the others, until the head reaches a block
// number. Otherwise a batch full of payments that always fail would keep all others from being signalled.
func (s *Store) DeferSignals(ctx context.Context, transfers []models.Transfer, until uint64) error {
	err := s.writeRevisions(ctx, transfers, func(tx *gorm.DB) error {
		return eachBatch(tx, transfers, func(rows *gorm.DB) error {
			return rows.Where("signal_due_at < ?", until).UpdateColumn("signal_due_at", until).Error
		})
	})
	return wrap(err, "defer signals")
}

// writeRevisions calls fn in a transaction that has locked the rows of the transfers, of any number of payments, in
// lockOrder.
func (s *Store) writeRevisions(ctx context.Context, transfers []models.Transfer, fn func(tx *gorm.DB) error) error {
	if len(transfers) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *gorm.DB) error {
		err := eachBatch(tx, slices.SortedFunc(slices.Values(transfers), compareByLockOrder), func(rows *gorm.DB) error {
			var locked []models.Transfer
			return rows.Clauses(rowLock).Select("chain_id").Order(lockOrder).Find(&locked).Error
		})
		if err != nil {
			return fmt.Errorf("lock the transfers: %w", err)
		}
		return fn(tx)
	})
}

// eachBatch calls fn for batches of the transfers. rows selects those of a batch that still have the transfer's
// revision. Chain and hash alone use the primary key.
func eachBatch(tx *gorm.DB, transfers []models.Transfer, fn func(rows *gorm.DB) error) error {
	for batch := range slices.Chunk(transfers, batchRows) {
		chains, hashes, revisions := map[uint64]bool{}, map[string]bool{}, make([]string, len(batch))
		for i, t := range batch {
			chains[t.ChainID], hashes[t.TxHash] = true, true
			revisions[i] = fmt.Sprintf("%s %s %d", t.TransferKey, t.PaymentID, t.Revision)
		}
		rows := tx.Model(&models.Transfer{}).
			Where("chain_id IN ? AND tx_hash IN ?", slices.Sorted(maps.Keys(chains)), slices.Sorted(maps.Keys(hashes))).
			Where(keyOfTransferRow+" || ' ' || payment_id || ' ' || CAST(revision AS text) IN ?", revisions)
		if err := fn(rows); err != nil {
			return err
		}
	}
	return nil
}
