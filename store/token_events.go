package store

import (
	"context"
	"fmt"
	"slices"

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

// eventAlarm is an alarm that follows from events of the token about one address.
type eventAlarm struct {
	kind          models.AlarmKind
	raised, ended models.TokenEventKind // ended is "" when no event of another kind ends it
}

// isEndedBy reports whether an event of one of these kinds ends the alarm. A fee ends when it is set to nothing.
func (a eventAlarm) isEndedBy(event models.TokenEvent) bool {
	return event.Kind == a.ended || event.Kind == models.TokenParams && event.Value == noFee
}

// eventAlarms are all of them but the alarm of a pause, which follows from the pauses of all contracts of the token.
var eventAlarms = []eventAlarm{
	{models.AlarmTokenFeeChanged, models.TokenParams, ""},
	{models.AlarmTokenDeprecated, models.TokenDeprecate, models.TokenUndeprecate},
	{models.AlarmAddressBlacklisted, models.TokenBlacklisted, models.TokenUnblacklisted},
	{models.AlarmFundsDestroyed, models.TokenFundsDestroyed, ""},
}

// eventAlarmOf returns the alarm that a kind of event raises or ends. It reports false when there is none.
func eventAlarmOf(kind models.TokenEventKind) (eventAlarm, bool) {
	i := slices.IndexFunc(eventAlarms, func(a eventAlarm) bool { return kind == a.raised || kind == a.ended })
	if i < 0 {
		return eventAlarm{}, false
	}
	return eventAlarms[i], true
}

// eventSentence says what an event of the token means.
func eventSentence(event models.TokenEvent) string {
	where := fmt.Sprintf("in block %d, transaction %s", event.BlockNumber, event.TxHash)
	if event.IsCorrection() {
		where = fmt.Sprintf("as the contract says at block %d, although no such event was read", event.BlockNumber)
	}
	switch event.Kind {
	case models.TokenPause:
		return "The token was paused " + where + ": nobody can pay, so no payment's window runs out."
	case models.TokenUnpause:
		return "Transfers of the token were resumed " + where + "."
	case models.TokenParams:
		if event.Value == noFee {
			return "The token keeps no part of a transfer " + where + "."
		}
		return fmt.Sprintf("The token's fee was set to %s (basis points/maximum in micro-USDT) %s. A payer who sends the "+
			"exact amount pays less than it: the payment ends UNDERPAID, and its operator can accept it.", event.Value, where)
	case models.TokenDeprecate:
		return fmt.Sprintf("The token was deprecated in favour of %s %s. Until PayCow watches that contract, no payment's "+
			"window runs out and none is created. It begins by itself as soon as the nodes agree that the contract "+
			"forwards there.",
			event.Address, where)
	case models.TokenUndeprecate:
		return "The token is not deprecated " + where + "."
	case models.TokenBlacklisted:
		return fmt.Sprintf("Our address %s was blacklisted %s: what it holds cannot be moved.", event.Address, where)
	case models.TokenUnblacklisted:
		return fmt.Sprintf("Our address %s was removed from the blacklist %s.", event.Address, where)
	case models.TokenFundsDestroyed:
		return fmt.Sprintf("The token's owner destroyed %s micro-USDT at our address %s %s.",
			event.Value, event.Address, where)
	}
	return ""
}

// announce raises or resolves the alarm that an event of the token calls for, and writes the event to the audit log.
func (s *Store) announce(tx *gorm.DB, network string, event models.TokenEvent) error {
	sentence := eventSentence(event)
	alarm, found := eventAlarmOf(event.Kind)
	var err error
	switch {
	case event.Kind == models.TokenPause:
		err = s.raise(tx, models.Alarm{Network: network, Kind: models.AlarmTokenPaused, Message: sentence})
	case event.Kind == models.TokenUnpause: // another contract of the token may still be paused
		err = s.matchPauseAlarm(tx, network, sentence)
	case found && !alarm.isEndedBy(event):
		err = s.raise(tx, models.Alarm{Network: network, Kind: alarm.kind, Subject: event.Address, Message: sentence})
	case found:
		err = s.resolve(tx, network, alarm.kind, event.Address, models.ActorSystem, sentence)
	}
	if err != nil {
		return err
	}
	return s.audit(tx, models.AuditEntry{
		Actor: models.ActorSystem, Action: "token_event", Subject: "token", Detail: string(event.Kind) + ": " + sentence,
	})
}

// matchAlarms makes the alarms agree with the canonical events after the given ones changed other than by reading on.
// cause is a sentence that says why they changed.
func (s *Store) matchAlarms(tx *gorm.DB, network, cause string, changed []models.TokenEvent) error {
	for _, event := range changed {
		if alarm, found := eventAlarmOf(event.Kind); found {
			if err := s.matchAlarm(tx, network, cause, alarm, event); err != nil {
				return err
			}
		}
	}
	return s.matchPauseAlarm(tx, network, cause)
}

// matchAlarm makes one alarm agree with the last canonical event about the address of the changed one. An alarm that a
// person has closed opens again only when the event that ended its cause is gone. An open one that speaks of the
// changed event speaks of the last one afterwards.
func (s *Store) matchAlarm(tx *gorm.DB, network, cause string, alarm eventAlarm, changed models.TokenEvent) error {
	var last []models.TokenEvent
	err := tx.Where("canonical AND kind IN ? AND address = ?",
		[]models.TokenEventKind{alarm.raised, alarm.ended}, changed.Address).
		Order("block_number DESC, log_index DESC").Limit(1).Find(&last).Error
	if err != nil {
		return fmt.Errorf("read the token's events about an address: %w", err)
	}
	if len(last) == 0 || alarm.isEndedBy(last[0]) {
		return s.resolve(tx, network, alarm.kind, changed.Address, models.ActorSystem, cause)
	}
	var open []models.Alarm
	err = openAlarms(tx, network, alarm.kind).Where("subject = ?", changed.Address).Limit(1).Find(&open).Error
	if err != nil {
		return fmt.Errorf("read alarm %s: %w", alarm.kind, err)
	}
	sentence := eventSentence(last[0])
	outdated := len(open) > 0 && open[0].Message == eventSentence(changed) && open[0].Message != sentence
	if !outdated && (len(open) > 0 || !alarm.isEndedBy(changed)) {
		return nil
	}
	return s.raise(tx, models.Alarm{Network: network, Kind: alarm.kind, Subject: changed.Address, Message: sentence})
}

// matchPauseAlarm makes the alarm of a pause agree with the canonical events. cause is a sentence that says why these
// changed.
func (s *Store) matchPauseAlarm(tx *gorm.DB, network, cause string) error {
	if err := resetExpiryWaits(tx, network); err != nil {
		return err
	}
	var events []models.TokenEvent
	err := tx.Where("canonical AND kind IN ?", []models.TokenEventKind{models.TokenPause, models.TokenUnpause}).
		Order("block_number, log_index").Find(&events).Error
	if err != nil {
		return fmt.Errorf("read the token's pauses: %w", err)
	}
	pauses := intervals{events, models.TokenPause, models.TokenUnpause}.pauses()
	if !slices.ContainsFunc(pauses, func(p interval) bool { return p.To.IsZero() }) {
		return s.resolve(tx, network, models.AlarmTokenPaused, "", models.ActorSystem, cause+" The token is not paused.")
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
		Message: cause + " The token is paused: nobody can pay, so no payment's window runs out.",
	})
}

