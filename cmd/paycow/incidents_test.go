//go:build !slim

package main

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

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	embedded "paycow/devstack/temporal"
	"paycow/engine"
	"paycow/models"
	"paycow/workflows"
)

// incident is something that goes wrong in a payment's life, played on a real Temporal server with fake activities. Its
// history shows the commands of paths that no ordinary ending takes.
type incident struct {
	name   string
	window time.Duration
	want   string
	// expire and credit answer the activities, by how often each was called before; nil books or expires at once.
	expire func(f *fakeActivities, call int, input models.ExpireInput) (models.ExpireResult, error)
	credit func(f *fakeActivities, call int, input models.CreditInput) (models.CreditResult, error)
	// recordFails is how many calls of the activity that records a state fail.
	recordFails int
	// signals are sent one by one, each after the activities were called so often in all.
	signals []incidentSignal
}

type incidentSignal struct {
	afterCalls int
	signal     models.TransfersSignal
}

// fakeActivities stand in for the activities of one payment: a row in memory, and the incident's answers.
type fakeActivities struct {
	incident  incident
	mu        sync.Mutex
	state     models.PaymentState
	transfers map[models.TransferKey]models.TransferNotice
	calls     map[string]int
}

func (f *fakeActivities) count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[name]++
	return f.calls[name] - 1
}

func (f *fakeActivities) total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	total := 0
	for _, n := range f.calls {
		total += n
	}
	return total
}

func (f *fakeActivities) snapshot() models.PaymentSnapshot {
	snapshot := models.PaymentSnapshot{State: f.state}
	for _, notice := range f.transfers {
		snapshot.Transfers = append(snapshot.Transfers, notice)
	}
	slices.SortFunc(snapshot.Transfers, func(a, b models.TransferNotice) int { return a.Ordinal - b.Ordinal })
	return snapshot
}

// write records a state if it is the next version, as the store does.
func (f *fakeActivities) write(state models.PaymentState, credits []models.TransferNotice) models.RecordResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	if state.Version != f.state.Version+1 {
		snapshot := f.snapshot()
		return models.RecordResult{Snapshot: &snapshot}
	}
	f.state = state
	for _, notice := range credits {
		notice.CreditedAmount = notice.Amount
		f.transfers[notice.TransferKey] = notice
	}
	return models.RecordResult{Recorded: true}
}

func (f *fakeActivities) load(context.Context, string) (models.PaymentSnapshot, error) {
	f.count(models.ActivityLoadPayment)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapshot(), nil
}

func (f *fakeActivities) record(_ context.Context, input models.RecordInput) (models.RecordResult, error) {
	if f.count(models.ActivityRecordPayment) < f.incident.recordFails {
		return models.RecordResult{}, errors.New("the database is away")
	}
	return f.write(input.State, nil), nil
}

func (f *fakeActivities) expired(input models.ExpireInput) (models.ExpireResult, error) {
	return models.ExpireResult{RecordResult: f.write(input.State, nil), ScannedPast: true}, nil
}

func (f *fakeActivities) expire(_ context.Context, input models.ExpireInput) (models.ExpireResult, error) {
	call := f.count(models.ActivityExpirePayment)
	if f.incident.expire == nil {
		return f.expired(input)
	}
	return f.incident.expire(f, call, input)
}

func (f *fakeActivities) booked(input models.CreditInput) (models.CreditResult, error) {
	return models.CreditResult{RecordResult: f.write(input.State, input.Credits)}, nil
}

func (f *fakeActivities) credit(_ context.Context, input models.CreditInput) (models.CreditResult, error) {
	call := f.count(models.ActivityCreditPayment)
	if f.incident.credit == nil {
		return f.booked(input)
	}
	return f.incident.credit(f, call, input)
}

// later makes Temporal call the activity again soon.
func later(reason string) error {
	return temporal.NewApplicationErrorWithOptions(reason, "Later", temporal.ApplicationErrorOptions{NextRetryDelay: 50 * time.Millisecond})
}

