package chain

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

// rangeReading is what one node answers about a range of blocks.
type rangeReading struct {
	topHash common.Hash            // of the last block in the range
	found   []models.TokenTransfer // of anybody, without the blocks' times
	events  []models.TokenEvent    // of the token, likewise
	err     error
}

// readRange reads a range from one node. The header of the last block shows that the node has come that far. Like
// readBlock, it may outlive the step.
func (c *CrossCheck) readRange(ctx context.Context, node *member, contracts Contracts, from, to uint64) rangeReading {
	header, err := node.HeaderByNumber(ctx, to)
	if err != nil {
		return rangeReading{err: err}
	}
	logs, err := node.TokenLogsInRange(ctx, contracts, from, to)
	if err != nil {
		return rangeReading{err: err}
	}
	byBlock := map[uint64][]types.Log{}
	for _, log := range logs {
		if log.Removed || log.BlockNumber < from || log.BlockNumber > to {
			return rangeReading{err: fmt.Errorf("%w: %s: the logs of blocks %d to %d contain one of block %d",
				models.ErrDoubtful, node.Name(), from, to, log.BlockNumber)}
		}
		byBlock[log.BlockNumber] = append(byBlock[log.BlockNumber], log)
	}
	r := rangeReading{topHash: header.Hash}
	for _, number := range sortedKeys(byBlock) {
		for _, part := range splitByHash(byBlock[number]) {
			block := models.BlockRef{Number: number, Hash: part[0].BlockHash.Hex()}
			decoded := DecodeLogs(c.config.ChainID, contracts, block, part)
			r.found, r.events = append(r.found, decoded.Transfers...), append(r.events, decoded.Events...)
		}
	}
	return r
}

// splitByHash splits the logs of one block by the block hash that they state. In an honest answer there is only one.
func splitByHash(logs []types.Log) [][]types.Log {
	ordered := slices.Clone(logs)
	slices.SortStableFunc(ordered, func(a, b types.Log) int { return bytes.Compare(a.BlockHash[:], b.BlockHash[:]) })
	var parts [][]types.Log
	for i, log := range ordered {
		if i == 0 || log.BlockHash != ordered[i-1].BlockHash {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], log)
	}
	return parts
}

// checkRange compares the blocks from one number to another, both included, with the store, range by range. A block for
// which any node's answer differs from the store is checked by itself, so a bad answer about a range costs calls and
// decides nothing.
func (c *CrossCheck) checkRange(
	ctx context.Context, from, to uint64, readers int, progress func(done uint64),
) (RescanReport, error) {
	var report RescanReport
	for start := from; start <= to && to > 0; {
		until := min(to, start+c.rangeNow-1)
		readings, err := c.readRangeFromSeveral(ctx, start, until, readers)
		if err != nil {
			refused := mayBeTooLong(err) || MeaningOf(err) == MeansNotOffered
			if blocks := until - start + 1; blocks > 1 && ctx.Err() == nil && refused {
				c.rangeNow = max(blocks/2, 1)
				continue
			}
			if !refused {
				return report, err
			}
		}
		var part RescanReport
		if err != nil {
			part, err = c.checkSingly(ctx, start, readers) // no node offers ranges
		} else {
			part, err = c.compareRange(ctx, start, until, readings)
		}
		if err != nil {
			return report, err
		}
		report.add(part)
		c.rangeNow = min(c.rangeNow+c.rangeNow/4+1, checkRangeMax)
		start = until + 1
		if progress != nil {
			progress(start - from)
		}
	}
	return report, nil
}

// readRangeFromSeveral reads a range from as many nodes on one branch as are wanted, but at least from a quorum of
// them. Returns errNotAgreed when there are fewer.
func (c *CrossCheck) readRangeFromSeveral(ctx context.Context, from, to uint64, readers int) ([]rangeReading, error) {
	byTop := map[common.Hash][]rangeReading{}
	var best []rangeReading
	var failure error
	contracts := c.contracts
	read := func(ctx context.Context, node *member) rangeReading {
		return c.readRange(ctx, node, contracts, from, to)
	}
	gather(ctx, c.pool.usable(), readers, read, func(r rangeReading) (missing int) {
		if r.err != nil {
			failure = cmp.Or(failure, r.err)
			return readers - len(best)
		}
		byTop[r.topHash] = append(byTop[r.topHash], r)
		if len(byTop[r.topHash]) > len(best) {
			best = byTop[r.topHash]
		}
		return readers - len(best)
	})
	quorum := c.config.quorum()
	if len(best) >= quorum {
		return best, nil
	}
	if failure != nil {
		return nil, fmt.Errorf("%w: %d of %d needed nodes answer for blocks %d to %d: %w", errNotAgreed, len(best),
			quorum, from, to, failure)
	}
	return nil, fmt.Errorf("%w: %d of %d needed nodes answer alike for blocks %d to %d", errNotAgreed, len(best),
		quorum, from, to)
}

