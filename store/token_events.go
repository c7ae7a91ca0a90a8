package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// storeEvents keeps the token's events that matter to us, with their alarms.
func (s *Store) storeEvents(tx *gorm.DB, network string, events []models.TokenEvent) error {
	for _, event := range events {
		if event.Kind.OnlyIfOurs() {
			payments, err := s.paymentsOfAddresses(tx, network, []models.TokenTransfer{{To: event.Address}})
			if err != nil {
				return err
			}
			if len(payments) == 0 {
				continue
			}
		}
		var known []models.TokenEvent
		err := tx.Where("chain_id = ? AND tx_hash = ? AND ordinal = ?", event.ChainID, event.TxHash, event.Ordinal).Limit(1).Find(&known).Error
		if err != nil {
			return fmt.Errorf("looking for an event of the token: %w", err)
		}
		event.BlockTime, event.Canonical = toMillis(event.BlockTime), true
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&event).Error; err != nil {
			return fmt.Errorf("keeping an event of the token: %w", err)
		}
		if len(known) > 0 && known[0].Canonical && known[0].BlockHash == event.BlockHash {
			continue // read a second time
		}
		if err := s.announce(tx, network, event); err != nil {
			return err
		}
	}
	return nil
}

// announce raises the alarm of an event of the token, or resolves it, and writes it to the audit log.
func (s *Store) announce(tx *gorm.DB, network string, event models.TokenEvent) error {
	alarm := models.Alarm{Network: network, Subject: event.Address}
	where := fmt.Sprintf("in block %d, transaction %s", event.BlockNumber, event.TxHash)
	detail := ""
	switch event.Kind {
	case models.TokenPause:
		alarm.Kind, alarm.Message = models.AlarmTokenPaused, "The token is paused "+where+": nobody can pay, so no payment's window runs out."
	case models.TokenUnpause:
		detail = "The token can be transferred again " + where + "."
		if err := s.resolve(tx, network, models.AlarmTokenPaused, "", models.ActorSystem, detail); err != nil {
			return err
		}
	case models.TokenParams:
		alarm.Kind, alarm.Message = models.AlarmTokenFeeChanged, fmt.Sprintf("The token's fee is set to %s (basis points/maximum in micro-USDT) %s.", event.Value, where)
	case models.TokenDeprecate:
		alarm.Kind, alarm.Message = models.AlarmTokenDeprecated, fmt.Sprintf("The token is deprecated in favour of %s %s.", event.Address, where)
	case models.TokenBlacklisted:
		alarm.Kind, alarm.Message = models.AlarmAddressBlacklisted, fmt.Sprintf("Our address %s is blacklisted %s: what it holds cannot be moved.", event.Address, where)
	case models.TokenUnblacklisted:
		detail = fmt.Sprintf("Our address %s is not blacklisted any more %s.", event.Address, where)
		if err := s.resolve(tx, network, models.AlarmAddressBlacklisted, event.Address, models.ActorSystem, detail); err != nil {
			return err
		}
	case models.TokenFundsDestroyed:
		alarm.Kind, alarm.Message = models.AlarmFundsDestroyed, fmt.Sprintf("The token's owner destroyed %s micro-USDT at our address %s %s.", event.Value, event.Address, where)
	}
	if alarm.Kind != "" {
		detail = alarm.Message
		if err := s.raise(tx, alarm); err != nil {
			return err
		}
	}
	return s.audit(tx, models.AuditEntry{Actor: models.ActorSystem, Action: "token_event", Subject: "token", Detail: string(event.Kind) + ": " + detail})
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

// Pauses returns the times in which the token was paused, in order; the last one lasts when its end is zero. The token of
// every network that there is today is the same.
func (s *Store) Pauses(ctx context.Context, _ string) ([]models.Pause, error) {
	pauses, err := pausesOf(s.read(ctx))
	return pauses, wrap(err, "reading the token's pauses")
}

func pausesOf(db *gorm.DB) ([]models.Pause, error) {
	var events []models.TokenEvent
	err := db.Where("canonical AND kind IN ?", []models.TokenEventKind{models.TokenPause, models.TokenUnpause}).
		Order("block_number, log_index").Find(&events).Error
	if err != nil {
		return nil, fmt.Errorf("reading the token's pauses: %w", err)
	}
	var pauses []models.Pause
	for _, event := range events {
		last := len(pauses) - 1
		lasting := last >= 0 && pauses[last].To.IsZero()
		switch {
		case event.Kind == models.TokenPause && !lasting:
			pauses = append(pauses, models.Pause{From: event.BlockTime})
		case event.Kind == models.TokenUnpause && lasting:
			pauses[last].To = event.BlockTime
		}
	}
	return pauses, nil
}

// windowEnd returns when a payment's window really ends, and whether the token is paused now.
func (s *Store) windowEnd(db *gorm.DB, p models.Payment) (time.Time, bool, error) {
	pauses, err := pausesOf(db)
	if err != nil {
		return time.Time{}, false, err
	}
	end, paused := models.WindowEnd(p.CreatedAt, p.ExpiresAt, pauses, s.now())
	return end, paused, nil
}

// movedEnd is the window's real end for messages: zero when it is the expiry that everybody knows.
func movedEnd(p models.Payment, end time.Time) time.Time {
	if end.Equal(p.ExpiresAt) {
		return time.Time{}
	}
	return end
}

// seenFor is how long a transaction that was seen on its way is shown: longer ones were dropped or replaced.
const seenFor = time.Hour

// NoteSeen keeps those that would pay an address of ours, for a while.
func (s *Store) NoteSeen(ctx context.Context, network string, seen []models.SeenTransfer) error {
	transfers := make([]models.TokenTransfer, len(seen))
	for i := range seen {
		transfers[i].To = seen[i].To
	}
	payments, err := s.paymentsOfAddresses(s.read(ctx), network, transfers)
	if err != nil || len(payments) == 0 {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		now := s.now()
		for _, one := range seen {
			paymentID, ours := payments[one.To]
			if !ours {
				continue
			}
			row := models.SeenTransaction{TxHash: one.TxHash, PaymentID: paymentID, Amount: one.Amount, SeenAt: now}
			if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
				return err
			}
		}
		return tx.Where("seen_at < ?", now.Add(-seenFor)).Delete(&models.SeenTransaction{}).Error
	})
	return wrap(err, "noting transactions on their way")
}

