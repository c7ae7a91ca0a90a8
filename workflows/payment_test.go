package workflows

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"paycow/models"
	"paycow/rules/rulestest"
)

var (
	created   = rulestest.Created
	testInput = rulestest.Input()
)

// bench is a Payment workflow in Temporal's test environment, whose clock skips ahead, over the model store.
type bench struct {
	*testsuite.TestWorkflowEnvironment
	t  *testing.T
	db *rulestest.Store
}

func setup(t *testing.T) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	b := &bench{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, db: rulestest.NewStore()}
	b.SetStartTime(created)
	b.RegisterWorkflowWithOptions(Payment, workflow.RegisterOptions{Name: models.WorkflowPayment})
	for name, method := range map[string]any{
		models.ActivityLoadPayment: b.db.LoadPayment, models.ActivityRecordPayment: b.db.RecordPayment,
		models.ActivityExpirePayment: b.db.ExpirePayment, models.ActivityCreditPayment: b.db.CreditPayment,
		models.ActivitySettlePayment: b.db.SettlePayment,
	} {
		b.RegisterActivityWithOptions(method, activity.RegisterOptions{Name: name})
	}
	b.db.Scanned = true
	return b
}

// at calls do at the given time after the payment's creation.
func (b *bench) at(after time.Duration, do func()) { b.RegisterDelayedCallback(do, after) }

// transfer is a transfer of the given amount in a block of its own, mined after the payment's creation.
func transfer(i int, amount models.Amount, mined time.Duration) models.TransferNotice {
	key := models.TransferKey{ChainID: 1, TxHash: "0x" + strings.Repeat("0", 62) + string(rune('a'+i)) + "0", Ordinal: 0}
	return models.TransferNotice{
		TransferKey: key, Amount: amount, Canonical: true, Revision: 1, Confirmations: 1,
		Block: models.BlockRef{Number: uint64(100 + i), Hash: "0xb" + key.TxHash[3:], Time: created.Add(mined)},
	}
}

// signal changes the transfer's row and signals the workflow.
func (b *bench) signal(n models.TransferNotice, confirmations uint64) {
	n.Confirmations = confirmations
	b.SignalWorkflow(models.SignalTransfers, models.TransfersSignal{Transfers: []models.TransferNotice{b.db.Put(n)}})
}

// arrive plays an ordinary transfer: seen, then two confirmations, then twelve.
func (b *bench) arrive(n models.TransferNotice, seen time.Duration) {
	b.at(seen, func() { b.signal(n, 1) })
	b.at(seen+12*time.Second, func() { b.signal(n, 2) })
	b.at(seen+132*time.Second, func() { b.signal(n, 12) })
}

// run runs the workflow to its end and returns the row.
func (b *bench) run(input models.PaymentInput) models.PaymentState {
	b.t.Helper()
	b.ExecuteWorkflow(models.WorkflowPayment, input)
	require.True(b.t, b.IsWorkflowCompleted())
	require.NoError(b.t, b.GetWorkflowError())
	var result models.PaymentResult
	require.NoError(b.t, b.GetWorkflowResult(&result))
	require.Equal(b.t, b.db.State, result.State)
	return b.db.State
}

