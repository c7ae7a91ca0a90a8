package chain

import (
	"context"
	"time"

	"paycow/models"
)

// BlockStore is where a Follower stores what it reads.
type BlockStore interface {
	// Cursor returns how far the chain has been read. Returns models.ErrNotFound before the first InitCursor.
	Cursor(ctx context.Context, network string) (models.ChainCursor, error)
	// InitCursor sets the first cursor, as though every block up to this one had been read. It does nothing when there
	// is one.
	InitCursor(ctx context.Context, network string, block models.BlockRef, head uint64) error
	// OldestPaymentAt returns when the oldest payment was created. ok is false when there is no payment.
	OldestPaymentAt(ctx context.Context, network string) (at time.Time, ok bool, err error)
	// OurAddresses returns those of the addresses (EIP-55 form) that are deposit addresses.
	OurAddresses(ctx context.Context, network string, addresses []string) ([]string, error)
	// RecentBlock returns a block that was read lately. Returns models.ErrNotFound.
	RecentBlock(ctx context.Context, network string, number uint64) (models.BlockRef, error)
	// LowestRecentBlock returns the lowest of them. Returns models.ErrNotFound.
	LowestRecentBlock(ctx context.Context, network string) (models.BlockRef, error)
	// Advance moves the cursor up and stores what concerns our addresses and the token itself, in one transaction.
	// Returns models.ErrCursorMoved when the cursor is not at the start of the batch.
	Advance(ctx context.Context, network string, batch models.BlockBatch) error
	// Rewind moves the cursor back after a reorg and marks what was stored above it as not canonical, in one
	// transaction. Returns models.ErrCursorMoved when the cursor is not at from, and models.ErrBelowAgreed when the
	// quorum has agreed on a block above to.
	Rewind(ctx context.Context, network string, from, to models.BlockRef) error
	// RewindAgreed does the same below the agreed block: the caller has seen that a quorum of nodes has another branch.
	// branch is their block in place of the finalized one; it counts only below that. Returns
	// models.ErrReorgBelowFinality unless an admin has accepted it.
	RewindAgreed(ctx context.Context, network string, from, to, branch models.BlockRef) error
	// SetHead stores the number of the newest block that a node has reported.
	SetHead(ctx context.Context, network string, head uint64) error
	// SetFinalized stores the newest block below which the chain must not change. It only moves up.
	SetFinalized(ctx context.Context, network string, block models.BlockRef) error
}