// SeenFor returns the transactions on their way to a payment that are in no block yet.
func (s *Store) SeenFor(ctx context.Context, paymentID string) ([]models.SeenTransaction, error) {
	var seen []models.SeenTransaction
	err := s.read(ctx).Where("payment_id = ? AND "+stillOnItsWay, paymentID, s.now().Add(-seenFor)).Order("seen_at").Find(&seen).Error
	return seen, wrap(err, "reading transactions on their way")
}

// PutNodeHealth replaces what is known of a network's nodes.
func (s *Store) PutNodeHealth(ctx context.Context, network string, nodes []models.NodeHealth) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := tx.Where("network = ?", network).Delete(&models.NodeHealth{}).Error; err != nil {
			return err
		}
		if len(nodes) == 0 {
			return nil
		}
		rows := make([]models.NodeHealth, len(nodes))
		for i, node := range nodes {
			node.Network = network
			node.HeadTime, node.Since, node.UpdatedAt = toMillis(node.HeadTime), toMillis(node.Since), toMillis(node.UpdatedAt)
			rows[i] = node
		}
		// Two workers may hand the chain over to each other at this moment; the later one is right.
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&rows).Error
	})
	return wrap(err, "keeping the nodes' health")
}

// NodeHealth returns what was last known of a network's nodes, in order of preference.
func (s *Store) NodeHealth(ctx context.Context, network string) ([]models.NodeHealth, error) {
	var nodes []models.NodeHealth
	err := s.read(ctx).Where("network = ?", network).Order("position").Find(&nodes).Error
	return nodes, wrap(err, "reading the nodes' health")
}

// PutReconciliation keeps a report.
func (s *Store) PutReconciliation(ctx context.Context, report models.Reconciliation) error {
	if report.Differences == nil {
		report.Differences = []models.Difference{}
	}
	report.StartedAt, report.FinishedAt = toMillis(report.StartedAt), toMillis(report.FinishedAt)
	return wrap(s.write(ctx, func(tx *gorm.DB) error { return tx.Create(&report).Error }), "keeping a reconciliation's report")
}

// LastReconciliation returns the newest report. Returns models.ErrNotFound.
func (s *Store) LastReconciliation(ctx context.Context, network string) (models.Reconciliation, error) {
	var report models.Reconciliation
	err := s.read(ctx).Where("network = ?", network).Order("id DESC").Take(&report).Error
	return report, wrap(err, "reading the last reconciliation")
}

// matchPauseAlarm makes the alarm say what the canonical events say, after a reorg took some of them away.
func (s *Store) matchPauseAlarm(tx *gorm.DB, network string) error {
	pauses, err := pausesOf(tx)
	if err != nil {
		return err
	}
	if len(pauses) > 0 && pauses[len(pauses)-1].To.IsZero() {
		var open int64
		err := tx.Model(&models.Alarm{}).Where("network = ? AND kind = ? AND resolved_at IS NULL", network, models.AlarmTokenPaused).Count(&open).Error
		if err != nil || open > 0 {
			return err
		}
		return s.raise(tx, models.Alarm{
			Network: network, Kind: models.AlarmTokenPaused,
			Message: "A reorg took the end of the token's pause away: nobody can pay, so no payment's window runs out.",
		})
	}
	return s.resolve(tx, network, models.AlarmTokenPaused, "", models.ActorSystem, "A reorg took the token's pause away.")
}
