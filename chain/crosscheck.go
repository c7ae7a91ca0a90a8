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

// errNotAgreed means that too few nodes give the same answer now. It is worth a retry.
var errNotAgreed = errors.New("too few nodes agree on what was read")

// CheckStore is what a CrossCheck compares with and mends.
type CheckStore interface {
	// Cursor returns how far the chain has been read. Returns models.ErrNotFound before the first block.
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	// KnownBlockAbove returns the lowest block kept with above < number <= atMost. Returns models.ErrNotFound.
	KnownBlockAbove(ctx context.Context, network string, above, atMost uint64) (models.BlockRef, error)
	// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses.
	OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error)
	// StoredTransfers returns the canonical transfers to and from our addresses in a range of blocks, both ends included.
	StoredTransfers(ctx context.Context, network string, from, to uint64) ([]models.TokenTransfer, error)
	// Heal stores transfers that were left out. Returns models.ErrCursorMoved when their block is not (or no more) the one read.
	Heal(ctx context.Context, network string, found []models.TokenTransfer) (added int, err error)
	// Disprove marks transfers as not in the chain, as a reorg does.
	Disprove(ctx context.Context, network string, keys []models.TransferKey, reason string) error
	// CreditedTransfers returns those of the transfers that the ledger holds a credit for.
	CreditedTransfers(ctx context.Context, keys []models.TransferKey) ([]models.TransferKey, error)
	// SetAgreed notes up to where the quorum agrees. It only goes up, and not above the cursor.
	SetAgreed(ctx context.Context, network string, block models.BlockRef) error
	// SetRechecked notes up to which block the finalized blocks were read a second time.
	SetRechecked(ctx context.Context, network string, number uint64) error
}

// CrossCheckConfig is what a CrossCheck has to know. Zero durations and numbers mean the defaults beside them.
type CrossCheckConfig struct {
	Network string
	ChainID uint64
	Token   common.Address

	// RangeMin is how many finalized blocks must have gathered before they are read a second time. 32.
	RangeMin uint64
	// RangeMax is the longest range in blocks. 2000.
	RangeMax uint64
	// AlarmAfter is how long too few nodes may agree before an alarm is raised. 2 min.
	AlarmAfter time.Duration
	// Idle is the pause when there is nothing to compare. 1 s.
	Idle time.Duration
}

func (c CrossCheckConfig) withDefaults() CrossCheckConfig {
	if c.RangeMin == 0 {
		c.RangeMin = 32
	}
	if c.RangeMax == 0 {
		c.RangeMax = 2000
	}
	if c.AlarmAfter <= 0 {
		c.AlarmAfter = 2 * time.Minute
	}
	if c.Idle <= 0 {
		c.Idle = time.Second
	}
	return c
}

// CrossCheck reads again what the follower has read, at other nodes, and mends what differs: first what is new, until the
// quorum agrees on it, and once more what has become final. Step and Run must not be called at the same time.
type CrossCheck struct {
	config CrossCheckConfig
	panel  Panel
	store  CheckStore
	alarms Alarms
	logger *slog.Logger

	window     uint64    // blocks that the next range asks for
	stuckSince time.Time // zero while the nodes agree
	// alarmed is true when QUORUM_MISSING may be open. It begins true, since an earlier process may have raised it.
	alarmed bool
}

// NewCrossCheck returns a CrossCheck that asks the nodes of the panel.
func NewCrossCheck(config CrossCheckConfig, panel Panel, store CheckStore, alarms Alarms, logger *slog.Logger) *CrossCheck {
	config = config.withDefaults()
	return &CrossCheck{
		config: config, panel: panel, store: store, alarms: alarms, logger: logger.With("network", config.Network),
		window: config.RangeMax, alarmed: true,
	}
}

// Run steps until the context ends, and returns its error.
func (c *CrossCheck) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		worked, err := c.Step(ctx)
		delay := c.config.Idle
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			c.logger.Warn("what was read could not be compared; trying again", "error", err)
			delay = retryDelay(c.config.Idle, 10*c.config.Idle, failures)
			failures++
		case worked:
			failures = 0
			continue
		default:
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
	return ctx.Err()
}

// Step compares one block or one range. worked is false when there is nothing to compare, or the nodes do not agree yet.
func (c *CrossCheck) Step(ctx context.Context) (worked bool, err error) {
	cursor, err := c.store.Cursor(ctx, c.config.Network)
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the chain cursor: %w", err)
	}
	worked, err = c.agree(ctx, cursor)
	if errors.Is(err, models.ErrCursorMoved) {
		return false, nil // a reorg came between
	}
	usable := len(c.panel.Members())
	if err == nil && usable < c.panel.Quorum() {
		err = fmt.Errorf("%w: %d of %d needed nodes can be asked", errNotAgreed, usable, c.panel.Quorum())
	}
	c.watchAgreement(ctx, err)
	if err == nil && !worked {
		worked, err = c.second(ctx, cursor)
	}
	if errors.Is(err, errNotAgreed) || errors.Is(err, models.ErrCursorMoved) {
		return false, nil
	}
	return worked, err
}