// compareRange finds the blocks for which a node's answer differs from the store, and checks them one by one.
func (c *CrossCheck) compareRange(ctx context.Context, from, to uint64, readings []rangeReading) (RescanReport, error) {
	report := RescanReport{Blocks: to - from + 1}
	stored, err := c.store.StoredTransfers(ctx, c.config.Network, from, to)
	if err != nil {
		return report, fmt.Errorf("read the stored transfers of blocks %d to %d: %w", from, to, err)
	}
	storedEvents, err := c.store.StoredEvents(ctx, c.config.Network, from, to)
	if err != nil {
		return report, fmt.Errorf("read the stored events of blocks %d to %d: %w", from, to, err)
	}
	doubted := map[uint64]bool{}
	for _, r := range readings {
		found, err := c.onlyOurs(ctx, r.found)
		if err != nil {
			return report, err
		}
		for _, t := range slices.Concat(without(found, stored, sameInRange), without(stored, found, sameInRange)) {
			doubted[t.Block.Number] = true
		}
		events, err := c.onlyOurEvents(ctx, r.events)
		if err != nil {
			return report, err
		}
		for _, e := range slices.Concat(
			without(events, storedEvents, models.TokenEvent.IsSameInRange),
			without(storedEvents, events, models.TokenEvent.IsSameInRange),
		) {
			doubted[e.BlockNumber] = true
		}
	}
	report.Found = len(stored)
	for _, number := range sortedKeys(doubted) {
		if err := c.checkDoubted(ctx, number, len(readings), &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// checkTimes compares the times of the stored transfers and events in a range of blocks with those that the quorum
// states for their blocks: the logs of a range say nothing about them. A block that differs is checked by itself.
func (c *CrossCheck) checkTimes(ctx context.Context, from, to uint64) error {
	if to < from {
		return nil
	}
	transfers, err := c.store.StoredTransfers(ctx, c.config.Network, from, to)
	if err != nil {
		return fmt.Errorf("read the stored transfers of blocks %d to %d: %w", from, to, err)
	}
	events, err := c.store.StoredEvents(ctx, c.config.Network, from, to)
	if err != nil {
		return fmt.Errorf("read the stored events of blocks %d to %d: %w", from, to, err)
	}
	times := map[uint64][]time.Time{}
	for _, t := range transfers {
		times[t.Block.Number] = append(times[t.Block.Number], t.Block.Time)
	}
	for _, e := range events {
		times[e.BlockNumber] = append(times[e.BlockNumber], e.BlockTime)
	}
	for _, number := range sortedKeys(times) {
		header, err := c.pool.AgreedHeader(ctx, number)
		if err != nil {
			return fmt.Errorf("%w: %w", errNotAgreed, err)
		}
		if !slices.ContainsFunc(times[number], func(at time.Time) bool { return !at.Equal(header.Time) }) {
			continue
		}
		if err := c.checkDoubted(ctx, number, c.config.quorum(), &RescanReport{}); err != nil {
			return err
		}
	}
	return nil
}

// checkSingly compares one block with the store without asking for a range.
func (c *CrossCheck) checkSingly(ctx context.Context, number uint64, readers int) (RescanReport, error) {
	report := RescanReport{Blocks: 1}
	stored, err := c.store.StoredTransfers(ctx, c.config.Network, number, number)
	if err != nil {
		return report, fmt.Errorf("read the stored transfers of block %d: %w", number, err)
	}
	report.Found = len(stored)
	err = c.checkDoubted(ctx, number, readers, &report)
	return report, err
}

// checkDoubted has the nodes decide on one block, and adds to the report what was repaired.
func (c *CrossCheck) checkDoubted(ctx context.Context, number uint64, readers int, report *RescanReport) error {
	hash, err := c.storedHash(ctx, number)
	if err != nil {
		return err
	}
	_, part, err := c.checkBlock(ctx, number, hash, readers)
	if err != nil {
		return err
	}
	report.Found += part.Added - part.Disproved
	report.Added += part.Added
	report.Disproved += part.Disproved
	return nil
}
