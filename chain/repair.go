package chain

import (
	"context"
	"fmt"
	"slices"

	"paycow/models"
)

// repair makes the store hold of a block what the quorum agrees on. Alarms are raised first: the store must not change
// unnoticed.
func (c *CrossCheck) repair(ctx context.Context, agreed agreedBlock) (RescanReport, error) {
	number := agreed.block.Number
	report := RescanReport{Blocks: 1, Found: len(agreed.transfers)}
	stored, err := c.store.StoredTransfers(ctx, c.config.Network, number, number)
	if err != nil {
		return report, fmt.Errorf("read the stored transfers of block %d: %w", number, err)
	}
	missing := without(agreed.transfers, stored, sameTransfer)
	wrong := without(stored, agreed.transfers, sameTransfer)
	if len(missing) == 0 && len(wrong) == 0 {
		return report, nil
	}
	if err := c.checkStillStored(ctx, agreed.block); err != nil {
		return report, err
	}
	if err := c.disprove(ctx, agreed, wrong); err != nil {
		return report, err
	}
	report.Disproved = len(without(wrong, agreed.transfers, sameKey))
	for _, t := range missing {
		c.raise(ctx, models.AlarmTransferMissed, t.String(), fmt.Sprintf(
			"Reading block %d again found a transfer of %s USDT from %s to %s that was missing or stored differently.",
			number, t.Amount, t.From, t.To))
	}
	added, err := c.store.Heal(ctx, c.config.Network, missing)
	if err != nil {
		return report, fmt.Errorf("store the missing transfers of block %d: %w", number, err)
	}
	report.Added = added
	return report, nil
}

// repairEvents makes the store hold of the token's events in a block what the quorum agrees on.
func (c *CrossCheck) repairEvents(ctx context.Context, agreed agreedBlock) error {
	number := agreed.block.Number
	stored, err := c.store.StoredEvents(ctx, c.config.Network, number, number)
	if err != nil {
		return fmt.Errorf("read the stored events of block %d: %w", number, err)
	}
	missing := without(agreed.events, stored, models.TokenEvent.IsSame)
	wrong := without(stored, agreed.events, models.TokenEvent.IsSame)
	if len(missing) == 0 && len(wrong) == 0 {
		return nil
	}
	if err := c.checkStillStored(ctx, agreed.block); err != nil {
		return err
	}
	for _, event := range wrong {
		c.raise(ctx, models.AlarmTransferDisproved, event.String(), fmt.Sprintf(
			"Reading block %d again did not find the stored event %s of the token.", number, event.Kind))
	}
	reason := fmt.Sprintf("block %d (%s) does not contain it in this form, say %d nodes", number, agreed.block.Hash,
		c.config.quorum())
	if err := c.store.DisproveEvents(ctx, c.config.Network, wrong, reason); err != nil {
		return fmt.Errorf("disprove events of block %d: %w", number, err)
	}
	for _, event := range missing {
		c.raise(ctx, models.AlarmTransferMissed, event.String(), fmt.Sprintf(
			"Reading block %d again found an event %s of the token that was missing or stored differently.", number,
			event.Kind))
	}
	if err := c.store.HealEvents(ctx, c.config.Network, missing); err != nil {
		return fmt.Errorf("store the missing events of block %d: %w", number, err)
	}
	return nil
}

// checkStillStored returns models.ErrCursorMoved when the cursor is below the block now, or another block is stored in
// its place.
func (c *CrossCheck) checkStillStored(ctx context.Context, block models.BlockRef) error {
	cursor, err := c.store.Cursor(ctx, c.config.Network)
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	hash, err := c.storedHash(ctx, block.Number)
	if err != nil {
		return err
	}
	if cursor.BlockNumber < block.Number || (hash != "" && hash != block.Hash) {
		return models.ErrCursorMoved
	}
	return nil
}

// disprove marks stored transfers as not canonical that the quorum's block does not contain in this form.
func (c *CrossCheck) disprove(ctx context.Context, agreed agreedBlock, wrong []models.TokenTransfer) error {
	if len(wrong) == 0 {
		return nil
	}
	number := agreed.block.Number
	keys := make([]models.TransferKey, len(wrong))
	for i, t := range wrong {
		keys[i] = t.TransferKey
	}
	credited, err := c.store.CreditedTransfers(ctx, keys)
	if err != nil {
		return fmt.Errorf("read the credits of block %d: %w", number, err)
	}
	for _, t := range wrong {
		message := fmt.Sprintf("Reading block %d again did not find the stored transfer of %s USDT from %s to %s.",
			number, t.Amount, t.From, t.To)
		c.raise(ctx, models.AlarmTransferDisproved, t.String(), message)
		if slices.Contains(credited, t.TransferKey) {
			c.raise(ctx, models.AlarmCreditedWithoutNode, t.String(), message+" It was credited.")
		}
	}
	reason := fmt.Sprintf("block %d (%s) does not contain it in this form, say %d nodes", number, agreed.block.Hash,
		c.config.quorum())
	if err := c.store.Disprove(ctx, c.config.Network, wrong, reason); err != nil {
		return fmt.Errorf("disprove transfers of block %d: %w", number, err)
	}
	return nil
}

// sameTransfer compares everything about two transfers. The time counts too: it decides whether a payment was late.
func sameTransfer(a, b models.TokenTransfer) bool {
	return sameInRange(a, b) && a.Block.Time.Equal(b.Block.Time)
}

// sameInRange compares what a range of logs says about two transfers. It says nothing about the block's time, and nodes
// number the logs differently.
func sameInRange(a, b models.TokenTransfer) bool {
	return sameKey(a, b) && a.From == b.From && a.To == b.To && a.Amount == b.Amount &&
		a.Block.Number == b.Block.Number && a.Block.Hash == b.Block.Hash
}

func sameKey(a, b models.TokenTransfer) bool { return a.TransferKey == b.TransferKey }

// without returns the transfers or events that are not among the others.
func without[T any](all, others []T, same func(a, b T) bool) []T {
	var rest []T
	for _, one := range all {
		if !slices.ContainsFunc(others, func(other T) bool { return same(one, other) }) {
			rest = append(rest, one)
		}
	}
	return rest
}
