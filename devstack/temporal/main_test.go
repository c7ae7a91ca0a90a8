package temporal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paycow/engine"
	"paycow/internal/pgtest"
)

const (
	testNamespace = "paycow"
	testQueue     = "probe"
	childDirEnv   = "PAYCOW_ENGINE_CHILD_DIR"
)

var (
	statusKey    = temporal.NewSearchAttributeKeyKeyword("PaymentStatus")
	operatorKey  = temporal.NewSearchAttributeKeyKeyword("OperatorId")
	addressKey   = temporal.NewSearchAttributeKeyKeyword("DepositAddress")
	referenceKey = temporal.NewSearchAttributeKeyKeyword("PaymentReference")
	txHashKey    = temporal.NewSearchAttributeKeyKeywordList("TxHash")
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDirEnv); dir != "" {
		runChild(dir)
	}
	pgtest.Main(m)
}

// runChild runs an engine with one open workflow until it is killed.
func runChild(dir string) {
	ctx := context.Background()
	err := func() error {
		e, err := Start(ctx, Config{DataDir: dir})
		if err != nil {
			return err
		}
		c, err := client.Dial(clientOptions(e))
		if err != nil {
			return err
		}
		if err := engine.EnsureNamespace(ctx, c, testNamespace, 24*time.Hour, engine.SearchAttributes()); err != nil {
			return err
		}
		if err := newWorker(c).Start(); err != nil {
			return err
		}
		run, err := c.ExecuteWorkflow(ctx, startOptions("survivor", "op-1"), probe, "survivor")
		if err != nil {
			return err
		}
		return waitConfirming(ctx, c, run.GetID())
	}()
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func clientOptions(e *Server) client.Options {
	return client.Options{HostPort: e.Address(), Namespace: testNamespace, Logger: sdklog.NewStructuredLogger(warnings())}
}

func startEngine(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.DataDir == "" && cfg.PostgresURL == "" {
		cfg.DataDir = t.TempDir()
	}
	if cfg.Log == nil {
		cfg.Log = warnings()
	}
	began := time.Now()
	e, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Logf("engine ready in %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() { require.NoError(t, e.Stop()) })
	return e
}

func dial(t *testing.T, e *Server) client.Client {
	t.Helper()
	c, err := client.Dial(clientOptions(e))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func ensure(t *testing.T, c client.Client) {
	t.Helper()
	began := time.Now()
	require.NoError(t, engine.EnsureNamespace(t.Context(), c, testNamespace, 24*time.Hour, engine.SearchAttributes()))
	t.Logf("namespace ready in %s", time.Since(began).Round(time.Millisecond))
}

func newWorker(c client.Client) sdkworker.Worker {
	w := sdkworker.New(c, testQueue, sdkworker.Options{})
	w.RegisterWorkflow(probe)
	w.RegisterActivityWithOptions(repeat, activity.RegisterOptions{Name: "Echo"})
	return w
}

func startWorker(t *testing.T, c client.Client) {
	t.Helper()
	w := newWorker(c)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

func startOptions(id, operator string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: testQueue,
		StaticSummary: "USDT 50.00 for user_123456",
		TypedSearchAttributes: temporal.NewSearchAttributes(
			statusKey.ValueSet("AWAITING_PAYMENT"), operatorKey.ValueSet(operator),
			addressKey.ValueSet("0xdead"), referenceKey.ValueSet("ref-"+id),
		),
	}
}

func repeat(_ context.Context, text string) (string, error) { return text, nil }

// probe uses the engine as a payment does: it sets its details, runs both kinds of activity, upserts search attributes
// and waits for a signal.
func probe(ctx workflow.Context, text string) (string, error) {
	workflow.SetCurrentDetails(ctx, "**waiting** for `finish`")
	var answer string
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: "ordinary summary",
	})
	if err := workflow.ExecuteActivity(ctx, "Echo", text).Get(ctx, &answer); err != nil {
		return "", err
	}
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: "local summary",
	})
	if err := workflow.ExecuteLocalActivity(ctx, repeat, answer).Get(ctx, &answer); err != nil {
		return "", err
	}
	err := workflow.UpsertTypedSearchAttributes(ctx,
		statusKey.ValueSet("CONFIRMING"), txHashKey.ValueSet([]string{"0xabc", "0xdef-" + text}))
	if err != nil {
		return "", err
	}
	var ending string
	workflow.GetSignalChannel(ctx, "finish").Receive(ctx, &ending)
	return answer + " " + ending, nil
}

func waitConfirming(ctx context.Context, c client.Client, id string) error {
	for ctx.Err() == nil {
		d, err := c.DescribeWorkflow(ctx, id, "")
		if err == nil {
			if status, _ := d.TypedSearchAttributes.GetKeyword(statusKey); status == "CONFIRMING" {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}
