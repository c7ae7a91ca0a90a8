package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"paycow/models"
)

// BlockStore is where the follower keeps what it has read.
type BlockStore interface {
	// Cursor returns how far the chain has been read. Returns models.ErrNotFound before the first InitCursor.
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	// InitCursor sets the first cursor, as though every block up to this one had been read. It has no effect when there is one.
	InitCursor(ctx context.Context, network string, block models.BlockRef, head uint64) error
	// OldestPaymentAt returns when the oldest payment was created; ok is false when there is none.
	OldestPaymentAt(ctx context.Context, network string) (at time.Time, ok bool, err error)
	// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses.
	OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error)
	// RecentBlock returns a block read lately. Returns models.ErrNotFound.
	RecentBlock(ctx context.Context, network string, number uint64) (models.BlockRef, error)
	// LowestRecentBlock returns the lowest of them. Returns models.ErrNotFound.
	LowestRecentBlock(ctx context.Context, network string) (models.BlockRef, error)
	// Advance moves the cursor upwards and stores what concerns our addresses and the token itself, at once. Returns
	// models.ErrCursorMoved when the cursor is not at the batch's beginning.
	Advance(ctx context.Context, network string, batch models.BlockBatch) error
	// Rewind takes the cursor back after a reorg and marks what hung above it, at once. Returns models.ErrCursorMoved too.
	Rewind(ctx context.Context, network string, from, to models.BlockRef) error
	// SetHead notes the newest block number the node has told us of.
	SetHead(ctx context.Context, network string, head uint64) error
	// SetFinalized notes the newest block below which the chain must not change any more. It only ever goes up.
	SetFinalized(ctx context.Context, network string, block models.BlockRef) error
}

// FollowerConfig is what a follower has to know. Zero durations and numbers mean the defaults beside them.
type FollowerConfig struct {
	Network string
	ChainID uint64
	Token   common.Address
	// Quorum is how many nodes must agree before anything expires. With 1 the agreed block moves with the cursor.
	Quorum int
	// StartBlock is the first block to read when there is no cursor yet; nil means that the payments decide.
	StartBlock *uint64

	PollInterval       time.Duration // 2 s: how often the head is asked for without a subscription
	SafetyPollInterval time.Duration // 15 s: the same with a subscription that says nothing
	ResubscribeDelay   time.Duration // 10 s: between a subscription's failure and the next try
	CatchUpReport      time.Duration // 1 s: how often progress is reported while catching up
	IdleReport         time.Duration // 3 s: the same while nothing happens
	RetryDelayMin      time.Duration // 250 ms: after the first failure, doubled with each further one
	RetryDelayMax      time.Duration // 10 s
	FinalizedEvery     time.Duration // 1 min: how often the finalized block is asked for while following the head
	DoubtAlarmAfter    time.Duration // 2 min: how long reading may wait at a doubtful block before an alarm is raised

	// WindowsFrom is how many blocks behind the head reading by ranges begins, where finality allows. 64.
	WindowsFrom uint64
	// WindowMax is the longest range in blocks. 2000.
	WindowMax uint64
}

// withDefaults fills in what was left zero.
func (c FollowerConfig) withDefaults() FollowerConfig {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&c.PollInterval, 2 * time.Second},
		{&c.SafetyPollInterval, 15 * time.Second},
		{&c.ResubscribeDelay, 10 * time.Second},
		{&c.CatchUpReport, time.Second},
		{&c.IdleReport, 3 * time.Second},
		{&c.RetryDelayMin, 250 * time.Millisecond},
		{&c.RetryDelayMax, 10 * time.Second},
		{&c.FinalizedEvery, time.Minute},
		{&c.DoubtAlarmAfter, 2 * time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	if c.WindowsFrom == 0 {
		c.WindowsFrom = 64
	}
	if c.WindowMax == 0 {
		c.WindowMax = 2000
	}
	return c
}

// Progress tells where a follower stands after a unit of work.
type Progress struct {
	Cursor models.BlockRef // everything up to and in this block has been read
	Head   uint64          // the newest block number the node has told us of
	// Advanced and Rewound count the blocks that this unit of work read or took back.
	Advanced uint64
	Rewound  uint64
	// CaughtUp is true when there is nothing to read until the node has another head.
	CaughtUp bool
	// Lagging is true when the node's head is below the cursor on the same branch: it is behind, we wait for it.
	Lagging bool
}

// Follower reads the chain block by block into the store. One follower a network is enough; when two run at once, the
// store lets one of them win each block. Step and Run must not be called at the same time.
type Follower struct {
	config FollowerConfig
	source BlockSource
	store  BlockStore
	alarms Alarms
	logger *slog.Logger

	doubt     doubt
	cursor    *models.ChainCursor // nil until it is read from the store
	head      *Header             // the newest head known, nil when the node must be asked
	headAt    time.Time           // when the node told us of it
	finalized finality
	window    uint64 // blocks that the next range asks for
}

