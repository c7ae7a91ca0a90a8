package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gorm.io/gorm"

	"paycow/models"
)

// watchedToken is the row of a contract that the token was upgraded to.
type watchedToken struct {
	Network    string `gorm:"primaryKey"`
	Address    string `gorm:"primaryKey"`
	Position   int64
	FollowedAt time.Time
	CreatedAt  time.Time
}

func upgradesOf(db *gorm.DB, network string) ([]string, error) {
	var addresses []string
	err := db.Model(&watchedToken{}).Where("network = ?", network).Order("position").Pluck("address", &addresses).Error
	if err != nil {
		return nil, fmt.Errorf("read the watched contracts: %w", err)
	}
	return addresses, nil
}

// setTokenMark moves the block up at which the token's state is agreed on, never down and never above the cursor.
func setTokenMark(tx *gorm.DB, network string, block models.BlockRef) error {
	err := tx.Model(&models.ChainCursor{}).
		Where("network = ? AND token_number < ? AND block_number >= ?", network, block.Number, block.Number).
		UpdateColumns(map[string]any{"token_number": block.Number, "token_time": toMillis(block.Time)}).Error
	if err != nil {
		return fmt.Errorf("note the block of the token's state: %w", err)
	}
	return nil
}

// SetTokenState notes what a quorum of nodes says about the token's contracts at an agreed block. Where the events that
// were read say something else, an event is added that corrects them from there on; corrected returns those. Returns
// models.ErrCursorMoved when the block is above the agreed one, or not the one that was read.
func (s *Store) SetTokenState(
	ctx context.Context, network string, block models.BlockRef, states []models.TokenState,
) (corrected []models.TokenEvent, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		corrected = nil
		cursor, err := lockCursor(tx, network)
		if err != nil {
			return err
		}
		if block.Number > cursor.AgreedNumber {
			return fmt.Errorf("block %d is above the agreed one: %w", block.Number, models.ErrCursorMoved)
		}
		if err := requireRead(tx, cursor, block); err != nil {
			return err
		}
		installation := models.Installation{}
		if err := tx.Where("id = 1").Limit(1).Find(&installation).Error; err != nil {
			return fmt.Errorf("read what the database belongs to: %w", err)
		}
		for _, state := range states {
			told, err := toldState(tx, state.Token, block.Number)
			if err != nil {
				return err
			}
			corrected = append(corrected, correctionsAt(block, cursor, installation.ChainID, told, state)...)
		}
		if err := s.storeEvents(tx, network, corrected); err != nil {
			return err
		}
		if len(corrected) > 0 {
			if err := s.matchAlarms(tx, network, "The token's contract says so.", corrected); err != nil {
				return err
			}
		}
		err = tx.Model(&models.ChainCursor{}).Where("network = ? AND NOT token_known", network).
			UpdateColumn("token_known", true).Error
		if err != nil {
			return fmt.Errorf("note that the token's state is known: %w", err)
		}
		return setTokenMark(tx, network, block)
	})
	return corrected, wrap(err, "note the token's state")
}

// correctionsAt returns the events that make what was told of a contract follow its state at a block.
func correctionsAt(
	block models.BlockRef, cursor models.ChainCursor, chainID uint64, told, state models.TokenState,
) []models.TokenEvent {
	events := corrections(told, state)
	for i := range events {
		event := &events[i]
		event.TransferKey = models.TransferKey{
			ChainID: chainID, TxHash: models.TokenCorrection + block.Hash, Ordinal: i, Token: state.Token,
		}
		event.BlockNumber, event.BlockHash, event.BlockTime = block.Number, block.Hash, block.Time
		event.LogIndex, event.Canonical = math.MaxInt32, true // after everything in the block
		begins := event.Kind == models.TokenPause || event.Kind == models.TokenDeprecate
		if begins && cursor.TokenTime.Unix() > 0 && cursor.TokenTime.Before(block.Time) {
			event.BlockTime = cursor.TokenTime // it may have begun just after the nodes agreed that there was none
		}
	}
	return events
}

// TokenCondition returns what a quorum has last agreed on about the token. Events above that block do not count: one
// node may have made them up.
func (s *Store) TokenCondition(ctx context.Context, network string) (condition models.TokenCondition, err error) {
	db := s.read(ctx)
	cursor, err := s.Cursor(ctx, network)
	if err != nil {
		if errors.Is(err, models.ErrNotFound) {
			return condition, nil
		}
		return condition, err
	}
	for _, token := range append([]string{""}, cursor.Upgrades...) {
		state, err := toldState(db, token, cursor.TokenNumber)
		if err != nil {
			return condition, wrap(err, "read the token's condition")
		}
		condition.Paused = condition.Paused || state.Paused
		if state.Deprecated && !slices.Contains(cursor.Upgrades, state.Upgrade) {
			condition.Unfollowed = state.Upgrade
		}
	}
	return condition, nil
}