func TestEveryEnding(t *testing.T) {
	t.Parallel()
	late := testInput.ExpiresAt.Sub(created) + time.Minute
	for name, c := range map[string]struct {
		play     func(b *bench)
		timeline []string
		credited models.Amount
	}{
		"paid": {
			play:     func(b *bench) { b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute) },
			timeline: []string{"DETECTED", "CONFIRMING", "PAID"}, credited: 50 * models.USDT,
		},
		"expired unpaid": {play: func(*bench) {}, timeline: []string{"EXPIRED"}},
		"several transfers add up": {
			play: func(b *bench) {
				b.arrive(transfer(0, 20*models.USDT, time.Minute), time.Minute)
				b.arrive(transfer(1, 30*models.USDT, 10*time.Minute), 10*time.Minute)
			},
			timeline: []string{"DETECTED", "DETECTED", "DETECTED", "CONFIRMING", "PAID"}, credited: 50 * models.USDT,
		},
		"overpaid": {
			play:     func(b *bench) { b.arrive(transfer(0, 50*models.USDT+1, time.Minute), time.Minute) },
			timeline: []string{"DETECTED", "CONFIRMING", "PAID (OVERPAID)"}, credited: 50*models.USDT + 1,
		},
		"underpaid by one micro-USDT": {
			play:     func(b *bench) { b.arrive(transfer(0, 50*models.USDT-1, time.Minute), time.Minute) },
			timeline: []string{"DETECTED", "DETECTED", "EXPIRED (UNDERPAID)"}, credited: 50*models.USDT - 1,
		},
		"mined in the last second, confirmed after the window": {
			play:     func(b *bench) { b.arrive(transfer(0, 50*models.USDT, time.Hour), time.Hour) },
			timeline: []string{"DETECTED", "CONFIRMING", "PAID"}, credited: 50 * models.USDT,
		},
		"mined in time, noticed long after": {
			play: func(b *bench) {
				b.db.Scanned = false
				b.at(late+time.Minute, func() {
					b.signal(transfer(0, 50*models.USDT, time.Minute), 12)
					b.db.Scanned = true
				})
			},
			timeline: []string{"PAID"}, credited: 50 * models.USDT,
		},
		"seen by the database before its signal when the window ends": {
			play: func(b *bench) {
				n := transfer(0, 50*models.USDT, time.Minute)
				b.db.Put(n)
				b.at(2*time.Hour, func() { b.signal(n, 12) })
			},
			timeline: []string{"DETECTED", "PAID"}, credited: 50 * models.USDT,
		},
		"the chain is read past the window only later": {
			play:     func(b *bench) { b.db.Scanned, b.db.Unscanned = false, 6 },
			timeline: []string{"EXPIRED"},
		},
		"rejected": {
			play: func(b *bench) {
				b.at(time.Minute, func() { b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "fraud"}) })
			},
			timeline: []string{"REJECTED"},
		},
		"rejected by a bare text": {
			play:     func(b *bench) { b.at(time.Minute, func() { b.SignalWorkflow(models.SignalReject, "fraud") }) },
			timeline: []string{"REJECTED"},
		},
		"rejected twice": {
			play: func(b *bench) {
				b.at(time.Minute, func() {
					b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "fraud"})
					b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "again"})
				})
			},
			timeline: []string{"REJECTED"},
		},
		"rejected while the money was on its way": {
			play: func(b *bench) {
				b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute)
				b.at(2*time.Minute, func() { b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "fraud"}) })
			},
			timeline: []string{"DETECTED", "CONFIRMING", "REJECTED", "REJECTED (AFTER_REJECT)"}, credited: 50 * models.USDT,
		},
		"a rejection after the end of the money's way is too late": {
			play: func(b *bench) {
				b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute)
				b.arrive(transfer(1, 1*models.USDT, 2*time.Minute), 2*time.Minute)
				b.at(4*time.Minute, func() { b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "fraud"}) })
			},
			timeline: []string{"DETECTED", "CONFIRMING", "CONFIRMING", "PAID", "PAID (OVERPAID)"}, credited: 51 * models.USDT,
		},
		"an acceptance of what is not under- or late paid does nothing": {
			play: func(b *bench) {
				b.at(time.Minute, func() { b.SignalWorkflow(models.SignalAccept, models.DecisionSignal{Reason: "fine"}) })
			},
			timeline: []string{"EXPIRED"},
		},
		"a reorg removes the transfer for good": {
			play: func(b *bench) {
				n := transfer(0, 50*models.USDT, time.Minute)
				b.at(time.Minute, func() { b.signal(n, 1) })
				b.at(2*time.Minute, func() {
					n.Canonical, n.Revision = false, 2
					b.signal(n, 0)
				})
			},
			timeline: []string{"DETECTED", "PENDING (REVERTED)", "EXPIRED (REVERTED)"},
		},
		"a reorg removes the transfer and it is mined again": {
			play: func(b *bench) {
				n := transfer(0, 50*models.USDT, time.Minute)
				b.at(time.Minute, func() { b.signal(n, 2) })
				b.at(2*time.Minute, func() {
					n.Canonical, n.Revision = false, 2
					b.signal(n, 0)
				})
				b.at(3*time.Minute, func() {
					n.Canonical, n.Revision, n.Block.Number, n.Block.Hash = true, 3, 105, "0xother"
					b.signal(n, 1)
				})
				b.at(4*time.Minute, func() { b.signal(n, 12) })
			},
			timeline: []string{"CONFIRMING", "PENDING (REVERTED)", "DETECTED", "PAID"}, credited: 50 * models.USDT,
		},
		"late while the window is being closed": {
			play: func(b *bench) {
				b.db.Scanned = false
				b.at(late, func() {
					b.signal(transfer(0, 50*models.USDT, late), 1)
					b.db.Scanned = true
				})
				b.at(late+time.Hour, func() { b.signal(transfer(0, 50*models.USDT, late), 12) })
			},
			timeline: []string{"PENDING", "EXPIRED", "EXPIRED (PAID_LATE)"}, credited: 50 * models.USDT,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			c.play(b)
			state := b.run(testInput)
			require.Equal(t, c.timeline, b.db.Timeline())
			require.Equal(t, c.credited, state.AmountCredited)
		})
	}
}