// doubt is how long no node has given a believable answer.
type doubt struct {
	since  time.Time // zero when there is none
	block  uint64
	raised bool
}

// finality is what was last heard of the finalized block.
type finality struct {
	known   bool
	number  uint64
	askedAt time.Time
}

// windowFirst is the first range in blocks. It is short, because what a node allows is learnt by growing.
const windowFirst = 50

// headMaxAge is how long a head is trusted while there are blocks below it to read.
const headMaxAge = 5 * time.Second

// NewFollower returns a follower that reads from the source into the store.
func NewFollower(config FollowerConfig, source BlockSource, store BlockStore, alarms Alarms, logger *slog.Logger) *Follower {
	config = config.withDefaults()
	return &Follower{
		config: config, source: source, store: store, alarms: alarms, logger: logger.With("network", config.Network),
		window: min(windowFirst, config.WindowMax),
	}
}

// Step brings the cursor forward by one unit of work: one block, one range of finalized blocks, or back to the common
// ancestor after a reorg. After an error the same Step can be tried again; the Progress beside an error is zero when the
// cursor is not known.
func (f *Follower) Step(ctx context.Context) (Progress, error) {
	progress, err := f.step(ctx)
	f.watchDoubt(ctx, err)
	if err == nil {
		return progress, nil
	}
	if errors.Is(err, models.ErrCursorMoved) {
		f.cursor = nil
	} else {
		f.noteHead(ctx)
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
	if head.Number-cursor.Number > f.config.WindowsFrom {
		if to, ok, err := f.windowEnd(ctx, head); err != nil {
			return Progress{}, err
		} else if ok {
			return f.stepWindow(ctx, head, to)
		}
	}
	return f.stepBlock(ctx, head)
}

// loadCursor reads the cursor from the store, or finds the first one.
func (f *Follower) loadCursor(ctx context.Context) error {
	if f.cursor != nil {
		return nil
	}
	cursor, err := f.store.Cursor(ctx, f.config.Network)
	if errors.Is(err, models.ErrNotFound) {
		if err := f.initCursor(ctx); err != nil {
			return fmt.Errorf("find the first block to read: %w", err)
		}
		cursor, err = f.store.Cursor(ctx, f.config.Network)
	}
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	f.cursor = &cursor
	return nil
}

// currentHead returns the newest head. The node is asked only when the one we know of is used up or old.
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

// offerHead takes a head that a subscription told of. It saves asking for it, unless it contradicts what we have read: a
// notification can be late, so then the node is asked what holds now. It returns whether there is reason for a Step.
func (f *Follower) offerHead(head Header) bool {
	if f.cursor != nil && head.Hash.Hex() == f.cursor.BlockHash {
		return false // we came to know of the block in another way, sooner
	}
	f.head = nil
	if f.cursor != nil && head.Number > f.cursor.BlockNumber {
		if head.Number > f.cursor.BlockNumber+1 || head.follows(f.cursor.Block()) {
			f.head, f.headAt = &head, time.Now()
		}
	}
	return true
}

// stepAtHead handles a node whose head is not above the cursor: nothing new, a node that lags, or a reorg.
func (f *Follower) stepAtHead(ctx context.Context, head Header) (Progress, error) {
	known, err := f.knownAtOrBelow(ctx, head.Number, 0)
	if errors.Is(err, models.ErrNotFound) {
		f.logger.Warn("the node's head is below every block kept; waiting for the node", "head", head.Number, "block", f.cursor.BlockNumber)
		return f.waiting(), nil
	}
	if err != nil {
		return Progress{}, err
	}
	same := known.Hash == head.Hash.Hex()
	if known.Number < head.Number {
		if same, err = f.isCanonical(ctx, known); err != nil {
			return Progress{}, err
		}
	}
	if !same {
		return f.walkBack(ctx, head)
	}
	if head.Number == f.cursor.BlockNumber {
		f.noteHead(ctx)
	}
	return f.waiting(), nil
}

// waiting reports that there is nothing to read. A lagging node's head is below the cursor.
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
	if !next.follows(cursor) {
		return f.walkBack(ctx, head)
	}
	logs, err := f.source.BlockLogs(ctx, next)
	if err != nil {
		// Perhaps nobody can give the logs because the block was made up by the node that told of it.
		agreed, agreeErr := f.source.AgreedHeader(ctx, next.Number)
		if agreeErr != nil || agreed.Hash == next.Hash || !agreed.follows(cursor) {
			return Progress{}, err
		}
		next = agreed
		if logs, err = f.source.BlockLogs(ctx, next); err != nil {
			return Progress{}, err
		}
	}
	block := next.Ref()
	decoded := DecodeLogs(f.config.ChainID, f.config.Token, block, logs)
	f.reportRejected(decoded.Rejected)
	progress, err := f.advance(ctx, block, head.Number, decoded)
	if err == nil {
		f.noteFinality(ctx)
	}
	return progress, err
}

