package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"paycow/internal/retry"
	"paycow/models"
)

// errNotAgreed means that too few nodes give the same answer now. Another attempt may succeed.
var errNotAgreed = errors.New("too few nodes agree on what was read")

const (
	// recheckMin is how many final blocks must have accumulated before they are read a second time.
	recheckMin = 32
	// checkRangeMax is the longest range in blocks.
	checkRangeMax = 2000
	// quorumAlarmAfter is how long too few nodes may agree before an alarm is raised.
	quorumAlarmAfter = 2 * time.Minute
	// checkInterval is the pause when there is nothing to check. After failures it grows to ten times as long.
	checkInterval = time.Second
)

// CheckStore is what a CrossCheck compares with the nodes and repairs.
type CheckStore interface {
	// Cursor returns how far the chain has been read. Returns models.ErrNotFound before the first block.
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	// KnownBlockAbove returns the lowest stored block with above < number <= atMost. Returns models.ErrNotFound.
	KnownBlockAbove(ctx context.Context, network string, above, atMost uint64) (models.BlockRef, error)
	// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses.
	OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error)
	// StoredTransfers returns the canonical transfers to and from our addresses in a range of blocks, both ends
	// included.
	StoredTransfers(ctx context.Context, network string, from, to uint64) ([]models.TokenTransfer, error)
	// StoredEvents returns the canonical events of the token in a range of blocks, both ends included.
	StoredEvents(ctx context.Context, network string, from, to uint64) ([]models.TokenEvent, error)
	// HealEvents stores events that were missing. Returns models.ErrCursorMoved when their block is not the stored one.
	HealEvents(ctx context.Context, network string, found []models.TokenEvent) error
	// DisproveEvents marks events as not canonical, as a reorg does.
	DisproveEvents(ctx context.Context, network string, wrong []models.TokenEvent, reason string) error
	// SetTokenState notes what the quorum says about the token's contracts at an agreed block, and returns the events
	// that it added because those that were read say something else. Returns models.ErrCursorMoved.
	SetTokenState(
		ctx context.Context, network string, block models.BlockRef, states []models.TokenState,
	) (corrected []models.TokenEvent, err error)
	// DeprecatedAt returns the block of the event that deprecated a contract (as models.TransferKey names it) in favour
	// of another one. Returns models.ErrNotFound.
	DeprecatedAt(ctx context.Context, token, upgrade string) (uint64, error)
	// FollowUpgrade makes a contract watched, and has everything above a block read again for it. Returns
	// models.ErrCursorMoved.
	FollowUpgrade(ctx context.Context, network string, upgrade models.TokenUpgrade) error
	// Heal stores transfers that were missing. Returns models.ErrCursorMoved when their block is not the stored one.
	Heal(ctx context.Context, network string, found []models.TokenTransfer) (added int, err error)
	// Disprove marks transfers as not canonical, as a reorg does, if they are still stored in the block that was judged.
	// Returns models.ErrCursorMoved when that block is no longer the stored one.
	Disprove(ctx context.Context, network string, wrong []models.TokenTransfer, reason string) error
	// CreditedTransfers returns those of the transfers that have a credit in the ledger.
	CreditedTransfers(ctx context.Context, keys []models.TransferKey) ([]models.TransferKey, error)
	// SetAgreed stores the newest block that the quorum agrees on. It only moves up, and not above the cursor.
	SetAgreed(ctx context.Context, network string, block models.BlockRef) error
	// SetRechecked stores the block up to which the final blocks were read a second time.
	SetRechecked(ctx context.Context, network string, number uint64) error
	// NoteRescanned notes that the blocks from the cursor's RescanFrom up to another one were read again. It does nothing
	// when RescanFrom is another one by now.
	NoteRescanned(ctx context.Context, network string, from, upTo uint64) error
}

// CrossCheck reads what the follower has read again, from other nodes, and repairs the store where they differ: first
// what is new, until the quorum agrees on it, once more what has become final, and what a reconciliation asks for. Step
// and Run must not be called concurrently.
type CrossCheck struct {
	config Config
	pool   *Pool
	store  CheckStore
	alarms Alarms
	log    *slog.Logger

	contracts  Contracts // that are watched, as the cursor says that was read last
	rangeNow   uint64    // blocks that the next range asks for
	stuckSince time.Time // zero while the nodes agree
	token      tokenCheck
	// rescanAfter is when blocks are read again for a reconciliation next, after that failed.
	rescanAfter time.Time
	// rescanFailures counts the failures since then.
	rescanFailures int
	// alarmed is true when the alarm QUORUM_MISSING may be open. It starts as true, because an earlier process may have
	// raised it.
	alarmed bool
}

// NewCrossCheck returns a CrossCheck that asks the nodes of the pool.
func NewCrossCheck(config Config, pool *Pool, store CheckStore, alarms Alarms, log *slog.Logger) *CrossCheck {
	pool.branches.enabled.Store(config.quorum() > 1)
	return &CrossCheck{
		config: config, pool: pool, store: store, alarms: alarms, log: log.With("network", config.Network),
		rangeNow: checkRangeMax, alarmed: true,
	}
}

