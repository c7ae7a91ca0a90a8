package activities_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/activities"
	"paycow/chain"
	"paycow/internal/pgtest"
	"paycow/internal/secrets"
	"paycow/models"
	"paycow/store"
)

// picky confirms every transfer but those that it is told not to.
type picky struct {
	refused map[string]bool // transaction hashes
	asked   atomic.Int64
}

func (v *picky) VerifyTransfer(_ context.Context, wanted chain.Verification) error {
	v.asked.Add(1)
	if v.refused[wanted.Notice.TxHash] {
		return errors.New("too few nodes confirm it")
	}
	return nil
}

func (v *picky) VerifyRemoval(ctx context.Context, credited chain.Verification) error {
	return v.VerifyTransfer(ctx, credited)
}

// flooded is a payment with tiny transfers in a block of each hundred, then one of 50 USDT, all confirmed. 50 USDT are
// enough: the tolerance, in micro-USDT, is asked for on top.
func flooded(
	t testing.TB, db *store.Store, tiny int, tolerance models.Amount,
) (p models.Payment, full string) {
	t.Helper()
	ctx := t.Context()
	keys, err := secrets.NewKeyring(make([]byte, secrets.MasterKeyBytes))
	require.NoError(t, err)
	require.NoError(t, db.UseMasterKey(ctx, keys, nil))
	operator := models.NewID()
	require.NoError(t, db.CreateOperator(ctx, models.Operator{ID: operator, Email: operator + "@example.com", Status: models.OperatorActive}, nil))
	p, _, err = db.CreatePayment(ctx, store.NewPayment{
		ID: models.NewID(), Reference: models.NewReference(), OperatorID: operator, UserID: "user",
		Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: 50*models.USDT + tolerance, Confirmations: 12,
		Tolerance: tolerance,
		CreatedAt: block(100).Time, ExpiresAt: block(100_000).Time,
	}, func(index uint32) (string, error) { return fmt.Sprintf("0xAd%038d", index), nil })
	require.NoError(t, err)
	cursor := block(100)
	require.NoError(t, db.InitCursor(ctx, models.NetworkERC20, cursor, 100))
	_, err = db.SetTokenState(ctx, models.NetworkERC20, cursor, nil)
	require.NoError(t, err)
	const perBlock = 2000
	mine := func(transfers []models.TokenTransfer) {
		next := block(cursor.Number + 1)
		for i := range transfers {
			transfers[i].Block, transfers[i].LogIndex = next, uint(i)
		}
		require.NoError(t, db.Advance(ctx, models.NetworkERC20, models.BlockBatch{
			From: cursor, To: next, Head: next.Number, Agreed: true, Transfers: transfers,
		}))
		cursor = next
	}
	for sent := 0; sent < tiny; sent += perBlock {
		var transfers []models.TokenTransfer
		for i := sent; i < min(sent+perBlock, tiny); i++ {
			transfers = append(transfers, models.TokenTransfer{
				TransferKey: models.TransferKey{ChainID: 1, TxHash: fmt.Sprintf("0x%064x", 1+i)},
				From:        "0x5742A96E40000000000000000000000000000000", To: p.DepositAddress, Amount: 1,
			})
		}
		mine(transfers)
	}
	full = fmt.Sprintf("0x%064x", tiny+1)
	mine([]models.TokenTransfer{{
		TransferKey: models.TransferKey{ChainID: 1, TxHash: full}, From: "0x5742A96E40000000000000000000000000000000",
		To: p.DepositAddress, Amount: 50 * models.USDT,
	}})
	for range 11 {
		mine(nil)
	}
	return p, full
}

func settling(db *store.Store, verifier activities.TransferVerifier) *activities.Activities {
	return activities.New(activities.Dependencies{Payments: db, Crowds: db, Signals: db, Verifier: verifier},
		activities.Settings{Network: models.NetworkERC20, Confirmations: 12}, slog.New(slog.DiscardHandler))
}