// advance commits what was read up to the given block.
func (f *Follower) advance(ctx context.Context, to models.BlockRef, head uint64, read Decoded) (Progress, error) {
	from := f.cursor.Block()
	err := f.store.Advance(ctx, f.config.Network, models.BlockBatch{
		From: from, To: to, Head: head, Agreed: f.config.Quorum <= 1,
		Transfers: read.Transfers, Events: read.Events, Oversized: read.Oversized,
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

// moveCursor follows what the store has committed.
func (f *Follower) moveCursor(to models.BlockRef) {
	f.cursor.BlockNumber, f.cursor.BlockHash, f.cursor.BlockTime = to.Number, to.Hash, to.Time
}

func (f *Follower) progress() Progress {
	return Progress{Cursor: f.cursor.Block(), Head: f.cursor.HeadNumber}
}

// noteHead writes the head down when no block was committed with it, so that it can be seen how far behind we are. It
// never takes the head below the cursor: a node that lags has no newer head to tell of.
func (f *Follower) noteHead(ctx context.Context) {
	if f.cursor == nil || f.head == nil {
		return
	}
	head := max(f.head.Number, f.cursor.BlockNumber)
	if head == f.cursor.HeadNumber {
		return
	}
	if err := f.store.SetHead(ctx, f.config.Network, head); err != nil {
		f.logger.Warn("the head could not be noted", "head", head, "error", err)
		return
	}
	f.cursor.HeadNumber = head
}

// reportRejected logs the token's logs that are not what they claim to be. Too large amounts are not among them.
func (f *Follower) reportRejected(rejected []Rejected) {
	for _, r := range rejected {
		f.logger.Warn("a log of the token is not a transfer", "tx_hash", r.TxHash, "log_index", r.LogIndex, "error", r.Reason)
	}
}

// watchDoubt raises an alarm when reading has waited too long for a believable answer, and resolves it when it goes on.
func (f *Follower) watchDoubt(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, models.ErrDoubtful):
		if f.doubt.since.IsZero() {
			f.doubt = doubt{since: time.Now()}
			if f.cursor != nil {
				f.doubt.block = f.cursor.BlockNumber + 1
			}
		}
		if !f.doubt.raised && time.Since(f.doubt.since) >= f.config.DoubtAlarmAfter {
			f.doubt.raised = f.raise(ctx, models.AlarmBlockDoubtful, "",
				fmt.Sprintf("Since %s no node gives a believable answer for block %d: %v", f.doubt.since.UTC().Format(time.RFC3339), f.doubt.block, err))
		}
	case err == nil && !f.doubt.since.IsZero():
		f.resolve(ctx, models.AlarmBlockDoubtful, "", "a node gave a believable answer")
		f.doubt = doubt{}
	}
}

// raise returns whether the alarm is known to be raised.
func (f *Follower) raise(ctx context.Context, kind models.AlarmKind, subject, message string) bool {
	err := f.alarms.Raise(ctx, models.Alarm{Network: f.config.Network, Kind: kind, Subject: subject, Message: message})
	if err != nil {
		f.logger.Error("an alarm could not be raised", "alarm", string(kind), "error", err)
	}
	return err == nil
}

func (f *Follower) resolve(ctx context.Context, kind models.AlarmKind, subject, why string) {
	if err := f.alarms.Resolve(ctx, f.config.Network, kind, subject, models.ActorSystem, why); err != nil {
		f.logger.Error("an alarm could not be resolved", "alarm", string(kind), "error", err)
	}
}

// noteFinality keeps the finalized block, below which nothing is walked back. Only a block that the nodes agree on counts:
// a branch that one node made up must not become final.
func (f *Follower) noteFinality(ctx context.Context) {
	if time.Since(f.finalized.askedAt) < f.config.FinalizedEvery {
		return
	}
	number, known, err := f.source.FinalizedNumber(ctx)
	f.finalized = finality{known: known && err == nil, number: number, askedAt: time.Now()}
	if err != nil || !known {
		return
	}
	if err := f.keepFinality(ctx, number); err != nil {
		f.logger.Warn("the finalized block could not be noted", "block", number, "error", err)
	}
}

// keepFinality stores the newest block we know that is final.
func (f *Follower) keepFinality(ctx context.Context, number uint64) error {
	cursor, err := f.store.Cursor(ctx, f.config.Network)
	if err != nil {
		return fmt.Errorf("read the chain cursor: %w", err)
	}
	number = min(number, cursor.AgreedNumber)
	if number <= cursor.FinalizedNumber {
		return nil
	}
	block, err := f.knownAtOrBelow(ctx, number, 0)
	if errors.Is(err, models.ErrNotFound) || err == nil && block.Number <= cursor.FinalizedNumber {
		return nil
	}
	if err != nil {
		return err
	}
	if canonical, err := f.isCanonical(ctx, block); err != nil || !canonical {
		return err
	}
	if err := f.store.SetFinalized(ctx, f.config.Network, block); err != nil {
		return fmt.Errorf("note the finalized block: %w", err)
	}
	f.cursor.FinalizedNumber, f.cursor.FinalizedHash = block.Number, block.Hash
	return nil
}
