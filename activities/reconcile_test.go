package activities_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // to change rows as no function of the program does

	"paycow/activities"
	"paycow/models"
	"paycow/store"
)

// fakeBalances is what the token says.
type fakeBalances struct {
	of  map[common.Address]int64
	err error
}

func (f *fakeBalances) Balances(_ context.Context, addresses []common.Address, _ common.Hash) ([]*big.Int, error) {
	units := make([]*big.Int, len(addresses))
	for i, address := range addresses {
		units[i] = big.NewInt(f.of[address])
	}
	return units, f.err
}

// books is a bundle whose reconciliation has all its parts.
func books(t *testing.T) (*bundle, *fakeBalances) {
	t.Helper()
	b := setup(t)
	balances := &fakeBalances{of: map[common.Address]int64{}}
	b.Activities = activities.New(activities.Dependencies{
		Payments: b.store, Signals: b.store, Verifier: b.verifier, Engine: b.engine, Watcher: b,
		Books: b.store, Balances: balances, Alarms: b.store, Expiries: afterSignals{b.rounds},
	}, activities.Settings{Network: models.NetworkERC20, Confirmations: 12}, slog.New(slog.DiscardHandler))
	return b, balances
}

// reconcile runs the reconciliation as its schedule does, and returns the report.
func (b *bundle) reconcile() models.Reconciliation {
	b.t.Helper()
	_, err := b.environment(b.Reconcile).ExecuteActivity(b.Reconcile, models.ReconciliationInput{Network: models.NetworkERC20})
	require.NoError(b.t, err)
	report, err := b.store.LastReconciliation(b.t.Context(), models.NetworkERC20)
	require.NoError(b.t, err)
	return report
}

func (b *bundle) requireAlarm(isOpen bool) {
	b.t.Helper()
	alarms, err := b.store.OpenAlarms(b.t.Context(), models.NetworkERC20)
	require.NoError(b.t, err)
	if !isOpen {
		require.Empty(b.t, alarms)
		return
	}
	require.Len(b.t, alarms, 1)
	require.Equal(b.t, models.AlarmBooksDiffer, alarms[0].Kind)
}

