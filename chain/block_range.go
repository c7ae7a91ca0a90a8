package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/core/types"

	"paycow/models"
)

const (
	// rangeLogs is how many logs one answer should have at most: more of them make the next range shorter, which bounds
	// memory.
	rangeLogs = 5000
	// quietBlocks is how many blocks without logs a range holds at most: each of their headers is checked.
	quietBlocks = 100
)

// errRangesRefused means that no node returns the logs of several blocks at once. They are read one by one then.
var errRangesRefused = errors.New("no node returns the logs of a range of blocks")

// rangeEnd returns the last block of the next range. ok is false when the next block is not final.
func (f *Follower) rangeEnd(ctx context.Context, head Header) (to uint64, ok bool, err error) {
	next := f.cursor.BlockNumber + 1
	if (!f.finalized.known || f.finalized.number < next) && time.Since(f.finalized.askedAt) > finalityMaxAge {
		number, known, err := f.source.FinalizedNumber(ctx)
		if err != nil {
			return 0, false, fmt.Errorf("read the finalized block: %w", err)
		}
		f.finalized = finality{known: known, number: number, askedAt: time.Now()}
		if known {
			if err := f.storeFinality(ctx, number); err != nil {
				return 0, false, err
			}
		}
	}
	if !f.finalized.known || f.finalized.number < next {
		return 0, false, nil
	}
	return min(next+f.rangeNow-1, f.finalized.number, head.Number), true, nil
}

// stepRange reads a range of final blocks at once.
func (f *Follower) stepRange(ctx context.Context, head Header, to uint64) (Progress, error) {
	cursor := f.cursor.Block()
	first, err := f.source.HeaderByNumber(ctx, cursor.Number+1)
	if err != nil {
		return Progress{}, err
	}
	if !first.Follows(cursor) {
		return f.walkBack(ctx, head)
	}
	logs, to, err := f.rangeLogs(ctx, first.Number, to)
	if err != nil {
		return Progress{}, err
	}
	last := first
	if to != first.Number {
		if last, err = f.source.HeaderByNumber(ctx, to); err != nil {
			return Progress{}, err
		}
	}
	if err := f.checkQuietBlocks(ctx, first, last, logs); err != nil {
		return Progress{}, err
	}
	read, err := f.decodeRange(ctx, first, last, logs)
	if err != nil {
		return Progress{}, err
	}
	return f.advance(ctx, last.Ref(), head.Number, read)
}

// rangeLogs reads the logs of a range, and of ever shorter ranges while the node refuses. It returns the end of the
// range that it read.
func (f *Follower) rangeLogs(ctx context.Context, from, to uint64) ([]types.Log, uint64, error) {
	for {
		logs, err := f.source.RangeLogs(ctx, f.contracts(), from, to)
		if err == nil {
			f.adaptRange(len(logs))
			logs, to = untilQuiet(logs, from, to)
			return logs, to, nil
		}
		blocks := to - from + 1
		// A shorter range can only help, whatever the reason. It is tried at once only if the length may be the reason.
		f.rangeNow = max(blocks/2, 1)
		if blocks == 1 && mayBeTooLong(err) || MeaningOf(err) == MeansNotOffered {
			return nil, 0, fmt.Errorf("%w: %w", errRangesRefused, err)
		}
		if ctx.Err() != nil || !mayBeTooLong(err) {
			return nil, 0, fmt.Errorf("read the logs of blocks %d to %d: %w", from, to, err)
		}
		f.log.InfoContext(ctx, "the node refuses the range; trying a shorter one", "block", from, "blocks", f.rangeNow,
			"error", err)
		to = from + f.rangeNow - 1
	}
}

// adaptRange chooses the next range's length after an answer with that many logs.
func (f *Follower) adaptRange(logs int) {
	switch {
	case logs > rangeLogs:
		f.rangeNow = max(f.rangeNow/2, 1)
	case logs < rangeLogs/2:
		f.rangeNow = min(f.rangeNow+f.rangeNow/4+1, f.rangeMax)
	}
}

// untilQuiet shortens a range and its logs so that it has no more blocks without logs than are checked at a time.
func untilQuiet(logs []types.Log, from, to uint64) ([]types.Log, uint64) {
	has := make(map[uint64]bool)
	for _, log := range logs {
		has[log.BlockNumber] = true
	}
	quiet := 0
	for number := from; number < to; number++ {
		if !has[number] {
			quiet++
		}
		if quiet == quietBlocks {
			to = number
		}
	}
	return slices.DeleteFunc(logs, func(log types.Log) bool { return log.BlockNumber > to }), to
}

