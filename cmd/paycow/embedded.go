//go:build !slim

package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v3"

	"paycow/devstack/temporal"
	"paycow/engine"
)

func devCommands() []*cli.Command { return []*cli.Command{devCommand(), payCommand()} }

// startEmbeddedEngine runs the workflow engine in this process and points the settings to it. With Postgres as the database
// the engine's state is kept on the same server, in databases of its own.
func startEmbeddedEngine(ctx context.Context, cmd *cli.Command, s *Settings, log *slog.Logger) (stop func() error, err error) {
	config := temporal.Config{
		DataDir: cmd.String("data-dir"), FrontendAddr: s.Temporal.Address, UIAddr: cmd.String("temporal-ui"),
		UINamespace: s.Temporal.Namespace, Logger: log,
	}
	if strings.HasPrefix(s.DatabaseURL, "postgres") {
		config.PostgresURL = s.DatabaseURL
	}
	e, err := temporal.Start(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("embedded workflow engine: %w", err)
	}
	s.Temporal = engine.Settings{Address: e.Address(), Namespace: s.Temporal.Namespace}
	return e.Stop, nil
}
