package store

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"paycow/models"
)

// storeEvents stores the token's events that concern us, with their alarms.
func (s *Store) storeEvents(tx *gorm.DB, network string, events []models.TokenEvent) error {
	for _, event := range events {
		if event.Kind.OnlyIfOurs() {
			payments, err := s.paymentsOfAddresses(tx, network, []string{event.Address})
			if err != nil {
				return err
			}
			if len(payments) == 0 {
				continue
			}
		}
		var known []models.TokenEvent
		err := ofKey(tx, event.TransferKey).Limit(1).Find(&known).Error
		if err != nil {
			return fmt.Errorf("look for an event of the token: %w", err)
		}
		event.BlockTime, event.Canonical = toMillis(event.BlockTime), true
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&event).Error; err != nil {
			return fmt.Errorf("store an event of the token: %w", err)
		}
		if len(known) > 0 && known[0].Canonical && known[0].BlockHash == event.BlockHash {
			continue // it was announced when it was read first
		}
		if err := s.announce(tx, network, event); err != nil {
			return err
		}
	}
	return nil
}

// announce raises or resolves the alarm that an event of the token calls for, and writes the event to the audit log.
func (s *Store) announce(tx *gorm.DB, network string, event models.TokenEvent) error {
	where := fmt.Sprintf("in block %d, transaction %s", event.BlockNumber, event.TxHash)
	raise, resolve, sentence := models.AlarmKind(""), models.AlarmKind(""), ""
	switch event.Kind {
	case models.TokenPause:
		raise = models.AlarmTokenPaused
		sentence = "The token was paused " + where + ": nobody can pay, so no payment's window runs out."
	case models.TokenUnpause:
		resolve = models.AlarmTokenPaused
		sentence = "Transfers of the token were resumed " + where + "."
	case models.TokenParams:
		raise = models.AlarmTokenFeeChanged
		sentence = fmt.Sprintf("The token's fee was set to %s (basis points/maximum in micro-USDT) %s.", event.Value, where)
	case models.TokenDeprecate:
		raise = models.AlarmTokenDeprecated
		sentence = fmt.Sprintf("The token was deprecated in favour of %s %s.", event.Address, where)
	case models.TokenBlacklisted:
		raise = models.AlarmAddressBlacklisted
		sentence = fmt.Sprintf("Our address %s was blacklisted %s: what it holds cannot be moved.", event.Address, where)
	case models.TokenUnblacklisted:
		resolve = models.AlarmAddressBlacklisted
		sentence = fmt.Sprintf("Our address %s was removed from the blacklist %s.", event.Address, where)
	case models.TokenFundsDestroyed:
		raise = models.AlarmFundsDestroyed
		sentence = fmt.Sprintf("The token's owner destroyed %s micro-USDT at our address %s %s.",
			event.Value, event.Address, where)
	}
	var err error
	switch {
	case raise != "":
		err = s.raise(tx, models.Alarm{Network: network, Kind: raise, Subject: event.Address, Message: sentence})
	case resolve != "":
		err = s.resolve(tx, network, resolve, event.Address, models.ActorSystem, sentence)
	}
	if err != nil {
		return err
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "token_event", Subject: "token", Detail: string(event.Kind) + ": " + sentence,
	})
}

// matchPauseAlarm makes the alarm agree with the canonical events after a reorg removed some of them.
func (s *Store) matchPauseAlarm(tx *gorm.DB, network string) error {
	pauses, err := pausesOf(tx)
	if err != nil {
		return err
	}
	if len(pauses) == 0 || !pauses[len(pauses)-1].To.IsZero() {
		return s.resolve(tx, network, models.AlarmTokenPaused, "", models.ActorSystem, "A reorg removed the token's pause.")
	}
	var open int64
	if err := openAlarms(tx, network, models.AlarmTokenPaused).Count(&open).Error; err != nil {
		return fmt.Errorf("look for the alarm of the pause: %w", err)
	}
	if open > 0 {
		return nil
	}
	return s.raise(tx, models.Alarm{
		Network: network, Kind: models.AlarmTokenPaused,
		Message: "A reorg removed the end of the token's pause: nobody can pay, so no payment's window runs out.",
	})
}