// agree compares the next block above the agreed one. With a quorum of one there is nobody to compare with.
func (c *CrossCheck) agree(ctx context.Context, cursor models.ChainCursor) (worked bool, err error) {
	if c.panel.Quorum() < 2 || cursor.AgreedNumber >= cursor.BlockNumber {
		return false, nil
	}
	block, err := c.store.KnownBlockAbove(ctx, c.config.Network, cursor.AgreedNumber, cursor.BlockNumber)
	if errors.Is(err, models.ErrNotFound) {
		return false, models.ErrCursorMoved
	}
	if err != nil {
		return false, fmt.Errorf("look for the next block to agree on: %w", err)
	}
	// The blocks between were read in a range, so they are compared in ranges that end at the known block.
	if _, err = c.checkRange(ctx, cursor.AgreedNumber+1, block.Number-1, c.panel.Quorum(), nil); err != nil {
		return false, err
	}
	judged, _, err := c.settle(ctx, block.Number, block.Hash, c.panel.Quorum())
	if err != nil {
		return false, err
	}
	if err := c.store.SetAgreed(ctx, c.config.Network, judged.block); err != nil {
		return false, fmt.Errorf("note block %d as agreed: %w", block.Number, err)
	}
	return true, nil
}

// second reads finalized blocks again.
func (c *CrossCheck) second(ctx context.Context, cursor models.ChainCursor) (worked bool, err error) {
	until := min(cursor.FinalizedNumber, cursor.BlockNumber)
	if c.panel.Quorum() > 1 {
		until = min(until, cursor.AgreedNumber)
	}
	if until < cursor.RecheckedNumber+c.config.RangeMin {
		return false, nil
	}
	until = min(until, cursor.RecheckedNumber+c.config.RangeMax)
	if _, err := c.checkRange(ctx, cursor.RecheckedNumber+1, until, c.witnesses(), nil); err != nil {
		return false, err
	}
	if err := c.store.SetRechecked(ctx, c.config.Network, until); err != nil {
		return false, fmt.Errorf("note block %d as read twice: %w", until, err)
	}
	return true, nil
}

// witnesses is how many nodes read a range: two where there are two, and never fewer than the quorum.
func (c *CrossCheck) witnesses() int {
	return max(c.panel.Quorum(), min(2, len(c.panel.Members())))
}

// RescanReport says what reading a range again found.
type RescanReport struct {
	Blocks    uint64 // that were read
	Found     int    // transfers to and from our addresses in them
	Added     int    // of these, to us and not known before
	Disproved int    // that were stored and are not in the chain
}

// rescanTries is how often a range is tried again that a reorg came into.
const rescanTries = 5

// Rescan reads the blocks from one number to another again, both included and as far as the cursor, and mends what
// differs. It is safe to repeat, and while the chain is followed. progress, if not nil, is told how many blocks are done.
func (c *CrossCheck) Rescan(ctx context.Context, from, to uint64, progress func(done uint64)) (RescanReport, error) {
	var report RescanReport
	cursor, err := c.store.Cursor(ctx, c.config.Network)
	if err != nil {
		return report, fmt.Errorf("read the chain cursor: %w", err)
	}
	to = min(to, cursor.BlockNumber)
	for start, tries := from, 0; start <= to; {
		until := min(to, start+c.window-1)
		read, err := c.checkRange(ctx, start, until, c.witnesses(), progressFrom(progress, start-from))
		if (errors.Is(err, models.ErrCursorMoved) || errors.Is(err, errNotAgreed)) && tries < rescanTries {
			tries++
			select {
			case <-ctx.Done():
				return report, ctx.Err()
			case <-time.After(c.config.Idle):
			}
			continue
		}
		if err != nil {
			return report, fmt.Errorf("read blocks %d to %d again: %w", start, until, err)
		}
		report.Blocks += read.Blocks
		report.Found += read.Found
		report.Added += read.Added
		report.Disproved += read.Disproved
		start, tries = until+1, 0
	}
	return report, nil
}

func progressFrom(progress func(uint64), done uint64) func(uint64) {
	if progress == nil {
		return nil
	}
	return func(more uint64) { progress(done + more) }
}

// watchAgreement raises an alarm when the nodes have not agreed for long, and resolves it when they do.
func (c *CrossCheck) watchAgreement(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		c.stuckSince = time.Time{}
		if c.alarmed {
			resolveErr := c.alarms.Resolve(ctx, c.config.Network, models.AlarmQuorumMissing, "", models.ActorSystem, "enough nodes agree again")
			c.alarmed = resolveErr != nil
		}
		return
	}
	if c.stuckSince.IsZero() {
		c.stuckSince = time.Now()
	}
	if time.Since(c.stuckSince) < c.config.AlarmAfter {
		return
	}
	c.raise(ctx, models.AlarmQuorumMissing, "", fmt.Sprintf("Since %s too few nodes agree on what was read: %v", c.stuckSince.UTC().Format(time.RFC3339), err))
	c.alarmed = true
	c.stuckSince = time.Now() // say it again after as long
}

func (c *CrossCheck) raise(ctx context.Context, kind models.AlarmKind, subject, message string) {
	err := c.alarms.Raise(ctx, models.Alarm{Network: c.config.Network, Kind: kind, Subject: subject, Message: message})
	if err != nil {
		c.logger.Error("an alarm could not be raised", "alarm", string(kind), "error", err)
	}
}