// TestResumedRuns covers what can happen to a payment that has ended. Each begins another run, from the row.
func TestResumedRuns(t *testing.T) {
	t.Parallel()
	expired := models.PaymentState{Status: models.StatusExpired, Version: 2}
	lateTransfer := transfer(0, 50*models.USDT, 2*time.Hour)
	inTime := transfer(1, 20*models.USDT, time.Minute)
	for name, c := range map[string]struct {
		row      models.PaymentState
		known    []models.TransferNotice
		play     func(b *bench)
		timeline []string
		credited models.Amount
	}{
		"a transfer after EXPIRED": {
			row: expired, play: func(b *bench) { b.arrive(lateTransfer, 0) },
			timeline: []string{"EXPIRED", "EXPIRED (PAID_LATE)"}, credited: 50 * models.USDT,
		},
		"a transfer after REJECTED": {
			row:  models.PaymentState{Status: models.StatusRejected, Decision: models.DecisionReject, Version: 2},
			play: func(b *bench) { b.arrive(inTime, 0) }, timeline: []string{"REJECTED", "REJECTED (AFTER_REJECT)"}, credited: 20 * models.USDT,
		},
		"an underpaid payment is accepted": {
			row:   models.PaymentState{Status: models.StatusExpired, Exception: models.ExceptionUnderpaid, AmountReceived: 20 * models.USDT, AmountCredited: 20 * models.USDT, TxHash: inTime.TxHash, LastBlock: inTime.Block.Number, Version: 4},
			known: []models.TransferNotice{credited(inTime)},
			play: func(b *bench) {
				b.at(0, func() { b.SignalWorkflow(models.SignalAccept, models.DecisionSignal{Reason: "close enough"}) })
			},
			timeline: []string{"PAID (ACCEPTED)"}, credited: 20 * models.USDT,
		},
		"a late payment is accepted": {
			row:   models.PaymentState{Status: models.StatusExpired, Exception: models.ExceptionPaidLate, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, TxHash: lateTransfer.TxHash, LastBlock: lateTransfer.Block.Number, Version: 4},
			known: []models.TransferNotice{credited(lateTransfer)},
			play: func(b *bench) {
				b.at(0, func() { b.SignalWorkflow(models.SignalAccept, models.DecisionSignal{Reason: "fine"}) })
			},
			timeline: []string{"PAID (ACCEPTED)"}, credited: 50 * models.USDT,
		},
		"a reorg takes a credited transfer away and the window is over": {
			row:   models.PaymentState{Status: models.StatusPaid, AmountReceived: 50 * models.USDT, AmountCredited: 50 * models.USDT, TxHash: "0x", Version: 4},
			known: []models.TransferNotice{credited(transfer(0, 50*models.USDT, time.Minute))},
			play: func(b *bench) {
				b.at(0, func() {
					n := transfer(0, 50*models.USDT, time.Minute)
					n.Canonical, n.Revision = false, 2
					b.signal(n, 0)
				})
			},
			timeline: []string{"PENDING (REVERTED)", "EXPIRED (REVERTED)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.SetStartTime(created.Add(2 * time.Hour))
			b.db.State = c.row
			for _, n := range c.known {
				b.db.Transfers[n.TransferKey] = n
				b.db.Booked[n.TransferKey.String()] = n.CreditedAmount
			}
			c.play(b)
			input := testInput
			input.Resume = true
			state := b.run(input)
			require.Equal(t, c.timeline, b.db.Timeline())
			require.Equal(t, c.credited, state.AmountCredited)
		})
	}
}

func credited(n models.TransferNotice) models.TransferNotice {
	n.Confirmations, n.CreditedAmount = 12, n.Amount
	return n
}

// TestDatabaseAway shows that a payment survives a database that fails for a while: Temporal repeats the effect until it
// succeeds.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute)
	for _, minute := range []time.Duration{time.Minute, 72 * time.Second, 190 * time.Second} {
		b.at(minute, func() { b.db.Failures = 5 })
	}
	require.Equal(t, models.StatusPaid, b.run(testInput).Status)
	require.Equal(t, 50*models.USDT, b.db.State.AmountCredited)
}

