//go:build slim

package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/urfave/cli/v3"
)

// The slim build, for clusters, leaves the development stack and with it the embedded engine out: a quarter of the size.

func devCommands() []*cli.Command { return nil }

func startEmbeddedEngine(context.Context, *cli.Command, *Settings, *slog.Logger) (stop func() error, err error) {
	return nil, errors.New("this build has no embedded engine: build paycow without the tag slim, or point PAYCOW_TEMPORAL_ADDRESS to a Temporal service")
}