// arrival is a signal with one transfer to the payment that was mined at its creation.
func arrival(ordinal int, amount models.Amount, revision int64, at time.Time) models.TransfersSignal {
	return models.TransfersSignal{Transfers: []models.TransferNotice{{
		TransferKey: models.TransferKey{ChainID: 1337, TxHash: fmt.Sprintf("0x%064x", ordinal+1), Ordinal: ordinal}, From: "0xfrom", Amount: amount,
		Block: models.BlockRef{Number: 100, Hash: fmt.Sprintf("0x%064x", 100), Time: at}, Canonical: true, Revision: revision, Confirmations: 12,
	}}}
}

// incidents lists them. created is when the payments are created.
func incidents(created time.Time) []incident {
	const long, short = time.Hour, time.Second
	notYet := func(calls int) func(*fakeActivities, int, models.ExpireInput) (models.ExpireResult, error) {
		return func(f *fakeActivities, call int, input models.ExpireInput) (models.ExpireResult, error) {
			switch {
			case call == 0:
				return models.ExpireResult{Waits: "the chain has been read up to block 99"}, nil
			case call < calls:
				return models.ExpireResult{}, later("the chain has been read up to block 99")
			}
			return f.expired(input)
		}
	}
	untilTwo := func(f *fakeActivities, _ int, input models.CreditInput) (models.CreditResult, error) {
		if len(input.Credits) < 2 {
			return models.CreditResult{}, later("no node answers")
		}
		return f.booked(input)
	}
	unverified := func(heldCalls int) func(*fakeActivities, int, models.CreditInput) (models.CreditResult, error) {
		return func(f *fakeActivities, call int, input models.CreditInput) (models.CreditResult, error) {
			held := models.UnverifiedTransfer{TransferKey: input.Credits[0].TransferKey, Reason: "too few nodes agree"}
			switch {
			case input.Credits[0].Revision > 1: // news of it
				return f.booked(input)
			case !input.Await:
				return models.CreditResult{Unverified: []models.UnverifiedTransfer{held}}, nil
			case call < heldCalls:
				return models.CreditResult{}, later("too few nodes agree")
			}
			return f.booked(input)
		}
	}
	full, half := arrival(0, 50*models.USDT, 1, created), arrival(0, 25*models.USDT, 1, created)
	seen := arrival(0, 25*models.USDT, 1, created)
	seen.Transfers[0].Confirmations = 1
	return []incident{
		{name: "scan_awaited", window: short, want: "EXPIRED", expire: notYet(4)},
		{
			name: "scan_interrupted", window: short, want: "PAID", expire: notYet(1 << 20),
			signals: []incidentSignal{{afterCalls: 4, signal: full}},
		},
		{
			name: "token_paused", window: short, want: "EXPIRED",
			expire: func(f *fakeActivities, call int, input models.ExpireInput) (models.ExpireResult, error) {
				switch {
				case call == 0:
					return models.ExpireResult{Paused: true, WindowEnd: input.ExpiresAt.Add(time.Second), Waits: "the token is paused"}, nil
				case call < 4:
					return models.ExpireResult{}, later("the token is paused")
				}
				return f.expired(input)
			},
		},
		{
			name: "window_extended", window: short, want: "EXPIRED",
			expire: func(f *fakeActivities, call int, input models.ExpireInput) (models.ExpireResult, error) {
				if call == 0 {
					return models.ExpireResult{WindowEnd: input.ExpiresAt.Add(3 * time.Second)}, nil
				}
				return f.expired(input)
			},
		},
		{
			name: "credit_interrupted", window: long, want: "PAID", credit: untilTwo,
			signals: []incidentSignal{{signal: half}, {afterCalls: 3, signal: arrival(1, 25*models.USDT, 1, created)}},
		},
		{name: "credit_held", window: long, want: "PAID", credit: unverified(4), signals: []incidentSignal{{signal: full}}},
		{
			name: "held_interrupted", window: long, want: "PAID", credit: unverified(1 << 20),
			signals: []incidentSignal{{signal: full}, {afterCalls: 5, signal: arrival(0, 50*models.USDT, 2, created)}},
		},
		{
			name: "database_away", window: short, want: "EXPIRED UNDERPAID", recordFails: 4,
			signals: []incidentSignal{{signal: seen}, {afterCalls: 5, signal: half}},
			expire: func(f *fakeActivities, call int, input models.ExpireInput) (models.ExpireResult, error) {
				if call < 4 {
					return models.ExpireResult{}, errors.New("the database is away")
				}
				return f.expired(input)
			},
		},
	}
}

