package store

import (
	"fmt"

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