// TestFloodOfDust shows that hundreds of tiny transfers are booked in portions that fit an activity's time limit.
func TestFloodOfDust(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var dust []models.TransferNotice
	for i := range 205 {
		n := transfer(0, 1, time.Minute)
		n.Ordinal, n.Confirmations = i, 12
		dust = append(dust, b.db.Put(n))
	}
	largest := 0
	b.SetOnLocalActivityStartedListener(func(info *activity.Info, _ context.Context, args []any) {
		if info.ActivityType.Name == models.ActivityCreditPayment {
			input, ok := args[0].(models.CreditInput)
			require.True(t, ok)
			largest = max(largest, len(input.Credits))
		}
	})
	b.at(2*time.Minute, func() { b.SignalWorkflow(models.SignalTransfers, models.TransfersSignal{Transfers: dust}) })
	b.arrive(transfer(1, 50*models.USDT, 3*time.Minute), 3*time.Minute)
	state := b.run(testInput)
	require.Equal(t, "PAID (OVERPAID)", rulestest.Describe(state))
	require.Equal(t, 50*models.USDT+205, state.AmountCredited)
	require.Equal(t, 20, largest)
}

// TestQueriesAndSignalsSayWhatTheyAreFor reads what Temporal's web UI offers to people.
func TestQueriesAndSignalsSayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := transfer(0, 50*models.USDT, time.Minute)
	b.arrive(n, time.Minute)
	b.run(testInput)
	value, err := b.QueryWorkflow(models.QueryTransfers)
	require.NoError(t, err)
	var answer models.TransfersSignal
	require.NoError(t, value.Get(&answer))
	require.Len(t, answer.Transfers, 1)
	require.Equal(t, n.TransferKey, answer.Transfers[0].TransferKey)

	value, err = b.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(t, value.Get(&metadata))
	described := map[string]bool{}
	for _, definition := range append(metadata.Definition.QueryDefinitions, metadata.Definition.SignalDefinitions...) {
		if !strings.HasPrefix(definition.Name, "__") {
			described[definition.Name] = definition.Description != ""
		}
	}
	require.Equal(t, map[string]bool{"state": true, "transfers": true, "reject": true, "accept": true}, described)
}

// TestHandTypedReason shows that a reason that no database accepts is cleaned before it is recorded.
func TestHandTypedReason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.at(time.Minute, func() {
		b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "fraud\x00\n" + strings.Repeat("é", 2000)})
	})
	state := b.run(testInput)
	require.Equal(t, "fraud  "+strings.Repeat("é", 493), state.Reason)
}

// TestRejectedWhileTheNodeIsAway shows that a decision waits for no node.
func TestRejectedWhileTheNodeIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.at(time.Minute, func() { b.signal(transfer(0, 50*models.USDT, time.Minute), 12) })
	b.db.Unverified = 6
	b.at(61*time.Second, func() { b.SignalWorkflow(models.SignalReject, models.DecisionSignal{Reason: "no"}) })
	require.Equal(t, "REJECTED (AFTER_REJECT)", rulestest.Describe(b.run(testInput)))
	require.Equal(t, []string{"REJECTED", "REJECTED (AFTER_REJECT)"}, b.db.Timeline())
}

// TestContinuesAsNewWhenItWaits: a run whose history has grown long is continued by one that begins with the row.
func TestContinuesAsNewWhenItWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.at(time.Minute, func() {
		b.SetContinueAsNewSuggested(true)
		b.signal(transfer(0, 20*models.USDT, time.Minute), 1)
	})
	b.ExecuteWorkflow(models.WorkflowPayment, testInput)
	require.True(t, b.IsWorkflowCompleted())
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, b.GetWorkflowError(), &next)
	require.Equal(t, models.WorkflowPayment, next.WorkflowType.Name)
	var input models.PaymentInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &input))
	want := testInput
	want.Resume = true
	require.Equal(t, want, input)
	require.Equal(t, models.StatusDetected, b.db.State.Status, "what was signalled is recorded first")
}

// flood lets so many tiny transfers arrive, and then signals the sums.
func (b *bench) flood(first, count int, confirmations uint64) {
	var last models.TransferNotice
	for i := range count {
		last = transfer(0, 1, time.Minute)
		last.Ordinal, last.Confirmations = first+i, confirmations
		b.db.Put(last)
	}
	b.SignalWorkflow(models.SignalTransfers, b.db.News(last))
}