// dialEmbedded starts a Temporal server and returns a client of its prepared namespace.
func dialEmbedded(t *testing.T) client.Client {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(t.Context(), embedded.Config{DataDir: t.TempDir(), FrontendAddr: "127.0.0.1:0", Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	c, err := engine.Dial(engine.Settings{Address: server.Address(), Namespace: "paycow"}, quiet)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, engine.EnsureNamespace(t.Context(), c, "paycow", 24*time.Hour, engine.SearchAttributes()))
	return c
}

// TestAPaidPaymentGoesBeforeExpiries has many payments expire at once while no worker runs. A payment that is paid then gets
// the first task that a worker takes.
func TestAPaidPaymentGoesBeforeExpiries(t *testing.T) {
	c := dialEmbedded(t)
	starter := engine.NewClient(c, engine.ClientSettings{Namespace: "paycow", Confirmations: 12})
	start := func(window time.Duration) models.Payment {
		p := models.Payment{
			ID: models.NewID(), Currency: models.CurrencyUSDT, AmountRequested: models.USDT, UserID: "user",
			CreatedAt: time.Now(), ExpiresAt: time.Now().Add(window),
		}
		require.NoError(t, starter.StartPayment(t.Context(), p))
		return p
	}
	paid := start(time.Hour)
	queue := &taskqueuepb.TaskQueue{Name: models.TaskQueue}
	const expiring = 100
	for range expiring {
		start(-time.Second)
	}
	require.Eventually(t, func() bool {
		described, err := c.WorkflowService().DescribeTaskQueue(t.Context(), &workflowservice.DescribeTaskQueueRequest{
			Namespace: "paycow", TaskQueue: queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW, ReportStats: true,
		})
		return err == nil && described.GetStats().GetApproximateBacklogCount() >= expiring
	}, within, 100*time.Millisecond, "the tasks of the expired payments wait")

	woken := start(time.Hour)
	require.NoError(t, starter.SignalTransfers(t.Context(), woken, models.TransfersSignal{}), "this only wakes it")
	require.NoError(t, starter.SignalTransfers(t.Context(), paid, models.TransfersSignal{
		Transfers: []models.TransferNotice{{}},
	}))
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	first, err := c.WorkflowService().PollWorkflowTaskQueue(ctx, &workflowservice.PollWorkflowTaskQueueRequest{
		Namespace: "paycow", TaskQueue: queue, Identity: "test",
	})
	require.NoError(t, err)
	require.Equal(t, models.PaymentWorkflowID(paid.ID), first.GetWorkflowExecution().GetWorkflowId())
}

// TestPaymentsStartedSinceAMoment lists what a look for a restored database has not seen yet.
func TestPaymentsStartedSinceAMoment(t *testing.T) {
	c := dialEmbedded(t)
	starter := engine.NewClient(c, engine.ClientSettings{Namespace: "paycow", Confirmations: 12})
	start := func() string {
		p := models.Payment{
			ID: models.NewID(), Currency: models.CurrencyUSDT, AmountRequested: models.USDT, UserID: "user",
			CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		}
		require.NoError(t, starter.StartPayment(t.Context(), p))
		return p.ID
	}
	before := start()
	time.Sleep(50 * time.Millisecond)
	moment := time.Now()
	time.Sleep(50 * time.Millisecond)
	after := start()
	listed := func(since time.Time) (ids []string) {
		require.NoError(t, starter.EachPayment(t.Context(), since, func(page []engine.KnownPayment) error {
			for _, p := range page {
				ids = append(ids, p.ID)
			}
			return nil
		}))
		return ids
	}
	require.Eventually(t, func() bool { return len(listed(time.Time{})) == 2 }, within, 20*time.Millisecond)
	require.ElementsMatch(t, []string{before, after}, listed(time.Time{}))
	require.Equal(t, []string{after}, listed(moment))
}

// TestAPaymentStartsOnce starts a payment again while its workflow runs and after it has ended: the outbox does that whenever
// it does not know that it has started it.
func TestAPaymentStartsOnce(t *testing.T) {
	c := dialEmbedded(t)
	starter := engine.NewClient(c, engine.ClientSettings{Namespace: "paycow", Confirmations: 12})
	p := models.Payment{ID: models.NewID(), Currency: models.CurrencyUSDT, AmountRequested: models.USDT, UserID: "user"}
	require.NoError(t, starter.StartPayment(t.Context(), p))
	first, err := c.DescribeWorkflowExecution(t.Context(), models.PaymentWorkflowID(p.ID), "")
	require.NoError(t, err)
	require.NoError(t, starter.StartPayment(t.Context(), p), "while it runs")
	require.NoError(t, c.TerminateWorkflow(t.Context(), models.PaymentWorkflowID(p.ID), "", "the end of it"))
	require.NoError(t, starter.StartPayment(t.Context(), p), "after its end")
	last, err := c.DescribeWorkflowExecution(t.Context(), models.PaymentWorkflowID(p.ID), "")
	require.NoError(t, err)
	require.Equal(t, first.WorkflowExecutionInfo.Execution.RunId, last.WorkflowExecutionInfo.Execution.RunId, "there is no second run")
	t.Run("an unpaid payment needs no task", func(t *testing.T) { unpaidNeedsNoTask(t, c, starter) })
}

// unpaidNeedsNoTask looks at payments that nobody has paid: their workflows have no task until a signal comes or the time is
// up. No worker runs, so the tasks stay where they are.
func unpaidNeedsNoTask(t *testing.T, c client.Client, starter *engine.Client) {
	t.Helper()
	start := func(window time.Duration) models.Payment {
		now := time.Now().UTC()
		p := models.Payment{
			ID: models.NewID(), Currency: models.CurrencyUSDT, AmountRequested: 50 * models.USDT, UserID: "user",
			DepositAddress: "0x52908400098527886E0F7030069857D2E4169EE7", CreatedAt: now, ExpiresAt: now.Add(window),
			PaymentState: models.PaymentState{Status: models.StatusPending, Version: 1},
		}
		require.NoError(t, starter.StartPayment(t.Context(), p))
		return p
	}
	hasTask := func(p models.Payment) bool {
		events := c.GetWorkflowHistory(t.Context(), models.PaymentWorkflowID(p.ID), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			if event.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED {
				return true
			}
		}
		return false
	}
	paid, rejected, unpaid := start(time.Hour), start(time.Hour), start(time.Hour)
	soon, past := start(2*time.Second), start(-time.Second)
	require.True(t, hasTask(past), "a payment whose time is up has no delay")
	require.NoError(t, starter.SignalTransfers(t.Context(), paid, models.TransfersSignal{}))
	require.True(t, hasTask(paid), "a transfer ends the delay")
	require.NoError(t, starter.SignalReject(t.Context(), rejected, models.DecisionSignal{Reason: "why"}))
	require.True(t, hasTask(rejected), "a rejection ends the delay")
	require.Eventually(t, func() bool { return hasTask(soon) }, 20*time.Second, 100*time.Millisecond, "the end of the window ends the delay")
	require.False(t, hasTask(unpaid))

	// On a machine whose clock is two hours slow, the window is no longer.
	ahead := time.Now().UTC().Add(2 * time.Hour)
	slow := models.Payment{
		ID: models.NewID(), Currency: models.CurrencyUSDT, AmountRequested: 50 * models.USDT, UserID: "user",
		DepositAddress: "0x52908400098527886E0F7030069857D2E4169EE7", CreatedAt: ahead, ExpiresAt: ahead.Add(2 * time.Second),
		PaymentState: models.PaymentState{Status: models.StatusPending, Version: 1},
	}
	require.NoError(t, starter.StartPayment(t.Context(), slow))
	require.Eventually(t, func() bool { return hasTask(slow) }, 20*time.Second, 100*time.Millisecond)

	asked := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := starter.QueryState(ctx, unpaid.ID)
	require.ErrorIs(t, err, models.ErrNotFound, "its row is the newest")
	_, err = starter.KnownTransfers(ctx, unpaid.ID)
	require.Error(t, err)
	require.NotErrorIs(t, err, models.ErrNotFound, "what it was sent would be lost")
	require.Less(t, time.Since(asked), 2*time.Second, "a reader does not wait for the answer")
	described, err := c.DescribeWorkflowExecution(t.Context(), models.PaymentWorkflowID(unpaid.ID), "")
	require.NoError(t, err)
	var details string
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(described.ExecutionConfig.UserMetadata.Details, &details))
	require.Contains(t, details, "Asks for **USDT 50.00** at `"+unpaid.DepositAddress+"`")
}

