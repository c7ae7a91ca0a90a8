package bench

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paycow/engine"
	"paycow/models"
)

const (
	paidPerBlock = 50
	lookedAt     = 20 // histories
	bareQueue    = "bench-bare"
	bareSignals  = 3
	goalPaid     = 29 // events of a PAID payment's history
	goalExpired  = 12 // events of an EXPIRED payment's history
)

// ofPaid measures what payments cost the engine and the disk, with api, worker and engine as processes of their own.
func (b *bench) ofPaid(s size) (figures []Figure) {
	b.t.Helper()
	in := b.prepare(b.postgres.NewDatabase(b.t))
	in.migrate()
	engine := b.startEngine(in.engine, in.database)
	worker, api := in.start("worker"), in.start("api")
	in.awaitPayment()
	temporal, err := client.Dial(client.Options{
		HostPort: in.engine, Namespace: "paycow", Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(b.t, err)
	b.t.Cleanup(temporal.Close)
	api.stop()
	worker.stop() // it has an outbox, too
	figures = append(figures, in.outbox(s, temporal))
	in.start("worker")
	in.start("api")
	figures = append(figures, in.wholePaid(s, temporal, engine.pid)...)
	return append(figures, in.expired(temporal))
}

// outbox measures how fast the workflows of payments are started that were created while no engine could be reached,
// against starts alone: the same call for payments that are in no database.
func (in *installation) outbox(s size, temporal client.Client) Figure {
	in.t.Helper()
	bare := engine.NewClient(temporal, engine.ClientSettings{Namespace: "paycow", Confirmations: confirmations})
	return in.against(
		Figure{Name: "starts after a burst ÷ ExecuteWorkflow with the same options", Unit: "1/s", Goal: Goal{Limit: 0.9}},
		func() float64 { return in.startsAfterBurst(s.unstarted) },
		func() float64 {
			return in.rate(8, s.length, func() error {
				now := time.Now()
				return bare.StartPayment(in.t.Context(), models.Payment{
					ID: models.NewID(), OperatorID: models.NewID(), UserID: "user_123456", Reference: models.NewReference(),
					Network: models.NetworkERC20, Currency: models.CurrencyUSDT, AmountRequested: 5 * usdt,
					DepositAddress: strangers(1)[0].Hex(), Confirmations: confirmations,
					CreatedAt: now, ExpiresAt: now.Add(6 * time.Hour),
					PaymentState: models.PaymentState{Status: models.StatusPending, Version: 1},
				})
			})
		})
}

// startsAfterBurst creates payments while no engine can be reached, and measures how fast another process then starts
// their workflows, from a tenth of them to nine tenths.
func (in *installation) startsAfterBurst(payments int) float64 {
	in.t.Helper()
	alone := *in
	alone.settings = append(slices.Clone(in.settings), "PAYCOW_TEMPORAL_ADDRESS="+freeAddress(in.t))
	api := alone.start("api")
	in.each(8, payments, func(int) error { _, err := in.create(); return err })
	api.stop()
	api = in.start("api")
	defer api.stop()
	in.awaitUnstarted(payments * 9 / 10)
	begin := time.Now()
	from := in.unstarted()
	to := in.awaitUnstarted(payments / 10)
	rate := float64(from-to) / time.Since(begin).Seconds()
	in.awaitUnstarted(0)
	return rate
}

func (in *installation) unstarted() (payments int) {
	in.t.Helper()
	err := in.db.QueryRow(in.t.Context(), `SELECT count(*) FROM payments WHERE workflow_started_at IS NULL`).Scan(&payments)
	require.NoError(in.t, err)
	return payments
}

// awaitUnstarted waits until no more than that many payments have no workflow, and returns how many have none.
func (in *installation) awaitUnstarted(atMost int) int {
	in.t.Helper()
	for deadline := time.Now().Add(startWithin); ; time.Sleep(10 * time.Millisecond) {
		left := in.unstarted()
		if left <= atMost {
			return left
		}
		require.True(in.t, time.Now().Before(deadline), "%d payments have no workflow", left)
	}
}

// wholePaid takes payments from their creation to PAID, and measures how many there are in a second, the processor time
// of the engine and what they leave on the disk.
func (in *installation) wholePaid(s size, temporal client.Client, engine int) []Figure {
	in.t.Helper()
	in.awaitUnstarted(0)
	var rates []float64
	for range 3 {
		rates = append(rates, in.payPipelined(s.whole))
	}
	time.Sleep(in.settle)
	idle := in.processorOf(engine)
	sizes, begin := in.sizes(), in.processorAt(engine)
	ids := in.payInStages(s.whole)
	cost := in.processorAt(engine).since(begin, idle, len(ids))
	bytes := in.sizes().since(in.t.Logf, sizes, len(ids))
	bare := in.bareWorkflows(s.whole, temporal, engine, idle)
	figures := []Figure{
		{Name: "whole PAID payments", Unit: "1/s", Value: median(rates), Goal: Goal{Limit: 100}},
		{
			Name: "the engine's processor time for a PAID payment ÷ bare start, 3 signals, 1 activity", Unit: "ms",
			Value: cost, Floor: bare, Ratio: cost / bare, Goal: Goal{Limit: 1.5, AtMost: true},
		},
		{
			Name: "history events of a PAID payment", Unit: "events", Value: in.events(temporal, ids[:lookedAt]),
			Goal: Goal{Limit: goalPaid, AtMost: true},
		},
	}
	for _, part := range diskParts {
		figures = append(figures, Figure{Name: "disk for a PAID payment: " + part, Unit: "kB", Value: bytes[part] / 1000})
	}
	return figures
}

// payInStages creates payments and takes them through each status, one after the other as on a chain with slow blocks.
func (in *installation) payInStages(n int) (ids []string) {
	in.t.Helper()
	ids = in.send(n)
	in.awaitUnstarted(0)
	in.mineAndAwait(ids, 1, "DETECTED", "CONFIRMING", "PAID")
	time.Sleep(in.settle)
	in.mineAndAwait(ids, 1, "CONFIRMING", "PAID")
	time.Sleep(in.settle)
	in.mineAndAwait(ids, confirmations-1, "PAID")
	time.Sleep(in.settle)
	return ids
}

// payPipelined creates and pays payments, a block for every few, without waiting for those before. It returns how many
// were PAID in a second.
func (in *installation) payPipelined(n int) float64 {
	in.t.Helper()
	begin := time.Now()
	var ids []string
	for range n / paidPerBlock {
		ids = append(ids, in.send(paidPerBlock)...)
		in.mineOneByOne(1)
	}
	in.mineOneByOne(confirmations) // one more than needed: on a busy machine a block may leave a transaction for the next
	in.mineAndAwait(ids, 0, "PAID")
	return float64(n) / time.Since(begin).Seconds()
}

// processorAt is how much processor time a process had used at some time.
type processorAt struct {
	used time.Duration
	at   time.Time
}

func (in *installation) processorAt(pid int) processorAt {
	in.t.Helper()
	return processorAt{processorTime(in.t, pid), time.Now()}
}

// since returns the milliseconds of processor time for each of so many payments, without what is used in any case.
func (p processorAt) since(begin processorAt, idleCores float64, payments int) float64 {
	used := (p.used - begin.used).Seconds() - idleCores*p.at.Sub(begin.at).Seconds()
	return 1000 * used / float64(payments)
}

// bareWorkflows measures the engine's processor time for the least that a paid payment is: a workflow that starts, gets
// its signals one after the other, runs an activity and ends.
func (in *installation) bareWorkflows(n int, temporal client.Client, engine int, idle float64) float64 {
	in.t.Helper()
	w := worker.New(temporal, bareQueue, worker.Options{})
	w.RegisterWorkflow(bareWorkflow)
	w.RegisterActivity(bareActivity)
	require.NoError(in.t, w.Start())
	defer w.Stop()
	ctx := in.t.Context()
	id := func(i int) string { return fmt.Sprintf("bare/%d", i) }
	begin := in.processorAt(engine)
	in.each(8, n, func(i int) error {
		_, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id(i), TaskQueue: bareQueue}, bareWorkflow)
		return err
	})
	for range bareSignals {
		time.Sleep(in.settle)
		in.each(8, n, func(i int) error { return temporal.SignalWorkflow(ctx, id(i), "", "signal", nil) })
	}
	in.each(8, n, func(i int) error { return temporal.GetWorkflow(ctx, id(i), "").Get(ctx, nil) })
	time.Sleep(in.settle)
	return in.processorAt(engine).since(begin, idle, n)
}