// The chain says something else than the database: the run reports it, a later one looks at that address again, and
// resolves the alarm when it agrees, with a line in the audit log.
func TestReconciliationComparesTheChain(t *testing.T) {
	t.Parallel()
	b, balances := books(t)
	payments := []models.Payment{b.payment(), b.payment(), b.payment()}
	for i, p := range payments {
		b.mine(transferTo(p, i))
		balances.of[common.HexToAddress(p.DepositAddress)] = int64(50 * models.USDT)
	}
	require.Empty(t, b.reconcile().Differences)
	b.requireAlarm(false)
	for _, wrong := range []int64{int64(50*models.USDT) - 1, int64(50*models.USDT) + 1, 0} {
		balances.of[common.HexToAddress(payments[1].DepositAddress)] = wrong
		report := b.reconcile()
		require.Len(t, report.Differences, 1)
		require.Equal(t, models.CheckChainBalances, report.Differences[0].Check)
		require.Equal(t, "address:"+payments[1].DepositAddress, report.Differences[0].Subject)
		require.Contains(t, report.Differences[0].Detail, fmt.Sprint(wrong))
		require.EqualValues(t, 3, report.Addresses)
		b.requireAlarm(true)
	}
	balances.err = context.DeadlineExceeded
	report := b.reconcile()
	require.Contains(t, report.Unchecked, "balances on the chain")
	require.Len(t, report.Differences, 1, "what could not be compared stays open")
	b.requireAlarm(true)

	balances.err = nil
	balances.of[common.HexToAddress(payments[1].DepositAddress)] = int64(50 * models.USDT)
	require.Empty(t, b.reconcile().Differences)
	b.requireAlarm(false)
	entries, _, err := b.store.ListAudit(t.Context(), store.AuditFilter{Action: "alarm_resolved", Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, models.ActorSystem, entries[0].Actor)
	require.Contains(t, entries[0].Detail, "found no difference")
}

// A balance that differs has the blocks read again that may hold the reason, once for each run of the pauses. The alarm
// says so.
func TestReconciliationHasBlocksReadAgain(t *testing.T) {
	t.Parallel()
	b, balances := books(t)
	b.payment()
	p := b.payment()
	require.Empty(t, b.reconcile().Differences)
	asked := func() (from, to uint64) {
		cursor, err := b.store.Cursor(t.Context(), models.NetworkERC20)
		require.NoError(t, err)
		return cursor.RescanFrom, cursor.RescanTo
	}
	_, to := asked()
	require.Zero(t, to)
	for range 20 {
		b.mine()
	}
	balances.of[common.HexToAddress(p.DepositAddress)] = int64(50 * models.USDT)
	require.Len(t, b.reconcile().Differences, 1)
	from, to := asked()
	require.Equal(t, b.cursor.Number, to)
	require.LessOrEqual(t, from, uint64(101))
	alarms, err := b.store.OpenAlarms(t.Context(), models.NetworkERC20)
	require.NoError(t, err)
	require.Contains(t, alarms[0].Message, fmt.Sprintf("Blocks %d to %d are read again", from, to))
	require.NoError(t, b.store.NoteRescanned(t.Context(), models.NetworkERC20, from, to))
	require.Len(t, b.reconcile().Differences, 1)
	_, to = asked()
	require.Zero(t, to, "the next time comes later")
	balances.err = context.DeadlineExceeded
	makeOld(b, "UPDATE reconciliation_findings SET rescanned_at = ?")
	b.reconcile()
	_, to = asked()
	require.Zero(t, to, "nobody knows whether it still differs")
	balances.err = nil
	b.reconcile()
	_, to = asked()
	require.NotZero(t, to)
}

// A workflow that does not know a transfer that it was sent has lost a signal.
func TestReconciliationFindsALostSignal(t *testing.T) {
	t.Parallel()
	b, balances := books(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	balances.of[common.HexToAddress(p.DepositAddress)] = int64(50 * models.USDT)
	b.progress()
	b.engine.known = b.engine.signals
	makeOld(b, "UPDATE transfers SET updated_at = ?")
	require.Empty(t, b.reconcile().Differences)

	b.engine.known = map[string][]models.TransferNotice{p.ID: {}} // the run that got the signal is gone
	report := b.reconcile()
	require.Len(t, report.Differences, 1)
	require.Equal(t, models.CheckTransfersSignalled, report.Differences[0].Check)
	require.Contains(t, report.Differences[0].Detail, p.ID)
	b.requireAlarm(true)
	b.engine.known = b.engine.signals
	require.Empty(t, b.reconcile().Differences)
	b.requireAlarm(false)
}

// What changed is compared by the next run. What was changed behind the program's back, without a trace, is found by the
// pass over everything, which comes by each row however many there are.
func TestScheduledRunsCompareWhatChangedAndThenEverything(t *testing.T) {
	t.Parallel()
	b, _ := books(t)
	old := b.payment()
	makeOld(b, "UPDATE payments SET updated_at = ?")
	require.Empty(t, b.reconcile().Differences)
	plant(b, "UPDATE payments SET amount_credited = 1 WHERE id = ?", old.ID)
	report := b.reconcile()
	require.Len(t, report.Differences, 1)
	require.Equal(t, models.CheckPaymentCredited, report.Differences[0].Check)
	b.requireAlarm(true)
	plant(b, "UPDATE payments SET amount_credited = 0 WHERE id = ?", old.ID)
	require.Empty(t, b.reconcile().Differences)
	b.requireAlarm(false)
}

// An alarm from before open differences were kept is resolved only after everything was compared.
func TestAnOldAlarmWaitsForAPass(t *testing.T) {
	t.Parallel()
	b, balances := books(t)
	for range 501 { // more than one run compares with the chain
		b.payment()
	}
	require.NoError(t, b.store.Raise(t.Context(), models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmBooksDiffer, Message: "old"}))
	balances.err = context.DeadlineExceeded
	b.reconcile()
	b.requireAlarm(true)
	balances.err = nil
	require.EqualValues(t, 500, b.reconcile().Addresses)
	b.requireAlarm(true)
	require.EqualValues(t, 1, b.reconcile().Addresses)
	b.requireAlarm(false)
}

// While an alarm halts crediting, nothing is due to be credited.
func TestHaltedCreditingIsNoDifference(t *testing.T) {
	t.Parallel()
	b, balances := books(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	balances.of[common.HexToAddress(p.DepositAddress)] = int64(50 * models.USDT)
	for range 80 {
		b.mine()
	}
	makeOld(b, "UPDATE transfers SET created_at = ?")
	b.worked()
	halt := models.Alarm{Network: models.NetworkERC20, Kind: models.AlarmReorgBelowFinality}
	require.NoError(t, b.store.Raise(t.Context(), halt))
	report := b.reconcile()
	require.Empty(t, report.Differences)
	require.Contains(t, report.Unchecked, "halted")
	require.NoError(t, b.store.Resolve(t.Context(), models.NetworkERC20, halt.Kind, "", models.ActorCLI, "checked"))
	report = b.reconcile()
	require.Len(t, report.Differences, 1)
	require.Equal(t, models.CheckTransfersCredited, report.Differences[0].Check)
}

// worked makes the program have worked for an hour.
func (b *bundle) worked() {
	b.t.Helper()
	b.progress()
	makeOld(b, "UPDATE chain_cursors SET working_since = ?")
}

// A payment was confirmed and its credit fell into a stop of the program. Right after the start it is not overdue: it is
// credited in the next moments. What is still not credited when the program has worked for a while is a difference, and
// that one stays open over the next stop.
func TestNothingIsOverdueRightAfterAStop(t *testing.T) {
	t.Parallel()
	b, balances := books(t)
	p := b.payment()
	b.mine(transferTo(p, 1))
	balances.of[common.HexToAddress(p.DepositAddress)] = int64(50 * models.USDT)
	b.worked()
	for range 80 {
		b.mine()
	}
	makeOld(b, "UPDATE transfers SET created_at = ?")
	stop := func() { makeOld(b, "UPDATE chain_cursors SET worked_at = ?") }
	stop()
	require.Empty(t, b.reconcile().Differences, "by hand, while nothing runs")
	b.progress()
	require.Empty(t, b.reconcile().Differences, "it began just now")
	b.requireAlarm(false)
	b.worked()
	b.progress()
	report := b.reconcile()
	require.Len(t, report.Differences, 1)
	require.Equal(t, models.CheckTransfersCredited, report.Differences[0].Check)
	stop()
	b.progress()
	require.Equal(t, report.Differences, b.reconcile().Differences, "it was found before")
	b.requireAlarm(true)
	plant(b, "UPDATE transfers SET canonical = FALSE")
	balances.of[common.HexToAddress(p.DepositAddress)] = 0
	require.Empty(t, b.reconcile().Differences)
	b.requireAlarm(false)
}

// makeOld sets a time column of all rows to an hour ago.
func makeOld(b *bundle, statement string) {
	plant(b, statement, time.Now().Add(-time.Hour).UnixMicro())
}

// plant changes the database behind the program's back.
func plant(b *bundle, statement string, values ...any) {
	b.t.Helper()
	db, err := sql.Open("sqlite", b.path+"?_pragma=busy_timeout(10000)")
	require.NoError(b.t, err)
	defer db.Close()
	_, err = db.ExecContext(b.t.Context(), statement, values...)
	require.NoError(b.t, err)
}
