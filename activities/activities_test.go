package activities_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"paycow/activities"
	"paycow/chain"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// bundle is the activities over a real store, with an engine, a verifier and a follower that the test controls.
type bundle struct {
	*activities.Activities
	t        *testing.T
	store    *store.Store
	engine   *fakeEngine
	verifier *fakeVerifier
	watch    func(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error
	operator string
	cursor   models.BlockRef
	made     int
	path     string        // of the database
	rounds   chan struct{} // gets a value after each round of signals
}

type fakeEngine struct {
	mu      sync.Mutex
	fail    func(paymentID string) error
	hang    bool // a signal takes until the caller gives up
	slow    time.Duration
	signals map[string][]models.TransferNotice
	running map[string]bool
	resumed []string
	known   map[string][]models.TransferNotice // what workflows know, nil = what they were signalled
}

func (e *fakeEngine) SignalTransfers(ctx context.Context, p models.Payment, signal models.TransfersSignal) error {
	if e.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(e.slow)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		if err := e.fail(p.ID); err != nil {
			return err
		}
	}
	e.signals[p.ID] = append(e.signals[p.ID], signal.Transfers...)
	return nil
}

func (e *fakeEngine) RunningPayments(context.Context) (map[string]bool, error) { return e.running, nil }

func (e *fakeEngine) IsRunning(_ context.Context, id string) (bool, error) { return e.running[id], nil }

func (e *fakeEngine) Resume(_ context.Context, p models.Payment) error {
	e.resumed = append(e.resumed, p.ID)
	return nil
}

func (e *fakeEngine) KnownTransfers(_ context.Context, id string) ([]models.TransferNotice, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known != nil {
		return e.known[id], nil
	}
	return e.signals[id], nil
}

type fakeVerifier struct {
	err, removalErr error
	mu              sync.Mutex
	asked           []chain.Verification
	slow            map[string]bool // hashes of transactions that take until the caller gives up
}

func (v *fakeVerifier) VerifyTransfer(ctx context.Context, wanted chain.Verification) error {
	if v.slow[wanted.Notice.TxHash] {
		<-ctx.Done()
		return ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, wanted)
	return v.err
}

func (v *fakeVerifier) VerifyRemoval(context.Context, chain.Verification) error { return v.removalErr }

func setup(t *testing.T) *bundle {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	path := filepath.Join(t.TempDir(), "paycow.db")
	db, err := store.Open(t.Context(), "sqlite:"+path, quiet)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context()))
	keys, err := secrets.NewKeyring(make([]byte, secrets.MasterKeyBytes))
	require.NoError(t, err)
	require.NoError(t, db.UseMasterKey(t.Context(), keys, nil))
	b := &bundle{t: t, store: db, engine: &fakeEngine{signals: map[string][]models.TransferNotice{}}, verifier: &fakeVerifier{}, operator: models.NewID(), path: path, rounds: make(chan struct{}, 1)}
	require.NoError(t, db.CreateOperator(t.Context(), models.Operator{ID: b.operator, Email: "shop@example.com", Status: models.OperatorActive}, nil))
	b.Activities = activities.New(activities.Dependencies{
		Payments: db, Crowds: db, Signals: db, Verifier: b.verifier, Engine: b.engine,
		Watcher: b, Expiries: afterSignals{b.rounds},
	}, activities.Settings{Network: models.NetworkERC20}, quiet)
	b.cursor = block(100)
	require.NoError(t, db.InitCursor(t.Context(), models.NetworkERC20, b.cursor, 100))
	_, err = db.SetTokenState(t.Context(), models.NetworkERC20, b.cursor, nil)
	require.NoError(t, err)
	return b
}

// Watch makes the bundle a watcher that does what the test says.
func (b *bundle) Watch(ctx context.Context, onProgress func(context.Context, chain.Progress) error) error {
	return b.watch(ctx, onProgress)
}

func block(number uint64) models.BlockRef {
	return models.BlockRef{Number: number, Hash: fmt.Sprintf("0x%064x", number), Time: time.Unix(1_800_000_000+int64(number)*12, 0).UTC()}
}