func bareWorkflow(ctx workflow.Context) error {
	for range bareSignals {
		workflow.GetSignalChannel(ctx, "signal").Receive(ctx, nil)
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	return workflow.ExecuteActivity(ctx, bareActivity).Get(ctx, nil)
}

func bareActivity(context.Context) error { return nil }

// events returns how many events the histories of payments have, the median.
func (in *installation) events(temporal client.Client, ids []string) float64 {
	in.t.Helper()
	var lengths []int64
	for _, id := range ids {
		description, err := temporal.DescribeWorkflowExecution(in.t.Context(), models.PaymentWorkflowID(id), "")
		require.NoError(in.t, err)
		lengths = append(lengths, description.GetWorkflowExecutionInfo().GetHistoryLength())
	}
	return float64(median(lengths))
}

// expired counts the events of payments that nobody pays.
func (in *installation) expired(temporal client.Client) Figure {
	in.t.Helper()
	address := freeAddress(in.t) // another API runs on the other one
	in.url = "http://" + address
	in.settings = append(in.settings, "PAYCOW_PAYMENT_WINDOW=2s", "PAYCOW_HTTP_ADDR="+address)
	in.start("api")
	ids := make([]string, lookedAt)
	in.each(8, len(ids), func(i int) error { p, err := in.create(); ids[i] = p.ID; return err })
	for begin := time.Now(); len(in.with(ids, []string{"EXPIRED"})) < len(ids); time.Sleep(time.Second) {
		require.Less(in.t, time.Since(begin), paidWithin, "payments do not expire")
		require.NoError(in.t, in.chain.Mine(1))
	}
	time.Sleep(in.settle)
	return Figure{
		Name: "history events of an EXPIRED payment", Unit: "events", Value: in.events(temporal, ids),
		Goal: Goal{Limit: goalExpired, AtMost: true},
	}
}

// diskParts are what is told apart on the disk.
var diskParts = []string{"rows", "indexes", "engine", "visibility"}

// diskSizes are the sizes of tables in bytes, by part and name.
type diskSizes map[string]map[string]int64

func (in *installation) sizes() diskSizes {
	in.t.Helper()
	const tables, total = ` FROM pg_stat_user_tables`, `SELECT relname, pg_total_relation_size(relid)`
	return diskSizes{
		"rows":       in.tables(in.database, `SELECT relname, pg_table_size(relid)`+tables),
		"indexes":    in.tables(in.database, `SELECT relname, pg_indexes_size(relid)`+tables),
		"engine":     in.tables(beside(in.database, "_temporal"), total+tables),
		"visibility": in.tables(beside(in.database, "_temporal_visibility"), total+tables),
	}
}

// beside returns the URL of the database whose name has this suffix.
func beside(database, suffix string) string {
	return strings.Replace(database, "?", suffix+"?", 1)
}

func (in *installation) tables(database, query string) map[string]int64 {
	in.t.Helper()
	connection, err := pgx.Connect(in.t.Context(), database)
	require.NoError(in.t, err)
	defer func() { require.NoError(in.t, connection.Close(in.t.Context())) }()
	rows, err := connection.Query(in.t.Context(), query)
	require.NoError(in.t, err)
	defer rows.Close()
	sizes := map[string]int64{}
	for rows.Next() {
		var name string
		var bytes int64
		require.NoError(in.t, rows.Scan(&name, &bytes))
		sizes[name] = bytes
	}
	require.NoError(in.t, rows.Err())
	return sizes
}

// since returns the bytes of each part for each of so many payments. It logs the tables that grew.
func (d diskSizes) since(log func(string, ...any), before diskSizes, payments int) map[string]float64 {
	grown := map[string]float64{}
	for _, part := range diskParts {
		for _, table := range slices.Sorted(maps.Keys(d[part])) {
			by := float64(d[part][table]-before[part][table]) / float64(payments)
			grown[part] += by
			if by >= 50 {
				log("disk for a PAID payment: %s: %s: %.0f bytes", part, table, by)
			}
		}
	}
	return grown
}
