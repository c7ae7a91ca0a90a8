// Package activities holds the effects of the workflows, one a file. Each is safe to run twice: a unique key or a version
// in the database decides, never a lock in this process.
package activities

import (
	"context"
	"log/slog"

	"github.com/ethereum/go-ethereum/common"

	"paycow/chain"
	"paycow/models"
)

// Activities are what a worker registers. The names of its exported methods are the activity types.
type Activities struct {
	payments PaymentStore
	verifier TransferVerifier
	follow   Follow
	signals  SignalStore
	engine   Engine
	books    Books
	chain    Panel
	alarms   chain.Alarms
	settings Settings
	log      *slog.Logger
}

// Settings are the values the activities work with.
type Settings struct {
	Network string
	Token   common.Address
	// Confirmations that a payment's transfers usually need, in blocks.
	Confirmations uint64
}

// Dependencies are the parts the activities work on.
type Dependencies struct {
	Payments PaymentStore
	Signals  SignalStore
	Verifier TransferVerifier
	Follow   Follow
	Engine   Engine
	Books    Books
	Chain    Panel
	Alarms   chain.Alarms
}

// New returns the activities.
func New(parts Dependencies, settings Settings, log *slog.Logger) *Activities {
	return &Activities{
		payments: parts.Payments, verifier: parts.Verifier, follow: parts.Follow, signals: parts.Signals, engine: parts.Engine,
		books: parts.Books, chain: parts.Chain, alarms: parts.Alarms,
		settings: settings, log: log,
	}
}

// PaymentStore keeps payments and the ledger. Its writes compare the row's version and write nothing when it has moved on.
type PaymentStore interface {
	// Snapshot returns models.ErrNotFound when there is no such payment.
	Snapshot(ctx context.Context, paymentID string) (models.PaymentSnapshot, error)
	Record(ctx context.Context, input models.RecordInput) (models.RecordResult, error)
	Expire(ctx context.Context, input models.ExpireInput) (models.ExpireResult, error)
	// Credit returns models.ErrCreditingHalted while an alarm stops crediting.
	Credit(ctx context.Context, input models.CreditInput) (models.CreditResult, error)
}

// TransferVerifier reads a transfer from the chain again.
type TransferVerifier interface {
	// VerifyTransfer returns nil only when the quorum's nodes show that the transfer of the token pays that address that
	// amount in a canonical block with the required confirmations.
	VerifyTransfer(ctx context.Context, wanted chain.Verification) error
}
