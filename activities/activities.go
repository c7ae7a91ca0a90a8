// Package activities holds the effects of the workflows, one per file. Each is safe to run more than once, and in
// several processes at once: a unique key or a version in the database decides, never a lock in the process.
package activities

import (
	"context"
	"log/slog"

	"paycow/chain"
	"paycow/models"
	"paycow/store"
)

// Activities holds the activities that a worker registers. The names of its exported methods are the activity types.
type Activities struct {
	payments   PaymentStore
	verifier   TransferVerifier
	watcher    ChainWatcher
	crowds     CrowdStore
	signals    SignalStore
	expiries   ExpiryStore
	engine     Engine
	books      Books
	balances   BalanceReader
	alarms     chain.Alarms
	derives    func(address string, index uint32) (bool, error)
	deliveries DeliveryStore
	sender     WebhookSender
	sends      sends
	answers    answers
	// quickCredits holds a value for each CreditPayment that runs as a local activity.
	quickCredits chan struct{}
	settings     Settings
	worker       string // tells this process from others
	log          *slog.Logger
}

// Settings are the values that the activities work with.
type Settings struct {
	Network string
	// Confirmations is how many confirmations a transfer usually needs, in blocks.
	Confirmations uint64
	// FinalizedAbove is the amount above which a credit also waits until its block is final, in micro-USDT; 0 = never.
	FinalizedAbove models.Amount
	// Ages say how long the reconciliation keeps old rows.
	Ages store.Ages
}

// Dependencies are the parts that the activities work on.
type Dependencies struct {
	Payments PaymentStore
	Crowds   CrowdStore
	Signals  SignalStore
	Expiries ExpiryStore // nil for none: expiries that wait are then only repeated rarely
	Verifier TransferVerifier
	Watcher  ChainWatcher
	Engine   Engine
	Books    Books
	Balances BalanceReader
	Alarms   chain.Alarms
	// Derives reports whether an account key has the address at the index; nil in a process without account keys.
	Derives func(address string, index uint32) (bool, error)
	// Deliveries and Sender are for webhooks; nil where none are sent.
	Deliveries DeliveryStore
	Sender     WebhookSender
}

// New returns the activities.
func New(parts Dependencies, settings Settings, log *slog.Logger) *Activities {
	return &Activities{
		payments:   parts.Payments,
		verifier:   parts.Verifier,
		watcher:    parts.Watcher,
		crowds:     parts.Crowds,
		signals:    parts.Signals,
		expiries:   parts.Expiries,
		engine:     parts.Engine,
		books:      parts.Books,
		balances:   parts.Balances,
		alarms:     parts.Alarms,
		derives:    parts.Derives,
		deliveries: parts.Deliveries,
		sender:     parts.Sender,
		answers:    newAnswers(),
		settings:   settings,
		worker:     models.NewID(),
		log:        log,

		quickCredits: make(chan struct{}, QuickCredits),
	}
}

// PaymentStore keeps payments and the ledger. Its writes compare the row's version and write nothing if it has moved
// on.
type PaymentStore interface {
	// Snapshot returns models.ErrNotFound when there is no such payment.
	Snapshot(ctx context.Context, paymentID string) (models.PaymentSnapshot, error)
	// Payee returns the payment as it was agreed with the payer, and the amount that its transfers received.
	Payee(ctx context.Context, paymentID string) (p models.Payment, received models.Amount, err error)
	Record(ctx context.Context, input models.RecordInput) (models.RecordResult, error)
	Expire(ctx context.Context, input models.ExpireInput) (models.ExpireResult, error)
	// Credit returns models.ErrCreditingHalted while an alarm stops crediting, and models.ErrNotConfirmedYet.
	Credit(ctx context.Context, input models.CreditInput) (models.CreditResult, error)
}

// CrowdStore keeps what is special about crowded payments: when they are signalled, and the pages in which their
// transfers are booked.
type CrowdStore interface {
	// MarkCrowdSignalled notes the sums that a payment was signalled. DeferCrowd puts a payment that could not be
	// signalled behind the others.
	MarkCrowdSignalled(ctx context.Context, paymentID string, told models.Crowd) error
	DeferCrowd(ctx context.Context, paymentID string, until uint64) error
	// Payment returns models.ErrNotFound when there is no such payment.
	Payment(ctx context.Context, id string) (models.Payment, error)
	// TransfersToCredit returns confirmed transfers without a credit, largest first, and the head that they were counted
	// from. TransfersToReverse returns those whose credit is no longer right. Both leave out the first skip of them.
	TransfersToCredit(ctx context.Context, p models.Payment, skip, limit int) ([]models.Transfer, uint64, error)
	TransfersToReverse(ctx context.Context, paymentID string, skip, limit int) ([]models.Transfer, error)
	// Settle books those of the transfers that are still what the caller saw, and returns the payment as it is then. It
	// returns models.ErrCreditingHalted while an alarm stops crediting.
	Settle(
		ctx context.Context, paymentID string, credits, reversals []models.Transfer,
	) (p models.Payment, booked int, err error)
}

// TransferVerifier reads a transfer from the chain again.
type TransferVerifier interface {
	// VerifyTransfer returns nil only if a quorum of nodes shows that the transfer pays the wanted amount of the token to
	// the wanted address, in a canonical block with the required confirmations.
	VerifyTransfer(ctx context.Context, wanted chain.Verification) error
	// VerifyRemoval returns nil only if a quorum of nodes shows that the canonical chain does not contain the transfer
	// with the amount that was credited.
	VerifyRemoval(ctx context.Context, credited chain.Verification) error
}