// A crowded payment is paid and credited through its sums, whatever else is confirmed or not, and in runs of the activity
// that each book a part.
func TestACrowdedPaymentIsPaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.db.CrowdedAbove, b.db.SettleLimit = 3, 400
	b.at(time.Minute, func() { b.signal(transfer(1, 1, time.Minute), 1) })
	b.at(2*time.Minute, func() { b.flood(10, 1000, 1) })
	paid := transfer(2, 50*models.USDT, 3*time.Minute)
	for confirmations, after := range map[uint64]time.Duration{1: 3 * time.Minute, 2: 4 * time.Minute, 12: 5 * time.Minute} {
		b.at(after, func() {
			n := paid
			n.Confirmations = confirmations
			b.SignalWorkflow(models.SignalTransfers, b.db.News(b.db.Put(n)))
		})
	}
	b.at(6*time.Minute, func() { b.signalCrowd(t) })
	b.at(7*time.Minute, func() {
		b.flood(10, 1000, 12)
		b.signal(transfer(1, 1, time.Minute), 12) // a notice of one transfer says nothing new to it
	})
	b.at(8*time.Minute, func() { b.signalCrowd(t) })
	state := b.run(testInput)
	require.Equal(t, models.StatusPaid, state.Status)
	require.Equal(t, 50*models.USDT+1001, state.AmountCredited)
	require.Equal(t, models.ExceptionOverpaid, state.Exception)
	require.Contains(t, b.db.Timeline(), "PAID")
	require.LessOrEqual(t, len(b.db.Timeline()), 10)
}

// signalCrowd signals the sums as they are.
func (b *bench) signalCrowd(t *testing.T) {
	t.Helper()
	for _, n := range b.db.Transfers {
		signal := b.db.News(n)
		require.NotNil(t, signal.Crowd)
		b.SignalWorkflow(models.SignalTransfers, signal)
		return
	}
}

// TestARunThatContinuesKnowsWhatTheRowHolds: it knows nothing else, so what came before it must not be lost.
func TestARunThatContinuesKnowsWhatTheRowHolds(t *testing.T) {
	t.Parallel()
	input := testInput
	input.Resume = true
	resumed := setup(t)
	resumed.db.Put(transfer(0, 20*models.USDT, time.Minute))
	resumed.db.State = models.PaymentState{Status: models.StatusDetected, AmountReceived: 20 * models.USDT, Version: 4}
	loaded := 0
	resumed.SetOnLocalActivityStartedListener(func(info *activity.Info, _ context.Context, _ []any) {
		if info.ActivityType.Name == models.ActivityLoadPayment {
			loaded++
		}
	})
	resumed.at(time.Minute, func() { resumed.signal(transfer(1, 30*models.USDT, time.Minute), 12) })
	resumed.at(2*time.Minute, func() { resumed.signal(transfer(0, 20*models.USDT, time.Minute), 12) })
	state := resumed.run(input)
	require.Positive(t, loaded)
	require.Equal(t, models.StatusPaid, state.Status)
	require.Equal(t, 50*models.USDT, state.AmountCredited)
}

// TestACreditIsUsuallyQuick: one local attempt, and an ordinary activity only when that books nothing.
func TestACreditIsUsuallyQuick(t *testing.T) {
	t.Parallel()
	away, unverified := errors.New("no node answers"), models.CreditResult{Unverified: []models.UnverifiedTransfer{{Reason: "too few nodes agree"}}}
	for name, c := range map[string]struct {
		fails    bool                // the quick attempt does
		answers  models.CreditResult // what it answers, if it does and books nothing
		ordinary int
	}{
		"it books":       {},
		"it fails":       {fails: true, ordinary: 1},
		"it cannot tell": {answers: unverified, ordinary: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var quick, ordinary int
			b.OnActivity(models.ActivityCreditPayment, mock.Anything, mock.Anything).Return(
				func(ctx context.Context, input models.CreditInput) (models.CreditResult, error) {
					if !activity.GetInfo(ctx).IsLocalActivity {
						ordinary++
						return b.db.CreditPayment(ctx, input)
					}
					quick++
					switch {
					case c.fails:
						return models.CreditResult{}, away
					case len(c.answers.Unverified) > 0:
						c.answers.Unverified[0].TransferKey = input.Credits[0].TransferKey
						return c.answers, nil
					}
					return b.db.CreditPayment(ctx, input)
				})
			b.arrive(transfer(0, 50*models.USDT, time.Minute), time.Minute)
			require.Equal(t, models.StatusPaid, b.run(testInput).Status)
			require.Equal(t, 1, quick)
			require.Equal(t, c.ordinary, ordinary)
		})
	}
}
