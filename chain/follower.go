package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"paycow/models"
)

const (
	// headMaxAge is how long a head is used while there are blocks below it to read.
	headMaxAge = 5 * time.Second
	// rangesFrom is how many blocks behind the head reading by ranges begins, if the blocks are final.
	rangesFrom = 64
	// rangeFirst is the first range in blocks. It is short: how much a node allows is found out by growing.
	rangeFirst = 50
	// rangeMax is the longest range in blocks.
	rangeMax = 2000
)

// Progress says where a follower stands after a unit of work.
type Progress struct {
	Cursor models.BlockRef // everything up to and including this block has been read
	Head   uint64          // the newest block number that a node has reported
	// Advanced and Rewound count the blocks that this unit of work read or took back.
	Advanced uint64
	Rewound  uint64
	// CaughtUp is true when there is nothing to read until a node has another head.
	CaughtUp bool
	// Lagging is true when the node's head is below the cursor on the same branch: the node is behind and is waited
	// for.
	Lagging bool
	// Proven is true when blocks were stored since the report before, or when a node and the database have just confirmed
	// that there is nothing to read. Reached is true when both answered lately, whatever came of it. Only a Watcher sets
	// them.
	Proven  bool
	Reached bool
}

// Follower reads the chain block by block into the store. One follower per network is enough; when two run, the store
// lets one of them win each block. Step and Run must not be called concurrently.
type Follower struct {
	config Config
	source BlockSource
	store  BlockStore
	alarms Alarms
	log    *slog.Logger

	rangesFrom uint64 // distance from the head, in blocks
	rangeMax   uint64 // blocks
	rangeNow   uint64 // blocks that the next range asks for
	// singlyUntil is when the time ends in which blocks are read one by one, because no node offers ranges.
	singlyUntil time.Time

	doubt     doubt
	cursor    *models.ChainCursor // nil until it has been read from the store
	head      *Header             // the newest known head, nil when a node must be asked
	headAt    time.Time           // when the head was reported
	finalized finality
}

// FollowerOption changes how a follower reads.
type FollowerOption func(*Follower)

// WithRangesFrom sets how many blocks behind the head reading by ranges begins, instead of 64. Short simulated chains
// need it for ranges to be read at all.
func WithRangesFrom(blocks uint64) FollowerOption {
	return func(f *Follower) { f.rangesFrom = blocks }
}

// NewFollower returns a follower that reads from the source into the store.
func NewFollower(
	config Config, source BlockSource, store BlockStore, alarms Alarms, log *slog.Logger, options ...FollowerOption,
) *Follower {
	f := &Follower{
		config: config, source: source, store: store, alarms: alarms, log: log.With("network", config.Network),
		rangesFrom: rangesFrom, rangeMax: rangeMax, rangeNow: rangeFirst,
	}
	for _, option := range options {
		option(f)
	}
	return f
}

// Step moves the cursor by one unit of work: one block, one range of final blocks, or back to the common ancestor after
// a reorg. After an error the same Step can be repeated; the Progress returned with an error is zero when the cursor is
// unknown.
func (f *Follower) Step(ctx context.Context) (Progress, error) {
	progress, err := f.step(ctx)
	f.watchDoubt(ctx, err)
	if err == nil {
		return progress, nil
	}
	if errors.Is(err, models.ErrCursorMoved) {
		f.cursor = nil
	} else {
		f.storeHead(ctx)
	}
	f.head = nil // it may be what is wrong
	if f.cursor != nil {
		progress = f.progress()
	}
	return progress, err
}

func (f *Follower) step(ctx context.Context) (Progress, error) {
	if err := f.loadCursor(ctx); err != nil {
		return Progress{}, err
	}
	head, err := f.currentHead(ctx)
	if err != nil {
		return Progress{}, err
	}
	cursor := f.cursor.Block()
	if head.Number <= cursor.Number {
		return f.stepAtHead(ctx, head)
	}
	if head.Number-cursor.Number > f.rangesFrom && time.Now().After(f.singlyUntil) {
		to, ok, err := f.rangeEnd(ctx, head)
		if err != nil {
			return Progress{}, err
		}
		if ok {
			progress, err := f.stepRange(ctx, head, to)
			if !errors.Is(err, errRangesRefused) {
				return progress, err
			}
			f.log.WarnContext(ctx, "reading block by block", "block", cursor.Number+1, "error", err)
			f.singlyUntil = time.Now().Add(lackFor)
		}
	}
	return f.stepBlock(ctx, head)
}

// loadCursor reads the cursor from the store, or chooses the first one.
func (f *Follower) loadCursor(ctx context.Context) error {
	if f.cursor != nil {
		return nil
	}
	cursor, err := f.store.Cursor(ctx, f.config.Network)
	if errors.Is(err, models.ErrNotFound) {
		if err := f.initCursor(ctx); err != nil {
			return fmt.Errorf("choose the first block to read: %w", err)
		}
		cursor, err = f.store.Cursor(ctx, f.config.Network)
	}
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	f.cursor = &cursor
	return nil
}

// currentHead returns the newest head. A node is asked only when the known one is used up or old.
func (f *Follower) currentHead(ctx context.Context) (Header, error) {
	if f.head != nil && f.head.Number > f.cursor.BlockNumber && time.Since(f.headAt) < headMaxAge {
		return *f.head, nil
	}
	head, err := f.source.HeadHeader(ctx)
	if err != nil {
		return Header{}, err
	}
	f.head, f.headAt = &head, time.Now()
	return head, nil
}