// toldState returns the state of a contract that follows from its events up to a block.
func toldState(tx *gorm.DB, token string, upTo uint64) (models.TokenState, error) {
	var events []models.TokenEvent
	err := tx.Where("canonical AND token = ? AND block_number <= ? AND kind IN ?", token, upTo, []models.TokenEventKind{
		models.TokenPause, models.TokenUnpause, models.TokenDeprecate, models.TokenUndeprecate, models.TokenParams,
	}).Order("block_number, log_index").Find(&events).Error
	if err != nil {
		return models.TokenState{}, fmt.Errorf("read the token's events: %w", err)
	}
	told := models.TokenState{Token: token}
	for _, event := range events {
		switch event.Kind {
		case models.TokenPause:
			told.Paused = true
		case models.TokenUnpause:
			told.Paused = false
		case models.TokenDeprecate:
			told.Deprecated, told.Upgrade = true, event.Address
		case models.TokenUndeprecate:
			told.Deprecated, told.Upgrade = false, ""
		case models.TokenParams:
			told.HasFee, told.Fee = true, event.Value
		case models.TokenBlacklisted, models.TokenUnblacklisted, models.TokenFundsDestroyed: // about addresses
		}
	}
	return told, nil
}

// noFee is the fee of a contract that keeps nothing.
const noFee = "0/0"

// corrections returns the events, without their place in the chain, that lead from what was told to what is.
func corrections(told, is models.TokenState) []models.TokenEvent {
	var events []models.TokenEvent
	switch {
	case is.Paused && !told.Paused:
		events = append(events, models.TokenEvent{Kind: models.TokenPause})
	case !is.Paused && told.Paused:
		events = append(events, models.TokenEvent{Kind: models.TokenUnpause})
	}
	switch {
	case is.Deprecated && (!told.Deprecated || told.Upgrade != is.Upgrade):
		events = append(events, models.TokenEvent{Kind: models.TokenDeprecate, Address: is.Upgrade})
	case !is.Deprecated && told.Deprecated:
		events = append(events, models.TokenEvent{Kind: models.TokenUndeprecate, Address: told.Upgrade})
	}
	if is.HasFee && is.Fee != told.Fee && (told.HasFee || is.Fee != noFee) {
		events = append(events, models.TokenEvent{Kind: models.TokenParams, Value: is.Fee})
	}
	return events
}

// DeprecatedAt returns the block of the log that deprecated a contract in favour of another one. Returns
// models.ErrNotFound when no such log was read.
func (s *Store) DeprecatedAt(ctx context.Context, token, upgrade string) (uint64, error) {
	var event models.TokenEvent
	err := s.read(ctx).
		Where("canonical AND token = ? AND kind = ? AND address = ? AND tx_hash NOT LIKE ?", token, models.TokenDeprecate,
			upgrade, models.TokenCorrection+"%").
		Order("block_number").Take(&event).Error
	return event.BlockNumber, wrap(err, "look for the token's deprecation")
}

// FollowUpgrade makes a contract watched that the token was upgraded to. The cursor goes back to the block before the
// upgrade, so that everything above it is read for this contract, too; nothing that is stored is taken back. It is safe
// to repeat. Returns models.ErrCursorMoved when one of its blocks is not the one that was read.
func (s *Store) FollowUpgrade(ctx context.Context, network string, upgrade models.TokenUpgrade) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		cursor, err := lockCursor(tx, network)
		if err != nil {
			return err
		}
		known, err := upgradesOf(tx, network)
		if err != nil {
			return err
		}
		if slices.Contains(known, upgrade.Address) {
			return nil
		}
		if err := errors.Join(requireRead(tx, cursor, upgrade.At), requireRead(tx, cursor, upgrade.From)); err != nil {
			return err
		}
		row := watchedToken{
			Network: network, Address: upgrade.Address, Position: int64(len(known) + 1),
			FollowedAt: toMillis(upgrade.At.Time), CreatedAt: s.now(),
		}
		if err := tx.Create(&row).Error; err != nil {
			return fmt.Errorf("watch the contract %s: %w", upgrade.Address, err)
		}
		if upgrade.From.Number < cursor.BlockNumber {
			if err := s.readAgainFrom(tx, cursor, upgrade.From); err != nil {
				return err
			}
		}
		sentence := fmt.Sprintf("The token was upgraded: its contract forwards to %s. PayCow watches both as one token, "+
			"from block %d on.", upgrade.Address, upgrade.From.Number+1)
		if err := s.audit(tx, models.AuditEntry{
			Actor: models.ActorSystem, Action: "token_followed", Subject: "token", Detail: sentence,
		}); err != nil {
			return err
		}
		return s.raise(tx, models.Alarm{
			Network: network, Kind: models.AlarmTokenDeprecated, Subject: upgrade.Address,
			Message: sentence + " Change no setting. Resolve this alarm once your wallets know the new contract.",
		})
	})
	return wrap(err, "follow the token's upgrade")
}

// readAgainFrom moves the cursor and every mark down to a block and leaves what is stored above it as it is.
func (s *Store) readAgainFrom(tx *gorm.DB, cursor models.ChainCursor, to models.BlockRef) error {
	if err := s.moveCursor(tx, cursor.Network, cursor.Block(), to, 0); err != nil {
		return err
	}
	// The blocks from there on may be others when they are read again.
	if err := noteRewind(tx, cursor, to); err != nil {
		return err
	}
	finalized := map[string]any{"finalized_number": cursor.FinalizedNumber, "finalized_hash": cursor.FinalizedHash}
	if err := lowerMarks(tx, cursor.Network, to); err != nil {
		return err
	}
	// What was final stays final.
	err := tx.Model(&models.ChainCursor{}).Where("network = ?", cursor.Network).UpdateColumns(finalized).Error
	if err != nil {
		return fmt.Errorf("keep the finalized block: %w", err)
	}
	return putBlock(tx, cursor.Network, to)
}