// TestIncidents plays every incident on a real Temporal server, and replays its history. With -write-histories the
// histories are written for the replay tests of later versions.
func TestIncidents(t *testing.T) {
	c := dialEmbedded(t)
	created := time.Now().UTC().Truncate(time.Second)
	for _, incident := range incidents(created) {
		t.Run(incident.name, func(t *testing.T) {
			t.Parallel()
			playIncident(t, c, incident)
		})
	}
}

func playIncident(t *testing.T, c client.Client, incident incident) {
	t.Helper()
	f := &fakeActivities{
		incident: incident, calls: map[string]int{}, transfers: map[models.TransferKey]models.TransferNotice{},
		state: models.PaymentState{Status: models.StatusPending, Version: 1},
	}
	w := sdkworker.New(c, incident.name, sdkworker.Options{})
	w.RegisterWorkflowWithOptions(workflows.Payment, workflow.RegisterOptions{Name: models.WorkflowPayment})
	for name, do := range map[string]any{
		models.ActivityLoadPayment: f.load, models.ActivityRecordPayment: f.record,
		models.ActivityExpirePayment: f.expire, models.ActivityCreditPayment: f.credit,
	} {
		w.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name})
	}
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	now := time.Now().UTC()
	id := models.PaymentWorkflowID(incident.name)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: incident.name}, models.WorkflowPayment, models.PaymentInput{
		PaymentID: incident.name, OperatorID: "operator", UserID: "user", Reference: "0123456789abcdef", DepositAddress: "0xdeposit",
		Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: 50 * models.USDT, CreatedAt: now,
		ExpiresAt: now.Add(incident.window), Confirmations: 12, ExpiryGraceSeconds: 1,
	})
	require.NoError(t, err)
	for _, s := range incident.signals {
		eventually(t, fmt.Sprintf("the activities are called %d times", s.afterCalls), func() error {
			if calls := f.total(); calls < s.afterCalls {
				return fmt.Errorf("%d calls", calls)
			}
			return nil
		})
		require.NoError(t, c.SignalWorkflow(t.Context(), id, "", models.SignalTransfers, s.signal))
	}
	var result models.PaymentResult
	require.NoError(t, run.Get(t.Context(), &result))
	got := result.State.Status.String()
	if result.State.Exception != models.ExceptionNone {
		got += " " + string(result.State.Exception)
	}
	require.Equal(t, incident.want, got)

	history := histories(t, c, id)[0]
	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(workflows.Payment, workflow.RegisterOptions{Name: models.WorkflowPayment})
	require.NoError(t, replayer.ReplayWorkflowHistory(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)), history))
	if *historiesDir != "" {
		writeHistory(t, filepath.Join(*historiesDir, incident.name+"_1.json"), history)
	}
}
