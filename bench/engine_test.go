package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"paycow/devstack/temporal"
	"paycow/models"
)

// The environment that makes the test binary an engine, and tells it where to listen and its database.
const (
	engineAddressEnv  = "PAYCOW_BENCH_ENGINE_ADDRESS"
	engineDatabaseEnv = "PAYCOW_BENCH_ENGINE_DATABASE"
)

// serveEngine runs Temporal as `paycow serve --embedded` does, but in a process that holds nothing else, so that its
// processor time and its memory can be told from PayCow's.
func serveEngine(address, database string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	server, err := temporal.Start(ctx, temporal.Config{
		FrontendAddr: address, PostgresURL: database, FairQueues: []string{models.TaskQueueWebhooks},
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return fmt.Errorf("start Temporal: %w", err)
	}
	<-ctx.Done()
	return server.Stop()
}

// startEngine runs an engine with its state beside this database.
func (b *bench) startEngine(address, database string) process {
	b.t.Helper()
	self, err := os.Executable()
	require.NoError(b.t, err)
	engine := b.run("the engine", self, nil, engineAddressEnv+"="+address, engineDatabaseEnv+"="+database)
	require.Eventually(b.t, func() bool {
		connection, err := (&net.Dialer{}).DialContext(b.t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, startWithin, 100*time.Millisecond, "the engine does not listen")
	return engine
}