// The largest transfer is credited first, and the activity ends for the state to be recorded. The next run books the
// rest, and a further one has nothing to do. A transfer that the nodes do not confirm holds up no other.
func TestSettlePayment(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	p, full := flooded(t, db, 1300, 0)
	verifier := &picky{refused: map[string]bool{fmt.Sprintf("0x%064x", 7): true}}
	acts := settling(db, verifier)
	ctx := t.Context()

	first, err := acts.SettlePayment(ctx, models.SettleInput{PaymentID: p.ID})
	require.NoError(t, err)
	require.EqualValues(t, 19, first.Booked, "one page, so that PAID does not wait for the rest")
	require.Equal(t, full, first.Snapshot.Crowd.TxHash)
	require.GreaterOrEqual(t, first.Snapshot.Crowd.CreditedInTime, 50*models.USDT)
	require.Equal(t, first.Snapshot.Crowd.Credited, first.Snapshot.State.AmountCredited)

	// A signal interrupted that run, or its worker was killed: the caller does not know yet that the amount is complete.
	repeated, err := acts.SettlePayment(ctx, models.SettleInput{PaymentID: p.ID})
	require.NoError(t, err)
	require.Zero(t, repeated.Booked, "PAID does not wait for the rest")
	require.Empty(t, repeated.Held)
	require.Equal(t, first.Snapshot.Crowd.Credited, repeated.Snapshot.Crowd.Credited)

	known := first.Snapshot.State.AmountCredited
	second, err := acts.SettlePayment(ctx, models.SettleInput{PaymentID: p.ID, Credited: known})
	require.NoError(t, err)
	require.EqualValues(t, 1281, second.Booked)
	require.NotEmpty(t, second.Held)
	require.EqualValues(t, 1, second.Snapshot.Crowd.Confirmed)

	_, err = acts.SettlePayment(ctx, models.SettleInput{PaymentID: p.ID, Credited: known, Await: true})
	require.ErrorContains(t, err, "too few nodes", "Temporal repeats it")
	clear(verifier.refused)
	last, err := acts.SettlePayment(ctx, models.SettleInput{PaymentID: p.ID, Credited: known, Await: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, last.Booked)
	require.Equal(t, 50*models.USDT+1300, last.Snapshot.State.AmountCredited)
	require.False(t, last.Snapshot.Crowd.IsUnsettled())
	again, err := acts.SettlePayment(ctx, models.SettleInput{PaymentID: p.ID, Credited: known, Await: true})
	require.NoError(t, err)
	require.Zero(t, again.Booked)

	lines, err := db.LedgerOfPayment(ctx, p.ID)
	require.NoError(t, err)
	require.Len(t, lines, 2*1301, "each transfer is credited exactly once")
}

// Of a payment with a tolerance, the transfer that is enough ends the first run as well.
func TestSettlePaymentWithinItsTolerance(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	p, full := flooded(t, db, 100, 5*models.USDT)
	acts := settling(db, &picky{})
	first, err := acts.SettlePayment(t.Context(), models.SettleInput{PaymentID: p.ID})
	require.NoError(t, err)
	require.EqualValues(t, 20, first.Booked, "one page, so that PAID does not wait for the rest")
	require.Equal(t, full, first.Snapshot.Crowd.TxHash)
	second, err := acts.SettlePayment(t.Context(), models.SettleInput{PaymentID: p.ID, Credited: first.Snapshot.State.AmountCredited})
	require.NoError(t, err)
	require.EqualValues(t, 81, second.Booked)
}

// An alarm that stops crediting stops this too.
func TestSettlePaymentWhileHalted(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	p, _ := flooded(t, db, 30, 0)
	acts := settling(db, &picky{})
	require.NoError(t, db.Raise(t.Context(), models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality, Message: "test"}))
	result, err := acts.SettlePayment(t.Context(), models.SettleInput{PaymentID: p.ID})
	require.NoError(t, err)
	require.Zero(t, result.Booked)
	require.NotEmpty(t, result.Held)
	_, err = acts.SettlePayment(t.Context(), models.SettleInput{PaymentID: p.ID, Await: true})
	require.Error(t, err)
}

func openSQLite(t testing.TB) *store.Store {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+t.TempDir()+"/paycow.db", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context()))
	return db
}

// TestSettleAFlood books PAYCOW_FLOOD transfers (3,000 without it; 100,000 is what the documents state) on Postgres, and
// logs how long each part takes.
func TestSettleAFlood(t *testing.T) {
	t.Parallel()
	count := 3000
	if text := os.Getenv("PAYCOW_FLOOD"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	db, err := store.Open(t.Context(), pgtest.Start(t).NewDatabase(t), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context()))
	began := time.Now()
	took := func(what string) {
		t.Logf("%-40s %s", what, time.Since(began).Round(time.Millisecond))
		began = time.Now()
	}
	p, _ := flooded(t, db, count, 0)
	took(fmt.Sprintf("%d transfers stored", count+1))
	cursor, err := db.Cursor(t.Context(), models.NetworkERC20)
	require.NoError(t, err)
	due, err := db.DueSignals(t.Context(), models.NetworkERC20, cursor.BlockNumber, 500)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NotNil(t, due[0].Crowd)
	took("all of them taken over into one signal")
	require.NoError(t, db.MarkCrowdSignalled(t.Context(), p.ID, *due[0].Crowd))
	took("signal noted")
	_, err = db.DueSignals(t.Context(), models.NetworkERC20, cursor.BlockNumber, 500)
	require.NoError(t, err)
	took("next look")
	snapshot, err := db.Snapshot(t.Context(), p.ID)
	require.NoError(t, err)
	took("snapshot")
	acts := settling(db, &picky{})
	result, err := acts.SettlePayment(t.Context(), models.SettleInput{PaymentID: p.ID})
	require.NoError(t, err)
	require.GreaterOrEqual(t, result.Snapshot.Crowd.CreditedInTime, 50*models.USDT)
	took("what completes the amount is credited")
	state := snapshot.State
	state.Version = result.Snapshot.State.Version + 1
	state.Status, state.Exception = models.StatusPaid, models.ExceptionOverpaid
	state.AmountReceived, state.AmountCredited = result.Snapshot.Crowd.Received, result.Snapshot.Crowd.Credited
	state.TxHash, state.LastBlock = result.Snapshot.Crowd.TxHash, result.Snapshot.Crowd.LastBlock
	recorded, err := db.Record(t.Context(), models.RecordInput{PaymentID: p.ID, State: state})
	require.NoError(t, err)
	require.True(t, recorded.Recorded)
	took("PAID is recorded")
	booked := result.Booked
	for runs := 1; booked < int64(count)+1; runs++ {
		result, err = acts.SettlePayment(t.Context(), models.SettleInput{PaymentID: p.ID, Credited: result.Snapshot.State.AmountCredited})
		require.NoError(t, err)
		require.Positive(t, result.Booked)
		booked += result.Booked
		took(fmt.Sprintf("run %d books %d", runs, result.Booked))
	}
	require.Equal(t, 50*models.USDT+models.Amount(count), result.Snapshot.State.AmountCredited)
	lines, err := db.LedgerOfPayment(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, lines, 2*(count+1))
}