func (b *bundle) payment() models.Payment {
	b.t.Helper()
	b.made++
	p, _, err := b.store.CreatePayment(b.t.Context(), store.NewPayment{
		ID: models.NewID(), Reference: models.NewReference(),
		OperatorID: b.operator, UserID: "user", Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: 50 * models.USDT,
		CreatedAt: block(100).Time, ExpiresAt: block(400).Time,
	}, func(index uint32) (string, error) {
		return common.BigToAddress(common.Big1).Hex()[:34] + fmt.Sprintf("%08d", index), nil
	})
	require.NoError(b.t, err)
	return p
}

// mine advances the cursor by a block that holds these transfers.
func (b *bundle) mine(transfers ...models.TokenTransfer) {
	b.t.Helper()
	next := block(b.cursor.Number + 1)
	for i := range transfers {
		transfers[i].Block = next
	}
	require.NoError(b.t, b.store.Advance(b.t.Context(), models.NetworkERC20, models.BlockBatch{From: b.cursor, To: next, Head: next.Number, Agreed: true, Transfers: transfers}))
	b.cursor = next
}

func transferTo(p models.Payment, n int) models.TokenTransfer {
	return models.TokenTransfer{TransferKey: models.TransferKey{ChainID: 1, TxHash: fmt.Sprintf("0x%064x", 7000+n)}, From: "0xPayer", To: p.DepositAddress, Amount: 50 * models.USDT}
}

// environment returns an environment for one run of an activity. A second run in it would race with the heartbeats that the
// SDK still sends for the first.
func (b *bundle) environment(activity any) *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(activity)
	return env
}

// afterSignals has no expiry that is due. It is asked after each round of signals.
type afterSignals struct{ rounds chan struct{} }

func (s afterSignals) DueExpiries(context.Context, string, int) ([]store.DueExpiry, bool, error) {
	s.rounds <- struct{}{}
	return nil, false, nil
}

func (afterSignals) MarkExpiriesWoken(context.Context, []store.DueExpiry) error { return nil }

// progress runs FollowChain for one report of the follower at the cursor, until what is due was signalled.
func (b *bundle) progress() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	env := b.environment(b.FollowChain)
	env.SetWorkerStopChannel(stopped(ctx))
	b.watch = func(runCtx context.Context, onProgress func(context.Context, chain.Progress) error) error {
		require.NoError(b.t, onProgress(runCtx, chain.Progress{Cursor: b.cursor, Head: b.cursor.Number, Proven: true, Reached: true}))
		<-b.rounds
		cancel()
		<-runCtx.Done()
		return runCtx.Err()
	}
	_, err := env.ExecuteActivity(b.FollowChain, models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: 60})
	var handedOver *temporal.ApplicationError
	require.ErrorAs(b.t, err, &handedOver)
	require.Equal(b.t, "WorkerStopping", handedOver.Type())
	require.False(b.t, handedOver.NonRetryable())
}

// stopped returns a channel that is closed when ctx ends, as a worker's stop channel is.
func stopped(ctx context.Context) chan struct{} {
	channel := make(chan struct{})
	go func() { <-ctx.Done(); close(channel) }()
	return channel
}

// A payment is signalled at 1, 2 and 12 confirmations, and then from time to time until the ledger holds the transfer: the run
// that was signalled may be gone.
func TestPaymentsAreSignalledAtEachMilestoneUntilCredited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	var milestones []uint64
	for range 30 {
		b.progress()
		b.progress() // again in the same block: nothing new is due
		b.mine()
	}
	for _, notice := range b.engine.signals[p.ID] {
		milestones = append(milestones, notice.Confirmations)
	}
	require.Equal(t, []uint64{1, 2, 12, 24}, milestones)

	snapshot, err := b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	result, err := b.CreditPayment(t.Context(), models.CreditInput{
		PaymentID: p.ID, OperatorID: b.operator, DepositAddress: p.DepositAddress, Confirmations: 12, Credits: snapshot.Transfers,
		State: models.PaymentState{
			Status: models.StatusPaid, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, Version: 2,
		},
	})
	require.NoError(t, err)
	require.True(t, result.Recorded)
	for range 30 {
		b.mine()
		b.progress()
	}
	require.Len(t, b.engine.signals[p.ID], 4, "signalled again although nothing is open")
}

func TestASignalThatFailedIsSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	b.engine.fail = func(string) error { return serviceerror.NewUnavailable("away") }
	b.progress()
	require.Empty(t, b.engine.signals)
	b.engine.fail = nil
	b.progress() // without another block: what was not sent is still due
	require.Len(t, b.engine.signals[p.ID], 1)
	require.EqualValues(t, 1, b.engine.signals[p.ID][0].Confirmations)

	b.engine.fail = func(string) error { return serviceerror.NewUnavailable("away") }
	for range 14 {
		b.mine()
	}
	b.progress()
	b.engine.fail = nil
	b.progress()
	require.Len(t, b.engine.signals[p.ID], 2)
	require.EqualValues(t, 15, b.engine.signals[p.ID][1].Confirmations)
}

func TestOnePaymentThatCannotBeSignalledDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stuck := b.payment()
	transfers := []models.TokenTransfer{transferTo(stuck, 0)}
	var others []models.Payment
	for i := range 40 {
		others = append(others, b.payment())
		transfers = append(transfers, transferTo(others[i], i+1))
	}
	b.mine(transfers...)
	b.engine.fail = func(paymentID string) error {
		if paymentID == stuck.ID {
			return errors.New("this one never works")
		}
		return nil
	}
	b.progress()
	for _, p := range others {
		require.Len(t, b.engine.signals[p.ID], 1)
	}
}

func TestFollowChainEndsAfterItsRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.watch = func(ctx context.Context, _ func(context.Context, chain.Progress) error) error {
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := b.environment(b.FollowChain).ExecuteActivity(b.FollowChain, models.ChainWatchInput{Network: models.NetworkERC20, RunSeconds: 1})
	require.NoError(t, err)
	_, err = b.environment(b.FollowChain).ExecuteActivity(b.FollowChain, models.ChainWatchInput{Network: "TRC20", RunSeconds: 1})
	var refused *temporal.ApplicationError
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.NonRetryable())
}

func TestNothingIsBookedBeforeTheChainConfirmsIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	for range 11 {
		b.mine()
	}
	snapshot, err := b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, snapshot.Transfers, 1)
	state := models.PaymentState{Status: models.StatusPaid, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, Version: 2}
	input := models.CreditInput{PaymentID: p.ID, OperatorID: b.operator, DepositAddress: p.DepositAddress, Confirmations: 12, Credits: snapshot.Transfers, State: state}

	b.verifier.err = models.ErrNotCanonical
	refused, err := b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.False(t, refused.Recorded)
	require.Equal(t, []models.UnverifiedTransfer{{TransferKey: input.Credits[0].TransferKey, Reason: models.ErrNotCanonical.Error()}}, refused.Unverified)
	input.Await = true
	_, err = b.CreditPayment(t.Context(), input)
	require.ErrorContains(t, err, models.ErrNotCanonical.Error(), "tried again until the chain shows it")
	input.Await = false
	available, _, err := b.store.Balance(t.Context(), b.operator)
	require.NoError(t, err)
	require.Zero(t, available)

	b.verifier.err = nil
	for range 3 { // the answer may be lost any number of times
		result, err := b.CreditPayment(t.Context(), input)
		require.NoError(t, err)
		require.True(t, result.Recorded || result.Snapshot.State == state && result.Snapshot.Transfers[0].CreditedAmount == 50*models.USDT)
	}
	available, pending, err := b.store.Balance(t.Context(), b.operator)
	require.NoError(t, err)
	require.Equal(t, 50*models.USDT, available)
	require.Zero(t, pending)
}

// What is verified in time is booked, however long the rest takes.
func TestSlowVerificationsHoldUpNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	quick, slow := transferTo(p, 1), transferTo(p, 2)
	b.mine(quick, slow)
	for range 11 {
		b.mine()
	}
	snapshot, err := b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, snapshot.Transfers, 2)
	state := models.PaymentState{Status: models.StatusPaid, AmountReceived: 100 * models.USDT, AmountCredited: 50 * models.USDT, Version: 2}
	input := models.CreditInput{PaymentID: p.ID, OperatorID: b.operator, DepositAddress: p.DepositAddress, Confirmations: 12, Credits: snapshot.Transfers, State: state}
	b.verifier.slow = map[string]bool{slow.TxHash: true}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // which the slow one uses up
	defer cancel()
	result, err := b.CreditPayment(ctx, input)
	require.NoError(t, err)
	require.Len(t, result.Unverified, 1)
	require.Equal(t, slow.TransferKey, result.Unverified[0].TransferKey)
	input.Credits = slices.DeleteFunc(input.Credits, func(n models.TransferNotice) bool { return n.TxHash == slow.TxHash })
	result, err = b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.True(t, result.Recorded)
}