// offerHead takes a head that a subscription reported, which saves asking for it if it is the next block. Whatever else
// it is, late, far ahead or of another branch, a node is asked instead. offerHead reports whether there is a reason for
// a Step.
func (f *Follower) offerHead(head Header) bool {
	if f.cursor != nil && head.Hash.Hex() == f.cursor.BlockHash {
		return false // the block was read before the notification arrived
	}
	f.head = nil
	if f.cursor != nil && head.Follows(f.cursor.Block()) {
		f.head, f.headAt = &head, time.Now()
	}
	return true
}

// stepAtHead handles a head that is not above the cursor: nothing is new, the node is behind, or there was a reorg.
func (f *Follower) stepAtHead(ctx context.Context, head Header) (Progress, error) {
	known, err := f.knownAtOrBelow(ctx, head.Number, 0)
	if errors.Is(err, models.ErrNotFound) {
		f.log.WarnContext(ctx, "the head is below every stored block; waiting for the node", "head", head.Number,
			"block", f.cursor.BlockNumber)
		return f.waiting(), nil
	}
	if err != nil {
		return Progress{}, err
	}
	same := known.Hash == head.Hash.Hex()
	if known.Number < head.Number {
		if same, err = isCanonical(ctx, f.source.HeaderByNumber, known); err != nil {
			return Progress{}, err
		}
	}
	if !same {
		return f.walkBack(ctx, head)
	}
	if head.Number == f.cursor.BlockNumber {
		f.storeHead(ctx)
	}
	return f.waiting(), nil
}

// waiting returns the progress of a step that had nothing to read.
func (f *Follower) waiting() Progress {
	progress := f.progress()
	progress.CaughtUp = true
	progress.Lagging = f.head != nil && f.head.Number < f.cursor.BlockNumber
	return progress
}

// stepBlock reads the block after the cursor.
func (f *Follower) stepBlock(ctx context.Context, head Header) (Progress, error) {
	cursor := f.cursor.Block()
	next := head
	if head.Number != cursor.Number+1 {
		var err error
		if next, err = f.source.HeaderByNumber(ctx, cursor.Number+1); err != nil {
			return Progress{}, err
		}
	}
	if !next.Follows(cursor) {
		return f.walkBack(ctx, head)
	}
	logs, err := f.source.BlockLogs(ctx, f.contracts(), next)
	if err != nil {
		// Perhaps no node has the logs because the node that reported the block made it up.
		agreed, agreeErr := f.source.AgreedHeader(ctx, next.Number)
		if agreeErr != nil || agreed.Hash == next.Hash || !agreed.Follows(cursor) {
			return Progress{}, err
		}
		next = agreed
		if logs, err = f.source.BlockLogs(ctx, f.contracts(), next); err != nil {
			return Progress{}, err
		}
	}
	block := next.Ref()
	decoded := DecodeLogs(f.config.ChainID, f.contracts(), block, logs)
	f.logRejected(ctx, decoded.Rejected)
	progress, err := f.advance(ctx, block, head.Number, decoded)
	if err == nil {
		f.updateFinality(ctx)
	}
	return progress, err
}

// contracts returns what the next blocks are read for. Advance refuses them if that has changed meanwhile.
func (f *Follower) contracts() Contracts { return f.config.contractsAt(*f.cursor) }

// advance commits what was read up to the given block.
func (f *Follower) advance(ctx context.Context, to models.BlockRef, head uint64, read Decoded) (Progress, error) {
	from := f.cursor.Block()
	err := f.store.Advance(ctx, f.config.Network, models.BlockBatch{
		From: from, To: to, Head: head, Agreed: f.config.quorum() == 1,
		Upgrades: f.cursor.Upgrades, Transfers: read.Transfers, Events: read.Events, Oversized: read.Oversized,
	})
	if err != nil {
		return Progress{}, fmt.Errorf("advance the cursor to block %d: %w", to.Number, err)
	}
	f.moveCursor(to)
	f.cursor.HeadNumber = head
	progress := f.progress()
	progress.Advanced = to.Number - from.Number
	progress.CaughtUp = to.Number >= head
	return progress, nil
}

// moveCursor repeats in memory what the store has committed.
func (f *Follower) moveCursor(to models.BlockRef) {
	f.cursor.BlockNumber, f.cursor.BlockHash, f.cursor.BlockTime = to.Number, to.Hash, to.Time
}

func (f *Follower) progress() Progress {
	return Progress{Cursor: f.cursor.Block(), Head: f.cursor.HeadNumber}
}

// storeHead stores the head when no block was committed with it, so that others can see how far behind the cursor is.
// The stored head never falls below the cursor: a node that is behind knows no newer head.
func (f *Follower) storeHead(ctx context.Context) {
	if f.cursor == nil || f.head == nil {
		return
	}
	head := max(f.head.Number, f.cursor.BlockNumber)
	if head == f.cursor.HeadNumber {
		return
	}
	if err := f.store.SetHead(ctx, f.config.Network, head); err != nil {
		f.log.WarnContext(ctx, "cannot store the head", "head", head, "error", err)
		return
	}
	f.cursor.HeadNumber = head
}

// logRejected logs the token's logs that are not what they claim to be. Oversized transfers are not among them.
func (f *Follower) logRejected(ctx context.Context, rejected []Rejected) {
	for _, r := range rejected {
		f.log.WarnContext(ctx, "a log of the token is not a transfer", "tx_hash", r.TxHash, "log_index", r.LogIndex,
			"error", r.Reason)
	}
}