// checkQuietBlocks returns models.ErrDoubtful when a block of the range for which the answer has no log must have one:
// nodes that are not ready, or that cut their answers short, leave out logs without an error. Blocks with many users of
// the token are never quiet, so reading the headers of the quiet ones costs something only for a token that is seldom
// used.
func (f *Follower) checkQuietBlocks(ctx context.Context, first, last Header, logs []types.Log) error {
	has := make(map[uint64]bool)
	for _, log := range logs {
		has[log.BlockNumber] = true
	}
	var before *Header
	for number := first.Number; number <= last.Number; number++ {
		if has[number] {
			before = nil
			continue
		}
		header, err := f.rangeHeader(ctx, number, first, last)
		if err != nil {
			return err
		}
		if before != nil && !header.Follows(before.Ref()) {
			return fmt.Errorf("%w: block %d is not the child of the one before", models.ErrDoubtful, number)
		}
		if err := f.checkEmptyBlock(ctx, header); err != nil {
			return err
		}
		before = &header
	}
	return nil
}

// checkEmptyBlock returns models.ErrDoubtful when a block's bloom filter and receipts show that it has watched logs.
func (f *Follower) checkEmptyBlock(ctx context.Context, header Header) error {
	if !header.MayHoldLogs(f.contracts()) {
		return nil
	}
	receipts, err := f.source.ReceiptsByBlockHash(ctx, header.Hash)
	if err != nil {
		return fmt.Errorf(
			"%w: no logs in block %d although its bloom filter matches, and its receipts cannot be read: %w",
			models.ErrDoubtful, header.Number, err,
		)
	}
	missing, err := logsOfReceipts(receipts, f.contracts(), header)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: the range lacks the logs of block %d", models.ErrDoubtful, header.Number)
	}
	return nil
}

// decodeRange decodes what concerns our addresses and the token itself. A block's time and hash come from its header,
// which is read only for blocks that contain something of that.
func (f *Follower) decodeRange(ctx context.Context, first, last Header, logs []types.Log) (Decoded, error) {
	var found Decoded
	byBlock := make(map[uint64][]types.Log)
	for _, log := range logs {
		if log.BlockNumber < first.Number || log.BlockNumber > last.Number || log.Removed {
			return found, fmt.Errorf("%w: the logs of blocks %d to %d contain one of block %d",
				models.ErrDoubtful, first.Number, last.Number, log.BlockNumber)
		}
		byBlock[log.BlockNumber] = append(byBlock[log.BlockNumber], log)
	}
	ours, err := f.ourParties(ctx, logs)
	if err != nil {
		return found, err
	}
	for _, number := range sortedKeys(byBlock) {
		blockLogs := byBlock[number]
		if !slices.ContainsFunc(blockLogs, func(log types.Log) bool { return concerns(log, ours) }) {
			continue
		}
		header, err := f.rangeHeader(ctx, number, first, last)
		if err != nil {
			return found, err
		}
		for _, log := range blockLogs {
			if log.BlockHash != header.Hash {
				return found, fmt.Errorf("%w: the logs of block %d are of another block", models.ErrDoubtful, number)
			}
		}
		decoded := DecodeLogs(f.config.ChainID, f.contracts(), header.Ref(), blockLogs)
		f.logRejected(ctx, decoded.Rejected)
		for _, transfer := range decoded.Transfers {
			if ours[transfer.To] || ours[transfer.From] {
				found.Transfers = append(found.Transfers, transfer)
			}
		}
		found.Events = append(found.Events, decoded.Events...)
		found.Oversized = append(found.Oversized, decoded.Oversized...)
	}
	return found, nil
}

// rangeHeader returns a block's header. The headers of the range's edges are known already.
func (f *Follower) rangeHeader(ctx context.Context, number uint64, first, last Header) (Header, error) {
	switch number {
	case first.Number:
		return first, nil
	case last.Number:
		return last, nil
	default:
		return f.source.HeaderByNumber(ctx, number)
	}
}

// concerns reports whether a log moves money from or to us, or is an event of the token itself.
func concerns(log types.Log, ours map[string]bool) bool {
	if len(log.Topics) > 0 && log.Topics[0] != transferTopic {
		return true
	}
	from, to, _ := transferParties(log)
	return ours[from] || ours[to]
}

// ourParties returns which of the addresses that the logs move money between are deposit addresses.
func (f *Follower) ourParties(ctx context.Context, logs []types.Log) (map[string]bool, error) {
	parties := make(map[string]bool)
	for _, log := range logs {
		from, to, _ := transferParties(log)
		parties[from], parties[to] = true, true
	}
	delete(parties, "")
	return ourAddresses(ctx, f.store, f.config.Network, parties)
}
