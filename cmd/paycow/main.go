// Command paycow is the whole program: API, worker, migrations, and the development stack. It is the only place that knows
// every package, reads the configuration and wires the parts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "paycow:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called above
	}
}

// run is the program without its process: it returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	// Errors are printed once, by main.
	cli.OsExiter = func(int) {}
	program := &cli.Command{
		Name:           "paycow",
		Usage:          "take USDT (ERC-20) payments, each one a durable workflow",
		Writer:         stdout,
		ErrWriter:      stderr,
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		Commands: append([]*cli.Command{
			serveCommand(), apiCommand(), workerCommand(), migrateCommand(), operatorCommand(), adminCommand(os.Stdin), settingsCommand(),
			rescanCommand(), reconcileCommand(), alarmsCommand(),
		}, devCommands()...),
	}
	err := program.Run(ctx, args)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to stop
	}
	return err
}

// newLogger returns the logger of a process. Warnings of the parts inside come through it too.
func newLogger(w io.Writer, s Settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
