//go:build slim

package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/urfave/cli/v3"
)

// The slim build is for clusters. Without the development stack and the embedded Temporal it has a quarter of the size.

func devCommands() []*cli.Command { return nil }

func startEmbeddedTemporal(context.Context, *cli.Command, *Settings, *slog.Logger) (stop func() error, err error) {
	return nil, errors.New("this build cannot embed Temporal: build paycow without the tag slim, " +
		"or point PAYCOW_TEMPORAL_ADDRESS to a Temporal service")
}