// Run steps until ctx ends and returns its error.
func (c *CrossCheck) Run(ctx context.Context) error {
	policy := retry.Policy{
		Pause:    checkInterval,
		MaxPause: 10 * checkInterval,
		OnRetry: func(err error, _ time.Duration) {
			c.log.WarnContext(ctx, "cannot check what was read; trying again", "error", err)
		},
	}
	for ctx.Err() == nil {
		worked := false
		err := retry.Until(ctx, policy, func() (err error) {
			worked, err = c.Step(ctx)
			return err
		})
		if err == nil && !worked {
			_ = retry.Sleep(ctx, checkInterval) // the loop's condition ends it
		}
	}
	return ctx.Err()
}

// Step checks one block or one range. worked is false when there is nothing to check, or the nodes do not agree yet.
func (c *CrossCheck) Step(ctx context.Context) (worked bool, err error) {
	cursor, err := c.store.Cursor(ctx, c.config.Network)
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the chain cursor: %w", err)
	}
	c.contracts = c.config.contractsAt(cursor)
	c.pool.checkOutsiders(ctx, cursor)
	worked, err = c.agree(ctx, cursor)
	if errors.Is(err, models.ErrCursorMoved) {
		return false, nil // a reorg happened meanwhile
	}
	usable := len(c.pool.usable())
	if err == nil && usable < c.config.quorum() {
		err = fmt.Errorf("%w: %d of %d needed nodes are usable", errNotAgreed, usable, c.config.quorum())
	}
	c.watchAgreement(ctx, err)
	if err == nil && !worked {
		c.checkToken(ctx, cursor)
	}
	if err == nil && !worked {
		worked, err = c.recheck(ctx, cursor)
	}
	if err == nil && !worked {
		worked, err = c.rescanAsked(ctx, cursor)
	}
	if errors.Is(err, errNotAgreed) || errors.Is(err, models.ErrCursorMoved) {
		return false, nil
	}
	return worked, err
}

// agree checks the next block above the agreed one. With a quorum of one there is no other node to compare with.
func (c *CrossCheck) agree(ctx context.Context, cursor models.ChainCursor) (worked bool, err error) {
	if c.config.quorum() < 2 || cursor.AgreedNumber >= cursor.BlockNumber {
		return false, nil
	}
	block, err := c.store.KnownBlockAbove(ctx, c.config.Network, cursor.AgreedNumber, cursor.BlockNumber)
	if errors.Is(err, models.ErrNotFound) {
		return false, models.ErrCursorMoved
	}
	if err != nil {
		return false, fmt.Errorf("find the next block to agree on: %w", err)
	}
	// The blocks below it were read in a range, so they are checked in ranges that end there.
	if _, err = c.checkRange(ctx, cursor.AgreedNumber+1, block.Number-1, c.config.quorum(), nil); err != nil {
		return false, err
	}
	if err := c.checkTimes(ctx, cursor.AgreedNumber+1, block.Number-1); err != nil {
		return false, err
	}
	agreed, _, err := c.checkBlock(ctx, block.Number, block.Hash, c.config.quorum())
	if err != nil {
		return false, err
	}
	if err := c.store.SetAgreed(ctx, c.config.Network, agreed.block); err != nil {
		return false, fmt.Errorf("store block %d as agreed: %w", block.Number, err)
	}
	return true, nil
}

// recheck reads final blocks a second time.
func (c *CrossCheck) recheck(ctx context.Context, cursor models.ChainCursor) (worked bool, err error) {
	until := min(cursor.FinalizedNumber, cursor.BlockNumber)
	if c.config.quorum() > 1 {
		until = min(until, cursor.AgreedNumber)
	}
	if until < cursor.RecheckedNumber+recheckMin {
		return false, nil
	}
	until = min(until, cursor.RecheckedNumber+checkRangeMax)
	if _, err := c.checkRange(ctx, cursor.RecheckedNumber+1, until, c.readers(), nil); err != nil {
		return false, err
	}
	if err := c.store.SetRechecked(ctx, c.config.Network, until); err != nil {
		return false, fmt.Errorf("store block %d as rechecked: %w", until, err)
	}
	return true, nil
}

// readers returns how many nodes read a range: two if there are two, and never fewer than the quorum.
func (c *CrossCheck) readers() int {
	return max(c.config.quorum(), min(2, len(c.pool.usable())))
}

// watchAgreement raises an alarm when the nodes have not agreed for long, and resolves it when they agree.
func (c *CrossCheck) watchAgreement(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		c.stuckSince = time.Time{}
		if c.alarmed {
			resolveErr := c.alarms.Resolve(ctx, c.config.Network, models.AlarmQuorumMissing, "", models.ActorSystem,
				"Enough nodes agree again.")
			c.alarmed = resolveErr != nil
		}
		return
	}
	if c.stuckSince.IsZero() {
		c.stuckSince = time.Now()
	}
	if time.Since(c.stuckSince) < quorumAlarmAfter {
		return
	}
	c.raise(ctx, models.AlarmQuorumMissing, "",
		fmt.Sprintf("Since %s, too few nodes have agreed on what was read: %v", c.stuckSince.UTC().Format(time.RFC3339), err))
	c.alarmed = true
	c.stuckSince = time.Now() // raise it again after as long
}

func (c *CrossCheck) raise(ctx context.Context, kind models.AlarmKind, subject, message string) {
	err := c.alarms.Raise(ctx, models.Alarm{Network: c.config.Network, Kind: kind, Subject: subject, Message: message})
	if err != nil {
		c.log.ErrorContext(ctx, "cannot raise an alarm", "alarm", string(kind), "error", err)
	}
}