// A credit is taken back only when the quorum shows that its transfer is gone, and what cannot be shown holds up no credit.
func TestNothingIsReversedBeforeTheQuorumShowsIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	for range 11 {
		b.mine()
	}
	snapshot, err := b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	paid := models.PaymentState{Status: models.StatusPaid, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, Version: 2}
	input := models.CreditInput{PaymentID: p.ID, OperatorID: b.operator, DepositAddress: p.DepositAddress, Confirmations: 12, Credits: snapshot.Transfers, State: paid}
	result, err := b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.True(t, result.Recorded)

	require.NoError(t, b.store.RewindAgreed(t.Context(), models.NetworkERC20, b.cursor, block(100), models.BlockRef{}))
	snapshot, err = b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	require.False(t, snapshot.Transfers[0].Canonical)
	reverted := models.PaymentState{Status: models.StatusPending, Exception: models.ExceptionReverted, Version: 3}
	input.Credits, input.Reversals, input.State = nil, snapshot.Transfers, reverted
	b.verifier.removalErr = models.ErrStillCanonical
	result, err = b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, []models.UnverifiedTransfer{{TransferKey: input.Reversals[0].TransferKey, Reason: models.ErrStillCanonical.Error()}}, result.Unverified)
	input.Await = true
	_, err = b.CreditPayment(t.Context(), input)
	require.ErrorContains(t, err, models.ErrStillCanonical.Error())
	available, _, err := b.store.Balance(t.Context(), b.operator)
	require.NoError(t, err)
	require.Equal(t, 50*models.USDT, available)

	b.verifier.removalErr = nil
	result, err = b.CreditPayment(t.Context(), input)
	require.NoError(t, err)
	require.True(t, result.Recorded)
	available, _, err = b.store.Balance(t.Context(), b.operator)
	require.NoError(t, err)
	require.Zero(t, available)
}

func TestExpiryWaitsForTheChain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	input := models.ExpireInput{PaymentID: p.ID, Network: p.Network, ExpiresAt: p.ExpiresAt, State: models.PaymentState{Status: models.StatusExpired, Version: 2}}
	result, err := b.ExpirePayment(t.Context(), input)
	require.NoError(t, err)
	require.False(t, result.ScannedPast || result.Recorded)
	input.AwaitScan = true
	waiting := result
	_, err = b.ExpirePayment(t.Context(), input)
	var again *temporal.ApplicationError
	require.ErrorAs(t, err, &again)
	require.Equal(t, "the payment cannot expire yet: "+waiting.Wait.Sentence(waiting.WaitBlock), again.Message())
	require.Contains(t, again.Message(), "which is before the end of the window")
	require.False(t, again.NonRetryable())
	require.NotZero(t, again.NextRetryDelay())
	require.NoError(t, b.store.Advance(t.Context(), models.NetworkERC20, models.BlockBatch{From: b.cursor, To: block(401), Head: 401, Agreed: true}))
	result, err = b.ExpirePayment(t.Context(), input)
	require.NoError(t, err)
	require.True(t, result.ScannedPast && result.Recorded)
}

// Within workflow tasks only so many credits wait for nodes at a time. The others are refused at once, and wait in Temporal.
func TestQuickCreditsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	for range 11 {
		b.mine()
	}
	snapshot, err := b.LoadPayment(t.Context(), p.ID)
	require.NoError(t, err)
	input := models.CreditInput{PaymentID: p.ID, Credits: snapshot.Transfers}
	b.verifier.slow = map[string]bool{input.Credits[0].TxHash: true}
	var mu sync.Mutex
	var refused, answered int
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	var group sync.WaitGroup
	for range activities.QuickCredits + 10 {
		env := suite.NewTestActivityEnvironment()
		group.Go(func() {
			value, err := env.ExecuteLocalActivity(b.CreditPayment, input)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				assert.ErrorContains(t, err, "many credits are under way")
				refused++
				return
			}
			var result models.CreditResult
			assert.NoError(t, value.Get(&result))
			assert.Len(t, result.Unverified, 1)
			answered++
		})
	}
	group.Wait()
	require.Equal(t, 10, refused)
	require.Equal(t, activities.QuickCredits, answered)
}