// StoredEvents returns the canonical events of the token in the blocks from one number to another, inclusive, without
// those that only correct others.
func (s *Store) StoredEvents(ctx context.Context, _ string, from, to uint64) ([]models.TokenEvent, error) {
	var events []models.TokenEvent
	err := s.read(ctx).Where("canonical AND block_number BETWEEN ? AND ? AND tx_hash NOT LIKE ?",
		from, to, models.TokenCorrection+"%").Order("block_number, log_index").Find(&events).Error
	return events, wrap(err, "read the token's events of a range")
}

// HealEvents stores events of the token that the first reading left out, as Advance would have. It is safe to repeat.
// Returns models.ErrCursorMoved when an event is above the cursor, or in another block than the one that was read.
func (s *Store) HealEvents(ctx context.Context, network string, found []models.TokenEvent) error {
	if len(found) == 0 {
		return nil
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		cursor, err := lockCursor(tx, network)
		if err != nil {
			return err
		}
		for _, event := range found {
			if err := requireRead(tx, cursor, event.Block()); err != nil {
				return err
			}
		}
		if err := s.storeEvents(tx, network, found); err != nil {
			return err
		}
		return s.matchAlarms(tx, network, "A second reading found events of the token that were missing.", found)
	})
	return wrap(err, "heal events of the token")
}

// DisproveEvents marks events of the token as not in the chain, as a reorg would, because the nodes agree that they are
// not there. One that is meanwhile stored in another block stays. It is safe to repeat. reason goes to the audit log.
func (s *Store) DisproveEvents(ctx context.Context, network string, wrong []models.TokenEvent, reason string) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		if _, err := lockCursor(tx, network); err != nil {
			return err
		}
		var disproved []models.TokenEvent
		for _, event := range wrong {
			changed := ofKey(tx.Model(&models.TokenEvent{}), event.TransferKey).
				Where("canonical AND block_hash = ?", event.BlockHash).UpdateColumn("canonical", false)
			if changed.Error != nil {
				return fmt.Errorf("mark an event of the token as removed: %w", changed.Error)
			}
			if changed.RowsAffected == 0 {
				continue
			}
			disproved = append(disproved, event)
			if err := s.audit(tx, models.AuditEntry{
				Actor: models.ActorSystem, Action: "token_event_disproved", Subject: "token",
				Detail: fmt.Sprintf("%s in transaction %s: %s", event.Kind, event.TxHash, reason),
			}); err != nil {
				return err
			}
		}
		return s.matchAlarms(tx, network, "A second reading disproved events of the token.", disproved)
	})
	return wrap(err, "disprove events of the token")
}
