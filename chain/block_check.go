package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"paycow/models"
)

// forkDepth is how many blocks a node must have above a block before having another block there counts as a
// contradiction: closer to the head honest nodes may differ for a moment.
const forkDepth = 3

// agreedBlock is a block that the quorum agrees on, with the transfers in it from and to our addresses and the token's
// events that concern us.
type agreedBlock struct {
	block     models.BlockRef
	transfers []models.TokenTransfer
	events    []models.TokenEvent
}

// checkBlock has the quorum decide on one block and repairs what the store holds of it. storedHash is the hash of the
// stored block, or "" when it is not known.
func (c *CrossCheck) checkBlock(
	ctx context.Context, number uint64, storedHash string, readers int,
) (agreedBlock, RescanReport, error) {
	winner, readings, err := c.decide(ctx, number, readers)
	if err != nil {
		return agreedBlock{}, RescanReport{}, err
	}
	c.reportContradictions(ctx, winner, readings)
	block := winner.header.Ref()
	if storedHash != "" && block.Hash != storedHash {
		c.reportForks(ctx, winner, c.withRemaining(ctx, number, readings))
		return agreedBlock{}, RescanReport{}, fmt.Errorf("%w: block %d is stored as %s, the quorum has %s",
			errNotAgreed, number, storedHash, block.Hash)
	}
	c.reportForks(ctx, winner, readings)
	agreed := agreedBlock{block: block}
	decoded := DecodeLogs(c.config.ChainID, c.contracts, block, winner.logs)
	if agreed.transfers, err = c.onlyOurs(ctx, decoded.Transfers); err != nil {
		return agreedBlock{}, RescanReport{}, err
	}
	if agreed.events, err = c.onlyOurEvents(ctx, decoded.Events); err != nil {
		return agreedBlock{}, RescanReport{}, err
	}
	if err := c.repairEvents(ctx, agreed); err != nil {
		return agreedBlock{}, RescanReport{}, err
	}
	report, err := c.repair(ctx, agreed)
	return agreed, report, err
}

// reportContradictions reports the nodes that state different content for the winner's block. Its hash allows only one.
func (c *CrossCheck) reportContradictions(ctx context.Context, winner blockReading, readings []blockReading) {
	if c.config.quorum() < 2 {
		return // one node's word against another's
	}
	for _, r := range readings {
		if r.disagreesWith(winner) {
			reason := fmt.Sprintf("for block %d (%s) it returns %d logs, the quorum returns %d, or they differ",
				winner.header.Number, winner.header.Hash, len(r.logs), len(winner.logs))
			c.pool.reportLying(ctx, r.node, reason)
		}
	}
}

// reportForks reports the nodes that have another block in place of the quorum's, once they have had the time to change
// their mind. The follower then reads from other nodes, and walks back if it must.
func (c *CrossCheck) reportForks(ctx context.Context, winner blockReading, readings []blockReading) {
	if c.config.quorum() < 2 {
		return
	}
	for _, r := range readings {
		if r.header.Hash == (common.Hash{}) || r.header.Hash == winner.header.Hash {
			continue
		}
		head, err := r.node.HeadHeader(ctx)
		if err != nil || head.Number < winner.header.Number+forkDepth {
			continue
		}
		again, err := r.node.HeaderByNumber(ctx, winner.header.Number)
		if err != nil || again.Hash == winner.header.Hash {
			continue
		}
		c.pool.reportLying(ctx, r.node, fmt.Sprintf("block %d is %s for it and %s for the quorum",
			winner.header.Number, again.Hash, winner.header.Hash))
	}
}

// withRemaining adds the readings of the nodes that were not asked yet.
func (c *CrossCheck) withRemaining(ctx context.Context, number uint64, readings []blockReading) []blockReading {
	remaining := slices.DeleteFunc(c.pool.usable(), func(node *member) bool {
		return slices.ContainsFunc(readings, func(r blockReading) bool { return r.node == node })
	})
	return slices.Concat(readings, c.readBlockFrom(ctx, remaining, number))
}

// onlyOurs returns the transfers from and to our addresses.
func (c *CrossCheck) onlyOurs(ctx context.Context, transfers []models.TokenTransfer) ([]models.TokenTransfer, error) {
	parties := map[string]bool{}
	for _, t := range transfers {
		parties[t.From], parties[t.To] = true, true
	}
	ours, err := ourAddresses(ctx, c.store, c.config.Network, parties)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(transfers),
		func(t models.TokenTransfer) bool { return !ours[t.From] && !ours[t.To] }), nil
}

// onlyOurEvents returns the events that concern the token itself or one of our addresses.
func (c *CrossCheck) onlyOurEvents(ctx context.Context, events []models.TokenEvent) ([]models.TokenEvent, error) {
	parties := map[string]bool{}
	for _, event := range events {
		if event.Kind.OnlyIfOurs() {
			parties[event.Address] = true
		}
	}
	ours, err := ourAddresses(ctx, c.store, c.config.Network, parties)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(events),
		func(event models.TokenEvent) bool { return event.Kind.OnlyIfOurs() && !ours[event.Address] }), nil
}

// storedHash returns the hash of the stored block with that number, or "" when it is not kept.
func (c *CrossCheck) storedHash(ctx context.Context, number uint64) (string, error) {
	if number == 0 {
		return "", nil
	}
	known, err := c.store.KnownBlockAbove(ctx, c.config.Network, number-1, number)
	if errors.Is(err, models.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the stored block %d: %w", number, err)
	}
	return known.Hash, nil
}
