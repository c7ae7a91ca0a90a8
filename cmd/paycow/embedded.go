//go:build !slim

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"paycow/devstack/temporal"
	"paycow/engine"
	"paycow/models"
)

func devCommands() []*cli.Command { return []*cli.Command{devCommand(), payCommand()} }

// startEmbeddedTemporal runs Temporal in this process and points the settings to it. If the database is Postgres,
// Temporal keeps its state on the same server, in databases of its own. Only clients with a certificate from the data
// directory may call it.
func startEmbeddedTemporal(
	ctx context.Context, cmd *cli.Command, s *Settings, log *slog.Logger,
) (stop func() error, err error) {
	config := temporal.Config{
		FairQueues: []string{models.TaskQueueWebhooks},
		DataDir:    cmd.String("data-dir"), FrontendAddr: s.Temporal.Address, UIAddr: cmd.String("temporal-ui"),
		UINamespace: s.Temporal.Namespace, UIWrites: cmd.Bool("temporal-ui-writes"), Log: log,
		CertificatesDir: filepath.Join(cmd.String("data-dir"), "tls"),
	}
	if isPostgres(s.DatabaseURL) {
		config.PostgresURL = s.DatabaseURL
	}
	if u, err := url.Parse(s.TemporalUIURL); err == nil && u.Host != "" {
		config.UIHosts = []string{u.Hostname()}
	}
	server, err := temporal.Start(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Temporal: %w", err)
	}
	files := server.Files()
	s.Temporal = engine.Settings{
		Address: server.Address(), Namespace: s.Temporal.Namespace,
		TLSCA: files.CA, TLSCert: files.Cert, TLSKey: files.Key, TLSServerName: files.ServerName,
	}
	return server.Stop, nil
}

func isPostgres(databaseURL string) bool {
	return strings.HasPrefix(databaseURL, "postgres://") || strings.HasPrefix(databaseURL, "postgresql://")
}
