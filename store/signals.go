package store

import (
	"context"
	"fmt"
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

// MarkSignalled notes that these transfers were signalled to a workflow with the head at the given block number, and
// when they are due again: at the transfer's next milestone, and after the last one with growing pauses until the
// ledger agrees with the chain. A transfer that changed since it was read stays due.
func (s *Store) MarkSignalled(ctx context.Context, transfers []models.Transfer, head, required uint64) error {
	err := s.eachOfRevision(ctx, transfers, func(row *gorm.DB, t models.Transfer) error {
		var reached uint64
		// A signal that the engine accepted can still be lost with the run that got it (terminated by hand, an engine
		// restored from a backup), so the transfer is due again until the ledger agrees with the chain.
		dueAt := head + max(required, models.Confirmations(head, t.BlockNumber))
		if t.Canonical {
			reached = models.LastMilestone(models.Confirmations(head, t.BlockNumber), required)
			if next, ok := models.NextMilestone(reached, required); ok {
				dueAt = t.BlockNumber + next - 1
			}
		}
		return row.UpdateColumns(map[string]any{
			"signalled_confirmations": reached, "updated_at": s.now(),
			"signal_due_at": gorm.Expr(`CASE WHEN credited_amount = (CASE WHEN canonical THEN amount ELSE 0 END)
				THEN NULL ELSE CAST(? AS bigint) END`, dueAt),
		}).Error
	})
	return wrap(err, "note signalled transfers")
}

// DeferSignals puts transfers whose payment could not be signalled behind the others, until the head reaches a block
// number. Otherwise a batch full of payments that always fail would keep all others from being signalled.
func (s *Store) DeferSignals(ctx context.Context, transfers []models.Transfer, until uint64) error {
	err := s.eachOfRevision(ctx, transfers, func(row *gorm.DB, _ models.Transfer) error {
		return row.Where("signal_due_at < ?", until).UpdateColumn("signal_due_at", until).Error
	})
	return wrap(err, "defer signals")
}

// eachOfRevision calls change for each transfer in lockOrder, in one transaction. row selects the transfer's row if it
// still has the transfer's revision.
func (s *Store) eachOfRevision(
	ctx context.Context, transfers []models.Transfer, change func(row *gorm.DB, t models.Transfer) error,
) error {
	if len(transfers) == 0 {
		return nil
	}
	ordered := slices.SortedFunc(slices.Values(transfers), compareByLockOrder)
	return s.write(ctx, func(tx *gorm.DB) error {
		for _, t := range ordered {
			row := rowOf(tx, t.TransferKey, t.PaymentID).Where("revision = ?", t.Revision)
			if err := change(row, t); err != nil {
				return fmt.Errorf("change transfer %s: %w", t.TransferKey, err)
			}
		}
		return nil
	})
}
